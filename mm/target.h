/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * target.h: the policies that say how many pages each VM should have resident, as a table.
 *
 * A policy sees all VMs at once and divides a sum of pages among them. It keeps no state, so it can be called from
 * tests and, with other parameters, to ask what it would have decided. Nothing is floating point; the same figures
 * give the same targets on every machine.
 *
 * To add one: a file target_NAME.c with a struct target_policy, its declaration below, its line in target_table.c.
 */
#ifndef BALLAST_MM_TARGET_H
#define BALLAST_MM_TARGET_H

#include "ballast/types.h"

#define TARGET_TAX_PPM_MAX \
	990000u /* above, a page of idle memory would cost more than 100 active ones */

struct target_vm {
	npages_t least, most; /* bounds of its target, least <= most; most: configured */
	npages_t resident;    /* charged to it now */
	npages_t active;      /* estimated working set; all it can use if nothing is known */
	uint32_t shares;      /* at least 1 */
	npages_t target;      /* the answer */
	/* for and by sizes() */
	npages_t size;               /* what the guest has: configured less ballooned */
	npages_t new_size;           /* the answer: what it shall have */
	uint32_t samples;            /* how many are summed up below; 0: it says nothing */
	uint64_t size_sum, free_sum; /* its size, and of it what it said is free: at most as much */
	/* between a policy and target_fill(): see there */
	uint64_t weight;
	npages_t kink;
	uint8_t piece;
	unsigned __int128 rest;
};

struct target_request {
	npages_t sum;        /* what all targets shall sum to */
	npages_t gone_pages; /* configured pages of VMs that ended */
	uint32_t tax_ppm;    /* idle memory tax, at most TARGET_TAX_PPM_MAX */
	void *scratch;       /* target_scratch_bytes(nr), 16-aligned; content does not matter */
	/* for sizes() */
	npages_t memory;        /* the machine's */
	uint32_t samples;       /* how many are summed up below; 0: none yet */
	uint64_t host_free_sum; /* the machine's free pages */
};

struct target_policy {
	const char *name, *what;
	bool uses_active; /* estimates are worth taking */
	bool uses_resident; /* follows what VMs have, so it is asked again at each tick while memory is short */
	void (*divide)(struct target_vm *vm, uint32_t nr, const struct target_request *request);
	/* NULL: balloons follow targets, when memory is short. Else the policy says itself how large each guest shall be,
	 * once every rebalance_ns, and pressure asks no balloon for anything. */
	void (*sizes)(struct target_vm *vm, uint32_t nr, const struct target_request *request);
};

extern const struct target_policy target_esx, target_proportional, target_static, target_none,
	target_mom;
extern const struct target_policy *const target_table[];   /* NULL at the end */
const struct target_policy *target_find(const char *name); /* NULL: no such policy */

/* What each has, scaled to what there is: struct target_policy.divide of policies that decide nothing about it. */
void target_divide_by_resident(struct target_vm *vm, uint32_t nr,
			       const struct target_request *request);

size_t target_scratch_bytes(uint32_t nr);

/*
 * Divides sum so that all VMs pay the same price. At price x a VM's target is
 *
 *	x * weight                                  up to its kink,
 *	kink + (x * weight - kink) * (1 - tax)      beyond it,
 *
 * and never outside [least, most]. The price is the one at which targets sum to sum; pages are whole: all rounded down,
 * then one more page each to the largest remainders, of equal ones to the first. If sum is less than all the least, or
 * more than all the most, these are the targets. weight at least 1 and below 2^32, pages below 2^32. O(nr log nr).
 */
void target_fill(struct target_vm *vm, uint32_t nr, npages_t sum, uint32_t tax_ppm, void *scratch);

#endif
