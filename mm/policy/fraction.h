/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * fraction.h: a number of pages that grows and shrinks by ratios, as the targets of ARC and CAR do.
 *
 * 64 bits before the point and 64 behind it. The papers' target is a real number that is compared with a whole one, and
 * whether the two are equal decides who leaves: 1/3 three times must be one, yet one and 1/3 - 1/4 + 1/5 .. a
 * ten-thousandth of a page must not. A ratio is cut off at 2^-64, so after n steps a sum is off by n x 2^-64 at most;
 * differences below 2^-32 count as none. (With 32 bits and 2^-16 a trace of 13 million requests had one miss too few,
 * against exact arithmetic.)
 */
#ifndef BALLAST_MM_POLICY_FRACTION_H
#define BALLAST_MM_POLICY_FRACTION_H

#include <stdbool.h>
#include <stdint.h>

#define FRACTION_SAME (1ull << 32) /* parts */

struct fraction {
	uint64_t whole, part; /* part / 2^64 */
};

/* max(1, over / under); under is 0 only if over is. */
static inline struct fraction fraction_at_least_one(uint32_t over, uint32_t under)
{
	struct fraction f = {.whole = 1};
	uint64_t rest, high;

	if (over <= under)
		return f;
	f.whole = over / under;
	rest = (uint64_t)(over % under) << 32;
	high = rest / under;
	f.part = high << 32 | (rest % under << 32) / under;
	return f;
}

static inline void fraction_limit(struct fraction *f, uint32_t most)
{
	if (f->whole >= most)
		*f = (struct fraction){.whole = most};
}

/* Adds, up to most. */
static inline void fraction_add(struct fraction *f, struct fraction step, uint32_t most)
{
	f->part += step.part;
	f->whole += step.whole + (f->part < step.part);
	fraction_limit(f, most);
}

/* Takes away, down to 0. */
static inline void fraction_take(struct fraction *f, struct fraction step)
{
	uint64_t before = f->part, less;

	f->part -= step.part;
	less = step.whole + (f->part > before);
	if (less > f->whole)
		*f = (struct fraction){.whole = 0};
	else
		f->whole -= less;
}

/* Is n more than f (1), less (-1), or the same (0)? */
static inline int fraction_compare(uint32_t n, const struct fraction *f)
{
	uint64_t whole = f->whole + (f->part > UINT64_MAX - FRACTION_SAME);
	bool same = f->part < FRACTION_SAME || whole != f->whole;

	if (n != whole || !same)
		return n > f->whole ? 1 : -1;
	return 0;
}

#endif
