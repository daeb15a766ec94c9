/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * virtio_balloon_pages.c: what a guest gives up, takes back and reports as free, checked and handed on.
 *
 * Nothing is decided here about pages: which are ballooned is known to whoever stands behind struct virtio_balloon_ops,
 * since a touch of such a page, which this device does not see, ends that too. Requests are taken apart: page numbers
 * are copied once, those outside guest memory dropped, the others sorted, so that neighbours can be treated together,
 * and handed on in batches. A request of more pages than the guest has is no request; what is beyond is dropped.
 *
 * The buffer goes back when all its pages were handed on: a driver that waits for it before it uses deflated pages
 * (VIRTIO_BALLOON_F_MUST_TELL_HOST) finds them to be its own.
 *
 * Page numbers are in units of 4 KiB, little endian, and below 2^32.
 * Reference: virtio 1.2, 5.5.6; Linux drivers/virtio/virtio_balloon.c and mm/page_reporting.c.
 */
#include "vmm/virtio_balloon_internal.h"

#include <linux/virtio_balloon.h>
#include <stdlib.h>

_Static_assert(VIRTIO_BALLOON_PFN_SHIFT == PAGE_SHIFT_BITS, "a balloon page is a page");

static int compare(const void *a, const void *b)
{
	const gfn_t *x = a, *y = b;

	return x->v < y->v ? -1 : x->v > y->v;
}

static void reverse(gfn_t *page, unsigned nr)
{
	for (unsigned i = 0; i < nr / 2; i++) {
		gfn_t other = page[nr - 1 - i];

		page[nr - 1 - i] = page[i];
		page[i] = other;
	}
}

/*
 * b->pfn[0, nr) to b->page, without those that are not guest memory. How many are left. Drivers' pages often come in
 * order, or in the opposite one: from lists that are last in first out.
 */
static unsigned check(struct virtio_balloon *b, unsigned nr)
{
	unsigned good = 0;
	bool up = true, down = true;

	for (unsigned i = 0; i < nr; i++) {
		gfn_t g = gfn(b->pfn[i]);

		if (!guest_layout_contains(b->layout, gfn_to_gpa(g), PAGE_BYTES))
			continue;
		up = up && (!good || b->page[good - 1].v <= g.v);
		down = down && (!good || b->page[good - 1].v >= g.v);
		b->page[good++] = g;
	}
	if (!up && down)
		reverse(b->page, good);
	else if (!up)
		qsort(b->page, good, sizeof(b->page[0]), compare);
	return good;
}

static void hand_on(struct virtio_balloon *b, bool inflate, unsigned nr)
{
	uint64_t (*to)(void *, const gfn_t *, unsigned) = inflate ? b->ops->gave : b->ops->took;
	unsigned good = check(b, nr);
	uint64_t accepted = good && to ? to(b->ctx, b->page, good) : 0;

	pthread_mutex_lock(&b->lock);
	b->stats.bad_outside += nr - good;
	*(inflate ? &b->stats.inflated_pages : &b->stats.deflated_pages) += accepted;
	*(inflate ? &b->stats.bad_inflated : &b->stats.bad_deflated) += good - accepted;
	pthread_mutex_unlock(&b->lock);
	if (good < nr)
		guest_bad_note(b->dev.bad, "balloon: %u page numbers outside guest memory, dropped",
			       nr - good);
	if (accepted < good)
		guest_bad_note(b->dev.bad, "balloon: %u pages %s, dropped",
			       good - (unsigned)accepted,
			       inflate ? "given up twice" : "taken back that were not given up");
}

int virtio_balloon_serve_pages(struct virtio_balloon *b, unsigned queue)
{
	bool inflate = queue == VIRTIO_BALLOON_INFLATE;
	uint64_t left, at = 0;
	int ret;

	if (!virtio_balloon_take(b, queue, &ret))
		return ret;
	virtio_balloon_add(b, inflate ? &b->stats.inflate_requests : &b->stats.deflate_requests, 1);
	left = b->chain.readable_bytes / sizeof(b->pfn[0]);
	if (b->chain.readable_bytes % sizeof(b->pfn[0]) || left > virtio_balloon_guest_pages(b))
		guest_bad_note(b->dev.bad,
			       "balloon: a request of %llu bytes, a guest of %llu pages, cut",
			       (unsigned long long)b->chain.readable_bytes,
			       (unsigned long long)virtio_balloon_guest_pages(b));
	if (left > virtio_balloon_guest_pages(b))
		left = virtio_balloon_guest_pages(b);
	while (left) {
		unsigned nr = left < VIRTIO_BALLOON_BATCH ? (unsigned)left : VIRTIO_BALLOON_BATCH;

		if (virtio_device_leaving(&b->dev))
			return 0; /* nobody waits for an answer */
		if (virtqueue_chain_read(&b->dev.queue[queue], &b->chain, at, b->pfn,
					 nr * sizeof(b->pfn[0]))) {
			guest_bad_note(b->dev.bad,
				       "balloon: request outside guest memory, dropped");
			break;
		}
		hand_on(b, inflate, nr);
		at += nr * sizeof(b->pfn[0]);
		left -= nr;
	}
	return virtio_balloon_give_back(b, queue, b->chain.head);
}

/* A stretch of free memory; only whole pages of it can be used. */
static void report(struct virtio_balloon *b, const struct virtqueue_segment *s)
{
	uint64_t from = gpa_raw(s->at), start, end;
	uint64_t accepted = 0;

	if (!guest_layout_contains(b->layout, s->at, s->bytes)) {
		guest_bad_note(b->dev.bad, "balloon: free pages outside guest memory, dropped");
		virtio_balloon_add(b, &b->stats.bad_outside, bytes_to_pages(s->bytes));
		return;
	}
	start = bytes_to_pages(from);
	end = (from + s->bytes) >> PAGE_SHIFT_BITS;
	if (start >= end) {
		guest_bad_note(b->dev.bad, "balloon: %u free bytes, less than a page, dropped",
			       s->bytes);
		return;
	}
	if (atomic_load(&b->poison)) {
		virtio_balloon_add(b, &b->stats.poisoned_pages, end - start);
		return;
	}
	if (b->ops->reported)
		accepted = b->ops->reported(b->ctx, gfn(start), end - start);
	virtio_balloon_add(b, &b->stats.reported_pages, accepted);
	virtio_balloon_add(b, &b->stats.bad_reported, end - start - accepted);
}

int virtio_balloon_serve_reports(struct virtio_balloon *b, unsigned queue)
{
	int ret;

	if (!virtio_balloon_take(b, queue, &ret))
		return ret;
	virtio_balloon_add(b, &b->stats.report_requests, 1);
	if (b->chain.nr_readable)
		guest_bad_note(b->dev.bad, "balloon: free pages the device may not write, dropped");
	for (unsigned i = 0; i < b->chain.nr_writable; i++) {
		if (virtio_device_leaving(&b->dev))
			return 0;
		report(b, &b->chain.segment[b->chain.nr_readable + i]);
	}
	return virtio_balloon_give_back(b, queue, b->chain.head);
}
