/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * machine_set.c: what may be set while the machine runs, as vmm/machine_set.c has it, and VMs that go.
 */
#include <errno.h>
#include <string.h>

#include "sim/guest.h"

#define MS (NS_PER_S / 1000)

void sim_machine_tax_set(struct sim_machine *m, uint32_t tax_ppm)
{
	mm_tax_set(m->mm, tax_ppm, m->now_ns);
}

int sim_machine_policy_set(struct sim_machine *m, const struct target_policy *policy)
{
	int result = mm_policy_set(m->mm, policy, m->now_ns);

	if (!result)
		m->config.mm.policy = policy;
	return result;
}

void sim_machine_rebalance_set(struct sim_machine *m, uint64_t rebalance_ns)
{
	mm_rebalance_set(m->mm, rebalance_ns, m->now_ns);
}

void sim_machine_sample_period_set(struct sim_machine *m, uint64_t period_ns)
{
	mm_sample_period_set(m->mm, period_ns, m->now_ns);
}

void sim_machine_scan_set(struct sim_machine *m, uint32_t rate_pages, uint32_t vm_rate_pages)
{
	mm_scan_rates(m->mm, rate_pages, vm_rate_pages, m->now_ns);
}

static struct sim_vm *alive(const struct sim_machine *m, vmid_t vm)
{
	return vm.v < m->nr_vms && !m->vm[vm.v]->over ? m->vm[vm.v] : NULL;
}

int sim_machine_vm_shares_set(struct sim_machine *m, vmid_t vm, uint32_t shares)
{
	return alive(m, vm) ? mm_vm_shares_set(m->mm, vm.v, shares, m->now_ns) : -ESRCH;
}

int sim_machine_vm_min_set(struct sim_machine *m, vmid_t vm, npages_t min_pages)
{
	return alive(m, vm) ? mm_vm_min_set(m->mm, vm.v, min_pages, m->now_ns) : -ESRCH;
}

int sim_machine_vm_mail(struct sim_machine *m, vmid_t vm, const char *text)
{
	struct sim_vm *v = alive(m, vm);
	size_t bytes = strlen(text);

	if (bytes > GUEST_MAIL_BYTES)
		return -E2BIG;
	if (!v)
		return -ESRCH;
	guest_mail_put(&v->mail, ++v->mails, text, bytes);
	return 0;
}

int sim_machine_remove_vm(struct sim_machine *m, vmid_t vm)
{
	struct sim_vm *v = alive(m, vm);

	if (!v)
		return -ESRCH;
	sim_guest_remove(v, "");
	while (!v->ended)
		sim_machine_run(m, sim_machine_now_ns(m) + MS);
	return 0;
}
