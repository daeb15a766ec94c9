/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * run_machine.c: a scenario's machine and its VMs, admitted and made. VMs that the timeline adds are admitted before the
 * run begins, each with those that are there when it comes.
 */
#include "cmd/run_machine.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "cmd/kernel_file.h"
#include "cmd/run_options.h"
#include "cmd/timeline.h"
#include "lib/parse.h"

extern const char lab_image_start[], lab_image_end[]; /* cmd/lab_image.S */

uint32_t run_machine_group(const struct scenario *s, unsigned i)
{
	for (unsigned k = 0; s->vms[i].group[0] && k <= i; k++)
		if (strcmp(s->vms[k].group, s->vms[i].group) == 0)
			return k + 1;
	return 0;
}

int run_machine_add_vm(struct machine *machine, const struct scenario *s, unsigned i,
		       struct error *error)
{
	const struct scenario_vm *v = &s->vms[i];
	char cmdline[GUEST_CMDLINE_BYTES];
	struct vm_config config = {
		.group = run_machine_group(s, i),
		.name = v->name,
		.pages = v->memory_pages,
		.min_pages = v->min_pages,
		.shares = v->shares,
		.vcpus = v->vcpus,
		.kernel = lab_image_start,
		.kernel_bytes = (uintptr_t)lab_image_end - (uintptr_t)lab_image_start,
		.kernel_name = "lab guest",
		.lab = true,
		.cmdline = cmdline,
		.guest_swap_pages = v->guest_swap_pages,
		.guest_data_pages = v->guest_disk_pages,
	};
	vmid_t id;
	int err = run_guest_cmdline(s, i, cmdline, sizeof(cmdline));

	void *kernel = NULL;

	if (err)
		return error_host(error, -err, "%s: command line of the guest", v->name);
	if (v->kernel[0]) {
		err = kernel_file_read(v->kernel, &kernel, &config.kernel_bytes, error);
		if (err)
			return err;
		config.kernel = kernel;
		config.kernel_name = v->kernel;
	}
	err = machine_add_vm(machine, &config, &id, error);
	free(kernel);
	return err;
}

/* Home pages for all VMs, the hole of big ones included, and an eighth more for frames that outlive their VM. */
static uint32_t share_capacity(const struct scenario *s)
{
	const uint64_t hole = (GUEST_HOLE_END - GUEST_HOLE_START) >> PAGE_SHIFT_BITS;
	uint64_t pages = 0;

	for (unsigned i = 0; i < s->nr_vms; i++)
		pages += s->vms[i].memory_pages +
			 hole * (pages_to_bytes(s->vms[i].memory_pages) > GUEST_HOLE_START);
	pages += pages / 8;
	return pages < MACHINE_MOST_FRAMES ? (uint32_t)pages : MACHINE_MOST_FRAMES;
}

static struct machine_config config_of(const struct scenario *s, const char *dir)
{
	struct machine_config config = {
		.memory_pages = s->memory_pages,
		.swap_pages = s->swap_pages,
		.swap_path = s->swap_path,
		.swap_spares_overwritten = s->swap_spares_overwritten,
		.swap_writes_zeros = s->swap_writes_zeros,
		.swap_ahead_most = s->swap_ahead_pages + 1,
		.work_dir = dir,
		.pager = s->pager,
		.policy = s->policy,
		.states_sliding = s->states_sliding,
		.tax_ppm = s->tax_ppm,
		.sample_pages = s->sample_pages,
		.sample_period_ns = s->sample_period_ns,
		.sample_slow_ppm = s->sample_slow_ppm,
		.sample_fast_ppm = s->sample_fast_ppm,
		.estimator = s->estimator,
		.balloon = s->balloon,
		.compress_ppm = s->compress_ppm,
		.share = s->share,
		.share_capacity_pages = share_capacity(s),
		.scan = {.order = s->scan,
			 .rate_pages = s->scan_rate,
			 .vm_rate_pages = s->vm_scan_rate},
		.rebalance_ns = s->rebalance_ns,
		.seed = s->seed,
		.max_vms = s->nr_vms,
		.evict = MACHINE_EVICT_AUTO,
	};

	memcpy(config.state_ppm, s->state_ppm, sizeof(config.state_ppm));
	return config;
}

/* What room there must be for VMs that come later. */
static int look_ahead(const struct scenario *s, struct machine_config *config)
{
	struct timeline_peaks peaks;

	if (!s->nr_actions)
		return 0;
	if (timeline_peaks(s, &peaks))
		return -ENOMEM;
	config->most_at_once = peaks.vms;
	config->promised_pages = peaks.least_pages;
	return 0;
}

/* Do the VMs that are there fit? last: the one that is new, or has a new minimum; a message names it. */
static int admit_present(const struct timeline_walk *w, const struct machine_config *config,
			 unsigned last, struct vm_config *vms, struct error *error)
{
	const struct scenario *s = w->scenario;
	unsigned nr = 0;

	for (unsigned k = 0; k < s->nr_vms; k++) {
		unsigned i = (last + 1 + k) % s->nr_vms; /* last comes last */

		if (w->present[i])
			vms[nr++] = (struct vm_config){.name = s->vms[i].name,
						       .pages = s->vms[i].memory_pages,
						       .min_pages = w->min_pages[i]};
	}
	return machine_admit(config, vms, nr, error);
}

static int admit_all(struct timeline_walk *w, const struct machine_config *config,
		     struct vm_config *vms, struct error *error)
{
	int err = admit_present(w, config, w->scenario->nr_vms - 1, vms, error);
	const struct timeline_action *a;
	char at[PARSE_FORMAT_BYTES];

	while (!err && (a = timeline_walk_next(w)) != NULL) {
		if (a->kind != TIMELINE_ADD && a->kind != TIMELINE_MIN)
			continue;
		err = admit_present(w, config, a->vm, vms, error);
		if (err)
			error_prefix(error, "timeline, at %s: ",
				     parse_format(&parse_time, a->at_ns, at, sizeof(at)));
	}
	return err;
}

int run_machine_admit(const struct scenario *s, struct error *error)
{
	struct machine_config config = config_of(s, NULL);
	struct vm_config *vms = calloc(s->nr_vms, sizeof(*vms));
	struct timeline_walk walk;
	int err = look_ahead(s, &config);

	if (!err && vms)
		err = timeline_walk_begin(&walk, s);
	if (err || !vms) {
		free(vms);
		return error_host(error, ENOMEM, "admission");
	}
	err = admit_all(&walk, &config, vms, error);
	timeline_walk_end(&walk);
	free(vms);
	return err;
}

int run_machine_config(const struct scenario *s, const char *dir, struct machine_config *out,
		       struct error *error)
{
	*out = config_of(s, dir);
	return look_ahead(s, out) ? error_host(error, ENOMEM, "machine") : 0;
}

int run_machine_mm_config(const struct scenario *s, struct mm_config *out)
{
	struct machine_config config = config_of(s, NULL);
	int err = look_ahead(s, &config);

	machine_mm_config(&config, out);
	return err;
}

int run_machine_make(const struct scenario *s, const char *dir, const struct mm_record_sink *record,
		     struct machine **out, struct error *error)
{
	struct machine_config config;
	int err = run_machine_config(s, dir, &config, error);

	*out = NULL;
	if (record)
		config.record = *record;
	if (!err)
		err = machine_create(&config, out, error);
	for (unsigned i = 0; i < s->nr_vms - s->nr_later && !err; i++)
		err = run_machine_add_vm(*out, s, i, error);
	return err;
}
