/* SPDX-License-Identifier: GPL-2.0-or-later */
/* sim_world.c: see sim_world.h. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "tests/support/sim_world.h"

/* Frames 256 to 259: code twice, variables twice; below them a page of the boot protocol. */
static const struct sim_boot_page boot[] = {
	{{7}, 77}, {{256}, 101}, {{257}, 102}, {{258}, 0}, {{259}, 0}};

struct sim_config sim_world_config(npages_t memory, npages_t swap, unsigned max_vms)
{
	return (struct sim_config){
		.mm = {.memory_pages = memory,
		       .swap_pages = swap,
		       .pager = policy_find("random"),
		       .policy = &target_esx,
		       .tax_ppm = 750000,
		       .state_ppm = {60000, 40000, 20000, 10000},
		       .balloon = true,
		       .compress_ppm = 100000,
		       .share_capacity_pages = (uint32_t)(memory * 8),
		       .scan = {.rate_pages = 20000, .vm_rate_pages = 10000},
		       .sample_pages = 50,
		       .sample_period_ns = NS_PER_S / 10,
		       .sample_slow_ppm = 250000,
		       .sample_fast_ppm = 750000,
		       .rebalance_ns = NS_PER_S / 4,
		       .seed = 1,
		       .max_vms = max_vms,
		       .bounce_pages_per_vm = 8},
		.cost = sim_presets[0].cost,
		.cpus = 2,
	};
}

vmid_t sim_world_add_server(struct sim_machine *m, npages_t pages, npages_t swap, npages_t data,
			    const char *workload, const char *more)
{
	char words[300];
	struct error error;
	struct sim_vm_config config = {
		.name = "guest",
		.mm = {.pages = pages, .shares = 1000},
		.cmdline = words,
		.guest_swap_pages = swap,
		.guest_data_pages = data,
		.boot = boot,
		.nr_boot = sizeof(boot) / sizeof(boot[0]),
	};
	vmid_t id;

	snprintf(words, sizeof(words), "lab.workload=%s %s", workload, more);
	if (sim_machine_add_vm(m, &config, &id, &error))
		fail_msg("%s", error.text);
	return id;
}

vmid_t sim_world_add(struct sim_machine *m, npages_t pages, const char *workload, const char *more)
{
	return sim_world_add_server(m, pages, pages, 0, workload, more);
}

void sim_world_run(struct sim_machine *m, uint64_t from_ns, uint64_t until_ns, uint64_t step_ns)
{
	for (uint64_t at = from_ns; at < until_ns;) {
		struct machine_snapshot *s;
		const char *why = "";

		at = until_ns - at < step_ns ? until_ns : at + step_ns;
		sim_machine_run(m, at);
		if (!sim_machine_consistent(m, &why))
			fail_msg("at %llu ns: %s", (unsigned long long)at, why);
		assert_int_equal(sim_machine_snapshot(m, &s), 0);
		assert_int_equal(s->now_ns, at);
		assert_true(sim_machine_peak_frames(m) <= s->host.memory_pages);
		assert_true(s->host.peak_used_pages <= s->host.memory_pages);
		free(s);
	}
}

struct sim_totals sim_world_totals(struct sim_machine *m)
{
	struct sim_totals t = {0};
	struct machine_snapshot *s;

	assert_int_equal(sim_machine_snapshot(m, &s), 0);
	for (unsigned i = 0; i < s->nr_vms; i++) {
		const struct vm_live_stats *live = machine_snapshot_live(s, i);

		t.work += live->guest.work_units;
		t.errors += live->guest.integrity_errors;
		t.decompressed += s->vm[i].faults_decompressed;
		t.guest_in += live->guest.swap_in_pages;
		t.running += live->exit == VM_RUNNING;
		t.paged_out += s->vm[i].paged_out_pages;
		t.swapped_in += s->vm[i].faults_swap_in;
		t.cow += s->vm[i].faults_cow;
		t.ballooned_ever += s->vm[i].balloon_inflated;
		t.resident += s->vm[i].resident_pages;
	}
	t.saved = s->host.share.saved_pages;
	free(s);
	return t;
}
