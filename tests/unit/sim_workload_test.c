/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * sim_workload_test.c: the trace of a workload has the touches of the lab guest itself: each workload is run by guest/core's
 * own run_slice(), under a clock that waits for nothing but the guest, and the pages it asks for are what the trace says.
 */
#include "sim/trace_workload.h"
#include "tests/support/guest_life.h"

#define FRAMES  3000u
#define MEMORY  (FRAMES - PAGER_RESERVE) /* that boot fills */
#define BLOCKS  4000u
#define TOUCHES 20000u
#define SEED    1u /* of life_create() */

struct touch {
	uint32_t phase, page;
	bool write;
	uint64_t now;
};

static struct {
	struct touch touch[TOUCHES];
	uint32_t nr;
} seen; /* run_ops get the life as their context, which has no room for them */

static uint64_t *seen_page(void *ctx, uint32_t page, bool write, int *err)
{
	struct life *l = ctx;

	if (seen.nr < TOUCHES)
		seen.touch[seen.nr++] = (struct touch){
			l->run.workload.phase, page < FRAMES ? page : page - FRAMES, write, l->now};
	return life_page(ctx, page, write, err);
}

static void run_guest(const char *workload)
{
	static const struct run_ops ops = {.page = seen_page, .event = life_event};
	struct life *l = life_with_files(workload, FRAMES, FRAMES, FRAMES, BLOCKS);
	uint64_t wake;

	seen.nr = 0;
	run_init(&l->run, &l->guest, &l->spec, SEED, 0, &ops, l);
	while (seen.nr < TOUCHES && l->now < 1000 * NS_PER_S &&
	       run_slice(&l->run, l->now, &wake) == RUN_GOES_ON)
		l->now = wake;
	life_destroy(l);
}

static void test_same_touches(void **state)
{
	static const struct {
		const char *workload;
		uint32_t touches;
	} all[] = {
		{"toucher,pages=700,rate=5000,write=300000", TOUCHES},
		{"zipf,pages=2000,rate=20000,write=300000,alpha=900000", TOUCHES},
		{"zipf,pages=100,alpha=500000", TOUCHES},
		{"scan,pages=1500,rate=300", TOUCHES},
		{"boot", MEMORY},
		{"fileserver,files=100,size=20,rate=3000,write=600000,alpha=300000", TOUCHES},
		{"fileserver,files=40,size=8,rate=300,write=200000,ns=20000000000+idle,ns=5+"
		 "fileserver,files=90,size=5,write=1000000",
		 TOUCHES},
		/* 10 s of scanning 500 pages 50 times a second: the last slice is the phase's end */
		{"scan,pages=500,rate=50,ns=10000000000+idle,ns=1000000000+"
		 "zipf,pages=800,rate=777,alpha=1000000,ns=3000000000+boot,ns=5+"
		 "toucher,pages=10,rate=100",
		 TOUCHES},
		{"scan,pages=5,rate=100,ns=1000000000", 5 + 99},
	};
	struct trace_batch *b = malloc(sizeof(*b));

	(void)state;
	assert_non_null(b);
	for (size_t k = 0; k < sizeof(all) / sizeof(all[0]); k++) {
		struct workload_spec spec;
		struct trace_workload w;
		struct error error;
		uint32_t nr = 0;
		size_t at;

		run_guest(all[k].workload);
		assert_int_equal(seen.nr, all[k].touches);
		assert_int_equal(
			workload_parse(all[k].workload, strlen(all[k].workload), &spec, &at), 0);
		assert_int_equal(trace_workload_init(&w, &spec, SEED, MEMORY, TOUCHES, &error), 0);
		for (trace_workload_next(&w, b); b->nr; trace_workload_next(&w, b))
			for (uint32_t i = 0; i < b->nr; i++, nr++) {
				const struct touch *t = &seen.touch[nr];

				assert_true(nr < seen.nr);
				assert_int_equal(b->id[i], (uint64_t)t->phase << 32 | t->page);
				assert_int_equal(b->write[i], t->write);
				assert_int_equal(b->time_ns[i], t->now);
			}
		assert_int_equal(nr, seen.nr);
		trace_workload_end(&w);
	}
	free(b);
}

/* Nothing says how many touches a phase is that is as fast as it can be. */
static void test_refused(void **state)
{
	static const char text[] = "idle,ns=5+zipf,pages=10,ns=1000+idle";
	struct workload_spec spec;
	struct trace_workload w;
	struct error error;
	size_t at;

	(void)state;
	assert_int_equal(workload_parse(text, strlen(text), &spec, &at), 0);
	assert_int_not_equal(trace_workload_init(&w, &spec, SEED, MEMORY, 10, &error), 0);
	assert_true(error.user);
	assert_non_null(strstr(error.text, "phase 2 has rate 'max'"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_same_touches),
		cmocka_unit_test(test_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
