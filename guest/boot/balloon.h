/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * balloon.h: the guest's balloon: the driver of balloon-driver/ on the first virtio balloon device.
 */
#ifndef BALLAST_GUEST_BOOT_BALLOON_H
#define BALLAST_GUEST_BOOT_BALLOON_H

#include "balloon-driver/lab/lab_balloon.h"
#include "balloon-driver/lab/lab_report.h"
#include "guest/boot/clock.h"
#include "guest/boot/virtio.h"
#include "guest/core/options.h"

/* Numbered as Linux does: no gap for the hinting queue, which the standard puts before the last. */
enum {
	BALLOON_QUEUE_INFLATE,
	BALLOON_QUEUE_DEFLATE,
	BALLOON_QUEUE_STATS,
	BALLOON_QUEUE_REPORT,
	BALLOON_QUEUES
};

/* Its address is handed to the device: a balloon does not move once started. */
struct balloon_device {
	uint64_t gpa; /* of its registers; 0: there is none, or it does not work */
	uint32_t irq;
	bool looked_for;
	bool tells_stats;
	bool reports;      /* free pages */
	uint32_t features; /* wanted */
	const struct clock *clock;
	uint64_t interrupts;   /* of balloon_interrupt_count that were taken care of */
	uint64_t next_look_ns; /* for an interrupt that waits because the guest never sleeps */
	uint64_t wake_ns;      /* when the driver wants to run */
	struct lab_balloon driver;
	struct lab_report report;
	struct virtio_queue queue[BALLOON_QUEUES];
	uint8_t stats[LAB_BALLOON_STAT_BYTES];
};

/*
 * Serves the balloon for a slice: looks for the device and starts it the first time, then for what the host wants, and
 * lets the driver go on. When it wants to be called again; UINT64_MAX: after an interrupt only. To be called after every
 * sleep, and often without one.
 */
uint64_t balloon_serve(struct balloon_device *d, const struct guest_options *options,
		       struct pager *pager, const struct clock *clock, bool *interrupts_ready);

/* Did the device interrupt since balloon_serve()? */
bool balloon_rang(const struct balloon_device *d);

/* The guest is out of memory: pages come back from the balloon. False: none do. */
bool balloon_relieve(struct balloon_device *d);

#endif
