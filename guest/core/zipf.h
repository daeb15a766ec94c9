/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * zipf.h: draws ranks by a bounded Zipf law, and deals ranks to page numbers. Integers only, no table a page.
 */
#ifndef BALLAST_GUEST_ZIPF_H
#define BALLAST_GUEST_ZIPF_H

#include "ballast/rng.h"
#include "ballast/types.h"

#define ZIPF_BUCKETS 32

#define ZIPF_STEPS 64u /* a power of two */

struct zipf {
	uint32_t ranks;
	uint32_t buckets;
	uint64_t alpha;              /* Q40 */
	uint64_t upto[ZIPF_BUCKETS]; /* summed weights of buckets 0..j, for j < buckets */
	uint64_t step
		[ZIPF_STEPS +
		 1]; /* (1 + i / ZIPF_STEPS)^-alpha, Q63: most draws are decided by two of them */
};

/* ranks >= 1; alpha_ppm <= 4000000. Some ten microseconds, whatever the number of ranks. */
void zipf_init(struct zipf *z, uint32_t ranks, uint32_t alpha_ppm);

/* A rank in [0, ranks), 0 the most likely: P(r) proportional to (r + 1)^-alpha, to about 1 part in 2^32. O(1) expected. */
uint32_t zipf_draw(const struct zipf *z, struct rng *rng);

/* A seeded bijection of [0, size). */
struct scatter {
	uint32_t size, mask, shift;
	uint32_t factor[3], offset[3];
};

/* size >= 1. Takes its keys from rng. O(1). */
void scatter_init(struct scatter *s, uint32_t size, struct rng *rng);

/* i < size. O(1) expected. */
uint32_t scatter_of(const struct scatter *s, uint32_t i);

#endif
