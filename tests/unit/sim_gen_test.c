/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * sim_gen_test.c: made-up traces are what they are called: counts by hand where the kind has no chance in it, else
 * against the distribution it is to have, with room for 5 standard deviations.
 */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "ballast/rng.h"
#include "ballast/types.h"
#include "sim/stack_order.h"
#include "sim/trace_gen.h"

#define REQUESTS 200000u
#define PAGES    500u

static uint64_t *made(const struct trace_gen_options *options, uint32_t *writes)
{
	uint64_t *id = calloc(options->requests, sizeof(*id));
	struct trace_batch *b = malloc(sizeof(*b));
	struct trace_gen *g;
	struct error error;
	uint64_t nr = 0;

	assert_true(id && b);
	*writes = 0;
	assert_int_equal(trace_gen_create(&g, options, &error), 0);
	for (trace_gen_next(g, b); b->nr; trace_gen_next(g, b))
		for (uint32_t i = 0; i < b->nr; i++) {
			assert_true(b->id[i] < options->pages);
			*writes += b->write[i];
			id[nr++] = b->id[i];
		}
	assert_int_equal(nr, options->requests);
	trace_gen_destroy(g);
	free(b);
	return id;
}

static struct trace_gen_options ask(const char *kind)
{
	return (struct trace_gen_options){
		.kind = kind, .pages = PAGES, .alpha_ppm = PPM, .requests = REQUESTS, .seed = 9};
}

/* n draws of probability p came out as `got`. */
static void assert_near(double got, double n, double p)
{
	double spread = 5 * sqrt(n * p * (1 - p)) + 1;

	if (got < n * p - spread || got > n * p + spread)
		fail_msg("%.0f of %.0f draws of probability %.4f", got, n, p);
}

static void test_seeds(void **state)
{
	static const char *const kinds[] = {"uniform", "zipf", "scan", "loop", "phased", "stack"};

	(void)state;
	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
		struct trace_gen_options options = ask(kinds[i]);
		uint32_t writes;
		uint64_t *a, *b, *c;

		a = made(&options, &writes);
		assert_int_equal(writes, 0);
		options.write_ppm = 300000; /* writes do not change which pages */
		b = made(&options, &writes);
		assert_near(writes, REQUESTS, 0.3);
		assert_memory_equal(a, b, REQUESTS * sizeof(*a));
		options.seed = 10;
		c = made(&options, &writes);
		assert_true(strcmp(kinds[i], "scan") == 0 ||
			    memcmp(a, c, REQUESTS * sizeof(*a)) != 0);
		free(a);
		free(b);
		free(c);
	}
}

static void test_scan_and_loop(void **state)
{
	struct trace_gen_options options = ask("scan");
	uint32_t writes, off = 0;
	uint64_t *id = made(&options, &writes);

	(void)state;
	for (uint32_t i = 0; i < REQUESTS; i++)
		assert_int_equal(id[i], i % PAGES);
	free(id);
	options = ask("loop");
	id = made(&options, &writes);
	for (uint32_t i = 0; i < REQUESTS; i++)
		off += id[i] != i % (PAGES / 2);
	assert_near(off, REQUESTS, 0.1 * (1 - 1.0 / PAGES));
	free(id);
}

static void test_uniform(void **state)
{
	struct trace_gen_options options = ask("uniform");
	uint32_t writes, count[PAGES] = {0}, pairs = 0;
	uint64_t *id = made(&options, &writes);

	(void)state;
	for (uint32_t i = 0; i < REQUESTS; i++) {
		count[id[i]]++;
		pairs += i && id[i] == id[i - 1];
	}
	for (uint32_t p = 0; p < PAGES; p++)
		assert_near(count[p], REQUESTS, 1.0 / PAGES);
	assert_near(pairs, REQUESTS - 1, 1.0 / PAGES); /* one draw does not depend on the last */
	free(id);
}

static int descending(const void *a, const void *b)
{
	uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;

	return (x < y) - (x > y);
}

/* The most frequent page is that of rank 1, and so on, for the first few, which are far apart. */
static void test_zipf(void **state)
{
	struct trace_gen_options options = ask("zipf");
	uint32_t writes, count[PAGES] = {0};
	uint64_t *id = made(&options, &writes);
	double sum = 0;

	(void)state;
	for (uint32_t i = 0; i < REQUESTS; i++)
		count[id[i]]++;
	qsort(count, PAGES, sizeof(*count), descending);
	for (uint32_t r = 1; r <= PAGES; r++)
		sum += 1.0 / r;
	for (uint32_t r = 1; r <= 8; r++)
		assert_near(count[r - 1], REQUESTS, 1 / (r * sum));
	free(id);
}

/* What is most frequent in one phase is not in the next. */
static void test_phased(void **state)
{
	struct trace_gen_options options = ask("phased");
	uint32_t writes, changes = 0, before = 0;
	uint64_t *id;

	(void)state;
	options.phase = REQUESTS / 20;
	id = made(&options, &writes);
	for (uint32_t phase = 0; phase < 20; phase++) {
		uint32_t count[PAGES] = {0}, most = 0;

		for (uint32_t i = 0; i < options.phase; i++)
			count[id[phase * options.phase + i]]++;
		for (uint32_t p = 1; p < PAGES; p++)
			most = count[p] > count[most] ? p : most;
		assert_true(count[most] > options.phase / 10);
		changes += phase && most != before;
		before = most;
	}
	assert_true(changes >= 17);
	free(id);
}

/* Stack distances are drawn by the law that was asked for: counted with a stack that is an array. */
static void test_stack(void **state)
{
	struct trace_gen_options options = ask("stack");
	uint32_t writes, stack[PAGES], count[PAGES] = {0}, nr = 20000;
	double sum = 0;
	uint64_t *id;

	(void)state;
	options.requests = nr;
	id = made(&options, &writes);
	for (uint32_t p = 0; p < PAGES; p++)
		stack[p] = p;
	for (uint32_t i = 0; i < nr; i++) {
		uint32_t d = 0;

		while (stack[d] != id[i])
			d++;
		count[d]++;
		memmove(stack + 1, stack, d * sizeof(*stack));
		stack[0] = (uint32_t)id[i];
	}
	for (uint32_t d = 0; d < PAGES; d++)
		sum += 1.0 / (d + 1);
	for (uint32_t d = 0; d < 10; d++)
		assert_near(count[d], nr, 1 / ((d + 1) * sum));
	free(id);
}

/* The tree against an array, sizes that are powers of two and not. */
static void test_stack_order(void **state)
{
	(void)state;
	for (uint32_t pages = 1; pages <= 70; pages += pages < 10 ? 1 : 13) {
		struct stack_order *s = stack_order_create(pages);
		struct rng rng = rng_seeded(pages);
		uint32_t stack[80];

		assert_non_null(s);
		for (uint32_t p = 0; p < pages; p++)
			stack[p] = p;
		for (unsigned i = 0; i < 2000; i++) {
			uint32_t depth = (uint32_t)rng_below(&rng, pages), page = stack[depth];

			assert_int_equal(stack_order_renew(s, depth), page);
			memmove(stack + 1, stack, depth * sizeof(*stack));
			stack[0] = page;
		}
		stack_order_destroy(s);
	}
}

static void test_bad_kind(void **state)
{
	struct trace_gen_options options = ask("zip");
	struct trace_gen *g;
	struct error error;

	(void)state;
	assert_int_not_equal(trace_gen_create(&g, &options, &error), 0);
	assert_string_equal(error.text,
			    "trace gen: no kind is called 'zip'; allowed: uniform, zipf, "
			    "scan, loop, phased, stack");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_seeds),       cmocka_unit_test(test_scan_and_loop),
		cmocka_unit_test(test_uniform),     cmocka_unit_test(test_zipf),
		cmocka_unit_test(test_phased),      cmocka_unit_test(test_stack),
		cmocka_unit_test(test_stack_order), cmocka_unit_test(test_bad_kind),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
