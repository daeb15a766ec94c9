/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * virtio_balloon_internal.h: what the two files of the balloon device share.
 */
#ifndef BALLAST_VMM_VIRTIO_BALLOON_INTERNAL_H
#define BALLAST_VMM_VIRTIO_BALLOON_INTERNAL_H

#include "vmm/virtio_balloon.h"

/* As many as page numbers can name, at most. */
npages_t virtio_balloon_guest_pages(const struct virtio_balloon *b);

/* counter, one of b->stats, grows by n. */
void virtio_balloon_add(struct virtio_balloon *b, uint64_t *counter, uint64_t n);

/* A buffer of the driver's, into b->chain. False: there is none, and serve() is to return *result. */
bool virtio_balloon_take(struct virtio_balloon *b, unsigned queue, int *result);

/* A buffer goes back. What serve() is to return. */
int virtio_balloon_give_back(struct virtio_balloon *b, unsigned queue, uint16_t head);

/* virtio_balloon_pages.c: serve() of the queues that carry pages. */
int virtio_balloon_serve_pages(struct virtio_balloon *b, unsigned queue);
int virtio_balloon_serve_reports(struct virtio_balloon *b, unsigned queue);

#endif
