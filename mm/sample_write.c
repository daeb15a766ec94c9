/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * sample_write.c: how much of its memory a VM writes to: sampling by write protection ("dirty sampling").
 *
 * Sample, periods and averages are those of sample.c; only what is watched differs. A page that is in memory stays
 * mapped and is protected: its first write is announced and counts, as the first write to a clean page is anyway.
 * Reading it costs the guest nothing here and does not count, so what a VM only reads is taken for idle: the estimate is a
 * lower bound of what touch sampling finds, close to it for guests that write what they use. Migration and checkpointing
 * know a VM's working set in this way, and so does any hypervisor that has a log of dirty pages and no access bits.
 *
 * A watched page that is in memory is protected, always; mm_consistent() holds that. So:
 *   - pages that share a frame are protected as they are, and their break counts: here they can be drawn;
 *   - what comes back from swap comes back clean, so protected; what comes back from the cache of compressed pages, or
 *     because it could not be written out, is protected for this: it stays in the sample until it is written;
 *   - a page without content (untouched, all zeros) gets a frame that can be written at once, on a read too: that counts
 *     as a write. Guests seldom read what they never wrote;
 *   - a page that the body had to map without protection, in rare cases of sharing, is no longer part of the sample.
 */
#include "mm/page.h"

bool sample_by_write(const struct mm *m, const struct page *p)
{
	return p->flags & PAGE_WATCHED && m->config.estimator == MM_ESTIMATE_WRITE;
}

bool sample_write_watch(struct mm *m, struct mm_vm *v, uint32_t g)
{
	struct page *p = &v->page[g];

	if (p->state != PAGE_RESIDENT || p->flags & PAGE_PROTECTED)
		return true;
	if (m->ops->protect(m->body, vm_id(m, v), gfn(g))) {
		v->body_errors++;
		return false;
	}
	p->flags |= PAGE_PROTECTED;
	return true;
}

void sample_write_end(struct mm *m, struct mm_vm *v, uint32_t g)
{
	struct page *p = &v->page[g];

	if (p->state != PAGE_RESIDENT || !(p->flags & PAGE_PROTECTED) || p->flags & PAGE_HAS_SLOT)
		return; /* a clean page stays protected */
	if (m->ops->unprotect(m->body, vm_id(m, v), gfn(g)))
		v->body_errors++; /* its next write is announced once more than needed */
	else
		p->flags &= (uint8_t)~PAGE_PROTECTED;
}
