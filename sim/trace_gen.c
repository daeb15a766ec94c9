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
 *   guest    what a lab guest's workload touches: each phase writes its pages in order, then touches them at its rate,
 *            until its time is over by that rate (a microsecond a touch, if unlimited). A phase begins at page 0 again, as
 *            its pages take the place of those that were freed; boot has as many as pages says
 *
 * Draws are those of the lab guest's workloads (guest/core/zipf.h): integers only, so the same seed gives the same
 * trace everywhere. stack keeps the pages in a tree by their last request, O(log n) a request.
 */
#include "sim/trace_gen.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "guest/core/workload.h"
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
	/* guest */
	struct workload_spec spec;
	struct workload workload;
	uint64_t phase_touches;
	bool write, ended;
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

/* Touches that a phase has time for; UINT64_MAX: it lasts. */
static uint64_t touches_of(const struct phase_spec *phase)
{
	uint64_t rate = phase->rate ? phase->rate : 1000000;

	if (!phase->duration_ns)
		return UINT64_MAX;
	return (uint64_t)((unsigned __int128)phase->duration_ns * rate / NS_PER_S);
}

static void guest_next(struct trace_gen *g, uint64_t *id)
{
	struct workload *w = &g->workload;

	while (!g->ended) {
		struct workload_step step;

		if (g->phase_touches >= touches_of(workload_phase(w)))
			workload_phase_over(w);
		step = workload_next(w);
		*id = step.page;
		g->write = step.op == STEP_FILL || step.write;
		g->phase_touches += step.op == STEP_TOUCH;
		if (step.op == STEP_FILL || step.op == STEP_TOUCH)
			return;
		if (step.op == STEP_BEGIN) {
			workload_phase_begin(w, g->options.pages);
			g->phase_touches = 0;
		} else if (step.op == STEP_WAIT && workload_phase(w)->duration_ns) {
			workload_phase_over(w);
		} else if (step.op == STEP_WAIT || step.op == STEP_DONE) {
			g->ended = true; /* nothing more will happen */
		}
	}
}

static int guest_init(struct trace_gen *g, struct error *error)
{
	const char *text = g->options.workload;
	size_t at = 0;

	if (!text)
		return error_user(error, "trace gen: no workload; allowed: --workload "
					 "zipf,pages=1000,write=300000,..");
	if (workload_parse(text, strlen(text), &g->spec, &at)) {
		char quoted[48];

		return error_user(
			error,
			"--workload is wrong at '%s'; allowed: KIND[,KEY=NUMBER].. of "
			"idle, toucher, zipf, scan, boot and pages, write, alpha (the last "
			"two in millionths), rate, ns; phases with + between",
			words_quote(text + at, quoted, sizeof(quoted)));
	}
	workload_init(&g->workload, &g->spec, g->options.seed, 0);
	return 0;
}

static const struct {
	const char *name;
	void (*next)(struct trace_gen *g, uint64_t *id);
} kinds[] = {
	{"uniform", uniform_next}, {"zipf", zipf_next},     {"scan", scan_next},
	{"loop", loop_next},       {"phased", phased_next}, {"stack", stack_next},
	{"guest", guest_next},
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
	if (g->next == guest_next && guest_init(g, error)) {
		free(g);
		return -EINVAL;
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

	uint32_t most = left < TRACE_BATCH ? (uint32_t)left : TRACE_BATCH;

	for (b->nr = 0; b->nr < most; b->nr++, g->made++) {
		g->write = g->options.write_ppm &&
			   rng_below(&g->write_rng, PPM) < g->options.write_ppm;
		g->next(g, &b->id[b->nr]);
		if (g->ended)
			break;
		b->write[b->nr] = g->write;
	}
}
