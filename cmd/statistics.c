/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * statistics.c: medians with intervals.
 *
 * The probability of k heads in n throws of a coin is had from that of k - 1; 2^-n is exact in a double up to 1022
 * throws, which is what bounds n.
 */
#include "cmd/statistics.h"

#include <stdlib.h>

static int ascending(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return x < y ? -1 : x > y;
}

/* The largest k >= 1 whose interval has the level, or 1; *level: of that interval. */
static unsigned rank_of(unsigned nr, double *level)
{
	double chance = 1, below = 0; /* P(Bin = k - 1), P(Bin < k) */
	unsigned k = 1;

	for (unsigned i = 0; i < nr; i++)
		chance /= 2;
	below = chance;
	*level = 1 - 2 * below;
	for (unsigned i = 1; 2 * (i + 1) <= nr; i++) {
		chance = chance * (nr - i + 1) / i;
		below += chance;
		if (1 - 2 * below < STATISTICS_LEVEL)
			break;
		k = i + 1;
		*level = 1 - 2 * below;
	}
	return k;
}

void statistics_interval(double *value, unsigned nr, struct statistics_interval *out)
{
	unsigned k;

	*out = (struct statistics_interval){.nr = nr};
	qsort(value, nr, sizeof(*value), ascending);
	k = rank_of(nr, &out->level);
	out->median = nr % 2 ? value[nr / 2] : (value[nr / 2 - 1] + value[nr / 2]) / 2;
	out->low = value[k - 1];
	out->high = value[nr - k];
	out->same = value[0] == value[nr - 1];
}

static bool varies(const double *value, unsigned nr)
{
	for (unsigned i = 1; i < nr; i++)
		if (value[i] != value[0])
			return true;
	return false;
}

void statistics_difference(const double *a, const double *b, unsigned nr,
			   struct statistics_difference *out)
{
	double difference[STATISTICS_NR_MAX];
	bool equal = true;

	for (unsigned i = 0; i < nr; i++) {
		difference[i] = b[i] - a[i];
		equal = equal && difference[i] == 0;
	}
	statistics_interval(difference, nr, &out->of);
	if (nr >= 2 && equal)
		out->verdict = STATISTICS_EQUAL;
	else if (nr >= 2 && !varies(a, nr) && !varies(b, nr))
		out->verdict = STATISTICS_EXACT;
	else if (nr < STATISTICS_REPEATS_MIN)
		out->verdict = STATISTICS_TOO_FEW;
	else if (out->of.low <= 0 && out->of.high >= 0)
		out->verdict = STATISTICS_NOISE;
	else
		out->verdict = STATISTICS_DIFFERS;
}

const char *statistics_verdict_name(enum statistics_verdict verdict)
{
	switch (verdict) {
	case STATISTICS_DIFFERS:
		return "differs";
	case STATISTICS_NOISE:
		return "within the noise";
	case STATISTICS_TOO_FEW:
		return "too few repeats to tell";
	case STATISTICS_EXACT:
		return "differs, and neither varies";
	case STATISTICS_EQUAL:
		return "the same in every repeat";
	}
	return "unknown";
}
