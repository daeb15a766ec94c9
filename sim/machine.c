/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * machine.c: the simulated machine's life, and its clock, which jumps from event to event.
 *
 * Between two events free processors take tasks: guests and the host's threads. An event's time is the manager's now, and
 * never goes back. It begins at a second instead of 0, which some would take for never.
 */
#include "sim/machine.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "ballast/guest_abi.h"
#include "sim/machine_internal.h"

#define CLOCK_BEGINS      NS_PER_S
#define PLACE_PATIENCE_MS 5000u

static int create_mm(struct sim_machine *m, struct error *error)
{
	const struct mm_config *c = &m->config.mm;
	unsigned vms = c->most_at_once ? c->most_at_once : c->max_vms;
	int result;

	if (c->memory_pages < mm_least_memory_pages(c, vms, 0))
		return error_user(
			error,
			"host.memory of %llu KiB is too small: the machine's own reserve "
			"and high threshold need more than %llu KiB for %u VMs",
			(unsigned long long)pages_to_bytes(c->memory_pages) >> 10,
			(unsigned long long)pages_to_bytes(mm_least_memory_pages(c, vms, 0)) >> 10,
			vms);
	result = mm_create(c, &sim_body_ops, m, &m->mm);
	if (result == -EINVAL)
		return error_user(error, "host.states: high and low are the same number of pages "
					 "of this host.memory");
	return result ? error_host(error, -result, "memory manager") : 0;
}

int sim_machine_create(const struct sim_config *config, struct sim_machine **out,
		       struct error *error)
{
	struct sim_machine *m = calloc(1, sizeof(*m));
	int result;

	*out = NULL;
	if (!m)
		return error_host(error, ENOMEM, "machine");
	m->config = *config;
	m->now_ns = m->config.mm.start_ns = m->started_ns = CLOCK_BEGINS;
	sim_cpus_init(&m->cpus, &m->queue,
		      config->cpus ? config->cpus : (unsigned)config->cost.cpus);
	sim_device_init(&m->swap, &config->cost.swap);
	sim_body_init(m);
	m->vm = calloc(config->mm.max_vms, sizeof(*m->vm));
	result = m->vm ? sim_memory_create(&m->memory, config->mm.max_vms,
					   config->mm.share_capacity_pages, config->mm.swap_pages,
					   config->mm.seed)
		       : -ENOMEM;
	for (unsigned i = 0; i < config->mm.max_vms && !result; i++)
		result = sim_guest_alloc(m, i, &m->vm[i]);
	if (!result)
		result = sim_host_init(m);
	result = result ? error_host(error, -result, "machine") : create_mm(m, error);
	if (result) {
		sim_machine_destroy(m);
		return result;
	}
	*out = m;
	return 0;
}

/* The pages of zeros need not be placed: an untouched page reads as zeros. As the live machine does. */
static int place(struct sim_machine *m, uint32_t id, const struct sim_boot_page *p)
{
	int result = mm_place(m->mm, id, p->gfn, p->content ? &p->content : NULL,
			      p->gfn.v == gpa_to_gfn(gpa(GUEST_STATS_GPA)).v, m->now_ns);

	sim_spent(m);
	return result == -ENOMEM && !p->content ? 0 : result;
}

/* While the machine runs the pager makes room, if it may. */
static int place_patiently(struct sim_machine *m, uint32_t id, const struct sim_boot_page *p)
{
	int result = place(m, id, p);

	for (unsigned ms = 0; result == -ENOMEM && m->started && ms < PLACE_PATIENCE_MS; ms++) {
		sim_machine_run(m, sim_machine_now_ns(m) + NS_PER_S / 1000);
		result = place(m, id, p);
	}
	return result;
}

static int add_to_mm(struct sim_machine *m, uint32_t id, const struct sim_vm_config *config,
		     struct error *error)
{
	const struct sim_boot_page stats = {.gfn = gpa_to_gfn(gpa(GUEST_STATS_GPA))};
	int result = mm_vm_add(m->mm, id, &config->mm, m->now_ns);

	if (result == -ENOSPC)
		return error_user(error,
				  "%s does not fit: minimums (at least %llu KiB a VM) of the VMs "
				  "so far and this one exceed what host.memory leaves for guests",
				  config->name,
				  (unsigned long long)pages_to_bytes(MM_FLOOR_PAGES) >> 10);
	if (!result)
		result = place_patiently(m, id, &stats);
	for (unsigned i = 0; i < config->nr_boot && !result; i++)
		result = place_patiently(m, id, &config->boot[i]);
	return result ? error_host(error, -result, "%s: boot image", config->name) : 0;
}

int sim_machine_add_vm(struct sim_machine *m, const struct sim_vm_config *config, vmid_t *out,
		       struct error *error)
{
	uint64_t nr_gfns = config->mm.pages + (config->mm.hole_end - config->mm.hole_start);
	uint32_t id = m->nr_vms;
	int result = 0;

	*out = vmid(id);
	if (id >= m->config.mm.max_vms)
		return error_host(error, ENOSPC, "%s: more VMs than the machine was made for",
				  config->name);
	m->nr_vms++;
	if (sim_memory_add(&m->memory, id, nr_gfns,
			   mm_cache_frames(m->config.mm.compress_ppm, config->mm.pages)))
		result = error_host(error, ENOMEM, "%s: memory", config->name);
	if (!result)
		result = sim_guest_create(m->vm[id], config, error);
	if (!result)
		result = add_to_mm(m, id, config, error);
	if (result)
		sim_guest_remove(m->vm[id], error->text);
	else if (m->started)
		sim_guest_start(m->vm[id]);
	return result;
}

void sim_machine_start(struct sim_machine *m)
{
	m->started = true;
	mm_start(m->mm, m->now_ns);
	sim_host_start(m);
	for (unsigned i = 0; i < m->nr_vms; i++)
		sim_guest_start(m->vm[i]);
}

uint64_t sim_machine_now_ns(const struct sim_machine *m)
{
	return m->now_ns - m->started_ns;
}

void sim_machine_run(struct sim_machine *m, uint64_t until_ns)
{
	uint64_t until = m->started_ns + until_ns;
	struct sim_event *e;

	if (m->stopped)
		return;
	sim_cpus_dispatch(&m->cpus, m->now_ns);
	while ((e = sim_queue_take(&m->queue, until)) != NULL) {
		m->now_ns = e->at_ns;
		e->happens(e->ctx, m->now_ns);
		sim_cpus_dispatch(&m->cpus, m->now_ns);
	}
	if (until > m->now_ns)
		m->now_ns = until;
}

int sim_machine_snapshot(struct sim_machine *m, struct machine_snapshot **out)
{
	struct machine_snapshot *s = calloc(1, machine_snapshot_bytes(m->nr_vms));

	*out = s;
	if (!s)
		return -ENOMEM;
	if (m->final) { /* stopped: the figures are those of that moment */
		memcpy(s, m->final, machine_snapshot_bytes(m->nr_vms));
		return 0;
	}
	*s = (struct machine_snapshot){
		.now_ns = m->now_ns - m->started_ns, .no_kernel = true, .nr_vms = m->nr_vms};
	mm_host_stats(m->mm, m->now_ns, &s->host);
	for (unsigned i = 0; i < m->nr_vms; i++) {
		mm_vm_stats(m->mm, i, m->now_ns, &s->vm[i]);
		sim_guest_live(m->vm[i], machine_snapshot_live_mut(s, i));
	}
	return 0;
}

unsigned sim_machine_events_take(struct sim_machine *m, struct mm_event *out, unsigned max,
				 uint64_t *lost)
{
	unsigned nr = mm_events_take(m->mm, out, max, lost);

	for (unsigned i = 0; i < nr; i++) /* the first VMs are added before the start */
		out[i].at_ns = out[i].at_ns > m->started_ns ? out[i].at_ns - m->started_ns : 0;
	return nr;
}

int sim_machine_trace_page(struct sim_machine *m, vmid_t vm, gfn_t g)
{
	return mm_trace_page(m->mm, vm.v, g, m->now_ns);
}

unsigned sim_machine_page_events_take(struct sim_machine *m, struct mm_page_event *out,
				      unsigned max, uint64_t *lost)
{
	unsigned nr = mm_page_events_take(m->mm, out, max, lost);

	for (unsigned i = 0; i < nr; i++)
		out[i].at_ns = out[i].at_ns > m->started_ns ? out[i].at_ns - m->started_ns : 0;
	return nr;
}

bool sim_machine_idle(const struct sim_machine *m)
{
	for (unsigned i = 0; i < m->nr_vms; i++)
		if (!sim_guest_over(m->vm[i]))
			return false;
	return true;
}

void sim_machine_record_end(struct sim_machine *m)
{
	mm_record_end(m->mm);
}

void sim_machine_stop(struct sim_machine *m)
{
	struct machine_snapshot *final;

	if (m->stopped)
		return;
	if (sim_machine_snapshot(m, &final) == 0)
		m->final = final;
	mm_stop(m->mm, m->now_ns);
	m->stopped = true;
}

void sim_machine_destroy(struct sim_machine *m)
{
	if (!m)
		return;
	mm_destroy(m->mm);
	for (unsigned i = 0; m->vm && i < m->config.mm.max_vms; i++)
		sim_guest_destroy(m->vm[i]);
	sim_memory_destroy(&m->memory);
	sim_queue_free(&m->queue);
	free(m->final);
	free(m->vm);
	free(m);
}

bool sim_machine_consistent(const struct sim_machine *m, const char **why)
{
	bool guests = true;

	if (!mm_consistent(m->mm, why))
		return false;
	*why = "the body's memory";
	if (!sim_memory_consistent(&m->memory) || !sim_queue_consistent(&m->queue))
		return false;
	*why = "a guest's records";
	for (unsigned i = 0; i < m->nr_vms; i++)
		guests &= sim_guest_consistent(m->vm[i]);
	return guests;
}

npages_t sim_machine_peak_frames(const struct sim_machine *m)
{
	return m->memory.peak_frames;
}
