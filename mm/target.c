/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * target.c: how many pages each VM should have resident: what the policy divides, between whom, and when.
 *
 * Targets sum to what is left of memory after the in-flight reserve, the pool of shared frames and what keeps free memory
 * above *high*; if all VMs fit whole, each may have all it is configured with. How the sum is divided is the policy's
 * business (target.h). No policy gives a VM less than its minimum or MM_FLOOR_PAGES, or more than it is configured with.
 *
 * Each VM's replacement policy is told its target as its capacity: how long its lists and its memory of pages that left
 * should be. (A VM above its target has more pages resident than that for a while.)
 *
 * Recomputed when a VM comes or goes, when a parameter, the state or the size of the pool changes, and every
 * rebalance_ns. The estimate of its active pages that a VM's target was computed from is kept beside the target.
 */
#include "mm/page.h"

npages_t mm_vm_least_pages(const struct mm_vm_config *vm)
{
	npages_t least = vm->min_pages > MM_FLOOR_PAGES ? vm->min_pages : MM_FLOOR_PAGES;

	return least < vm->pages ? least : vm->pages;
}

npages_t mm_reserve_pages(const struct mm_config *config)
{
	return MM_RESERVE_PAGES + (config->compress_ppm ? MM_COMPRESS_PAGES : 0) +
	       config->bounce_pages_per_vm *
		       (config->most_at_once ? config->most_at_once : config->max_vms);
}

npages_t mm_least_memory_pages(const struct mm_config *config, uint32_t nr_vms,
			       npages_t sum_of_least)
{
	struct mm_config c = *config;
	npages_t fixed, low, high, level[MM_STATES];

	if (c.most_at_once < nr_vms)
		c.most_at_once = nr_vms;
	fixed = mm_reserve_pages(&c) + sum_of_least;
	if (!c.states_sliding) /* memory - high(memory) >= fixed, also for the exact threshold */
		return (npages_t)(((unsigned __int128)fixed * PPM +
				   (PPM - config->state_ppm[MM_HIGH]) - 1) /
				  (PPM - config->state_ppm[MM_HIGH]));
	/* at least 94 % of memory are left, and more memory leaves more, but for rounding */
	for (low = fixed, high = fixed + fixed / 8 + 64; low < high;) {
		npages_t middle = low + (high - low) / 2;

		mm_thresholds(&c, middle, level);
		if (middle - level[MM_HIGH] >= fixed)
			high = middle;
		else
			low = middle + 1;
	}
	return low;
}

npages_t mm_target_sum(const struct mm *m)
{
	npages_t kept = m->reserve + m->pool + m->level_pages[MM_HIGH];

	return m->config.memory_pages > kept ? m->config.memory_pages - kept : 0;
}

int targets_init(struct mm *m)
{
	uint32_t nr = m->config.max_vms;

	m->target_vm = mm_zalloc(m, MM_VM_NONE, nr * sizeof *m->target_vm);
	m->target_scratch = mm_zalloc(m, MM_VM_NONE, target_scratch_bytes(nr));
	return m->target_vm && m->target_scratch ? 0 : -12;
}

void targets_free(struct mm *m)
{
	uint32_t nr = m->config.max_vms;

	mm_free(m, MM_VM_NONE, m->target_vm, nr * sizeof *m->target_vm);
	mm_free(m, MM_VM_NONE, m->target_scratch, target_scratch_bytes(nr));
}

/* A policy's lists, ghosts and shares are made for as many pages as its VM is to have. */
static void tell_policies(struct mm *m)
{
	for (uint32_t i = 0; i < m->top_vm; i++) {
		const struct mm_vm *v = &m->vm[i];

		if (vm_takes_part(v))
			m->config.pager->resized(v->policy, v->target ? (uint32_t)v->target : 1);
	}
}

void mm_targets(struct mm *m)
{
	struct target_request request = {.sum = mm_target_sum(m),
					 .tax_ppm = m->config.tax_ppm,
					 .scratch = m->target_scratch};
	uint32_t nr = 0;

	for (uint32_t i = 0; i < m->top_vm; i++) {
		struct mm_vm *v = &m->vm[i];

		if (!vm_takes_part(v)) {
			request.gone_pages += v->config.pages; /* 0 if it never was */
			v->target = 0;
			continue;
		}
		v->active = m->estimates_of
				    ? sample_active(m->estimates_of, &m->estimates_of->vm[i])
				    : sample_active(m, v);
		m->target_vm[nr++] =
			(struct target_vm){.least = mm_vm_least_pages(&v->config),
					   .most = v->config.pages,
					   .resident = vm_charged(v),
					   .active = v->active,
					   .shares = v->config.shares ? v->config.shares : 1};
	}
	m->config.policy->divide(m->target_vm, nr, &request);
	nr = 0;
	for (uint32_t i = 0; i < m->top_vm; i++)
		if (vm_takes_part(&m->vm[i]))
			m->vm[i].target = m->target_vm[nr++].target;
	m->rebalanced_ns = m->now_ns;
	m->targets_pool = m->pool;
	tell_policies(m);
}

bool targets_due(const struct mm *m)
{
	return (m->config.rebalance_ns && m->now_ns - m->rebalanced_ns >= m->config.rebalance_ns) ||
	       m->pool != m->targets_pool ||
	       (m->config.policy->uses_resident && m->state != MM_HIGH);
}

void do_tax_set(struct mm *m, uint32_t tax_ppm, uint64_t now_ns)
{
	mm_enter(m, now_ns);
	m->config.tax_ppm = tax_ppm < TARGET_TAX_PPM_MAX ? tax_ppm : TARGET_TAX_PPM_MAX;
	mm_targets(m);
	mm_leave(m);
}

int do_vm_shares_set(struct mm *m, uint32_t vm, uint32_t shares, uint64_t now_ns)
{
	if (vm >= m->config.max_vms || !vm_takes_part(&m->vm[vm]) || !shares)
		return -22;
	mm_enter(m, now_ns);
	m->vm[vm].config.shares = shares;
	mm_targets(m);
	mm_leave(m);
	return 0;
}
