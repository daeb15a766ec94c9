/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * device.h: how long a disk takes: a model of the host's swap device.
 *
 * A request waits for one of `depth` places, then takes the latency there, then sends its bytes over the one bus, at the
 * bandwidth; its place is free when they are through. A request that begins where the one before it ended takes
 * near_ns instead of latency_ns: a disk that turns need not seek, flash does not care. Depth 1 with a seek is a hard
 * disk, many places with a short latency an NVMe drive. A number of places that are taken in order and a bus: that is
 * little, but queueing, the limit of requests a second and the limit of bytes a second all come out of it.
 */
#ifndef BALLAST_SIM_DEVICE_H
#define BALLAST_SIM_DEVICE_H

#include <stdbool.h>
#include <stdint.h>

#define SIM_DEVICE_DEPTH 64u

struct sim_device_cost {
	uint64_t read_ns, write_ns; /* latency of a request */
	uint64_t near_ns;           /* of one that goes on where the last ended */
	uint64_t page_ns;           /* on the bus, a page */
	uint64_t depth;             /* requests at once: 1 to SIM_DEVICE_DEPTH */
};

struct sim_device {
	struct sim_device_cost cost;
	uint64_t place_free_ns[SIM_DEVICE_DEPTH];
	uint64_t bus_free_ns;
	uint64_t next_page; /* behind the last request */
	bool used;          /* there was one */
	uint64_t busy_ns;   /* of the bus */
};

void sim_device_init(struct sim_device *d, const struct sim_device_cost *cost);

/* A request is handed over; returns when it is done. Times of calls do not go back. O(depth). */
uint64_t sim_device_start(struct sim_device *d, bool write, uint64_t page, uint32_t nr,
			  uint64_t now_ns);

#endif
