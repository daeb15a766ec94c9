/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * body_sim.c: the simulated machine as a body: its clock goes as far as it is told to, as fast as it can.
 *
 * A guest's memory begins as the live machine makes it: by the same function that lays out the kernel's image and the
 * boot protocol's pages, of which only the hash is kept.
 */
#include <errno.h>
#include <stdlib.h>
#include <xxhash.h>

#include "cmd/body.h"
#include "cmd/cost_file.h"
#include "cmd/run_machine.h"
#include "guest/core/content.h"
#include "sim/machine.h"
#include "vmm/boot.h"

extern const char lab_image_start[], lab_image_end[]; /* cmd/lab_image.S */

struct boot_pages {
	struct sim_boot_page *page; /* owned */
	unsigned nr, room;
};

static int add_page(void *ctx, gfn_t g, const void *page)
{
	struct boot_pages *all = ctx;

	if (all->nr == all->room) {
		unsigned room = all->room ? all->room * 2 : 64;
		struct sim_boot_page *more = realloc(all->page, room * sizeof(*more));

		if (!more)
			return -ENOMEM;
		all->page = more;
		all->room = room;
	}
	all->page[all->nr++] = (struct sim_boot_page){
		.gfn = g, .content = page ? content_identity_of(XXH3_64bits(page, PAGE_BYTES)) : 0};
	return 0;
}

static int boot_pages(const struct scenario *s, unsigned i, const char *cmdline,
		      struct boot_pages *out, struct error *error)
{
	const struct scenario_vm *v = &s->vms[i];
	struct guest_layout layout = guest_layout_make(v->memory_pages);
	unsigned disks = (v->guest_swap_pages > 0) + (v->guest_disk_pages > 0);
	struct boot_words words = {.nr_devices = disks + s->balloon,
				   .data_disk = v->guest_disk_pages ? disks : 0};
	struct boot_image image = {lab_image_start,
				   (uintptr_t)lab_image_end - (uintptr_t)lab_image_start,
				   "lab guest", cmdline, true};
	uint64_t entry;

	return boot_place(&image, &layout, &words, add_page, out, &entry, error);
}

static int add_vm(struct sim_machine *m, const struct scenario *s, unsigned i, struct error *error)
{
	const struct scenario_vm *v = &s->vms[i];
	char cmdline[GUEST_CMDLINE_BYTES];
	struct boot_pages boot = {.nr = 0};
	struct sim_vm_config config = {
		.name = v->name,
		.mm = {.pages = v->memory_pages,
		       .min_pages = v->min_pages,
		       .shares = v->shares,
		       .group = run_machine_group(s, i)},
		.cmdline = cmdline,
		.guest_swap_pages = v->guest_swap_pages,
		.guest_data_pages = v->guest_disk_pages,
	};
	vmid_t id;
	int err = run_guest_cmdline(s, i, cmdline, sizeof(cmdline));

	if (err)
		return error_host(error, -err, "%s: command line of the guest", v->name);
	if (v->kernel[0])
		return error_user(
			error, "%s: guest kernel '%s' cannot be simulated; allowed: the lab guest",
			v->name, v->kernel);
	if (pages_to_bytes(v->memory_pages) > GUEST_HOLE_START) {
		config.mm.hole_start = gpa_to_gfn(gpa(GUEST_HOLE_START)).v;
		config.mm.hole_end = gpa_to_gfn(gpa(GUEST_HOLE_END)).v;
	}
	err = boot_pages(s, i, cmdline, &boot, error);
	config.boot = boot.page;
	config.nr_boot = boot.nr;
	if (!err)
		err = sim_machine_add_vm(m, &config, &id, error);
	free(boot.page);
	return err;
}

static int sim_make(struct body *b, const struct scenario *s, const struct run_options *options,
		    const char *dir, const struct mm_record_sink *record, struct error *error)
{
	struct sim_config config = {.cpus = s->cpus};
	struct machine_config machine;
	struct sim_machine *m = NULL;
	int err = cost_file_load(options->costs, &config.cost, error);

	if (!err)
		err = run_machine_config(s, dir, &machine, error);
	if (err)
		return err;
	machine_mm_config(&machine, &config.mm);
	if (record)
		config.mm.record = *record;
	err = sim_machine_create(&config, &m, error);
	b->machine = m;
	for (unsigned i = 0; i < s->nr_vms - s->nr_later && !err; i++)
		err = add_vm(m, s, i, error);
	return err;
}

static int sim_start(struct body *b, struct error *error)
{
	(void)error;
	sim_machine_start(b->machine);
	return 0;
}

static uint64_t sim_passed_ns(struct body *b)
{
	return sim_machine_now_ns(b->machine);
}

static int sim_wait(struct body *b, uint64_t ns, struct stop_signals *signals)
{
	sim_machine_run(b->machine, sim_machine_now_ns(b->machine) + ns);
	return stop_signals_wait(signals, 0);
}

static int sim_snapshot(struct body *b, struct machine_snapshot **out)
{
	return sim_machine_snapshot(b->machine, out);
}

static unsigned sim_events_take(struct body *b, struct mm_event *out, unsigned max, uint64_t *lost)
{
	return sim_machine_events_take(b->machine, out, max, lost);
}

static int sim_trace_page(struct body *b, vmid_t vm, gfn_t g)
{
	return sim_machine_trace_page(b->machine, vm, g);
}

static unsigned sim_page_events_take(struct body *b, struct mm_page_event *out, unsigned max,
				     uint64_t *lost)
{
	return sim_machine_page_events_take(b->machine, out, max, lost);
}

static bool sim_idle(struct body *b)
{
	return sim_machine_idle(b->machine);
}

static int mail(struct sim_machine *m, const struct timeline_action *a)
{
	char text[WORKLOAD_TEXT_BYTES];
	int n = workload_format(a->workload, text, sizeof(text));

	return n < 0 ? n : sim_machine_vm_mail(m, vmid(a->vm), text);
}

static int sim_act(struct body *b, const struct scenario *s, const struct timeline_action *a,
		   struct error *error)
{
	struct sim_machine *m = b->machine;

	switch (a->kind) {
	case TIMELINE_ADD:
		return add_vm(m, s, a->vm, error);
	case TIMELINE_REMOVE:
		return sim_machine_remove_vm(m, vmid(a->vm));
	case TIMELINE_POLICY:
		return sim_machine_policy_set(m, a->policy);
	case TIMELINE_TAX:
		sim_machine_tax_set(m, (uint32_t)a->value);
		return 0;
	case TIMELINE_REBALANCE:
		sim_machine_rebalance_set(m, a->value);
		return 0;
	case TIMELINE_SAMPLE_PERIOD:
		sim_machine_sample_period_set(m, a->value);
		return 0;
	case TIMELINE_SCAN_RATES:
		sim_machine_scan_set(m, a->scan_rate, a->vm_scan_rate);
		return 0;
	case TIMELINE_SHARES:
		return sim_machine_vm_shares_set(m, vmid(a->vm), (uint32_t)a->value);
	case TIMELINE_MIN:
		return sim_machine_vm_min_set(m, vmid(a->vm), a->value);
	case TIMELINE_WORKLOAD:
		return mail(m, a);
	}
	return -EINVAL;
}

static void sim_record_end(struct body *b)
{
	sim_machine_record_end(b->machine);
}

static void sim_stop(struct body *b)
{
	sim_machine_stop(b->machine);
}

static void sim_destroy(struct body *b)
{
	sim_machine_destroy(b->machine);
	b->machine = NULL;
}

const struct body_ops body_sim = {
	.name = "sim",
	.make = sim_make,
	.record_end = sim_record_end,
	.start = sim_start,
	.passed_ns = sim_passed_ns,
	.wait = sim_wait,
	.snapshot = sim_snapshot,
	.events_take = sim_events_take,
	.trace_page = sim_trace_page,
	.page_events_take = sim_page_events_take,
	.idle = sim_idle,
	.act = sim_act,
	.stop = sim_stop,
	.destroy = sim_destroy,
};
