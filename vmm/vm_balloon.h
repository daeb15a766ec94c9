/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * vm_balloon.h: a VM's balloon as the rest of the program sees it: how it is set up, and what is known of it.
 *
 * Two numbers, both pages of 4 KiB: the target is what the host wants the guest to give up, absolute, and only the host
 * writes it; actual is what the guest's driver says it has given up, and only the driver writes that. What the host took
 * and gave back is counted apart from either.
 */
#ifndef BALLAST_VMM_VM_BALLOON_H
#define BALLAST_VMM_VM_BALLOON_H

#include <stdbool.h>
#include <stdint.h>

#include "ballast/types.h"

/* How a VM's balloon device is set up; for its life. All zero: no device. */
struct vm_balloon_config {
	bool present;
	bool deflate_on_oom; /* the guest may take pages back by itself before it runs out of memory */
	bool reporting;      /* the guest may tell which of its pages are free */
};

/* What a driver may tell of its guest's memory: tags of the statistics queue, up to those of Linux 6.12. */
enum vm_balloon_tag {
	VM_BALLOON_SWAP_IN,  /* bytes, since the guest started */
	VM_BALLOON_SWAP_OUT, /* bytes */
	VM_BALLOON_MAJOR_FAULTS,
	VM_BALLOON_MINOR_FAULTS,
	VM_BALLOON_FREE,      /* bytes; level, as the next three */
	VM_BALLOON_TOTAL,     /* bytes */
	VM_BALLOON_AVAILABLE, /* bytes */
	VM_BALLOON_CACHES,    /* bytes */
	VM_BALLOON_HUGE_ALLOCATIONS,
	VM_BALLOON_HUGE_FAILURES,
	VM_BALLOON_OOM_KILLS,
	VM_BALLOON_ALLOC_STALLS,
	VM_BALLOON_ASYNC_SCANS, /* bytes, as the next three */
	VM_BALLOON_DIRECT_SCANS,
	VM_BALLOON_ASYNC_RECLAIMS,
	VM_BALLOON_DIRECT_RECLAIMS,
	VM_BALLOON_TAGS
};

/* Names for outputs, by tag: "swap-in", ... */
extern const char *const vm_balloon_tag_names[VM_BALLOON_TAGS];

struct vm_balloon_stat {
	bool known; /* the driver that is there now has told it */
	uint64_t value;
	uint64_t age_ns; /* since it came */
};

/* Counters are since the VM was made, levels of the moment. */
struct vm_balloon_stats {
	bool present;        /* the VM has the device */
	bool driver;         /* level: a driver runs it; what it agreed to: */
	bool deflate_on_oom; /* level */
	bool reporting;      /* level */
	bool tells_stats;    /* level */
	npages_t target_pages;
	npages_t actual_pages; /* the driver's word, 0 after a reset; may be anything */

	uint64_t inflated_pages, deflated_pages, reported_pages; /* accepted by the machine */
	uint64_t inflate_requests, deflate_requests, report_requests;
	uint64_t resets;      /* by the driver, of a device it had running */
	uint64_t reset_calls; /* the host asked the driver to start again */

	/* Dropped: not guest memory; given up already; taken back and not given up; reported and not acceptable. */
	uint64_t bad_outside, bad_inflated, bad_deflated, bad_reported;
	uint64_t
		poisoned_pages; /* reported, but the guest relies on what it filled them with: left alone */

	uint64_t stats_updates, stats_unknown; /* buffers of statistics; tags nobody knows */
	npages_t
		stats_actual_pages; /* actual_pages when the last of them came: what goes with its figures */
	uint64_t stats_polls, stats_late; /* asked for; asked again before the answer to the last */
	struct vm_balloon_stat stat[VM_BALLOON_TAGS];
};

#endif
