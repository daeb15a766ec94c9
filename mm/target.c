/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * target.c: how many pages each VM should have resident.
 *
 * Targets sum to what is left of memory after the in-flight reserve and what keeps free memory above *high*. If all
 * VMs fit whole, each may have all it is configured with. Otherwise, policy proportional: each gets a share of the sum
 * in proportion to its configured size, but no less than its minimum or MM_FLOOR_PAGES, and no more than configured.
 * VMs that the proportion would push below their least get their least, and the rest is divided among the others: at
 * most one more round a VM. Whole pages: rounded down, then one page each to the largest remainders, lower vmid first,
 * so the sum is exact.
 *
 * Each VM's replacement policy is told its target as its capacity: how long its lists and its memory of pages that left
 * should be. (A VM above its target has more pages resident than that for a while.)
 *
 * Cost: O(VMs^2) at worst, on add, end and rebalance only.
 */
#include "mm/page.h"

npages_t mm_vm_least_pages(const struct mm_vm_config *vm)
{
	npages_t least = vm->min_pages > MM_FLOOR_PAGES ? vm->min_pages : MM_FLOOR_PAGES;

	return least < vm->pages ? least : vm->pages;
}

static npages_t reserve_pages(const struct mm_config *config)
{
	return MM_RESERVE_PAGES + config->bounce_pages_per_vm * config->max_vms;
}

npages_t mm_least_memory_pages(const struct mm_config *config, uint32_t nr_vms,
			       npages_t sum_of_least)
{
	struct mm_config c = *config;
	npages_t fixed;

	c.max_vms = nr_vms;
	fixed = reserve_pages(&c) + sum_of_least;
	/* memory - high(memory) >= fixed, rounded so that it holds for the truncated threshold too */
	return (npages_t)(((unsigned __int128)fixed * PPM + (PPM - config->state_ppm[MM_HIGH]) -
			   1) /
			  (PPM - config->state_ppm[MM_HIGH]));
}

npages_t mm_target_sum(const struct mm *m)
{
	npages_t kept = m->reserve + m->pool + m->level_pages[MM_HIGH];

	return m->config.memory_pages > kept ? m->config.memory_pages - kept : 0;
}

static bool takes_part(const struct mm_vm *v)
{
	return v->in_use && !v->ended;
}

/* Gives every VM that the proportion leaves below its least that least; true if there was one. target == 0: open. */
static bool settle_least(struct mm *m, npages_t *sum, npages_t *weight)
{
	npages_t open_sum = *sum, open_weight = *weight;
	bool settled = false;

	for (uint32_t i = 0; i < m->top_vm; i++) {
		struct mm_vm *v = &m->vm[i];
		npages_t least = mm_vm_least_pages(&v->config);

		if (!takes_part(v) || v->target)
			continue;
		if ((unsigned __int128)open_sum * v->config.pages >=
		    (unsigned __int128)least * open_weight)
			continue;
		v->target = least;
		*sum -= least < *sum ? least : *sum;
		*weight -= v->config.pages;
		settled = true;
	}
	return settled;
}

/* The open VM with the largest remainder of sum * pages / weight that has not got its extra page yet. */
static struct mm_vm *largest_remainder(struct mm *m, npages_t sum, npages_t weight)
{
	struct mm_vm *best = NULL;
	uint64_t best_remainder = 0;

	for (uint32_t i = 0; i < m->top_vm; i++) {
		struct mm_vm *v = &m->vm[i];
		unsigned __int128 product = (unsigned __int128)sum * v->config.pages;

		if (!takes_part(v) || v->target)
			continue;
		uint64_t remainder = (uint64_t)(product % weight);
		if (!best || remainder > best_remainder) {
			best = v;
			best_remainder = remainder;
		}
	}
	return best;
}

static void divide(struct mm *m, npages_t sum, npages_t weight)
{
	npages_t given = 0, extra;
	struct mm_vm *v;

	for (uint32_t i = 0; i < m->top_vm; i++) {
		v = &m->vm[i];
		if (takes_part(v) && !v->target)
			given += (npages_t)((unsigned __int128)sum * v->config.pages / weight);
	}
	extra = sum - given; /* fewer than there are open VMs */
	while ((v = largest_remainder(m, sum, weight)) != NULL) {
		v->target = (npages_t)((unsigned __int128)sum * v->config.pages / weight);
		if (extra) {
			v->target++;
			extra--;
		}
	}
}

/* A policy's lists, ghosts and shares are made for as many pages as its VM is to have. */
static void tell_policies(struct mm *m)
{
	for (uint32_t i = 0; i < m->top_vm; i++) {
		const struct mm_vm *v = &m->vm[i];

		if (takes_part(v))
			m->config.pager->resized(v->policy, v->target ? (uint32_t)v->target : 1);
	}
}

static void divide_all(struct mm *m)
{
	npages_t sum = mm_target_sum(m), weight = 0;

	for (uint32_t i = 0; i < m->top_vm; i++) {
		m->vm[i].target = 0;
		if (takes_part(&m->vm[i]))
			weight += m->vm[i].config.pages;
	}
	if (weight <= sum) {
		for (uint32_t i = 0; i < m->top_vm; i++)
			if (takes_part(&m->vm[i]))
				m->vm[i].target = m->vm[i].config.pages;
		return;
	}
	while (settle_least(m, &sum, &weight))
		;
	if (weight)
		divide(m, sum, weight);
}

void mm_targets(struct mm *m)
{
	m->rebalanced_ns = m->now_ns;
	m->targets_pool = m->pool;
	divide_all(m);
	tell_policies(m);
}
