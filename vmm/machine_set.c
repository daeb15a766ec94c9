/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * machine_set.c: what may be set while the machine runs. The manager decides what it means; here are the lock and the
 * time, and the mail that brings a guest another workload.
 *
 * Mail goes into the upper half of the guest's statistics page. That page is placed when the VM is made, pinned, and
 * never protected, so a write to it under the machine lock does not sleep. Nothing is read back: what the guest makes
 * of it is its word, in its statistics.
 */
#include <errno.h>
#include <string.h>

#include "ballast/guest_mail.h"
#include "vmm/machine_internal.h"

_Static_assert(sizeof(struct guest_mail) <= GUEST_STATS_GPA + PAGE_BYTES - GUEST_MAIL_GPA,
	       "mail fits behind the statistics");

void machine_tax_set(struct machine *m, uint32_t tax_ppm)
{
	machine_lock(m);
	mm_tax_set(m->mm, tax_ppm, machine_now_ns());
	machine_unlock(m);
}

int machine_policy_set(struct machine *m, const struct target_policy *policy)
{
	int result;

	machine_lock(m);
	result = mm_policy_set(m->mm, policy, machine_now_ns());
	if (!result)
		m->config.policy = policy;
	machine_unlock(m);
	return result;
}

void machine_rebalance_set(struct machine *m, uint64_t rebalance_ns)
{
	machine_lock(m);
	mm_rebalance_set(m->mm, rebalance_ns, machine_now_ns());
	machine_unlock(m);
}

void machine_sample_period_set(struct machine *m, uint64_t period_ns)
{
	machine_lock(m);
	mm_sample_period_set(m->mm, period_ns, machine_now_ns());
	machine_unlock(m);
}

/* Lock held. */
static bool alive(const struct machine *m, vmid_t vm)
{
	return vm.v < m->nr_vms && m->vm[vm.v].vm && !m->vm[vm.v].reaping &&
	       !atomic_load(&m->vm[vm.v].vcpus_left);
}

int machine_vm_shares_set(struct machine *m, vmid_t vm, uint32_t shares)
{
	int result = -ESRCH;

	machine_lock(m);
	if (alive(m, vm))
		result = mm_vm_shares_set(m->mm, vm.v, shares, machine_now_ns());
	machine_unlock(m);
	return result;
}

int machine_vm_min_set(struct machine *m, vmid_t vm, npages_t min_pages)
{
	int result = -ESRCH;

	machine_lock(m);
	if (alive(m, vm))
		result = mm_vm_min_set(m->mm, vm.v, min_pages, machine_now_ns());
	machine_unlock(m);
	return result;
}

int machine_vm_mail(struct machine *m, vmid_t vm, const char *text)
{
	size_t bytes = strlen(text);
	int result = -ESRCH;

	if (bytes > GUEST_MAIL_BYTES)
		return -E2BIG;
	machine_lock(m);
	if (alive(m, vm) && !m->vm[vm.v].lab) {
		result = -ENOTSUP;
	} else if (alive(m, vm)) {
		uint8_t *page = memory_page(&m->memory, vm.v, gpa_to_gfn(gpa(GUEST_STATS_GPA)));

		guest_mail_put((void *)(page + GUEST_MAIL_GPA - GUEST_STATS_GPA),
			       ++m->vm[vm.v].mails, text, bytes);
		result = 0;
	}
	machine_unlock(m);
	return result;
}
