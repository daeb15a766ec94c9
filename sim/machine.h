/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * machine.h: the simulated machine: the same manager, guests' cores and workloads as the live one, on a clock of its own.
 *
 * Life: sim_machine_create, sim_machine_add_vm for each VM, sim_machine_start, sim_machine_run again and again with
 * sim_machine_snapshot and sim_machine_events_take between, sim_machine_stop, a last snapshot, sim_machine_destroy. One
 * thread. Nothing in here reads a clock or depends on where memory lies: the same calls give the same figures.
 *
 * Errors: 0 or -errno, with words in *error.
 */
#ifndef BALLAST_SIM_MACHINE_H
#define BALLAST_SIM_MACHINE_H

#include "lib/error.h"
#include "mm/event.h"
#include "mm/mm.h"
#include "mm/snapshot.h"
#include "sim/cost.h"

struct sim_machine; /* opaque; owned by the creator, freed by sim_machine_destroy() */

struct sim_config {
	struct mm_config mm; /* as for the live machine; start_ns is set here */
	struct sim_cost cost;
	unsigned cpus; /* 0: cost.cpus */
};

/* A page that is in a guest's memory before its first instruction: of the kernel's image, or what the boot protocol puts
 * there. */
struct sim_boot_page {
	gfn_t gfn;
	uint64_t
		content; /* its identity (guest/core/content.h): equal pages have the same; 0: zeros */
};

struct sim_vm_config {
	const char *name;
	struct mm_vm_config mm;
	const char *cmdline;       /* the guest's words: ballast/guest_abi.h */
	npages_t guest_swap_pages; /* of its own disk; 0: no disk */
	npages_t guest_data_pages; /* of its disk for files; 0: none */
	/* In ascending order of frames is not asked for; each frame once. The last one ends the kernel's image. */
	const struct sim_boot_page *boot;
	unsigned nr_boot;
};

int sim_machine_create(const struct sim_config *config, struct sim_machine **out,
		       struct error *error);
/* As machine_add_vm() of the live machine: also while it runs; an error then ends the VM and not the machine. config is
 * copied. Its boot image may have to wait for room, in the machine's time. */
int sim_machine_add_vm(struct sim_machine *m, const struct sim_vm_config *config, vmid_t *out,
		       struct error *error);
void sim_machine_start(struct sim_machine *m);

/* Time since the start. */
uint64_t sim_machine_now_ns(const struct sim_machine *m);
/* Everything up to until_ns, in time since the start, happens. */
void sim_machine_run(struct sim_machine *m, uint64_t until_ns);

/* As the live machine's functions of the same names. A VM is gone when all that it waits for in the middle of a slice is
 * over, which is in the machine's time, too. */
int sim_machine_remove_vm(struct sim_machine *m, vmid_t vm);
void sim_machine_tax_set(struct sim_machine *m, uint32_t tax_ppm);
int sim_machine_policy_set(struct sim_machine *m, const struct target_policy *policy);
void sim_machine_rebalance_set(struct sim_machine *m, uint64_t rebalance_ns);
void sim_machine_sample_period_set(struct sim_machine *m, uint64_t period_ns);
void sim_machine_scan_set(struct sim_machine *m, uint32_t rate_pages, uint32_t vm_rate_pages);
int sim_machine_vm_shares_set(struct sim_machine *m, vmid_t vm, uint32_t shares);
int sim_machine_vm_min_set(struct sim_machine *m, vmid_t vm, npages_t min_pages);
int sim_machine_vm_mail(struct sim_machine *m, vmid_t vm, const char *text);

/* *out: owned by the caller (free()). 0 or -ENOMEM. */
int sim_machine_snapshot(struct sim_machine *m, struct machine_snapshot **out);
/* As machine_events_take() of the live machine. */
unsigned sim_machine_events_take(struct sim_machine *m, struct mm_event *out, unsigned max,
				 uint64_t *lost);
/* As machine_trace_page() and machine_page_events_take(). */
int sim_machine_trace_page(struct sim_machine *m, vmid_t vm, gfn_t g);
unsigned sim_machine_page_events_take(struct sim_machine *m, struct mm_page_event *out,
				      unsigned max, uint64_t *lost);
/* No guest runs any more. */
bool sim_machine_idle(const struct sim_machine *m);
void sim_machine_record_end(struct sim_machine *m); /* as machine_record_end() */
void sim_machine_stop(struct sim_machine *m);
void sim_machine_destroy(struct sim_machine *m);

/* mm_consistent(), and what the body knows beside: guests' records, frames against the budget. O(pages). For tests. */
bool sim_machine_consistent(const struct sim_machine *m, const char **why);
/* Most frames that were in use at once, counted by the body: guests', the pool's, stages'. */
npages_t sim_machine_peak_frames(const struct sim_machine *m);

#endif
