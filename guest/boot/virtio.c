/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * virtio.c: virtio-mmio registers and the split queue.
 *
 * Every register access is an exit to the VMM, tens of microseconds: so a guest probes devices when it boots, but starts
 * one when it first needs it, and a request costs two exits (notify, which an ioeventfd makes cheap, and the
 * acknowledgement of the interrupt) besides the sleep.
 *
 * Reference: Virtual I/O Device (VIRTIO) version 1.2, 2.7 (split virtqueues), 3.1 (initialization), 4.2 (MMIO).
 */
#include "guest/boot/virtio.h"

#include <errno.h>

#include "guest/boot/machine.h"

enum virtio_register {
	REG_MAGIC = 0x00,
	REG_VERSION = 0x04,
	REG_DEVICE_ID = 0x08,
	REG_DEVICE_FEATURES = 0x10,
	REG_DEVICE_FEATURES_SEL = 0x14,
	REG_DRIVER_FEATURES = 0x20,
	REG_DRIVER_FEATURES_SEL = 0x24,
	REG_QUEUE_SEL = 0x30,
	REG_QUEUE_NUM_MAX = 0x34,
	REG_QUEUE_NUM = 0x38,
	REG_QUEUE_READY = 0x44,
	REG_QUEUE_NOTIFY = 0x50,
	REG_INTERRUPT_STATUS = 0x60,
	REG_INTERRUPT_ACK = 0x64,
	REG_STATUS = 0x70,
	REG_QUEUE_DESC = 0x80, /* low half, then high half, as the next two */
	REG_QUEUE_DRIVER = 0x90,
	REG_QUEUE_DEVICE = 0xa0,
	REG_CONFIG_GENERATION = 0xfc,
	REG_CONFIG = 0x100,
};

#define MAGIC              0x74726976 /* "virt" */
#define FEATURE_VERSION_1  1u         /* bit 32: bit 0 of the second word */
#define STATUS_ACKNOWLEDGE 1u
#define STATUS_DRIVER      2u
#define STATUS_DRIVER_OK   4u
#define STATUS_FEATURES_OK 8u
#define STATUS_NEEDS_RESET 64u

uint32_t virtio_probe(uint64_t gpa)
{
	if (mmio_read32(gpa + REG_MAGIC) != MAGIC || mmio_read32(gpa + REG_VERSION) != 2)
		return 0;
	return mmio_read32(gpa + REG_DEVICE_ID);
}

uint64_t virtio_config64(uint64_t gpa, uint32_t offset)
{
	uint32_t generation, low, high;

	do {
		generation = mmio_read32(gpa + REG_CONFIG_GENERATION);
		low = mmio_read32(gpa + REG_CONFIG + offset);
		high = mmio_read32(gpa + REG_CONFIG + offset + 4);
	} while (mmio_read32(gpa + REG_CONFIG_GENERATION) != generation);
	return (uint64_t)high << 32 | low;
}

uint32_t virtio_config32(uint64_t gpa, uint32_t offset)
{
	return mmio_read32(gpa + REG_CONFIG + offset);
}

void virtio_config_write32(uint64_t gpa, uint32_t offset, uint32_t value)
{
	mmio_write32(gpa + REG_CONFIG + offset, value);
}

static void write_address(uint64_t gpa, const void *area)
{
	mmio_write32(gpa, (uint32_t)(uintptr_t)area);
	mmio_write32(gpa + 4, (uint32_t)((uintptr_t)area >> 32));
}

const char *virtio_negotiate(uint64_t gpa, uint32_t wanted, uint32_t *accepted)
{
	const uint32_t status = STATUS_ACKNOWLEDGE | STATUS_DRIVER;

	*accepted = 0;
	mmio_write32(gpa + REG_STATUS, 0);
	mmio_write32(gpa + REG_STATUS, STATUS_ACKNOWLEDGE);
	mmio_write32(gpa + REG_STATUS, status);
	mmio_write32(gpa + REG_DEVICE_FEATURES_SEL, 1);
	if (!(mmio_read32(gpa + REG_DEVICE_FEATURES) & FEATURE_VERSION_1))
		return "does not offer VIRTIO_F_VERSION_1";
	if (wanted) {
		mmio_write32(gpa + REG_DEVICE_FEATURES_SEL, 0);
		*accepted = mmio_read32(gpa + REG_DEVICE_FEATURES) & wanted;
	}
	mmio_write32(gpa + REG_DRIVER_FEATURES_SEL, 0);
	mmio_write32(gpa + REG_DRIVER_FEATURES, *accepted);
	mmio_write32(gpa + REG_DRIVER_FEATURES_SEL, 1);
	mmio_write32(gpa + REG_DRIVER_FEATURES, FEATURE_VERSION_1);
	mmio_write32(gpa + REG_STATUS, status | STATUS_FEATURES_OK);
	if (!(mmio_read32(gpa + REG_STATUS) & STATUS_FEATURES_OK))
		return "refuses the features it offered";
	return NULL;
}

const char *virtio_queue_start(uint64_t gpa, uint32_t index, struct virtio_queue *q)
{
	uint32_t max;

	mmio_write32(gpa + REG_QUEUE_SEL, index);
	max = mmio_read32(gpa + REG_QUEUE_NUM_MAX);
	if (!max || mmio_read32(gpa + REG_QUEUE_READY))
		return "has no queue to offer";
	q->size = max < VIRTIO_QUEUE_MAX ? (uint16_t)max : VIRTIO_QUEUE_MAX;
	mmio_write32(gpa + REG_QUEUE_NUM, q->size);
	write_address(gpa + REG_QUEUE_DESC, q->desc);
	write_address(gpa + REG_QUEUE_DRIVER, &q->avail);
	write_address(gpa + REG_QUEUE_DEVICE, &q->used);
	mmio_write32(gpa + REG_QUEUE_READY, 1);
	return NULL;
}

void virtio_go(uint64_t gpa)
{
	mmio_write32(gpa + REG_STATUS,
		     STATUS_ACKNOWLEDGE | STATUS_DRIVER | STATUS_FEATURES_OK | STATUS_DRIVER_OK);
}

void virtio_offer(uint64_t gpa, uint32_t index, struct virtio_queue *q)
{
	q->avail.ring[q->avail.index % q->size] = 0;
	memory_barrier();
	q->avail.index++;
	memory_barrier();
	mmio_write32(gpa + REG_QUEUE_NOTIFY, index);
}

bool virtio_done(struct virtio_queue *q)
{
	const volatile uint16_t *done = &q->used.index;

	if (*done == q->seen)
		return false;
	memory_barrier();
	q->seen++;
	return true;
}

int virtio_request(uint64_t gpa, uint32_t index, struct virtio_queue *q)
{
	virtio_offer(gpa, index, q);
	while (!virtio_done(q)) {
		wait_interrupt();
		if (virtio_done(q))
			break;
		/* Another's interrupt, or the end of this device. */
		if (virtio_needs_reset(gpa))
			return -EIO;
	}
	mmio_write32(gpa + REG_INTERRUPT_ACK, VIRTIO_INTERRUPT_USED);
	return 0;
}

uint32_t virtio_interrupt(uint64_t gpa)
{
	uint32_t cause = mmio_read32(gpa + REG_INTERRUPT_STATUS);

	if (cause)
		mmio_write32(gpa + REG_INTERRUPT_ACK, cause);
	return cause;
}

bool virtio_needs_reset(uint64_t gpa)
{
	return mmio_read32(gpa + REG_STATUS) & STATUS_NEEDS_RESET;
}
