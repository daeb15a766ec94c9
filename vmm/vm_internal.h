/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * vm_internal.h: what the files that make up a VM share: vm.c, vm_life.c, vcpu.c, vcpu_x86_64.c, devices.c.
 */
#ifndef BALLAST_VMM_VM_INTERNAL_H
#define BALLAST_VMM_VM_INTERNAL_H

#include <linux/kvm.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "vmm/console.h"
#include "vmm/devices.h"
#include "vmm/guest_bad.h"
#include "vmm/guest_memory.h"
#include "vmm/serial.h"
#include "vmm/vm.h"

#define VM_KICK_SIGNAL SIGUSR1

/* A thread of a VM. The thread itself clears alive as its last act, so while it is set, signals and clocks are safe. */
struct vm_thread {
	pthread_t id;
	bool started; /* and not joined; guarded by vm->lock, as the rest */
	bool alive;
	uint64_t cpu_ns; /* when it ended */
};

struct vcpu {
	struct vm *vm;
	unsigned index;
	int fd; /* owned; -1: closed */
	struct kvm_run *run;
	uint64_t last_rip; /* at the last exit that KVM told it for; 0: unknown */
	struct vm_thread thread;
};

struct vm {
	vmid_t id;
	char name[64];
	const struct vm_callbacks *callbacks;
	int fd; /* owned; -1: closed */
	size_t run_bytes;
	struct guest_ram ram;
	struct guest_memory memory; /* of ram, for devices */
	struct guest_bad bad;
	struct console console;
	struct serial serial;
	struct devices devices;
	unsigned data_disk;              /* which of them, counted from 1; 0: none */
	atomic_uint_fast64_t unknown_io; /* accesses to ports and addresses where nothing is */

	atomic_bool stop; /* all threads leave as soon as they see it */

	pthread_mutex_t
		lock; /* guards what follows, and the threads' state; never held while sleeping on a page */
	struct vm_thread device_thread;
	unsigned vcpus_running;
	enum vm_exit exit;
	char exit_reason[200];

	unsigned nr_vcpus;
	struct vcpu vcpu[];
};

/* vm_life.c. The VM is over: the first to say so is believed. All threads are asked to leave. Any of its threads. */
__attribute__((format(printf, 3, 4))) void vm_end(struct vm *vm, enum vm_exit exit,
						  const char *reason, ...);

/* vm_balloon.c. For the balloon device; ctx is the struct vm. */
extern const struct virtio_balloon_ops vm_balloon_ops;

/* vcpu.c */
void vcpu_main(struct vcpu *v); /* returns when the VM is over or kicked */

/* vcpu_x86_64.c */
int vcpu_create(struct vcpu *v, const struct kvm_host *host, struct error *error);
void vcpu_destroy(struct vcpu *v);
uint32_t vcpu_tsc_khz(const struct vcpu *v); /* what its time stamp counter counts at; 0: unknown */
int vcpu_boot(struct vcpu *v, uint64_t entry, struct error *error);

/* vcpu_dump_x86_64.c. The instruction pointer, and all registers with the code at it, as text for people. May sleep. */
struct vcpu_dump {
	uint64_t rip;
	bool lost; /* KVM reset the vCPU before it told us: rip and registers are not the guest's */
	char text[3072];
};
void vcpu_dump(struct vcpu *v, struct vcpu_dump *out);

#endif
