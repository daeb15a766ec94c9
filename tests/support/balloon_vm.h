/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * balloon_vm.h: a lab guest with a balloon, on KVM and ordinary memory, and a machine that keeps a set of what was given up.
 *
 * Pages given up are discarded at once; what is given up twice, or taken back without having been given up, is refused and
 * counted. Whatever must not fail fails the test.
 */
#ifndef BALLAST_TESTS_SUPPORT_BALLOON_VM_H
#define BALLAST_TESTS_SUPPORT_BALLOON_VM_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "vmm/vm.h"

#define BALLOON_VM_PAGES      4096u
#define BALLOON_VM_PATIENCE_S 60u

struct balloon_vm {
	struct kvm_host host;
	struct vm *vm;
	uint8_t *mem;
	struct vm_callbacks callbacks;
	atomic_bool ended;

	pthread_mutex_t lock; /* guards what follows */
	bool ballooned[BALLOON_VM_PAGES];
	npages_t held;
	uint64_t gave, took, refused;
	unsigned forgets;
};

/* swap: pages of the guest's swap disk. finish() stops it. */
struct balloon_vm *balloon_vm_start(npages_t swap, bool deflate_on_oom, const char *cmdline);
struct vm_live_stats balloon_vm_finish(struct balloon_vm *w);

void balloon_vm_pause(unsigned ms);
npages_t balloon_vm_held(struct balloon_vm *w); /* pages in the set */

/* The guest's statistics: at any moment, or while it sleeps, when all of them agree. */
struct guest_stats balloon_vm_guest(struct balloon_vm *w);
struct guest_stats balloon_vm_at_rest(struct balloon_vm *w);

/* Waits until driver and set say so many pages. How long it took, ns. */
uint64_t balloon_vm_wait(struct balloon_vm *w, npages_t pages);

#endif
