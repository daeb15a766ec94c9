/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * pace.c: due = elapsed time x rate, in whole touches and a rest of 10^-9 touches, so nothing is lost to rounding.
 *
 * Elapsed time is cut to two periods, so the product is at most 2 x 10^9 touch-nanoseconds or 20 ms x 2^32 touches/s:
 * it fits 64 bits.
 */
#include "guest/core/pace.h"

void pace_start(struct pace *p, uint32_t rate, uint64_t now_ns)
{
	uint64_t one = rate ? (NS_PER_S + rate - 1) / rate : 0;

	*p = (struct pace){
		.rate = rate,
		.period_ns = one > PACE_PERIOD_NS ? one : PACE_PERIOD_NS,
		.last_ns = now_ns,
	};
	p->next_ns = now_ns + p->period_ns;
}

uint32_t pace_due(struct pace *p, uint64_t now_ns, uint64_t *next_ns)
{
	uint64_t elapsed, due;

	*next_ns = now_ns;
	if (!p->rate)
		return UINT32_MAX;
	if (now_ns < p->next_ns) {
		*next_ns = p->next_ns;
		return 0;
	}
	elapsed = now_ns - p->last_ns;
	if (elapsed > 2 * p->period_ns)
		elapsed = 2 * p->period_ns;
	due = elapsed * p->rate + p->rest;
	p->rest = due % NS_PER_S;
	p->last_ns = now_ns;
	p->next_ns = now_ns + p->period_ns;
	return (uint32_t)(due / NS_PER_S);
}
