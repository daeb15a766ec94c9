/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * sim_cpus_test.c: tasks take turns on processors: each its share to the slice, no more run at once than there are,
 * urgent ones first.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "sim/cpus.h"

#define TASKS 5
#define SLICE 10u

struct worker {
	struct sim_task task;
	bool goes_on;
	uint64_t began_ns; /* its last turn */
	unsigned turns;
};

struct world {
	struct sim_queue queue;
	struct sim_cpus cpus;
	struct worker worker[TASKS];
	uint64_t now;
};

static uint64_t run(void *ctx, uint64_t now_ns)
{
	struct worker *w = ctx;

	w->began_ns = now_ns;
	w->turns++;
	return now_ns + SLICE;
}

static void after(void *ctx, uint64_t now_ns)
{
	struct worker *w = ctx;

	(void)now_ns;
	if (w->goes_on)
		sim_task_ready(&w->task);
}

static void make(struct world *w, unsigned cpus)
{
	*w = (struct world){.now = 0};
	sim_cpus_init(&w->cpus, &w->queue, cpus);
	for (unsigned i = 0; i < TASKS; i++) {
		w->worker[i].goes_on = true;
		w->worker[i].task =
			(struct sim_task){.run = run, .after = after, .ctx = &w->worker[i]};
		assert_int_equal(sim_task_init(&w->cpus, &w->worker[i].task), 0);
	}
}

static void pass(struct world *w, uint64_t until)
{
	struct sim_event *e;

	sim_cpus_dispatch(&w->cpus, w->now);
	while ((e = sim_queue_take(&w->queue, until)) != NULL) {
		w->now = e->at_ns;
		e->happens(e->ctx, w->now);
		sim_cpus_dispatch(&w->cpus, w->now);
		assert_true(w->cpus.busy <= w->cpus.nr);
	}
}

static void test_equal_shares(void **state)
{
	for (unsigned cpus = 1; cpus <= TASKS; cpus++) {
		struct world w;

		(void)state;
		make(&w, cpus);
		for (unsigned i = 0; i < TASKS; i++)
			sim_task_ready(&w.worker[i].task);
		pass(&w, 1000 * SLICE);
		for (unsigned i = 0; i < TASKS; i++) {
			uint64_t share = 1000 * SLICE * cpus / TASKS;

			assert_in_range(w.worker[i].task.ran_ns, share - SLICE, share + SLICE);
		}
		sim_queue_free(&w.queue);
	}
}

static void test_a_task_alone_goes_on_at_once(void **state)
{
	struct world w;

	(void)state;
	make(&w, 2);
	sim_task_ready(&w.worker[0].task);
	sim_task_ready(&w.worker[0].task); /* waits already */
	pass(&w, 100 * SLICE);
	assert_int_equal(w.worker[0].task.ran_ns, 100 * SLICE);
	assert_int_equal(w.worker[0].turns, 101);
	sim_queue_free(&w.queue);
}

static void test_urgent_ones_go_first(void **state)
{
	struct world w;

	(void)state;
	make(&w, 1);
	w.worker[4].task.urgent = true;
	w.worker[4].goes_on = false;
	for (unsigned i = 0; i < TASKS; i++)
		sim_task_ready(&w.worker[i].task);
	pass(&w, 2 * SLICE);
	assert_int_equal(w.worker[4].began_ns, 0);
	assert_int_equal(w.worker[0].began_ns, SLICE);
	assert_int_equal(w.worker[1].began_ns, 2 * SLICE);
	sim_task_ready(&w.worker[4].task); /* behind the one that runs, before those in line */
	pass(&w, 3 * SLICE);
	assert_int_equal(w.worker[4].began_ns, 3 * SLICE);
	assert_int_equal(w.worker[2].turns, 0);
	sim_queue_free(&w.queue);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_equal_shares),
		cmocka_unit_test(test_a_task_alone_goes_on_at_once),
		cmocka_unit_test(test_urgent_ones_go_first),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
