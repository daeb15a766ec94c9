/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * sim_world.h: small simulated machines for tests: the usual settings, a guest's image of a few pages, and a step that
 * checks everything that can be recounted.
 */
#ifndef BALLAST_TESTS_SIM_WORLD_H
#define BALLAST_TESTS_SIM_WORLD_H

#include "sim/machine.h"

/* All mechanisms, policy esx with sampling, pager random, 2 processors, the default costs. */
struct sim_config sim_world_config(npages_t memory, npages_t swap, unsigned max_vms);

/* A guest with this workload (workload_format()'s text), and more words behind, or "". */
vmid_t sim_world_add(struct sim_machine *m, npages_t pages, const char *workload, const char *more);
/* The same with so much swap, and a disk for files. */
vmid_t sim_world_add_server(struct sim_machine *m, npages_t pages, npages_t swap, npages_t data,
			    const char *workload, const char *more);

/* Runs up to until_ns in steps of step_ns; after each the machine is consistent and within its memory. */
void sim_world_run(struct sim_machine *m, uint64_t from_ns, uint64_t until_ns, uint64_t step_ns);

struct sim_totals {
	uint64_t work, errors, decompressed, paged_out, swapped_in, cow, ballooned_ever, guest_in;
	npages_t saved, resident;
	unsigned running;
};
struct sim_totals sim_world_totals(struct sim_machine *m);

#endif
