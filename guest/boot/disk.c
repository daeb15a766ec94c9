/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * disk.c: a virtio-blk driver for whole pages, one request at a time: header, pages, status in one chain.
 *
 * Reference: VIRTIO 1.2, 5.2 (block device).
 */
#include "guest/boot/disk.h"

#include <errno.h>

#include "guest/boot/interrupt.h"
#include "guest/boot/layout.h"
#include "guest/boot/text.h"

#define CONFIG_CAPACITY  0 /* sectors */
#define SECTOR_BYTES     512u
#define SECTORS_PER_PAGE (PAGE_BYTES / SECTOR_BYTES)
#define TYPE_IN          0u
#define TYPE_OUT         1u
#define STATUS_OK        0
#define STATUS_PENDING   0xff /* no device says this */

/* Is it a disk? Then it is d's. */
static bool take(struct disk *d, const struct options_device *device)
{
	uint64_t pages;

	if (virtio_probe(device->gpa) != VIRTIO_ID_BLOCK)
		return false;
	d->gpa = device->gpa;
	d->irq = device->irq;
	pages = virtio_config64(d->gpa, CONFIG_CAPACITY) / SECTORS_PER_PAGE;
	d->pages = pages < FRAMES_END ? (uint32_t)pages : FRAMES_END;
	return true;
}

void disk_find_swap(struct disk *d, const struct guest_options *options)
{
	unsigned i = 0;

	d->name = "the swap disk ";
	while (i < options->nr_devices && (i == options->data || !take(d, &options->device[i])))
		i++;
}

void disk_find_data(struct disk *d, const struct guest_options *options)
{
	d->name = "the data disk ";
	if (options->data < options->nr_devices)
		take(d, &options->device[options->data]);
}

static const char *start_queue(struct disk *d)
{
	uint32_t features;
	const char *wrong = virtio_negotiate(d->gpa, 0, &features);

	if (!wrong)
		wrong = virtio_queue_start(d->gpa, 0, &d->queue);
	if (!wrong)
		virtio_go(d->gpa);
	return wrong;
}

static bool disk_start(struct disk *d, bool *interrupts_ready)
{
	const char *wrong = "is not there";

	if (d->started)
		return true;
	interrupt_start(interrupts_ready);
	if (d->gpa)
		wrong = interrupt_enable(d->irq, VECTOR_DEVICE)
				? start_queue(d)
				: "has an interrupt the IOAPIC lacks";
	if (!wrong && d->queue.size < PAGER_CLUSTER + 2)
		wrong = "has too short a queue";
	if (wrong) {
		struct text t = text_start(d->name);

		text_add(&t, wrong);
		text_print(&t);
		return false;
	}
	d->started = true;
	return true;
}

static void chain(struct disk *d, uint32_t at, uint64_t gpa, uint32_t length, uint16_t flags)
{
	d->queue.desc[at] = (struct virtio_desc){
		.gpa = gpa,
		.length = length,
		.flags = flags,
		.next = (uint16_t)(at + 1),
	};
}

static int transfer(struct disk *d, uint32_t type, const gfn_t *frames, uint32_t nr, uint32_t first,
		    bool *interrupts_ready)
{
	uint16_t direction = type == TYPE_IN ? VIRTIO_DESC_WRITE : 0;

	if (!disk_start(d, interrupts_ready))
		return -EIO;
	d->request.type = type;
	d->request.sector = (uint64_t)first * SECTORS_PER_PAGE;
	d->status = STATUS_PENDING;
	chain(d, 0, (uintptr_t)&d->request, sizeof(d->request), VIRTIO_DESC_NEXT);
	for (uint32_t i = 0; i < nr; i++)
		chain(d, 1 + i, gfn_to_gpa(frames[i]).v, PAGE_BYTES, VIRTIO_DESC_NEXT | direction);
	chain(d, 1 + nr, (uintptr_t)&d->status, 1, VIRTIO_DESC_WRITE);
	if (virtio_request(d->gpa, 0, &d->queue))
		return -EIO;
	return d->status == STATUS_OK ? 0 : -EIO;
}

int disk_write(struct disk *d, const gfn_t *frames, uint32_t nr, uint32_t first,
	       bool *interrupts_ready)
{
	return transfer(d, TYPE_OUT, frames, nr, first, interrupts_ready);
}

int disk_read(struct disk *d, const gfn_t *frames, uint32_t nr, uint32_t first,
	      bool *interrupts_ready)
{
	return transfer(d, TYPE_IN, frames, nr, first, interrupts_ready);
}
