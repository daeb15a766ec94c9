/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * vm.h: one guest on KVM: vCPUs, boot, interrupts, serial port, virtio devices. Inside vmm/ only.
 *
 * A VM is handed its memory (a reserved range of host addresses, gpa 0 at mem) and does not know how pages get there:
 * a touch of an absent page sleeps in the kernel until the machine's fault threads have served it, for vCPU threads
 * and device threads alike. It calls no function of the memory manager and never takes the machine lock.
 *
 * Threads: one a vCPU, one a VM for its devices (woken by ioeventfd). vm_kick() makes them leave as soon as the page
 * they may be waiting for is served; vm_join() waits for them.
 */
#ifndef BALLAST_VMM_VM_H
#define BALLAST_VMM_VM_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "ballast/guest_abi.h"
#include "ballast/types.h"
#include "lib/error.h"
#include "vmm/machine.h"
#include "vmm/vm_balloon.h"

struct vm;

/* The host's KVM: one for all VMs. */
struct kvm_host {
	int fd; /* owned; -1: closed */
	int vcpu_run_bytes;
	struct kvm_cpuid2 *cpuid; /* supported leaves; owned */
	bool irqfd, ioeventfd;    /* KVM has them; without, the slower ways are used */
};

/* path: "/dev/kvm". Errors say whether it is missing, unreadable (and what group helps) or of a wrong API version. */
int kvm_host_open(struct kvm_host *host, const char *path, struct error *error);
void kvm_host_close(struct kvm_host *host);

/* Called from the VM's own threads, no lock held. */
struct vm_callbacks {
	void (*event)(void *ctx, vmid_t vm,
		      uint32_t guest_event); /* GUEST_EVENT_PORT was written */
	void (*ended)(void *ctx,
		      vmid_t vm); /* the VM's last vCPU left for good: vm_exit_state() is final */
	/*
	 * The balloon (struct virtio_balloon_ops). The guest's driver waits for them, and a vCPU that resets the device
	 * meanwhile waits, too: no guest page may be waited for in here. Pages are in ascending order and inside the
	 * guest's memory; the same one may come twice. Each returns how many it accepted; the others are counted as the
	 * guest's mistakes: given up already, not given up. vm_balloon_*() may be called.
	 */
	uint64_t (*balloon_gave)(void *ctx, vmid_t vm, const gfn_t *pages, unsigned nr);
	/* On return the guest may use them. */
	uint64_t (*balloon_took)(void *ctx, vmid_t vm, const gfn_t *pages, unsigned nr);
	/* [start, start + nr) is free in the guest: content is not needed any more. */
	uint64_t (*pages_reported)(void *ctx, vmid_t vm, gfn_t start, npages_t nr);
	/* Its disk is about to read these pages, or to overwrite each of them whole. Unchecked: the guest's numbers. */
	void (*disk_access)(void *ctx, vmid_t vm, const gfn_t *pages, unsigned nr, bool overwrites);
	/* The driver reset the device: all that was ballooned is the guest's again. On return it may use them. */
	void (*balloon_forget)(void *ctx, vmid_t vm);
	void *ctx;
};

struct vm_params {
	vmid_t id;
	const char *name;
	uint8_t *mem; /* hva of gpa 0; borrowed for the VM's life */
	npages_t
		pages; /* guest memory; what does not fit below the hole continues at GUEST_HOLE_END */
	unsigned vcpus;
	int console_fd; /* serial output; owned by the VM from here on */
	int disk_fd;    /* guest block device's file, or -1; owned by the VM from here on */
	uint64_t disk_bytes;
	int data_fd;         /* the same of a second one, for a lab guest's files, */
	uint64_t data_bytes; /* unless this is 0 */
	struct vm_balloon_config balloon;
	const struct vm_callbacks *callbacks; /* borrowed for the VM's life */
};

/* When it fails, the file descriptors stay the caller's. */
int vm_create(const struct kvm_host *host, const struct vm_params *params, struct vm **out,
	      struct error *error);

/*
 * Lays out kernel (ELF64, by its program headers), zero page, command line (cmdline plus a virtio_mmio.device= word for
 * each device), boot page tables and GDT, and hands them page by page, each page once, to place(). Pages without content
 * (.bss, or zeros in the file) are handed over as NULL and may be left untouched. A bad image or command line is the
 * user's error: not an ELF, truncated, wrong machine, segment outside guest memory, too long.
 */
struct boot_image {
	const void *kernel;
	size_t kernel_bytes;
	const char *kernel_name;
	const char *cmdline;
	bool lab; /* a lab guest: lab.tsc_khz= and, with a data disk, lab.data= are added to its command line */
};
typedef int boot_place_fn(void *ctx, gfn_t g,
			  const void *page); /* page: PAGE_BYTES bytes, or NULL for a zero page */
int vm_boot(struct vm *vm, const struct boot_image *image, boot_place_fn *place, void *ctx,
	    struct error *error);

/* Once. When it fails, no thread is left. */
int vm_start(struct vm *vm, struct error *error);
void vm_kick(
	struct vm *vm); /* ask all its threads to leave; any thread; repeat until vm_joinable() */
void vm_remove(struct vm *vm);   /* it ends, VM_REMOVED, unless it has; then as vm_kick() */
bool vm_joinable(struct vm *vm); /* all its threads have left */
void vm_join(struct vm *vm);
/*
 * After vm_join, or if never started. May wait for pages, too: KVM can have handed a fault to a worker of the kernel
 * (asynchronous page faults, of guests with interrupts on), and takes a VM down only when that is served or released.
 */
void vm_destroy(struct vm *vm);

/*
 * The one way into guest memory for VMM code: bounds and overflow checked, copied once. May sleep until pages are
 * served: never under the machine lock, never on a fault thread. 0 or -EFAULT (outside guest memory).
 */
int vm_guest_read(struct vm *vm, gpa_t from, void *to, size_t bytes);
int vm_guest_write(struct vm *vm, gpa_t to, const void *from, size_t bytes);

/*
 * The balloon. Any thread, also under the machine lock: they do not sleep. Without the device they do nothing, and
 * *out says so. The target is absolute, pages the guest is to give up. vm_balloon_poll_stats() asks the driver for fresh
 * statistics; they come when they come. vm_balloon_need_reset() makes a driver that can give back all its pages without
 * telling, reset the device and start again: after a touch of a ballooned page, whose driver is not to be trusted. Linux
 * cannot; its driver then is gone for good.
 */
void vm_balloon_set_target(struct vm *vm, npages_t pages);
void vm_balloon_get(struct vm *vm, struct vm_balloon_stats *out);
void vm_balloon_poll_stats(struct vm *vm);
void vm_balloon_need_reset(struct vm *vm);

/* CPU time of its vCPUs so far. */
uint64_t vm_run_ns(struct vm *vm);

/* Copies what the VM itself counts (exit, reason, run_ns, guest_bad, disk_*) into *out; the rest is left alone. */
void vm_live_stats(struct vm *vm, struct vm_live_stats *out);

#endif
