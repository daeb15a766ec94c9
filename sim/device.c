/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * device.c: places and the bus, each with the time at which it is free. Since requests are taken in the order in which
 * they come and nothing is cancelled, the end of a request is known when it begins.
 */
#include "sim/device.h"

void sim_device_init(struct sim_device *d, const struct sim_device_cost *cost)
{
	*d = (struct sim_device){.cost = *cost};
}

static uint64_t later(uint64_t a, uint64_t b)
{
	return a > b ? a : b;
}

uint64_t sim_device_start(struct sim_device *d, bool write, uint64_t page, uint32_t nr,
			  uint64_t now_ns)
{
	const struct sim_device_cost *c = &d->cost;
	bool near = d->used && page == d->next_page;
	uint64_t latency = near ? c->near_ns : write ? c->write_ns : c->read_ns;
	uint64_t *place = &d->place_free_ns[0];
	uint64_t ready, end;

	for (uint64_t i = 1; i < c->depth; i++)
		if (d->place_free_ns[i] < *place)
			place = &d->place_free_ns[i];
	ready = later(now_ns, *place) + latency;
	end = later(ready, d->bus_free_ns) + nr * c->page_ns;
	d->busy_ns += nr * c->page_ns;
	d->bus_free_ns = end;
	*place = end;
	d->next_page = page + nr;
	d->used = true;
	return end;
}
