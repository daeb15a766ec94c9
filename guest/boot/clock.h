/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * clock.h: time from the TSC, which every KVM keeps steady and which costs no exit.
 */
#ifndef BALLAST_GUEST_CLOCK_H
#define BALLAST_GUEST_CLOCK_H

#include <stdint.h>

struct clock {
	uint64_t start; /* TSC at 0 ns */
	uint64_t scale; /* ns a tick, Q32 */
};

/* khz: the TSC's frequency; 0: measured, which takes a millisecond. */
void clock_init(struct clock *c, uint64_t khz);
uint64_t clock_ns(const struct clock *c);

#endif
