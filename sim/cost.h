/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * cost.h: what everything takes on the simulated machine.
 *
 * One struct of times, one table that gives each a name, for cost files and their documentation (docs/simulator.md). A
 * preset is a whole set: the host's figures of the development machine, with a disk. `ballast calibrate` measures this
 * host's. Times are nanoseconds unless the name says otherwise; all fields are uint64_t.
 */
#ifndef BALLAST_SIM_COST_H
#define BALLAST_SIM_COST_H

#include <stddef.h>
#include <stdint.h>

#include "sim/device.h"

struct sim_cost {
	uint64_t cpus; /* processors, if the scenario does not say */
	/* the guest's own work */
	uint64_t boot_ns;        /* from its making to its first instruction */
	uint64_t touch_ns;       /* a touch: the page's check, or a stamp */
	uint64_t fill_ns;        /* writing a whole page */
	uint64_t guest_fault_ns; /* its own pager's part of a fault */
	uint64_t wake_ns;        /* from an interrupt or a timer to the first instruction */
	/* a fault that the host serves */
	uint64_t fault_ns;     /* the processor's part: leaving the guest, coming back */
	uint64_t serve_ns;     /* the host's threads', beside what they do with pages */
	uint64_t map_ns;       /* a page is put in place: zeroed or copied */
	uint64_t withdraw_ns;  /* a page is taken away, its content kept */
	uint64_t discard_ns;   /* a run of neighbours loses its content */
	uint64_t unprotect_ns; /* a page may be written again */
	/* sharing */
	uint64_t scan_ns;       /* the scanner's turn, for the pages it only passes */
	uint64_t nap_ns;        /* by which its rests are longer than it asks */
	uint64_t hash_ns;       /* a page is read: hashed, or found to be zeros */
	uint64_t compare_ns;    /* two pages */
	uint64_t share_zero_ns; /* a page of zeros loses its frame */
	uint64_t zero_ns;       /* the page of zeros is mapped */
	uint64_t remap_ns;      /* a run of pages becomes a mapping of frames */
	uint64_t copy_ns;       /* a page more in that run; a page copied */
	/* compressing */
	uint64_t compress_ns, decompress_ns;
	/* the balloon */
	uint64_t tell_ns;         /* a batch of pages is told */
	uint64_t balloon_page_ns; /* a page of it */
	/* the guest's own disk */
	uint64_t guest_disk_cpu_ns; /* what the guest's processor does for a request */
	uint64_t guest_disk_ns;     /* a request */
	uint64_t guest_disk_page_ns;
	/* the host's swap device: device.h */
	struct sim_device_cost swap;
};

struct sim_cost_field {
	const char *name; /* NULL: the end */
	size_t offset;
	uint64_t min, max;
	const char *what;
};
extern const struct sim_cost_field sim_cost_fields[];

struct sim_preset {
	const char *name, *what;
	struct sim_cost cost;
};
/* The first is the default; name NULL: the end. */
extern const struct sim_preset sim_presets[];

uint64_t *sim_cost_at(struct sim_cost *c, const struct sim_cost_field *f);

#endif
