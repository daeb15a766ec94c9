/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * zipf.c: bounded Zipf draws by buckets of powers of two and rejection; and a seeded bijection.
 *
 * Wanted: rank k in [1, n] with probability proportional to k^-a, for any a in [0, 4], the same bits in the program and
 * in a guest kernel without floating point, no table a page and no set-up worth mentioning.
 *
 * Bucket j holds the ranks [2^j, 2^(j+1)), the last one those up to n. Give each rank of bucket j the weight of its
 * first, 2^-ja, the highest there: such weights sum without any loop over ranks. Draw a bucket by weight, a rank in it
 * evenly, and accept with probability (k / 2^j)^-a; else start over. What comes out is k^-a exactly. At least 0.69 of
 * the draws are accepted (a = 1; at a = 0 all are, at a = 2 0.82, at a = 4 0.95). The power falls with k / 2^j: a table
 * of it at a few points has an upper and a lower bound for each k, which decide all but a draw in a hundred or so; only
 * those need the power itself.
 *
 * Fixed point: Qn is a number times 2^n. Exponents are Q40, powers in (0, 1] Q63; products go through 128 bits. A
 * rank's probability is off by less than 1 part in 2^32, or by 2^-57 where it is rarer than that can tell.
 */
#include "guest/core/zipf.h"

#define ONE_Q63 (1ull << 63)
#define LN2_Q64 0xb17217f7d1cf79abull
#define SLACK   (1ull << 32) /* in Q63; powers are off by less than 2^-36 */

static uint64_t mul_shift(uint64_t a, uint64_t b, unsigned shift)
{
	return (uint64_t)(((unsigned __int128)a * b) >> shift);
}

/* 2^-frac(x) in Q63, x in Q40: e^-y for y = frac(x) ln 2 < 0.7, its Taylor series to y^14 / 14!: error below 2^-48. */
static uint64_t power_of_frac(uint64_t x)
{
	static const uint64_t inverse[] = {
		ONE_Q63,      ONE_Q63 / 2,  ONE_Q63 / 3,  ONE_Q63 / 4,  ONE_Q63 / 5,
		ONE_Q63 / 6,  ONE_Q63 / 7,  ONE_Q63 / 8,  ONE_Q63 / 9,  ONE_Q63 / 10,
		ONE_Q63 / 11, ONE_Q63 / 12, ONE_Q63 / 13, ONE_Q63 / 14,
	};
	uint64_t y = mul_shift((x << 24) >> 1, LN2_Q64, 64), sum = ONE_Q63;

	/* Horner: 1 - y (1 - y/2 (1 - y/3 (...))) */
	for (unsigned k = 14; k-- > 0;)
		sum = ONE_Q63 - mul_shift(mul_shift(y, sum, 63), inverse[k], 63);
	return sum;
}

/* 2^-x in Q63, x in Q40 and below 64. */
static uint64_t power_neg(uint64_t x)
{
	return power_of_frac(x) >> (x >> 40);
}

/* log2(x) in Q40, x in [1, 2) as Q63: squaring doubles the logarithm, so each square's whole part is its next bit. */
static uint64_t log2_of(uint64_t x)
{
	uint64_t result = 0;

	for (unsigned i = 0; i < 40; i++) {
		unsigned __int128 square = (unsigned __int128)x * x; /* [1, 4) in Q126 */
		unsigned bit = (unsigned)(square >> 127);

		x = (uint64_t)(square >> (63 + bit));
		result = result << 1 | bit;
	}
	return result;
}

/* x^-alpha, x in [1, 2) as Q63. */
static uint64_t power_of(const struct zipf *z, uint64_t x)
{
	return power_neg(mul_shift(z->alpha, log2_of(x), 40));
}

/* Is u below (k / 2^j)^-alpha? 2^j <= k < 2^(j + 1). Rounding may make the power rise by a little; SLACK is more. */
static bool accepted(const struct zipf *z, uint32_t k, uint32_t j, uint64_t u)
{
	uint32_t i = (uint32_t)(((uint64_t)k * ZIPF_STEPS) >> j) - ZIPF_STEPS;

	if (u + SLACK < z->step[i + 1])
		return true;
	if (u > z->step[i] + SLACK)
		return false;
	return u < z->step[ZIPF_STEPS] || u < power_of(z, (uint64_t)k << (63 - j));
}

/* How many ranks bucket j has. */
static uint32_t bucket_ranks(const struct zipf *z, uint32_t j)
{
	uint32_t first = 1u << j, left = z->ranks - first + 1;

	return left < first ? left : first;
}

void zipf_init(struct zipf *z, uint32_t ranks, uint32_t alpha_ppm)
{
	uint64_t sum = 0, growth;
	unsigned shift;

	z->ranks = ranks;
	z->buckets = 32 - (uint32_t)__builtin_clz(ranks);
	z->alpha = ((uint64_t)alpha_ppm << 40) / PPM;
	for (uint32_t i = 0; i < ZIPF_STEPS; i++)
		z->step[i] = power_of(z, (uint64_t)(ZIPF_STEPS + i) * (ONE_Q63 / ZIPF_STEPS));
	z->step[ZIPF_STEPS] = power_neg(z->alpha);
	/*
	 * A bucket weighs at most 2^(j (1 - a)), or 1 if a > 1; 32 of them, shifted, must stay below 2^63. Full weights
	 * are shifted no further than that, since their low bits are the precision of rare ranks.
	 */
	growth = alpha_ppm < PPM ? (uint64_t)(z->buckets - 1) * (PPM - alpha_ppm) / PPM + 1 : 0;
	shift = 6 + (unsigned)growth;
	for (uint32_t j = 0; j < z->buckets; j++) {
		uint64_t x = j * z->alpha, whole = shift + (x >> 40);

		if (whole < 128)
			sum += mul_shift(bucket_ranks(z, j), power_of_frac(x), (unsigned)whole);
		z->upto[j] = sum;
	}
}

uint32_t zipf_draw(const struct zipf *z, struct rng *rng)
{
	for (;;) {
		uint64_t at = rng_below(rng, z->upto[z->buckets - 1]), u;
		uint32_t low = 0, high = z->buckets - 1, k;

		while (low < high) { /* the first bucket with at < upto */
			uint32_t middle = (low + high) / 2;

			if (at < z->upto[middle])
				high = middle;
			else
				low = middle + 1;
		}
		k = (1u << low) + (uint32_t)rng_below(rng, bucket_ranks(z, low));
		u = rng_next(rng) >> 1;
		if (accepted(z, k, low, u))
			return k - 1;
	}
}

/*
 * Rounds of multiply, add, xor with the high half: each a bijection of b-bit numbers (odd factor). Numbers at or above
 * size go round again until they fall below; that ends, because the cycle a number is on contains itself. Fewer than
 * two goes are expected, as size is above half of 2^b.
 */
void scatter_init(struct scatter *s, uint32_t size, struct rng *rng)
{
	uint32_t bits = size > 1 ? 32 - (uint32_t)__builtin_clz(size - 1) : 1;

	s->size = size;
	s->mask = UINT32_MAX >> (32 - bits);
	s->shift = (bits + 1) / 2;
	for (unsigned i = 0; i < 3; i++) {
		uint64_t key = rng_next(rng);

		s->factor[i] = (uint32_t)key | 1;
		s->offset[i] = (uint32_t)(key >> 32);
	}
}

uint32_t scatter_of(const struct scatter *s, uint32_t i)
{
	do {
		for (unsigned round = 0; round < 3; round++) {
			i = (i * s->factor[round] + s->offset[round]) & s->mask;
			i ^= i >> s->shift;
		}
	} while (i >= s->size);
	return i;
}
