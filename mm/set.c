/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * set.c: parameters that change while VMs run: the policy, its period, the period of sampling, a VM's minimum.
 *
 * Each is checked as at the start, and targets follow at once. (The tax and shares are in target.c, the scanner's rates
 * with the scanner.) Sampling that has begun goes on under a policy that does not look at it: coming back to one that
 * does, its estimates are there.
 */
#include "mm/page.h"

int do_policy_set(struct mm *m, const struct target_policy *policy, uint64_t now_ns)
{
	const struct target_policy *old = m->config.policy;
	int result = 0;

	mm_enter(m, now_ns);
	m->config.policy = policy;
	said_restart(m);
	for (uint32_t i = 0; i < m->top_vm && !result; i++)
		if (vm_takes_part(&m->vm[i]) && !m->vm[i].sample.gfn)
			result = sample_vm_added(m, &m->vm[i]);
	if (result)
		m->config.policy = old;
	mm_targets(m);
	mm_leave(m);
	return result;
}

void do_rebalance_set(struct mm *m, uint64_t rebalance_ns, uint64_t now_ns)
{
	mm_enter(m, now_ns);
	m->config.rebalance_ns = rebalance_ns;
	mm_targets(m);
	mm_leave(m);
}

int do_sample_period_set(struct mm *m, uint64_t period_ns, uint64_t now_ns)
{
	if (!period_ns)
		return -22;
	mm_enter(m, now_ns);
	m->config.sample_period_ns = period_ns;
	mm_leave(m);
	return 0;
}

int do_vm_min_set(struct mm *m, uint32_t vm, npages_t min_pages, uint64_t now_ns)
{
	struct mm_vm *v = vm < m->config.max_vms ? &m->vm[vm] : NULL;
	struct mm_vm_config with;

	if (!v || !vm_takes_part(v) || min_pages > v->config.pages)
		return -22;
	with = v->config;
	with.min_pages = min_pages;
	if (!mm_least_fits(m, v, &with))
		return -28;
	mm_enter(m, now_ns);
	v->config.min_pages = min_pages;
	mm_targets(m);
	mm_leave(m);
	return 0;
}
