/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * clock.c: TSC ticks to nanoseconds, by a factor of 32 fractional bits.
 */
#include "guest/boot/clock.h"

#include "guest/boot/interrupt.h"
#include "guest/boot/machine.h"

#define NS_PER_MS 1000000ull

void clock_init(struct clock *c, uint64_t khz)
{
	if (!khz)
		khz = interrupt_measure_tsc();
	c->scale = (NS_PER_MS << 32) / khz;
	c->start = read_tsc();
}

uint64_t clock_ns(const struct clock *c)
{
	return (uint64_t)((unsigned __int128)(read_tsc() - c->start) * c->scale >> 32);
}
