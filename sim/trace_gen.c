/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * trace_gen.c: made-up traces.
 *
 *   uniform  every page as likely as any other
 *   zipf     page of rank r with probability proportional to r^-alpha; ranks are dealt to page numbers at random
 *   scan     0, 1, .. pages - 1, once; then again from 0 (a loop of all pages: what LRU is worst at)
 *   loop     a loop over half of the pages, and one request in ten to any page
 *   phased   zipf, in phases: after each the ranks are dealt anew, so that what was hot is cold
 *   stack    by stack distance: the page that d others were requested since, d with probability proportional to
 *            (d + 1)^-alpha; so LRU's curve is known beforehand: the share of requests with d < frames hits
 *
 * Draws are those of the lab guest's workloads (guest/core/zipf.h): integers only, so the same seed gives the same
 * trace everywhere. stack keeps the pages in a tree by their last request, O(log n) a request.
 */
#include "sim/trace_gen.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "guest/core/zipf.h"
#include "lib/words.h"
#include "sim/stack_order.h"

struct trace_gen {
	struct trace_gen_options options;
	void (*next)(struct trace_gen *g, uint64_t *id);
	struct rng rng, write_rng;
	struct zipf zipf;
	struct scatter scatter;
	uint64_t made;
	struct stack_order *order;
};

static void uniform_next(struct trace_gen *g, uint64_t *id)
{
	*id = rng_below(&g->rng, g->options.pages);
}

static void zipf_next(struct trace_gen *g, uint64_t *id)
{
	*id = scatter_of(&g->scatter, zipf_draw(&g->zipf, &g->rng));
}

static void scan_next(struct trace_gen *g, uint64_t *id)
{
	*id = g->made % g->options.pages;
}

static void loop_next(struct trace_gen *g, uint64_t *id)
{
	uint32_t half = g->options.pages / 2 ? g->options.pages / 2 : 1;

	*id = rng_below(&g->rng, 10) ? g->made % half : rng_below(&g->rng, g->options.pages);
}

static void phased_next(struct trace_gen *g, uint64_t *id)
{
	if (g->made && g->made % g->options.phase == 0)
		scatter_init(&g->scatter, g->options.pages, &g->rng);
	zipf_next(g, id);
}

static void stack_next(struct trace_gen *g, uint64_t *id)
{
	*id = stack_order_renew(g->order, zipf_draw(&g->zipf, &g->rng));
}

static const struct {
	const char *name;
	void (*next)(struct trace_gen *g, uint64_t *id);
} kinds[] = {
	{"uniform", uniform_next}, {"zipf", zipf_next},     {"scan", scan_next},
	{"loop", loop_next},       {"phased", phased_next}, {"stack", stack_next},
};
#define NR_KINDS (sizeof(kinds) / sizeof(kinds[0]))

static char *kind_names(char *buf, size_t bytes)
{
	struct words words = {0};

	for (size_t i = 0; i < NR_KINDS; i++)
		words_add(&words, kinds[i].name);
	return words_join(&words, buf, bytes);
}

int trace_gen_create(struct trace_gen **out, const struct trace_gen_options *options,
		     struct error *error)
{
	struct trace_gen *g = calloc(1, sizeof(*g));
	char list[100], quoted[48];

	*out = NULL;
	if (!g)
		return error_host(error, ENOMEM, "trace gen");
	g->options = *options;
	for (size_t i = 0; i < NR_KINDS; i++)
		if (strcmp(kinds[i].name, options->kind) == 0)
			g->next = kinds[i].next;
	if (!g->next) {
		free(g);
		return error_user(error, "trace gen: no kind is called '%s'; allowed: %s",
				  words_quote(options->kind, quoted, sizeof(quoted)),
				  kind_names(list, sizeof(list)));
	}
	if (!g->options.phase)
		g->options.phase = options->requests / 10 ? options->requests / 10 : 1;
	g->rng = rng_seeded(options->seed);
	g->write_rng = rng_seeded(rng_mix(options->seed + 1));
	scatter_init(&g->scatter, options->pages, &g->rng);
	zipf_init(&g->zipf, options->pages, options->alpha_ppm);
	if (g->next == stack_next) {
		g->order = stack_order_create(options->pages);
		if (!g->order) {
			free(g);
			return error_host(error, ENOMEM, "trace gen: %u pages", options->pages);
		}
	}
	*out = g;
	return 0;
}

void trace_gen_destroy(struct trace_gen *g)
{
	if (!g)
		return;
	stack_order_destroy(g->order);
	free(g);
}

void trace_gen_next(struct trace_gen *g, struct trace_batch *b)
{
	uint64_t left = g->options.requests - g->made;

	b->nr = left < TRACE_BATCH ? (uint32_t)left : TRACE_BATCH;
	for (uint32_t i = 0; i < b->nr; i++, g->made++) {
		g->next(g, &b->id[i]);
		b->write[i] = g->options.write_ppm &&
			      rng_below(&g->write_rng, PPM) < g->options.write_ppm;
	}
}
