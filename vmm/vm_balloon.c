/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * vm_balloon.c: a VM's balloon: the device's pages go to the VM's callbacks, the host's wishes to the device.
 *
 * A VM without the device takes wishes and does nothing with them: who sets targets need not know which VM has one.
 */
#include <time.h>

#include "vmm/vm_internal.h"

static uint64_t vm_gave(void *ctx, const gfn_t *pages, unsigned nr)
{
	const struct vm *vm = ctx;
	const struct vm_callbacks *c = vm->callbacks;

	return c && c->balloon_gave ? c->balloon_gave(c->ctx, vm->id, pages, nr) : 0;
}

static uint64_t vm_took(void *ctx, const gfn_t *pages, unsigned nr)
{
	const struct vm *vm = ctx;
	const struct vm_callbacks *c = vm->callbacks;

	return c && c->balloon_took ? c->balloon_took(c->ctx, vm->id, pages, nr) : 0;
}

static uint64_t vm_reported(void *ctx, gfn_t start, npages_t nr)
{
	const struct vm *vm = ctx;
	const struct vm_callbacks *c = vm->callbacks;

	return c && c->pages_reported ? c->pages_reported(c->ctx, vm->id, start, nr) : 0;
}

static void vm_forget(void *ctx)
{
	const struct vm *vm = ctx;
	const struct vm_callbacks *c = vm->callbacks;

	if (c && c->balloon_forget)
		c->balloon_forget(c->ctx, vm->id);
}

static uint64_t now_ns(void *ctx)
{
	struct timespec t;

	(void)ctx;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * NS_PER_S + (uint64_t)t.tv_nsec;
}

const struct virtio_balloon_ops vm_balloon_ops = {
	.gave = vm_gave,
	.took = vm_took,
	.reported = vm_reported,
	.forget = vm_forget,
	.now_ns = now_ns,
};

void vm_balloon_set_target(struct vm *vm, npages_t pages)
{
	if (vm->devices.balloon_slot)
		virtio_balloon_set_target(&vm->devices.balloon, pages);
}

void vm_balloon_get(struct vm *vm, struct vm_balloon_stats *out)
{
	*out = (struct vm_balloon_stats){.present = false};
	if (vm->devices.balloon_slot)
		virtio_balloon_get(&vm->devices.balloon, out);
}

void vm_balloon_poll_stats(struct vm *vm)
{
	struct devices *d = &vm->devices;

	if (d->balloon_slot && virtio_balloon_want_stats(&d->balloon))
		doorbell_ring(&d->balloon_slot->doorbell[VIRTIO_BALLOON_STATS]);
}

void vm_balloon_need_reset(struct vm *vm)
{
	if (vm->devices.balloon_slot)
		virtio_balloon_need_reset(&vm->devices.balloon);
}
