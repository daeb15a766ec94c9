/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * virtqueue.c: taking buffers from rings that the guest may rewrite at any moment.
 *
 * Everything in the rings is a claim. Rules that make it safe:
 *   - each index and each descriptor is copied once, and only the copy is checked and used;
 *   - a head or next index beyond the queue, a chain longer than the queue (so every loop), a readable descriptor after
 *     a writable one, or a flag that was not negotiated makes the chain malformed: it goes back unused;
 *   - no address is believed here: each copy is checked by struct guest_memory when it is made;
 *   - lengths are 32 bits and at most 256 of them are added in 64 bits, so sums do not wrap.
 * An available index that runs more than the queue's size ahead is not a malformed buffer but a broken ring, since every
 * further step would be nonsense; so are rings outside guest memory. The device then asks for a reset.
 *
 * Order: the index is read before what it publishes and written after it; on x86 only the compiler must be told, but a
 * full barrier stands between publishing a used buffer and looking whether an interrupt is wanted.
 * Reference: virtio 1.2, 2.7.
 */
#include "vmm/virtqueue.h"

#include <errno.h>
#include <linux/virtio_ring.h>
#include <stdatomic.h>
#include <stddef.h>
#include <string.h>

void virtqueue_init(struct virtqueue *q, const struct guest_memory *memory, uint16_t size_max)
{
	*q = (struct virtqueue){.memory = memory, .size_max = size_max};
}

void virtqueue_reset(struct virtqueue *q)
{
	virtqueue_init(q, q->memory, q->size_max);
}

int virtqueue_enable(struct virtqueue *q)
{
	if (!q->size || q->size > q->size_max || (q->size & (q->size - 1)))
		return -EINVAL;
	if (q->desc % VRING_DESC_ALIGN_SIZE || q->avail % VRING_AVAIL_ALIGN_SIZE ||
	    q->used % VRING_USED_ALIGN_SIZE)
		return -EINVAL;
	q->ready = true;
	return 0;
}

/* base + offset wraps only for a base near 2^64, and then is no guest memory: the rings are below 64 KiB. */
static int load_u16(const struct virtqueue *q, uint64_t base, uint64_t offset, uint16_t *out)
{
	if (base + offset < base)
		return -EFAULT;
	return guest_read(q->memory, gpa(base + offset), out, sizeof(*out));
}

/* The descriptors from head on into *chain. -EBADMSG, -EFAULT as virtqueue_pop(). */
static int walk(const struct virtqueue *q, uint16_t head, struct virtqueue_chain *chain)
{
	uint16_t index = head;
	unsigned nr = 0;

	*chain = (struct virtqueue_chain){.head = head};
	for (;;) {
		struct vring_desc d;
		uint64_t at = q->desc + (uint64_t)index * sizeof(d);

		if (nr == q->size)
			return -EBADMSG;
		if (at < q->desc || guest_read(q->memory, gpa(at), &d, sizeof(d)))
			return -EFAULT;
		if (d.flags & VRING_DESC_F_INDIRECT)
			return -EBADMSG;
		if (d.flags & VRING_DESC_F_WRITE) {
			chain->nr_writable++;
			chain->writable_bytes += d.len;
		} else if (chain->nr_writable) {
			return -EBADMSG;
		} else {
			chain->nr_readable++;
			chain->readable_bytes += d.len;
		}
		chain->segment[nr++] = (struct virtqueue_segment){gpa(d.addr), d.len};
		if (!(d.flags & VRING_DESC_F_NEXT))
			return 0;
		if (d.next >= q->size)
			return -EBADMSG;
		index = d.next;
	}
}

int virtqueue_pop(struct virtqueue *q, struct virtqueue_chain *chain)
{
	uint16_t available, head, ahead;
	int ret;

	chain->nr_readable = chain->nr_writable = 0;
	if (load_u16(q, q->avail, offsetof(struct vring_avail, idx), &available))
		return -EFAULT;
	ahead = (uint16_t)(available - q->seen);
	if (!ahead)
		return 0;
	if (ahead > q->size)
		return -EPROTO;
	atomic_thread_fence(memory_order_acquire);
	if (load_u16(q, q->avail,
		     offsetof(struct vring_avail, ring) +
			     (uint64_t)(q->seen & (q->size - 1)) * sizeof(head),
		     &head))
		return -EFAULT;
	q->seen++;
	if (head >= q->size)
		return -EBADMSG;
	ret = walk(q, head, chain);
	if (ret == -EBADMSG && virtqueue_push(q, head, 0))
		return -EFAULT;
	return ret ? ret : 1;
}

int virtqueue_push(struct virtqueue *q, uint16_t head, uint32_t bytes)
{
	struct vring_used_elem element = {.id = head, .len = bytes};
	uint64_t at = q->used + offsetof(struct vring_used, ring) +
		      (uint64_t)(q->used_next & (q->size - 1)) * sizeof(element);
	uint16_t next = (uint16_t)(q->used_next + 1);

	if (at < q->used || guest_write(q->memory, gpa(at), &element, sizeof(element)))
		return -EFAULT;
	atomic_thread_fence(memory_order_release);
	if (guest_write(q->memory, gpa(q->used + offsetof(struct vring_used, idx)), &next,
			sizeof(next)))
		return -EFAULT;
	q->used_next = next;
	return 0;
}

int virtqueue_interrupt_wanted(const struct virtqueue *q)
{
	uint16_t flags;

	atomic_thread_fence(memory_order_seq_cst);
	if (load_u16(q, q->avail, offsetof(struct vring_avail, flags), &flags))
		return -EFAULT;
	return !(flags & VRING_AVAIL_F_NO_INTERRUPT);
}

typedef int copy_fn(const struct guest_memory *m, gpa_t at, uint8_t *bytes, size_t nr);

static int copy_in(const struct guest_memory *m, gpa_t at, uint8_t *bytes, size_t nr)
{
	return guest_read(m, at, bytes, nr);
}

static int copy_out(const struct guest_memory *m, gpa_t at, uint8_t *bytes, size_t nr)
{
	return guest_write(m, at, bytes, nr);
}

static int copy(const struct guest_memory *m, const struct virtqueue_segment *segment,
		unsigned nr_segments, uint64_t offset, uint8_t *bytes, size_t nr, copy_fn *one)
{
	for (unsigned i = 0; i < nr_segments && nr; i++) {
		uint64_t start = gpa_raw(segment[i].at) + offset;
		size_t here;

		if (offset >= segment[i].bytes) {
			offset -= segment[i].bytes;
			continue;
		}
		here = segment[i].bytes - offset < nr ? segment[i].bytes - offset : nr;
		if (start < offset || one(m, gpa(start), bytes, here))
			return -EFAULT;
		offset = 0;
		bytes += here;
		nr -= here;
	}
	return nr ? -EFAULT : 0;
}

int virtqueue_chain_read(const struct virtqueue *q, const struct virtqueue_chain *chain,
			 uint64_t offset, void *to, size_t nr)
{
	return copy(q->memory, chain->segment, chain->nr_readable, offset, to, nr, copy_in);
}

int virtqueue_chain_write(const struct virtqueue *q, const struct virtqueue_chain *chain,
			  uint64_t offset, const void *from, size_t nr)
{
	return copy(q->memory, chain->segment + chain->nr_readable, chain->nr_writable, offset,
		    (uint8_t *)(uintptr_t)from, nr, copy_out);
}

/* Pages that a stretch of guest addresses touches, or covers, collected to be told together. */
struct announcement {
	const struct guest_memory *memory;
	bool writes;
	unsigned nr;
	gfn_t page[32];
};

static void announce(struct announcement *a)
{
	if (a->nr)
		a->memory->disk_access(a->memory->ctx, a->page, a->nr, a->writes);
	a->nr = 0;
}

/* [start, end): a stretch that ends before the last address. */
static void add_pages(struct announcement *a, uint64_t start, uint64_t end)
{
	uint64_t first =
		a->writes ? (start + PAGE_BYTES - 1) >> PAGE_SHIFT_BITS : start >> PAGE_SHIFT_BITS;
	uint64_t behind =
		a->writes ? end >> PAGE_SHIFT_BITS : (end + PAGE_BYTES - 1) >> PAGE_SHIFT_BITS;

	for (; first < behind; first++) {
		if (a->nr && a->page[a->nr - 1].v == first)
			continue; /* two pieces of one page */
		if (a->nr == sizeof(a->page) / sizeof(a->page[0]))
			announce(a);
		a->page[a->nr++] = gfn(first);
	}
}

void virtqueue_chain_announce(const struct virtqueue *q, const struct virtqueue_chain *chain,
			      bool writes, uint64_t offset, size_t nr)
{
	const struct virtqueue_segment *s = chain->segment + (writes ? chain->nr_readable : 0);
	unsigned nr_segments = writes ? chain->nr_writable : chain->nr_readable;
	struct announcement a = {.memory = q->memory, .writes = writes};
	uint64_t start = 0, end = 0; /* segments that follow one another are one stretch */

	for (unsigned i = 0; i < nr_segments && nr && q->memory->disk_access; i++) {
		uint64_t at = gpa_raw(s[i].at) + offset;
		size_t here;

		if (offset >= s[i].bytes) {
			offset -= s[i].bytes;
			continue;
		}
		here = s[i].bytes - offset < nr ? s[i].bytes - offset : nr;
		if (at < offset || at > UINT64_MAX - here - PAGE_BYTES)
			break; /* no guest memory: the copy will say so */
		if (at != end) {
			add_pages(&a, start, end);
			start = at;
		}
		end = at + here;
		offset = 0;
		nr -= here;
	}
	add_pages(&a, start, end);
	announce(&a);
}
