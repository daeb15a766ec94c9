/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * main.c: a guest that does to its block device and its balloon device what no driver does, at random, until it is stopped.
 *
 * It shares the lab guest's way into ring 3 (guest/boot/entry.S) and nothing else: no driver, no interrupts, no pager. It
 * is after the devices and the memory manager, not after itself, so addresses that are meant to be valid lie above
 * DATA_START, behind its own code, tables and stack; the rings lie there too and are written by everybody.
 *
 * Garbage alone would be thrown out at the first check. So devices are brought up properly most of the time, requests are
 * right but for one thing, and a device that gave up is reset; in between everything is tried that a register, a ring or a
 * buffer can hold. Acts are drawn from a seeded generator; when they happen, the host decides.
 * Reference: virtio 1.2, 2.7, 4.2, 5.2, 5.5.
 */
#include "guest/hostile/hostile.h"

#include <stdbool.h>
#include <stddef.h>

#include "ballast/guest_abi.h"
#include "ballast/rng.h"
#include "ballast/types.h"
#include "guest/boot/machine.h"
#include "guest/hostile/numbers.h"

#define REG_OFFERED      0x10u
#define REG_OFFERED_SEL  0x14u
#define REG_FEATURES_SEL 0x24u
#define REG_FEATURES     0x20u
#define REG_QUEUE_SEL    0x30u
#define REG_QUEUE_NUM    0x38u
#define REG_QUEUE_READY  0x44u
#define REG_NOTIFY       0x50u
#define REG_STATUS       0x70u
#define REG_DESC         0x80u
#define REG_AVAIL        0x90u
#define REG_USED         0xa0u
#define REG_CONFIG       0x100u

#define STATUS_FEATURES_OK 0xbu
#define STATUS_RUNS        0xfu

#define DESC_NEXT  1u
#define DESC_WRITE 2u

struct desc {
	uint64_t at;
	uint32_t bytes;
	uint16_t flags, next;
};

struct avail {
	uint16_t flags, index, ring[QUEUE_SIZE];
};

/* --- devices ----------------------------------------------------------------------------------------------------- */

static void write_address(struct hostile *h, uint64_t reg, uint64_t good)
{
	uint64_t value = once_in(h, 80) ? address(h) & ~15ull : good;

	mmio_write32(reg, (uint32_t)value);
	mmio_write32(reg + 4, (uint32_t)(value >> 32));
}

static void start_queue(struct hostile *h, unsigned device, unsigned queue)
{
	uint64_t base = base_of(device), ring = ring_of(device, queue);
	uint32_t size = QUEUE_SIZE;

	if (once_in(h, 4))
		size = once_in(h, 4) ? (uint32_t)rng_next(&h->rng) : 1u << below(h, 8);

	mmio_write32(base + REG_QUEUE_SEL, queue);
	mmio_write32(base + REG_QUEUE_NUM, size);
	write_address(h, base + REG_DESC, ring);
	write_address(h, base + REG_AVAIL, ring + AVAIL);
	write_address(h, base + REG_USED, ring + USED);
	h->size[device][queue] = size && size <= QUEUE_SIZE ? (uint16_t)size : QUEUE_SIZE;
	h->index[device][queue] = 0;
	((volatile struct avail *)at_gpa(ring + AVAIL))->index = 0;
	mmio_write32(base + REG_QUEUE_READY, 1);
}

static void bring_up(struct hostile *h, unsigned device)
{
	uint64_t base = base_of(device);

	mmio_write32(base + REG_STATUS, 0);
	mmio_write32(base + REG_STATUS, 3);
	mmio_write32(base + REG_OFFERED_SEL, 0);
	mmio_write32(base + REG_FEATURES_SEL, 0);
	mmio_write32(base + REG_FEATURES,
		     mmio_read32(base + REG_OFFERED) &
			     (once_in(h, 2) ? ~0u : (uint32_t)rng_next(&h->rng)));
	mmio_write32(base + REG_FEATURES_SEL, 1);
	mmio_write32(base + REG_FEATURES, once_in(h, 16) ? (uint32_t)rng_next(&h->rng) : 1);
	mmio_write32(base + REG_STATUS, STATUS_FEATURES_OK);
	for (unsigned q = 0; q < (device ? QUEUES : 1); q++)
		start_queue(h, device, q);
	mmio_write32(base + REG_STATUS, STATUS_RUNS);
}

/* Makes nr chains available that begin at the heads from first on, and rings. */
static void offer(struct hostile *h, unsigned device, unsigned queue, unsigned first, unsigned nr)
{
	volatile struct avail *a = at_gpa(ring_of(device, queue) + AVAIL);
	uint16_t *index = &h->index[device][queue];

	for (unsigned i = 0; i < nr; i++, ++*index)
		a->ring[*index % h->size[device][queue]] = (uint16_t)(first + i);
	memory_barrier();
	a->index = *index;
	memory_barrier();
	mmio_write32(base_of(device) + REG_NOTIFY, queue);
}

/* --- acts -------------------------------------------------------------------------------------------------------- */

static void bad_rings(struct hostile *h, unsigned device)
{
	unsigned queue = any_queue(h, device);
	struct desc *d = at_gpa(ring_of(device, queue));
	volatile struct avail *a = at_gpa(ring_of(device, queue) + AVAIL);
	unsigned nr = 1 + (unsigned)below(h, 12);

	for (unsigned i = 0; i < nr; i++)
		d[below(h, QUEUE_SIZE)] = (struct desc){
			.at = address(h),
			.bytes = length(h),
			.flags = (uint16_t)(once_in(h, 8) ? rng_next(&h->rng) : below(h, 4)),
			.next = (uint16_t)(once_in(h, 8) ? rng_next(&h->rng)
							 : below(h, QUEUE_SIZE)),
		};
	offer(h, device, queue, (unsigned)below(h, once_in(h, 8) ? 0x10000 : QUEUE_SIZE),
	      1 + (unsigned)below(h, 3));
	if (once_in(h, 8)) { /* while the device looks at them */
		for (unsigned i = 0; i < 16; i++) {
			((volatile uint16_t *)a)[below(h, (RING_BYTES - AVAIL) / 2)] =
				(uint16_t)rng_next(&h->rng);
			d[below(h, QUEUE_SIZE)].bytes = length(h);
		}
	}
	if (once_in(h, 40)) {
		a->index = (uint16_t)rng_next(&h->rng);
		mmio_write32(base_of(device) + REG_NOTIFY, queue);
	}
}

/* What the disk reads may land in the rings, too; it is not written from there, see page_number(). */
static uint64_t target(struct hostile *h)
{
	return once_in(h, 4) ? RINGS_START + below(h, DATA_START - RINGS_START) : address(h);
}

/* Its header lies behind the descriptors, in a page that is in use anyway: what is not there is the data. */
static void disk_request(struct hostile *h)
{
	static const uint32_t types[] = {0, 1, 0, 1, 4, 8, 11, 13};
	unsigned nr = 1 + (unsigned)below(h, 6), head = (unsigned)below(h, 8) * 8;
	unsigned wrong = (unsigned)below(h, 2 * nr + 2); /* what is not right; mostly nothing */
	uint64_t at = ring_of(0, 0) + QUEUE_SIZE * sizeof(struct desc) + head * 16;
	volatile uint32_t *header = at_gpa(at);
	struct desc *d = at_gpa(ring_of(0, 0));
	bool write;

	header[0] = once_in(h, 16) ? (uint32_t)rng_next(&h->rng) : types[below(h, 8)];
	header[2] = once_in(h, 16) ? (uint32_t)rng_next(&h->rng) : (uint32_t)below(h, 3600);
	header[3] = once_in(h, 16) ? (uint32_t)rng_next(&h->rng) : 0;
	write = header[0] == 1;
	d[head] = (struct desc){at, 16, DESC_NEXT, (uint16_t)(head + 1)};
	for (unsigned i = 1; i <= nr; i++)
		d[head + i] = (struct desc){
			.at = i == wrong ? write ? address(h) : target(h) : good_address(h),
			.bytes = i + nr == wrong ? length(h) : 512 * (uint32_t)below(h, 64),
			.flags = (uint16_t)(write ? DESC_NEXT : DESC_NEXT | DESC_WRITE),
			.next = (uint16_t)(head + i + 1),
		};
	d[head + nr + 1] = (struct desc){wrong ? at + 8 : address(h), 1, DESC_WRITE, 0};
	offer(h, 0, 0, head, 1);
}

/* Page numbers, given up or taken back. */
static void balloon_request(struct hostile *h)
{
	unsigned queue = (unsigned)below(h, 2), head = (unsigned)below(h, 64);
	uint64_t at = good_address(h) & ~3ull;
	volatile uint32_t *pfn = at_gpa(at);
	uint64_t room = (h->memory_bytes - at) / 4;
	unsigned nr = (unsigned)below(h, 512);
	struct desc *d = at_gpa(ring_of(1, queue));

	if (nr > room)
		nr = (unsigned)room;
	for (unsigned i = 0; i < nr; i++)
		pfn[i] = i && once_in(h, 8) ? pfn[i - 1] : page_number(h);
	d[head] = (struct desc){
		.at = once_in(h, 16) ? address(h) : at,
		.bytes = once_in(h, 8) ? length(h) : 4 * nr,
	};
	offer(h, 1, queue, head, 1);
}

/* Statistics, and reports of free pages that are in use. */
static void balloon_words(struct hostile *h)
{
	unsigned queue = 2 + (unsigned)below(h, 3), nr = 1 + (unsigned)below(h, 6);
	struct desc *d = at_gpa(ring_of(1, queue));

	for (unsigned i = 0; i < nr; i++)
		d[i] = (struct desc){
			.at = address(h),
			.bytes = length(h),
			.flags = (uint16_t)((i + 1 < nr ? DESC_NEXT : 0) |
					    (queue > 2 ? DESC_WRITE : 0)),
			.next = (uint16_t)(i + 1),
		};
	offer(h, 1, queue, 0, 1);
}

static void requests(struct hostile *h, unsigned device)
{
	if (!device)
		disk_request(h);
	else if (once_in(h, 3))
		balloon_words(h);
	else
		balloon_request(h);
}

/* Plain moves of every width to where they do not belong, over the end of the page, too. */
static void registers(struct hostile *h, unsigned device)
{
	uint64_t at = base_of(device) + below(h, once_in(h, 4) ? GUEST_MMIO_DEVICE_BYTES : 0x120);
	uint64_t value = rng_next(&h->rng);
	uint64_t got;

	switch (below(h, 10)) {
	case 0:
		__asm__ volatile("movb %b0, (%1)" ::"q"(value), "r"(at) : "memory");
		break;
	case 1:
		__asm__ volatile("movw %w0, (%1)" ::"r"(value), "r"(at) : "memory");
		break;
	case 2:
		__asm__ volatile("movq %0, (%1)" ::"r"(value), "r"(at) : "memory");
		break;
	case 3:
		__asm__ volatile("movq (%1), %0" : "=r"(got) : "r"(at) : "memory");
		break;
	case 4:
		__asm__ volatile("movb (%1), %b0" : "=q"(got) : "r"(at) : "memory");
		break;
	case 5:
		mmio_read32(at);
		break;
	case 6: /* what the driver says it holds, what it fills pages with */
		mmio_write32(base_of(device) + REG_CONFIG + 4 * below(h, 4), (uint32_t)value);
		break;
	default:
		mmio_write32(at & ~3ull, once_in(h, 2) ? (uint32_t)below(h, 8) : (uint32_t)value);
		break;
	}
}

static void resets(struct hostile *h, unsigned device)
{
	uint64_t base = base_of(device);

	requests(h, device);
	if (once_in(h, 2)) {
		mmio_write32(base + REG_QUEUE_SEL, any_queue(h, device));
		mmio_write32(base + REG_QUEUE_READY, 0);
	} else {
		mmio_write32(base + REG_STATUS, 0);
	}
}

static void memory(struct hostile *h)
{
	for (unsigned i = 0; i < 64; i++)
		*(volatile uint64_t *)at_gpa(good_address(h) & ~7ull) = rng_next(&h->rng);
}

static void ports(struct hostile *h)
{
	port_out32(GUEST_EVENT_PORT, (uint32_t)rng_next(&h->rng));
	port_out8((uint16_t)(GUEST_COM1_PORT + below(h, 8)), (uint8_t)rng_next(&h->rng));
	mmio_read32(base_of(DEVICES) + below(h, 1 << 16));
	mmio_write32(base_of(DEVICES) + below(h, 1 << 16), 1);
}

/* Its own code, stack and tables, and what the host keeps of it in low memory. */
static void end_itself(struct hostile *h)
{
	volatile uint32_t *pfn = at_gpa(DATA_START);
	struct desc *d = at_gpa(ring_of(1, 0));
	unsigned nr = (unsigned)(RINGS_START >> PAGE_SHIFT_BITS);

	bring_up(h, 1);
	for (unsigned i = 0; i < nr; i++)
		pfn[i] = i;
	d[0] = (struct desc){.at = DATA_START, .bytes = 4 * nr};
	offer(h, 1, 0, 0, 1);
}

static void act(struct hostile *h, uint64_t acts)
{
	static const uint8_t kinds[] = {
		HOSTILE_RINGS,    HOSTILE_RINGS,    HOSTILE_REQUESTS,  HOSTILE_REQUESTS,
		HOSTILE_REQUESTS, HOSTILE_REQUESTS, HOSTILE_REGISTERS, HOSTILE_REGISTERS,
		HOSTILE_RESETS,   HOSTILE_MEMORY,   HOSTILE_PORTS,     HOSTILE_END,
	};
	unsigned device = (unsigned)below(h, DEVICES);

	switch (acts & kinds[below(h, sizeof(kinds))]) {
	case HOSTILE_RINGS:
		bad_rings(h, device);
		break;
	case HOSTILE_REQUESTS:
		requests(h, device);
		break;
	case HOSTILE_REGISTERS:
		registers(h, device);
		break;
	case HOSTILE_RESETS:
		resets(h, device);
		break;
	case HOSTILE_MEMORY:
		memory(h);
		break;
	case HOSTILE_PORTS:
		ports(h);
		break;
	case HOSTILE_END:
		end_itself(h);
		break;
	default:
		break;
	}
	if (once_in(h, 4) && mmio_read32(base_of(device) + REG_STATUS) != STATUS_RUNS)
		bring_up(h, device);
}

/* --- the guest --------------------------------------------------------------------------------------------------- */

void trap_handle(struct trap_frame *f, struct lab *lab)
{
	static const char words[] = "hostile: trap in the guest itself\n";

	(void)f;
	(void)lab;
	port_out_bytes(GUEST_COM1_PORT, words, sizeof(words) - 1);
	port_out32(GUEST_EXIT_PORT, GUEST_EXIT_PANIC);
	for (;;)
		wait_interrupt();
}

void lab_main(const uint8_t *zero_page)
{
	volatile struct hostile_orders *orders = at_gpa(HOSTILE_ORDERS_GPA);
	volatile struct guest_stats *stats = at_gpa(GUEST_STATS_GPA);
	struct hostile h = {.memory_bytes = 0};

	(void)zero_page;
	stats->magic = GUEST_STATS_MAGIC;
	while (!orders->acts)
		__asm__ volatile("pause" ::: "memory");
	h.memory_bytes = orders->memory_bytes;
	h.rng = rng_seeded(orders->seed);
	for (uint64_t at = DATA_START; orders->acts & HOSTILE_FILL && at < h.memory_bytes;
	     at += PAGE_BYTES)
		*(volatile uint64_t *)at_gpa(at) = at;
	stats->filled_pages = 1;
	for (unsigned i = 0; i < DEVICES; i++)
		bring_up(&h, i);
	for (;;) {
		act(&h, orders->acts);
		stats->work_units++;
	}
}
