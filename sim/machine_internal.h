/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * machine_internal.h: the simulated machine's insides.
 *
 * memory.c and body.c carry out what the manager decides; host.c has the host's threads (pager, scanner, tick); guest*.c
 * have a guest, which is a task with a stack of its own; machine.c runs the events.
 */
#ifndef BALLAST_SIM_MACHINE_INTERNAL_H
#define BALLAST_SIM_MACHINE_INTERNAL_H

#include "sim/cpus.h"
#include "sim/machine.h"
#include "sim/memory.h"

#define SIM_IOS 64u /* swap requests at once: the manager has fewer */

struct sim_vm;

/* A swap request under way. */
struct sim_io {
	struct sim_machine *m;
	struct mm_io *io; /* NULL: idle */
	struct sim_event done;
};

struct sim_host {
	struct sim_task pager, scanner;
	struct sim_event pager_timer, scanner_timer;
	uint64_t ticked_ns;
	uint64_t scan_rest_ns;
	uint64_t fault_ns,
		fault_gap_ns; /* the last fault; how far apart they come, a moving average */
	uint32_t reclaimed;   /* in the last turn */
	bool pager_listens;   /* to wishes */
	bool pager_wished;    /* one came during its turn */
};

struct sim_machine {
	struct sim_config config;
	uint64_t now_ns, started_ns;
	struct sim_queue queue;
	struct sim_cpus cpus;
	struct mm *mm;
	struct sim_memory memory;
	struct sim_device swap;
	struct sim_io io[SIM_IOS];
	struct sim_host host;
	struct sim_vm **vm; /* by vmid; owned */
	unsigned nr_vms;
	uint64_t spent_ns; /* by the body's calls since somebody last asked */
	bool started, stopped;
	struct machine_snapshot *final; /* owned; of the moment it was stopped */
};

/* What the body's calls took since the last time. */
static inline uint64_t sim_spent(struct sim_machine *m)
{
	uint64_t ns = m->spent_ns;

	m->spent_ns = 0;
	return ns;
}

/* body.c */
extern const struct mm_body_ops sim_body_ops;
void sim_body_init(struct sim_machine *m);

/* host.c */
int sim_host_init(struct sim_machine *m);
void sim_host_start(struct sim_machine *m);
void sim_host_fault(struct sim_machine *m, uint64_t now_ns); /* a guest faulted */
void sim_host_wish(struct sim_machine *m); /* the manager has something to reclaim */

/* guest_host.c, guest_balloon.c */
int sim_guest_alloc(struct sim_machine *m, uint32_t id, struct sim_vm **out); /* -ENOMEM */
/* Its memory is there already. After an error it is to be removed or destroyed. */
int sim_guest_create(struct sim_vm *v, const struct sim_vm_config *config, struct error *error);
/* It stops where it is, and its memory goes as soon as nothing of it runs. why: what its report says. */
void sim_guest_remove(struct sim_vm *v, const char *why);
void sim_guest_destroy(struct sim_vm *v);
void sim_guest_start(struct sim_vm *v);
/* Whoever waits for that page looks again. */
void sim_guest_wake(struct sim_vm *v, gfn_t g);
void sim_guest_balloon_target(struct sim_vm *v, npages_t pages);
void sim_guest_break(struct sim_vm *v, int error);
void sim_guest_end(struct sim_vm *v);
/* At each tick: what the host sees of a guest. */
void sim_guest_watch(struct sim_vm *v);
void sim_guest_live(const struct sim_vm *v, struct vm_live_stats *out);
bool sim_guest_over(const struct sim_vm *v);
bool sim_guest_consistent(const struct sim_vm *v);

#endif
