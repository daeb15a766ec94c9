/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * machine_internal.h: the live machine's insides.
 *
 * Threads: fault threads (read userfaultfd events, ask the manager), the pager (reclaim, ticks, VMs that ended), the
 * swap file's (completions), each VM's vCPUs and devices (vm.h), and the caller's.
 *
 * One lock, the machine lock, guards the manager and everything marked "guarded by lock" below. Take it by
 * machine_lock() and leave it by machine_unlock(), which afterwards starts the swap requests that were made under it:
 * submitting may sleep. A thread that sleeps on a guest page never holds it (host-kvm rule 11).
 */
#ifndef BALLAST_VMM_MACHINE_INTERNAL_H
#define BALLAST_VMM_MACHINE_INTERNAL_H

#include <pthread.h>
#include <stdatomic.h>

#include "mm/mm.h"
#include "vmm/machine.h"
#include "vmm/memory.h"
#include "vmm/swapfile.h"
#include "vmm/vm.h"

#define BOUNCE_PAGES_PER_VM 8u /* the device thread's buffer: see vm.h */
#define MOST_IOS            64u

struct machine_vm {
	struct vm *vm; /* owned; NULL: memory only, or taken down; guarded by lock once it runs */
	bool lab;      /* has a statistics page, pinned */
	char name[64];
	unsigned arena;                  /* jemalloc's; 0: none of its own */
	uint64_t made_in_ns, started_ns; /* for boot_ns: the time between the two does not count */
	_Atomic uint64_t boot_ns;
	atomic_bool vcpus_left;             /* all its vCPUs have left the guest for good */
	bool runs, doomed, reaping, joined; /* guarded by lock */
	bool balloon_driver;                /* the manager knows of one; guarded by lock */
	int broken;     /* -errno of a page that could not be read back; guarded by lock */
	bool removed;   /* by the user: last is final; guarded by lock */
	uint64_t mails; /* sent to it */
	/* guarded by lock: the kernel's view; its balloon driver's statistics: when they were last asked for, how many came
	 * and what was the case then */
	struct vm_kernel_stats kernel;
	uint64_t stats_asked_ns, stats_updates;
	struct vm_said_stats said;
	struct vm_live_stats last; /* what it was when it was taken down */
};

struct machine {
	struct machine_config config;
	pthread_mutex_t lock;
	atomic_uint lock_waiters; /* fault threads that want the lock: the pager lets them pass */
	struct mm *mm;            /* guarded by lock */
	struct memory memory;     /* ranges fixed once VMs are added */
	struct swapfile *swap;    /* NULL: none */
	struct kvm_host kvm;
	struct vm_callbacks callbacks;
	struct machine_vm *vm; /* by vmid */
	unsigned nr_vms;
	uint64_t started_ns;

	/* requests made under the lock and not yet started; guarded by lock */
	struct mm_io *pending[MOST_IOS];
	unsigned nr_pending;
	bool read_here;     /* the lock's holder will do one demand read itself */
	struct mm_io *mine; /* and this is it */
	bool leads;         /* the lock's holder is the thread that reads events */

	pthread_cond_t pager_wish; /* something to reclaim, or a VM ended */
	bool pager_sleeps;
	atomic_bool stop_threads;
	struct reader *reader; /* owned; who reads events: threads.c */
	pthread_t *fault_thread;
	unsigned nr_fault_threads;
	pthread_t pager_thread, scanner_thread;
	bool scanner_runs;
	atomic_bool scan_restless; /* see machine_scan_set() */
	bool pager_runs, started, stopped;

	struct machine_kernel_stats kernel; /* last reading */
	uint64_t kernel_read_ns, kernel_cost_ns;
	struct machine_snapshot *final; /* the manager's figures when machine_stop began */
};

uint64_t machine_now_ns(void);
void machine_lock(struct machine *m);
void machine_unlock(struct machine *m);

extern const struct mm_body_ops machine_body_ops;

/* threads.c */
int machine_threads_start(struct machine *m, struct error *error);
/* Ends all but the drainer: requests under way may still change mappings. */
void machine_threads_stop(struct machine *m);
/* Nothing changes mappings any more. */
void machine_reader_stop(struct machine *m);
/* scanner.c */
int machine_scanner_start(struct machine *m, struct error *error);
void machine_scanner_stop(struct machine *m); /* after stop_threads was set */

void machine_swap_done(void *ctx, struct mm_io *const *io, const int *result, unsigned nr);
/* VMs whose threads have all left are taken down; with the lock held, which it drops meanwhile. */
void machine_reap(struct machine *m);

/* machine_vm.c: starts the guest, if the VM has one. */
int machine_start_vm(struct machine *m, uint32_t id, struct error *error);
/* What the threads of a VM tell. */
void machine_vm_callbacks(struct vm_callbacks *c);
/* At each tick, lock held: the manager learns how long each VM has run, for policies that sample. */
void machine_tell_running(struct machine *m);
/* What an earlier run left in the guest's console log goes when this one is sure to begin. */
void machine_empty_console(const struct machine *m, const char *name);

/* machine_balloon.c: what balloon devices tell. */
void machine_balloon_callbacks(struct vm_callbacks *c);
/* At each tick, lock held: has a driver come or gone, or told statistics? It is asked for them now and then. */
void machine_balloon_watch(struct machine *m, uint32_t id);

/* snapshot.c: what only the live body knows of a VM. Lock held. */
void machine_read_live(struct machine *m, uint32_t id, struct vm_live_stats *out);

/* kernel_view.c: what the kernel says, host-kvm rule 13; vm_bytes: of each VM, by vmid, mem->max_ranges of them. Lock
 * held. */
int kernel_view_read(const struct memory *mem, struct machine_kernel_stats *out,
		     uint64_t *vm_bytes);

/* arena.c: records in an arena of jemalloc's a VM, or in the one heap where there is no jemalloc. */
void arena_make(struct machine *m, uint32_t vm);
void arena_unmake(struct machine *m, uint32_t vm); /* everything in it was freed */
void *arena_zalloc(struct machine *m, uint32_t vm, size_t bytes);
void arena_free(struct machine *m, uint32_t vm, void *p, size_t bytes);

#endif
