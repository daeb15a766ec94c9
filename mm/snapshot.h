/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * snapshot.h: what a machine is like at one moment, whichever body it has: the manager's figures, and beside them what
 * only a body knows: how a guest fares, what its balloon driver said, what the host's kernel counts.
 *
 * A body fills it in, reports read it. What a body does not have stays zero: a simulated machine has no kernel to ask
 * (no_kernel), and no devices that could refuse anything.
 */
#ifndef BALLAST_MM_SNAPSHOT_H
#define BALLAST_MM_SNAPSHOT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "ballast/guest_abi.h"
#include "ballast/types.h"
#include "mm/stats.h"

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

/*
 * Per-VM facts that only a body knows; memory accounting is in mm_vm_stats.
 */
enum vm_exit {
	VM_RUNNING,
	VM_HALTED,
	VM_CRASHED,
	VM_REMOVED, /* by machine_remove_vm(), or could not be added while the machine ran */
	VM_ABSENT   /* not added yet; for reports only */
};

/* What the kernel counts as a VM's memory, and what the manager had at that moment: of the latest reading. */
struct vm_kernel_stats {
	uint64_t bytes;          /* anonymous pages of its range */
	npages_t resident_pages; /* the manager's */
	npages_t moving_pages;   /* of the resident ones: in staging, or on their way in */
};

/* What goes with the memory statistics that the guest's driver told last. */
struct vm_said_stats {
	npages_t actual_pages; /* in its balloon, by its word */
	/* The manager's resident, shared, swapped and compressed, and what was ballooned since it spoke. */
	npages_t touched_pages;
};

struct vm_live_stats {
	enum vm_exit exit;
	char exit_reason
		[200]; /* for VM_CRASHED: what happened, with rip; registers are in the console log */
	struct guest_stats guest; /* as the guest wrote it; zeros for guests without the page */
	uint64_t run_ns;          /* CPU time of its vCPU threads */
	uint64_t boot_ns;         /* creation to first workload step; 0: not yet */
	uint64_t guest_bad;       /* malformed device requests dropped */
	uint64_t disk_reads, disk_writes, disk_errors; /* requests on its block devices */
	struct vm_balloon_stats
		balloon; /* what its balloon driver says, its memory statistics included */
	struct vm_said_stats said;
	struct vm_kernel_stats kernel;
};

/* What the kernel says (host-kvm rule 13); bytes. */
struct machine_kernel_stats {
	uint64_t
		guest_bytes; /* anonymous pages of guest ranges, staging and caches, and the pool */
	npages_t used_pages; /* what the manager had in use at that moment */
	uint64_t pool_bytes; /* of guest_bytes: frames that are shared */
	uint64_t guest_bytes_peak; /* highest reading so far */
	uint64_t read_ns;          /* when it was read, as now_ns of a snapshot; 0: never */
	uint64_t host_swap_bytes;  /* guest memory the host itself swapped out */
	uint64_t mappings;         /* of this process */
	uint64_t page_table_bytes;
};

struct machine_snapshot {
	uint64_t now_ns; /* since machine_start */
	bool no_kernel;  /* the machine is simulated: kernel means nothing */
	struct mm_host_stats host;
	struct machine_kernel_stats kernel;
	unsigned nr_vms;
	struct mm_vm_stats vm
		[]; /* nr_vms; live[] of the same length follows through machine_snapshot_live() */
};

/* Bytes of a snapshot of so many VMs. */
size_t machine_snapshot_bytes(unsigned nr_vms);
const struct vm_live_stats *machine_snapshot_live(const struct machine_snapshot *s, unsigned vm);
struct vm_live_stats *machine_snapshot_live_mut(struct machine_snapshot *s, unsigned vm);

#endif
