/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * scan.h: which guest page is looked at next, and when.
 *
 * Host-independent: the clock is the caller's now_ns, which never goes back. Locking: none inside.
 *
 * A pass over a VM gives each of its gfns once, in random order (another one in each pass) or in rising order. At random
 * are blocks of neighbours, in each of which order rises: so that neighbours of one VM become known together, and what
 * matches them finds them next to each other. VMs take turns, a page each, as far as their own rate lets them. What the caller cannot use it reports as skipped; see
 * DEDUP_SCAN_SKIPS. Rates hold from any moment to any other but for one page and what DEDUP_SCAN_BURST_NS earns: time
 * in which nobody asked is lost beyond that, so a caller that comes back within it of when it was told keeps the rate
 * to the page.
 */
#ifndef BALLAST_DEDUP_SCAN_H
#define BALLAST_DEDUP_SCAN_H

#include "ballast/types.h"

struct dedup_scan; /* opaque; its memory is the caller's */

#define DEDUP_SCAN_BURST_NS 10000000u
#define DEDUP_SCAN_SKIPS \
	16u /* pages skipped for the price of one: they cost a look at a record, no hash */
#define DEDUP_SCAN_UNLIMITED UINT32_MAX

enum dedup_scan_order { DEDUP_SCAN_RANDOM, DEDUP_SCAN_SEQUENTIAL };

struct dedup_scan_config {
	enum dedup_scan_order order;
	uint32_t block_pages; /* 0: 1, single pages at random */
	/* Pages a second, of all VMs and of each; 0: none, DEDUP_SCAN_UNLIMITED. */
	uint32_t rate_pages, vm_rate_pages;
	uint32_t max_vms; /* VMs are numbers below */
	uint64_t seed;
	uint64_t start_ns;
};

size_t dedup_scan_bytes(uint32_t max_vms);
/* mem: dedup_scan_bytes(), 16-aligned, any content, borrowed until the last call; it becomes the struct dedup_scan.
 * 0, or -EINVAL: no VMs. O(max_vms). */
int dedup_scan_init(void *mem, const struct dedup_scan_config *config);
/* New rates from now on. O(1). */
void dedup_scan_rates_set(struct dedup_scan *s, uint32_t rate_pages, uint32_t vm_rate_pages,
			  uint64_t now_ns);

/* vm is not being scanned; gfns > 0, holes included (skip them). Its first pass begins. O(1). */
void dedup_scan_vm_add(struct dedup_scan *s, uint32_t vm, uint32_t gfns, uint64_t now_ns);
/* At any time; without effect if it is not being scanned. O(1). */
void dedup_scan_vm_remove(struct dedup_scan *s, uint32_t vm);

/* The page to look at now. False: none now, the outputs are untouched but *again_ns: when there will be one, UINT64_MAX:
 * not before rates are raised or a VM comes. O(max_vms). */
bool dedup_scan_next(struct dedup_scan *s, uint64_t now_ns, uint32_t *vm, gfn_t *g,
		     uint64_t *again_ns);
/* The page that the last call gave was not worth a look (not resident, shared already): all but a part of its price
 * comes back. Again for the same page, or when its VM was removed: without effect. O(1). */
void dedup_scan_skipped(struct dedup_scan *s);
/* Beside a page that was given another one of that VM was looked at: it is paid for by pages to come. Without effect if
 * the VM is not being scanned. O(1). */
void dedup_scan_beside(struct dedup_scan *s, uint32_t vm);

/* Passes that the VM's pages have been through since it was added. */
uint64_t dedup_scan_passes(const struct dedup_scan *s, uint32_t vm);
/* Pages given out in all, and of these skipped. */
void dedup_scan_counts(const struct dedup_scan *s, uint64_t *given, uint64_t *skipped);

#endif
