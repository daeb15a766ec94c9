/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * refault.c: how much memory a VM uses, from the pager's own page-outs and swap-ins; no mapping is withdrawn for it.
 *
 * A page that leaves memory is stamped with the number of pages of its VM that left before. When it comes back, its
 * *refault distance* d is the number that left since, itself included: with d more frames a pager that takes the oldest
 * would still have it (Linux's mm/workingset.c; stack distances, Mattson 1970). In a period let
 *
 *	E	pages left
 *	M(x)	refaults with a distance above x: the misses that x more pages would not have avoided; F = M(0) all of them
 *
 * M(x) / E is the miss-ratio curve beyond what is resident, and the area below it, up to x = F, is what is used there:
 *
 *	beyond = (M(0) + M(1) + .. + M(F - 1)) / max(E, F) = sum over refaults of min(d, F) / max(E, F)
 *
 * By Little's law that is the number of pages that are out at a time and will be asked for: it holds for any order in
 * which the pager takes pages, random too, where a quantile of the distances would not. It ends at F because no more
 * pages than came back in a period can have been used in it: a page that comes back after hours is one page.
 *
 * Below what is resident nothing can be seen. If F is a QUIET_SHARE of resident or more, the VM lacks memory, and all that
 * is resident is taken to be used; if it is less, the period is *quiet* and says that the VM can do with less:
 *
 *	f = (beyond + (quiet ? 0 : resident)) / (configured - ballooned), at most 1
 *
 * and the estimate is made of f as in sample.c, but the averages begin with 1. So an idle VM's estimate falls by the
 * slow gain a period, and so does that of a busy one that has all it uses: it is found out when pages that it uses were
 * taken, by its refaults.
 *
 * Distances are kept in a histogram, linear up to PARTS and then PARTS buckets an octave, each taken for its middle: off
 * by 1 / (2 * PARTS) at most. The stamp is 16 bits of a page's record that a swapped page does not need, so of a large VM
 * it is coarse, and a page that stays out for more than RANGE times the VM's size in page-outs looks nearer than it is.
 */
#include "mm/page.h"

#define QUIET_SHARE 100u /* 1/100 of what is resident */
#define PARTS       4u
#define BUCKETS     (PARTS * 31)
#define RANGE       4u
#define STAMPS      65536u

static size_t bytes(void)
{
	return BUCKETS * sizeof(uint32_t);
}

void refault_vm_added(struct mm_vm *v)
{
	v->refault.slow_ppm = v->refault.fast_ppm = PPM;
	while ((npages_t)STAMPS << v->refault.shift < RANGE * v->config.pages)
		v->refault.shift++;
}

int refault_keep(struct mm *m, struct mm_vm *v)
{
	v->refault.bucket = mm_zalloc(m, vm_id(m, v), bytes());
	return v->refault.bucket ? 0 : -12;
}

void refault_vm_free(struct mm *m, struct mm_vm *v)
{
	mm_free(m, vm_id(m, v), v->refault.bucket, bytes());
	v->refault.bucket = NULL;
}

void refault_page_left(struct mm_vm *v, struct page *p)
{
	p->stage = (uint16_t)(v->refault.left >> v->refault.shift);
	v->refault.left++;
}

static uint32_t bucket_of(uint32_t distance)
{
	uint32_t octave;

	if (distance < PARTS)
		return distance;
	octave = 31 - (uint32_t)__builtin_clz(distance); /* 2 or more */
	return PARTS * (octave - 1) + (distance >> (octave - 2)) % PARTS;
}

static uint64_t bucket_middle(uint32_t b)
{
	uint32_t shift = b < PARTS ? 0 : b / PARTS - 1;
	uint64_t low = b < PARTS ? b : (uint64_t)(PARTS + b % PARTS) << shift;

	return low + (1ull << shift) / 2;
}

void refault_page_back(struct mm_vm *v, const struct page *p)
{
	struct mm_refault *r = &v->refault;
	uint16_t passed = (uint16_t)((uint16_t)(r->left >> r->shift) - p->stage);
	uint64_t distance = (uint64_t)passed << r->shift;

	r->back++;
	if (r->bucket)
		r->bucket[bucket_of(distance ? (uint32_t)distance : 1)]++;
}

void refault_begin(struct mm_vm *v)
{
	struct mm_refault *r = &v->refault;

	for (uint32_t b = 0; b < BUCKETS && r->bucket; b++)
		r->bucket[b] = 0;
	r->began_left = r->left;
	r->began_back = r->back;
}

npages_t refault_beyond(const struct mm_vm *v)
{
	const struct mm_refault *r = &v->refault;
	uint64_t left = r->left - r->began_left, back = r->back - r->began_back;
	uint64_t most = left > back ? left : back;
	unsigned __int128 sum = 0;

	for (uint32_t b = 0; b < BUCKETS && r->bucket && back; b++) {
		uint64_t middle = bucket_middle(b);

		sum += (unsigned __int128)r->bucket[b] * (middle < back ? middle : back);
	}
	return most ? (npages_t)(sum / most) : 0;
}

static uint32_t so_far_ppm(const struct mm_vm *v)
{
	const struct mm_refault *r = &v->refault;
	npages_t of = v->config.pages - v->count[PAGE_BALLOONED], used = refault_beyond(v);

	if ((r->back - r->began_back) * QUIET_SHARE >= vm_resident(v))
		used += vm_resident(v);
	return used < of ? (uint32_t)((unsigned __int128)used * PPM / of) : PPM;
}

void refault_end(struct mm *m, struct mm_vm *v)
{
	struct mm_refault *r = &v->refault;
	uint32_t f = so_far_ppm(v);

	r->beyond = refault_beyond(v);
	r->slow_ppm = sample_moved(r->slow_ppm, f, m->config.sample_slow_ppm);
	r->fast_ppm = sample_moved(r->fast_ppm, f, m->config.sample_fast_ppm);
}

npages_t refault_pages(const struct mm_vm *v)
{
	const struct mm_refault *r = &v->refault;
	uint32_t most = r->slow_ppm > r->fast_ppm ? r->slow_ppm : r->fast_ppm, now = so_far_ppm(v);

	if (!r->bucket)
		return 0;
	return ppm_of(v->config.pages - v->count[PAGE_BALLOONED], now > most ? now : most);
}
