/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * snapshot.c: the machine's figures at one moment, and access to guest memory for tests and benchmarks.
 *
 * The kernel's view is read with the lock held and costs milliseconds; it is read at most a hundredth of the time
 * (host-kvm rule 13), between which the last reading is repeated, with what the manager had in use when it was made:
 * the two are comparable. The final figures have a reading of their own.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "vmm/machine_internal.h"

#define KERNEL_SHARE 100u /* the reading may take 1/100 of the time */

static void read_kernel(struct machine *m, uint64_t now)
{
	struct machine_kernel_stats k;
	struct mm_host_stats host;
	uint64_t *vm_bytes;

	if (m->kernel_read_ns && now - m->kernel_read_ns < m->kernel_cost_ns * KERNEL_SHARE)
		return;
	vm_bytes = calloc(m->config.max_vms, sizeof *vm_bytes);
	if (!vm_bytes || kernel_view_read(&m->memory, &k, vm_bytes)) {
		free(vm_bytes);
		return; /* no /proc: the last reading stays */
	}
	for (unsigned i = 0; i < m->nr_vms; i++) {
		struct mm_vm_stats v;

		mm_vm_stats(m->mm, i, now, &v);
		m->vm[i].kernel = (struct vm_kernel_stats){
			.bytes = vm_bytes[i],
			.resident_pages = v.resident_pages,
			.moving_pages = v.sampled_pages + v.leaving_pages,
		};
	}
	free(vm_bytes);
	k.read_ns = now - m->started_ns;
	mm_host_stats(m->mm, now, &host);
	k.used_pages = host.used_pages;
	k.guest_bytes_peak = k.guest_bytes > m->kernel.guest_bytes_peak
				     ? k.guest_bytes
				     : m->kernel.guest_bytes_peak;
	m->kernel = k;
	memory_mappings_counted(&m->memory, k.mappings);
	m->kernel_read_ns = now;
	m->kernel_cost_ns = machine_now_ns() - now;
}

void machine_read_live(struct machine *m, uint32_t id, struct vm_live_stats *out)
{
	struct machine_vm *v = &m->vm[id];

	if (!v->vm || v->removed) { /* taken down, or about to be, or memory only */
		*out = v->last;
		out->kernel = v->kernel;
		return;
	}
	*out = (struct vm_live_stats){.exit = VM_RUNNING};
	vm_live_stats(v->vm, out);
	vm_balloon_get(v->vm, &out->balloon);
	out->said = v->said;
	out->kernel = v->kernel;
	out->boot_ns = atomic_load(&v->boot_ns);
	if (v->lab) /* the page is pinned while the VM lives, so this never sleeps */
		memcpy(&out->guest, memory_page(&m->memory, id, gpa_to_gfn(gpa(GUEST_STATS_GPA))),
		       sizeof out->guest);
	if (out->guest.magic != GUEST_STATS_MAGIC)
		out->guest = (struct guest_stats){0};
	if (v->broken) {
		out->exit = VM_CRASHED;
		snprintf(out->exit_reason, sizeof out->exit_reason,
			 "a page could not be read back from swap: %s", strerror(-v->broken));
	}
}

int machine_snapshot(struct machine *m, bool with_kernel, struct machine_snapshot **out)
{
	struct machine_snapshot *s = malloc(machine_snapshot_bytes(m->nr_vms));
	uint64_t now;

	*out = s;
	if (!s)
		return -ENOMEM;
	if (m->final) { /* stopping or stopped: the figures are those of the moment the stop began */
		memcpy(s, m->final, machine_snapshot_bytes(m->nr_vms));
		return 0;
	}
	machine_lock(m);
	now = machine_now_ns();
	*s = (struct machine_snapshot){.now_ns = now - m->started_ns, .nr_vms = m->nr_vms};
	if (with_kernel)
		read_kernel(m, now);
	s->kernel = m->kernel;
	mm_host_stats(m->mm, now, &s->host);
	for (unsigned i = 0; i < m->nr_vms; i++) {
		mm_vm_stats(m->mm, i, now, &s->vm[i]);
		machine_read_live(m, i, machine_snapshot_live_mut(s, i));
	}
	machine_unlock(m);
	return 0;
}

unsigned machine_events_take(struct machine *m, struct mm_event *out, unsigned max, uint64_t *lost)
{
	unsigned nr;

	machine_lock(m);
	nr = mm_events_take(m->mm, out, max, lost);
	machine_unlock(m);
	for (unsigned i = 0; i < nr; i++) /* the first VMs are added before the start */
		out[i].at_ns = out[i].at_ns > m->started_ns ? out[i].at_ns - m->started_ns : 0;
	return nr;
}

int machine_trace_page(struct machine *m, vmid_t vm, gfn_t g)
{
	int result;

	machine_lock(m);
	result = mm_trace_page(m->mm, vm.v, g, machine_now_ns());
	machine_unlock(m);
	return result;
}

unsigned machine_page_events_take(struct machine *m, struct mm_page_event *out, unsigned max,
				  uint64_t *lost)
{
	unsigned nr;

	machine_lock(m);
	nr = mm_page_events_take(m->mm, out, max, lost);
	machine_unlock(m);
	for (unsigned i = 0; i < nr; i++)
		out[i].at_ns = out[i].at_ns > m->started_ns ? out[i].at_ns - m->started_ns : 0;
	return nr;
}

static bool in_memory(const struct machine *m, uint32_t vm, gpa_t at, size_t bytes)
{
	const struct memory_range *r = &m->memory.range[vm];
	uint64_t low = pages_to_bytes(r->pages) < GUEST_HOLE_START ? pages_to_bytes(r->pages)
								   : GUEST_HOLE_START;

	if (at.v <= low && bytes <= low - at.v)
		return true;
	return at.v >= GUEST_HOLE_END && at.v <= r->bytes && bytes <= r->bytes - at.v;
}

int machine_guest_read(struct machine *m, vmid_t vm, gpa_t from, void *to, size_t bytes)
{
	if (vm.v >= m->nr_vms || !in_memory(m, vm.v, from, bytes))
		return -EFAULT;
	memcpy(to, m->memory.range[vm.v].start + from.v, bytes);
	return 0;
}

int machine_guest_write(struct machine *m, vmid_t vm, gpa_t to, const void *from, size_t bytes)
{
	if (vm.v >= m->nr_vms || !in_memory(m, vm.v, to, bytes))
		return -EFAULT;
	memcpy(m->memory.range[vm.v].start + to.v, from, bytes);
	return 0;
}

int machine_guest_place(struct machine *m, vmid_t vm, gfn_t g, const void *page)
{
	int result;

	if (vm.v >= m->nr_vms)
		return -EFAULT;
	machine_lock(m);
	result = mm_place(m->mm, vm.v, g, page, false, machine_now_ns());
	machine_unlock(m);
	return result;
}

bool machine_consistent(struct machine *m, const char **why)
{
	bool sound;

	machine_lock(m);
	sound = mm_consistent(m->mm, why);
	machine_unlock(m);
	return sound;
}

void machine_facts(const struct machine *m, struct machine_facts *out)
{
	*out = (struct machine_facts){
		.evicts_by_move = m->memory.move,
		.swap_is_direct = m->swap && swapfile_is_direct(m->swap),
		.swap_has_uring = m->swap && swapfile_has_uring(m->swap),
		.swap_fd = m->swap ? swapfile_fd(m->swap) : -1,
		.bounce_pages =
			(npages_t)BOUNCE_PAGES_PER_VM *
			(m->config.most_at_once ? m->config.most_at_once : m->config.max_vms),
	};
}
