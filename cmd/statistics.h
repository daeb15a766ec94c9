/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * statistics.h: medians with intervals, for a handful of repeats of anything.
 *
 * The interval of a median is made of two of the values themselves (order statistics): of n independent values, the
 * k-th lowest and the k-th highest have the true median between them with probability 1 - 2 P(Bin(n, 1/2) < k), however
 * the values are distributed (D. Conover, Practical Nonparametric Statistics, 3.2). That needs no assumption about
 * noise, draws nothing, and for a difference it is the sign test. Its price: below 6 values even the whole range does
 * not reach 95 %; then the range is given with the probability that it has.
 */
#ifndef BALLAST_CMD_STATISTICS_H
#define BALLAST_CMD_STATISTICS_H

#include <stdbool.h>

#define STATISTICS_LEVEL       0.95
#define STATISTICS_REPEATS_MIN 6 /* the fewest values with an interval of that level */
#define STATISTICS_NR_MAX      1000

struct statistics_interval {
	unsigned nr;
	double median; /* the middle value, the mean of the two middle ones */
	double low, high;
	double level; /* probability that the true median is in [low, high]; 0 for one value */
	bool same;    /* all values are equal */
};

/* Of value[0] to value[nr - 1], 1 <= nr <= STATISTICS_NR_MAX, which are put in order. O(n log n). */
void statistics_interval(double *value, unsigned nr, struct statistics_interval *out);

/* What is known of a difference between two settings, from the pairs of runs with the same seed. */
enum statistics_verdict {
	STATISTICS_DIFFERS, /* 0 is outside the interval of the paired differences */
	STATISTICS_NOISE,   /* 0 is inside it */
	STATISTICS_TOO_FEW, /* fewer pairs than STATISTICS_REPEATS_MIN, and not all alike */
	STATISTICS_EXACT, /* two or more pairs, and neither side varies: there is no noise; the sides differ */
	STATISTICS_EQUAL, /* two or more pairs, and in each both sides are equal */
};

struct statistics_difference {
	struct statistics_interval of; /* b - a, pair by pair */
	enum statistics_verdict verdict;
};

/* 1 <= nr <= STATISTICS_NR_MAX. */
void statistics_difference(const double *a, const double *b, unsigned nr,
			   struct statistics_difference *out);

/* "differs", "within the noise", .. */
const char *statistics_verdict_name(enum statistics_verdict verdict);

#endif
