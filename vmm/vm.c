/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * vm.c: making a VM and taking it down.
 *
 * Order matters for time. The kernel waits for a grace period when a memory slot is set after the interrupt controllers
 * were made (7 ms on Linux 6.18), and not before (0.1 ms): slots come first. The controllers come before the vCPUs, which
 * get their local APIC from them, and devices last. A VM of one vCPU is made in half a millisecond.
 *
 * Guest memory is two slots, below and above the hole for devices, both at mem + gpa; see guest_memory.h.
 */
#include <errno.h>
#include <linux/kvm.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "vmm/boot.h"
#include "vmm/vm_internal.h"

/* Three pages Intel processors need for guests in real mode; in the hole, where no device is. */
#define TSS_GPA 0xfffbd000ul

#define LEAST_PAGES (2u * (unsigned)(GUEST_KERNEL_GPA / PAGE_BYTES))
#define MOST_PAGES  (1ull << 28) /* 1 TiB */

static int set_slot(struct vm *vm, uint32_t slot, uint64_t start, uint64_t bytes,
		    struct error *error)
{
	struct kvm_userspace_memory_region region = {
		.slot = slot,
		.guest_phys_addr = start,
		.memory_size = bytes,
		.userspace_addr = (uint64_t)(uintptr_t)vm->ram.mem + start,
	};

	if (bytes && ioctl(vm->fd, KVM_SET_USER_MEMORY_REGION, &region))
		return error_host(error, errno, "KVM: %llu MiB of memory at %#llx",
				  (unsigned long long)bytes >> 20, (unsigned long long)start);
	return 0;
}

static int create_in_kvm(struct vm *vm, const struct kvm_host *host, struct error *error)
{
	int ret;

	do /* a signal that is pending makes it fail, Ctrl-C for one */
		vm->fd = ioctl(host->fd, KVM_CREATE_VM, 0);
	while (vm->fd < 0 && errno == EINTR);
	if (vm->fd < 0)
		return error_host(error, errno, "KVM_CREATE_VM");
	ret = set_slot(vm, 0, 0, vm->ram.layout.low_bytes, error);
	if (!ret)
		ret = set_slot(vm, 1, GUEST_HOLE_END, vm->ram.layout.high_bytes, error);
	if (ret)
		return ret;
	if (ioctl(vm->fd, KVM_SET_TSS_ADDR, TSS_GPA))
		return error_host(error, errno, "KVM_SET_TSS_ADDR");
	if (ioctl(vm->fd, KVM_CREATE_IRQCHIP, 0))
		return error_host(error, errno, "KVM_CREATE_IRQCHIP");
	for (unsigned i = 0; i < vm->nr_vcpus && !ret; i++)
		ret = vcpu_create(&vm->vcpu[i], host, error);
	return ret;
}

static int create_devices(struct vm *vm, const struct kvm_host *host,
			  const struct vm_params *params, struct error *error)
{
	const struct device_wiring wiring = {
		.vm_fd = vm->fd, .irqfd = host->irqfd, .ioeventfd = host->ioeventfd};
	struct devices *d = &vm->devices;
	int ret = 0;

	/* The disks first: a lab guest looks no further. */
	if (params->disk_fd >= 0)
		ret = devices_add_disk(d, &wiring, params->disk_fd, params->disk_bytes, vm->name,
				       &vm->memory, &vm->bad, error);
	if (!ret && params->data_bytes) {
		ret = devices_add_disk(d, &wiring, params->data_fd, params->data_bytes, vm->name,
				       &vm->memory, &vm->bad, error);
		vm->data_disk = d->nr;
	}
	if (!ret && params->balloon.present)
		ret = devices_add_balloon(d, &wiring, &params->balloon, &vm->ram.layout,
					  &vm_balloon_ops, vm, &vm->memory, &vm->bad, error);
	if (ret)
		devices_leave_disks(d);
	return ret;
}

/* Everything but the console, which the caller of vm_create() keeps when it fails. */
static void release(struct vm *vm)
{
	devices_destroy(&vm->devices);
	for (unsigned i = 0; i < vm->nr_vcpus; i++)
		vcpu_destroy(&vm->vcpu[i]);
	if (vm->fd >= 0)
		close(vm->fd);
	serial_destroy(&vm->serial);
	pthread_mutex_destroy(&vm->lock);
	free(vm);
}

/* Guest memory as devices see it: struct guest_memory. */

static int memory_read(void *ctx, gpa_t from, void *to, size_t bytes)
{
	return vm_guest_read(ctx, from, to, bytes);
}

static int memory_write(void *ctx, gpa_t to, const void *from, size_t bytes)
{
	return vm_guest_write(ctx, to, from, bytes);
}

static void memory_disk_access(void *ctx, const gfn_t *pages, unsigned nr, bool overwrites)
{
	const struct vm *vm = ctx;
	const struct vm_callbacks *c = vm->callbacks;

	if (c && c->disk_access)
		c->disk_access(c->ctx, vm->id, pages, nr, overwrites);
}

int vm_create(const struct kvm_host *host, const struct vm_params *params, struct vm **out,
	      struct error *error)
{
	struct vm *vm;
	int ret;

	*out = NULL;
	if (params->pages < LEAST_PAGES || params->pages > MOST_PAGES)
		return error_user(error, "%s: memory of %llu KiB; allowed are 2 MiB to 1 TiB",
				  params->name,
				  (unsigned long long)pages_to_bytes(params->pages) >> 10);
	if (!params->vcpus)
		return error_user(error, "%s: no vCPU; allowed is 1 or more", params->name);
	vm = calloc(1, sizeof(*vm) + params->vcpus * sizeof(vm->vcpu[0]));
	if (!vm)
		return error_host(error, ENOMEM, "%s", params->name);
	vm->id = params->id;
	snprintf(vm->name, sizeof(vm->name), "%s", params->name);
	vm->callbacks = params->callbacks;
	vm->fd = -1;
	vm->run_bytes = (size_t)host->vcpu_run_bytes;
	vm->ram = (struct guest_ram){params->mem, guest_layout_make(params->pages)};
	vm->memory = (struct guest_memory){memory_read, memory_write, vm, memory_disk_access};
	vm->bad.vm = vm->name;
	vm->nr_vcpus = params->vcpus;
	for (unsigned i = 0; i < vm->nr_vcpus; i++)
		vm->vcpu[i] = (struct vcpu){.vm = vm, .index = i, .fd = -1};
	pthread_mutex_init(&vm->lock, NULL);
	serial_init(&vm->serial, &vm->console);
	ret = devices_init(&vm->devices, error);
	if (!ret)
		ret = create_in_kvm(vm, host, error);
	if (!ret)
		ret = create_devices(vm, host, params, error);
	if (ret) {
		error_prefix(error, "%s: ", params->name);
		release(vm);
		return ret;
	}
	console_init(&vm->console, params->console_fd, CONSOLE_LIMIT_BYTES);
	*out = vm;
	return 0;
}

void vm_destroy(struct vm *vm)
{
	if (!vm)
		return;
	console_close(&vm->console);
	release(vm);
}

int vm_boot(struct vm *vm, const struct boot_image *image, boot_place_fn *place, void *ctx,
	    struct error *error)
{
	const struct boot_words words = {
		.nr_devices = vm->devices.nr,
		.tsc_khz = image->lab ? vcpu_tsc_khz(&vm->vcpu[0]) : 0,
		.data_disk = image->lab ? vm->data_disk : 0,
	};
	uint64_t entry;
	int ret = boot_place(image, &vm->ram.layout, &words, place, ctx, &entry, error);

	/* The others wait for their start-up interrupt, as processors do. */
	if (!ret)
		ret = vcpu_boot(&vm->vcpu[0], entry, error);
	if (ret)
		error_prefix(error, "%s: ", vm->name);
	return ret;
}

int vm_guest_read(struct vm *vm, gpa_t from, void *to, size_t bytes)
{
	return guest_ram_read(&vm->ram, from, to, bytes);
}

int vm_guest_write(struct vm *vm, gpa_t to, const void *from, size_t bytes)
{
	return guest_ram_write(&vm->ram, to, from, bytes);
}
