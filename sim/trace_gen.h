/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * trace_gen.h: traces made up: seeded, the same on every machine.
 */
#ifndef BALLAST_SIM_TRACE_GEN_H
#define BALLAST_SIM_TRACE_GEN_H

#include "sim/trace_reader.h"

struct trace_gen_options {
	const char *kind;
	uint32_t pages;     /* ids are below; >= 1 */
	uint32_t alpha_ppm; /* of zipf and stack; at most 4000000 */
	uint32_t write_ppm; /* share of requests that write */
	uint64_t phase;     /* phased: requests a phase; 0: a tenth of requests */
	uint64_t requests;
	uint64_t seed;
};

struct trace_gen; /* owned by the creator, freed by trace_gen_destroy() */

/* 0 or -errno with words. */
int trace_gen_create(struct trace_gen **out, const struct trace_gen_options *options,
		     struct error *error);
void trace_gen_destroy(struct trace_gen *g);

/* The next requests into b, which says writes if any can be: nr is 0 when all are made. */
void trace_gen_next(struct trace_gen *g, struct trace_batch *b);

#endif
