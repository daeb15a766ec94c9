/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * lab_balloon.h: the balloon driver in a lab guest: pages come from the guest's allocator, whose pager makes room.
 *
 * The way to the host is the body's: a virtio device in the bootable guest, a call in the simulated one. Freestanding; not
 * reentrant, and not to be called from within the pager.
 */
#ifndef BALLAST_BALLOON_DRIVER_LAB_BALLOON_H
#define BALLAST_BALLOON_DRIVER_LAB_BALLOON_H

#include "balloon-driver/core/balloon.h"
#include "guest/core/pager.h"

/* As on virtio's statistics queue: a tag of 16 bits and a value of 64, little endian, without a gap. */
#define LAB_BALLOON_TAGS       8u
#define LAB_BALLOON_STAT_BYTES (LAB_BALLOON_TAGS * 10u)

/* The way to the host. All required. */
struct lab_balloon_port {
	int (*tell)(void *ctx, bool inflate, const uint32_t *pfn,
		    uint32_t nr);                  /* as balloon_ops.tell */
	void (*actual)(void *ctx, npages_t pages); /* the balloon's size is new */
	uint64_t (*now_ns)(void *ctx);
};

struct lab_balloon {
	struct balloon core;
	struct pager *pager;
	const struct lab_balloon_port *port;
	void *ctx;
	npages_t told; /* size at the last port->actual() */
};

/* cap_ppm: as balloon_config.cap_ppm; other figures are the usual ones. pager, port: borrowed for the balloon's life. */
void lab_balloon_init(struct lab_balloon *l, struct pager *pager, uint32_t cap_ppm,
		      const struct lab_balloon_port *port, void *ctx);

/* As the functions of balloon.h; besides they keep the guest's statistics page and tell the host the size. */
void lab_balloon_start(struct lab_balloon *l, bool deflate_on_oom);
void lab_balloon_set_target(struct lab_balloon *l, npages_t pages);
uint64_t lab_balloon_run(struct lab_balloon *l);
npages_t lab_balloon_oom(struct lab_balloon *l);
void lab_balloon_reset(struct lab_balloon *l); /* does not tell the host the size */

/* The guest's memory as the host may see it. */
void lab_balloon_stats(const struct lab_balloon *l, uint8_t out[LAB_BALLOON_STAT_BYTES]);

#endif
