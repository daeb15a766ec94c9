/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * machine.h: the live machine as the program sees it: many VMs in one process under one memory budget.
 *
 * Life: machine_create, machine_add_vm for each VM, machine_start, machine_snapshot at will, machine_stop,
 * machine_snapshot once more (the final figures), machine_destroy. While it runs VMs may be added and removed and
 * parameters set. Calls come from one thread unless said otherwise.
 * Errors: 0 or -errno, with words in *error; error->user tells the user's mistakes from the host's.
 */
#ifndef BALLAST_VMM_MACHINE_H
#define BALLAST_VMM_MACHINE_H

#include <stdbool.h>
#include <stdint.h>

#include "ballast/guest_abi.h"
#include "ballast/types.h"
#include "dedup/scan.h"
#include "lib/error.h"
#include "mm/event.h"
#include "mm/policy/policy.h"
#include "mm/sink.h"
#include "mm/snapshot.h"
#include "mm/stats.h"
#include "mm/target.h"
#include "mm/trace.h"
#include "vmm/vm_balloon.h"

struct machine; /* opaque; owned by the creator, freed by machine_destroy() */

enum machine_evict {
	MACHINE_EVICT_AUTO, /* UFFDIO_MOVE where the kernel has it, else copying */
	MACHINE_EVICT_MOVE,
	MACHINE_EVICT_COPY,
};

#define MACHINE_MOST_FRAMES 0x7ffffffeu

struct machine_config {
	npages_t memory_pages;
	npages_t swap_pages;   /* capacity; 0: no paging by the host */
	const char *swap_path; /* NULL: an unnamed file in work_dir */
	/* see mm_config: spare_overwritten, write_zeros, ahead_most */
	bool swap_spares_overwritten, swap_writes_zeros;
	uint32_t swap_ahead_most;
	bool swap_without_uring; /* plain reads and writes, as where io_uring is refused */
	const char *work_dir;    /* consoles, guest swap disks; must exist */
	const struct policy_ops *pager;
	const struct target_policy *policy; /* NULL: proportional */
	uint32_t tax_ppm;
	/* sampling of working sets, for policies that use it: see mm_config */
	uint32_t sample_pages;
	uint64_t sample_period_ns;
	uint32_t sample_slow_ppm, sample_fast_ppm;
	enum mm_estimator estimator;
	uint32_t state_ppm[MM_STATES]; /* thresholds of free memory: high, soft, hard, low */
	bool states_sliding;           /* of minFree, not of memory: see mm_config */
	bool share;                    /* equal pages share a frame */
	uint32_t
		share_capacity_pages; /* of all VMs, their holes included, and some for frames that outlive them; at most MACHINE_MOST_FRAMES */
	uint64_t
		share_mappings; /* sharing stops at so many mappings; 0: nine tenths of what the kernel allows */
	struct dedup_scan_config scan; /* order and rates of looking for them */
	uint32_t compress_ppm;         /* of a VM's size, its compressed pages may take; 0: off */
	bool balloon;                  /* guests get a balloon device, and the manager uses it */
	uint64_t rebalance_ns;
	uint64_t seed;
	unsigned max_vms;      /* how many machine_add_vm() calls will follow, while it runs too */
	unsigned most_at_once; /* how many VMs there are together at most; 0: max_vms */
	npages_t promised_pages; /* to VMs that are added while it runs: see mm_config */
	enum machine_evict evict;
	unsigned fault_threads;       /* 0: choose */
	struct mm_record_sink record; /* of the manager's calls (mm/record.h); put NULL: none */
};

/* The memory manager's configuration that the machine makes of it; start_ns and record stay 0. */
struct mm_config;
void machine_mm_config(const struct machine_config *config, struct mm_config *out);

struct vm_config {
	const char *name;
	npages_t pages; /* configured */
	npages_t min_pages;
	uint32_t shares;
	uint32_t group;     /* its pages are shared within the group only */
	unsigned vcpus;     /* 1 for now */
	const void *kernel; /* ELF64 image, borrowed until machine_add_vm returns */
	size_t kernel_bytes;
	const char *kernel_name;   /* for messages */
	const char *cmdline;       /* the guest's words; devices are appended by the machine */
	bool lab;                  /* a lab guest: has a statistics page, is told the TSC rate */
	npages_t guest_swap_pages; /* size of the guest's swap disk; 0: no disk */
	npages_t guest_data_pages; /* of the lab guest's disk for files; 0: no disk */
};

/* Do these VMs fit such a machine? min and overhead memory, configured - min swap. The user's error with both sums if not.
 * Of each VM name, pages and min_pages count. Asked first: allocates nothing, and machine_add_vm() does not ask for swap. */
int machine_admit(const struct machine_config *config, const struct vm_config *vm, unsigned nr,
		  struct error *error);

int machine_create(const struct machine_config *config, struct machine **out, struct error *error);

/*
 * config is copied. The VMs' ids are 0, 1, .. in the order of the calls; none is used twice. While the machine runs the VM
 * is started, too; an error (the user's: it does not fit now) then ends the VM and not the machine: the VM keeps its id,
 * has nothing, and its exit is VM_REMOVED, with the words. Before machine_start() the machine is to be destroyed.
 */
int machine_add_vm(struct machine *m, const struct vm_config *config, vmid_t *out,
		   struct error *error);

/* Stops the VM, whatever it does, and waits until its memory is given back. Its figures are those of the call. While the
 * machine runs. -ESRCH: no such VM, or it has ended. */
int machine_remove_vm(struct machine *m, vmid_t vm);

/*
 * Parameters set while the machine runs; see mm/mm.h. -ESRCH: no such VM, or it has ended. shares: not 0.
 * machine_vm_min_set: -ENOSPC: the minimums would not fit; -EINVAL: more than it is configured with.
 */
void machine_tax_set(struct machine *m, uint32_t tax_ppm);
int machine_policy_set(struct machine *m, const struct target_policy *policy); /* -ENOMEM */
void machine_rebalance_set(struct machine *m, uint64_t rebalance_ns);
void machine_sample_period_set(struct machine *m, uint64_t period_ns);
int machine_vm_shares_set(struct machine *m, vmid_t vm, uint32_t shares);
int machine_vm_min_set(struct machine *m, vmid_t vm, npages_t min_pages);
/* Mails a lab guest another workload, as text (ballast/guest_mail.h). When it took it, or refused to, its statistics say.
 * -ENOTSUP: no lab guest; -E2BIG. */
int machine_vm_mail(struct machine *m, vmid_t vm, const char *text);

int machine_start(struct machine *m, struct error *error);

/*
 * A consistent picture, taken under the machine lock. *out is owned by the caller (free()). with_kernel also reads the
 * kernel's view (slow: milliseconds); otherwise the last reading is repeated.
 */
int machine_snapshot(struct machine *m, bool with_kernel, struct machine_snapshot **out);

/* Moves the manager's oldest events, at most max, to *out; times as now_ns of a snapshot. Returns how many. *lost: how
 * many went because nobody took them. See mm/event.h. */
unsigned machine_events_take(struct machine *m, struct mm_event *out, unsigned max, uint64_t *lost);

/* Tells the history of that page from now on; see mm/trace.h for errors and events. Times are as those of a snapshot. */
int machine_trace_page(struct machine *m, vmid_t vm, gfn_t g);
unsigned machine_page_events_take(struct machine *m, struct mm_page_event *out, unsigned max,
				  uint64_t *lost);

/* True when no VM runs any more. Any thread. */
bool machine_idle(struct machine *m);

/* Guest memory by the checked accessor (sleeps until the pages are there), from any thread but the machine's own.
 * -EFAULT: outside the VM's memory. For tests and benchmarks. */
int machine_guest_read(struct machine *m, vmid_t vm, gpa_t from, void *to, size_t bytes);
int machine_guest_write(struct machine *m, vmid_t vm, gpa_t to, const void *from, size_t bytes);

/* Tells the VM's balloon driver a target past the manager, which knows nothing of it until pages come. For tests and
 * benchmarks. */
void machine_balloon_ask(struct machine *m, vmid_t vm, npages_t pages);

/* A page with these bytes, of a VM that has no guest and has not touched it: as if the guest had written it, only faster.
 * -EEXIST: touched before, -ENOMEM: no room. For tests and benchmarks. */
int machine_guest_place(struct machine *m, vmid_t vm, gfn_t g, const void *page);

/* How many pages a second the scanner looks at, in all and of each VM (dedup/scan.h). restless: it does not stay away
 * from the machine lock in between, at the guests' expense. For benchmarks. */
void machine_scan_set(struct machine *m, uint32_t rate_pages, uint32_t vm_rate_pages,
		      bool restless);

/* mm_consistent() under the machine lock. */
bool machine_consistent(struct machine *m, const char **why);

struct machine_facts {       /* fixed after machine_create */
	bool evicts_by_move; /* UFFDIO_MOVE; else by copying */
	bool swap_is_direct; /* O_DIRECT */
	bool swap_has_uring;
	int swap_fd;           /* -1: no swap; borrowed, for benchmarks */
	npages_t bounce_pages; /* in the reserve */
};
void machine_facts(const struct machine *m, struct machine_facts *out);

/* No more calls are recorded: the sink has had all. Without effect if none are. */
void machine_record_end(struct machine *m);

/* Releases waiting faults and stops every guest; keeps all figures. Safe to call twice. */
void machine_stop(struct machine *m);

void machine_destroy(struct machine *m);

#endif
