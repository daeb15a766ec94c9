/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * rng.h: the one random number generator, seeded, the same in the program and inside the guest.
 *
 * SplitMix64 (Steele, Lea, Flood, OOPSLA 2014): one 64-bit word of state, any seed is good (0 too), passes BigCrush.
 * It stands in include/ and not in lib/ because replacement policies and workloads run inside a guest kernel, which
 * links nothing.
 */
#ifndef BALLAST_RNG_H
#define BALLAST_RNG_H

#include <stdint.h>

struct rng {
	uint64_t state;
};

/* One well-mixed 64-bit value of one 64-bit value: the finalizer of SplitMix64, a bijection. */
static inline uint64_t rng_mix(uint64_t x)
{
	x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9ull;
	x = (x ^ (x >> 27)) * 0x94d049bb133111ebull;
	return x ^ (x >> 31);
}

static inline struct rng rng_seeded(uint64_t seed)
{
	return (struct rng){seed};
}

static inline uint64_t rng_next(struct rng *r)
{
	r->state += 0x9e3779b97f4a7c15ull;
	return rng_mix(r->state);
}

/* Uniform in [0, bound) by Lemire's multiply-shift; bound > 0. The bias is below bound / 2^64. */
static inline uint64_t rng_below(struct rng *r, uint64_t bound)
{
	return (uint64_t)(((unsigned __int128)rng_next(r) * bound) >> 64);
}

#endif
