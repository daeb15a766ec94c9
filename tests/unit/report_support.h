/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * report_support.h: for the report tests: a snapshot made by hand, and text caught in memory.
 *
 * Two VMs on a machine of 1000 pages. Every number that a test looks at is set here, none is computed by the program.
 */
#ifndef BALLAST_TESTS_UNIT_REPORT_SUPPORT_H
#define BALLAST_TESTS_UNIT_REPORT_SUPPORT_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cmd/report.h"
#include "vmm/machine.h"

static inline struct vm_live_stats *made_live(struct machine_snapshot *s, unsigned vm)
{
	/* The header says: live[] follows the VMs. */
	return (struct vm_live_stats *)(void *)&s->vm[s->nr_vms] + vm;
}

static inline struct machine_snapshot *made_snapshot(unsigned nr_vms)
{
	struct machine_snapshot *s =
		calloc(1, sizeof(*s) + nr_vms * (sizeof(s->vm[0]) + sizeof(struct vm_live_stats)));

	assert_non_null(s);
	s->nr_vms = nr_vms;
	s->host.memory_pages = 1000;
	for (unsigned i = 0; i < nr_vms; i++)
		s->vm[i].vm = vmid(i);
	return s;
}

/* A run of 10 s: web has paged, db has crashed. 1000 + 600 pages on a machine of 1000. */
static inline struct machine_snapshot *made_run(void)
{
	struct machine_snapshot *s = made_snapshot(2);
	struct vm_live_stats *web = made_live(s, 0), *db = made_live(s, 1);

	s->now_ns = 10 * NS_PER_S;
	s->host.reserve_pages = 50;
	s->host.used_pages = 950;
	s->host.peak_used_pages = 990;
	s->host.free_pages = 50;
	s->host.metadata_bytes = 51200;
	s->host.state = MM_SOFT;
	s->host.state_ns[MM_HIGH] = 7500 * (NS_PER_S / 1000);
	s->host.state_ns[MM_SOFT] = 2500 * (NS_PER_S / 1000);
	s->host.state_entered[MM_HIGH] = 2;
	s->host.state_entered[MM_SOFT] = 3;
	s->host.reclaimed[MM_SOFT][MM_BY_PAGER] = 61;
	s->host.reclaimed[MM_SOFT][MM_BY_SHARING] = 62;
	s->host.reclaimed[MM_HARD][MM_BY_BALLOON] = 63;
	s->host.reclaimed[MM_LOW][MM_BY_REPORT] = 64;
	s->host.swap = (struct mm_swap_stats){.capacity_pages = 1600,
					      .used_pages = 640,
					      .written_pages = 900,
					      .read_pages = 400,
					      .read_ahead_hits = 30,
					      .clean_drops = 70,
					      .zero_drops = 11};
	s->kernel.guest_bytes = 940 * 4096;
	s->kernel.guest_bytes_peak = 980 * 4096;
	s->kernel.mappings = 77;
	s->vm[0].configured_pages = 1000;
	s->vm[0].shares = 1000;
	s->vm[0].target_pages = 560;
	s->vm[0].resident_pages = 550;
	s->vm[0].swapped_pages = 440;
	s->vm[0].untouched_pages = 10;
	s->vm[0].faults_zero = 990;
	s->vm[0].faults_swap_in = 400;
	s->vm[0].faults_sampled = 5;
	s->vm[0].faults_wp = 60;
	s->vm[0].paged_out_pages = 981;
	s->vm[0].stalled_ns = NS_PER_S / 4;
	s->vm[1].configured_pages = 600;
	s->vm[1].active_known = true;
	s->vm[1].active_pages = 70;
	s->vm[1].estimator = MM_ESTIMATE_REFAULT;
	s->vm[1].refault_pages = 71;
	s->vm[1].min_pages = 100;
	s->vm[1].shares = 2000;
	s->vm[1].target_pages = 390;
	s->vm[1].resident_pages = 350;
	s->vm[1].swapped_pages = 200;
	s->vm[1].untouched_pages = 50;
	s->vm[1].faults_zero = 550;
	web->boot_ns = 2345678;
	web->run_ns = 3 * NS_PER_S;
	web->guest.magic = GUEST_STATS_MAGIC;
	web->guest.work_units = 200005;
	web->guest.integrity_checks = 200005;
	web->guest.faults = 12;
	web->guest.free_pages = 8;
	db->exit = VM_CRASHED;
	snprintf(db->exit_reason, sizeof(db->exit_reason), "triple fault at rip 0x100234");
	return s;
}

static inline struct scenario *made_scenario(void)
{
	struct scenario *s = calloc(1, sizeof(*s));

	assert_non_null(s);
	s->vms = calloc(2, sizeof(*s->vms));
	assert_non_null(s->vms);
	snprintf(s->name, sizeof(s->name), "two");
	s->seed = 7;
	s->duration_ns = 30 * NS_PER_S;
	s->memory_pages = 1000;
	s->swap = true;
	s->swap_pages = 1600;
	s->pager = policy_find("clock");
	s->nr_vms = 2;
	snprintf(s->vms[0].name, sizeof(s->vms[0].name), "web");
	snprintf(s->vms[1].name, sizeof(s->vms[1].name), "db");
	s->vms[0].memory_pages = 1000;
	s->vms[1].memory_pages = 600;
	return s;
}

/* What is printed between caught_begin() and caught_end() is a string, freed by the caller. */
struct caught {
	char *text;
	size_t bytes;
	FILE *out;
};

static inline FILE *caught_begin(struct caught *c)
{
	*c = (struct caught){.text = NULL};
	c->out = open_memstream(&c->text, &c->bytes);
	assert_non_null(c->out);
	return c->out;
}

static inline char *caught_end(struct caught *c)
{
	assert_int_equal(fclose(c->out), 0);
	return c->text;
}

#endif
