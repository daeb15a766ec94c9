/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * sim_files_test.c: file servers on the simulated machine, under all mechanisms: what they do is what their sequence says,
 * as on KVM (tests/live/fileserver_test.c), nothing is lost, and twice the same comes out.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tests/support/file_sequence.h"
#include "tests/support/sim_world.h"

#define MS (NS_PER_S / 1000)

#define PAGES    2048u
#define FILES    300u
#define BLOCKS   (2 * FILES * 8)
#define WORKLOAD "fileserver,files=300,size=8,write=600000,rate=20000,common=300000"

static struct sim_machine *create(npages_t memory)
{
	struct sim_config config = sim_world_config(memory, 8192, 3);
	struct sim_machine *m;
	struct error error;

	if (sim_machine_create(&config, &m, &error))
		fail_msg("%s", error.text);
	sim_world_add_server(m, PAGES, PAGES, BLOCKS, WORKLOAD, "lab.seed=1 lab.vm=0");
	sim_world_add_server(m, PAGES, 0, BLOCKS, WORKLOAD, "lab.seed=2 lab.vm=1 lab.pager=lru");
	sim_world_add_server(m, PAGES, PAGES, BLOCKS, WORKLOAD,
			     "lab.seed=3 lab.vm=2 lab.balloon=0");
	sim_machine_start(m);
	return m;
}

static void test_works(void **state)
{
	struct sim_machine *m = create(3000);
	struct machine_snapshot *s;

	(void)state;
	sim_world_run(m, 0, 3 * NS_PER_S, 20 * MS);
	assert_int_equal(sim_machine_snapshot(m, &s), 0);
	for (unsigned i = 0; i < 3; i++) {
		const struct vm_live_stats *live = machine_snapshot_live(s, i);
		const struct guest_stats *g = &live->guest;
		struct file_sequence seen =
			file_sequence_of(WORKLOAD, i + 1, i, FILES, g->work_units);

		assert_int_equal(live->exit, VM_RUNNING);
		assert_true(g->work_units > 3000);
		assert_int_equal(g->filled_pages, seen.filled);
		assert_int_equal(g->integrity_checks, seen.reads);
		assert_int_equal(g->integrity_errors + g->io_errors + g->faults, 0);
		assert_true(g->file_read_pages > 100 && g->file_write_pages > 500);
		assert_true(g->file_dropped_dirty > 0 && g->file_ahead_hits > 0);
		assert_true(live->disk_writes > 0 && live->disk_reads > 0);
	}
	assert_true(s->vm[0].balloon_inflated + s->vm[1].balloon_inflated > 0);
	assert_true(s->vm[2].paged_out_pages > 0);
	free(s);
	sim_machine_destroy(m);
}

static void test_same_twice(void **state)
{
	struct machine_snapshot *s[2];

	(void)state;
	for (unsigned i = 0; i < 2; i++) {
		struct sim_machine *m = create(3000);

		sim_machine_run(m, NS_PER_S);
		assert_int_equal(sim_machine_snapshot(m, &s[i]), 0);
		sim_machine_destroy(m);
	}
	for (unsigned i = 0; i < 3; i++) {
		assert_memory_equal(&machine_snapshot_live(s[0], i)->guest,
				    &machine_snapshot_live(s[1], i)->guest,
				    sizeof(struct guest_stats));
		assert_memory_equal(&s[0]->vm[i], &s[1]->vm[i], sizeof(s[0]->vm[i]));
	}
	free(s[0]);
	free(s[1]);
}

/* With memory enough for all the host does nothing; the guests still write back and drop. */
static void test_alone(void **state)
{
	struct sim_machine *m = create(8192);
	struct sim_totals t;

	(void)state;
	sim_world_run(m, 0, 2 * NS_PER_S, 50 * MS);
	t = sim_world_totals(m);
	assert_int_equal(t.errors, 0);
	assert_int_equal(t.paged_out, 0);
	assert_true(t.work > 60000);
	sim_machine_destroy(m);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_works),
		cmocka_unit_test(test_same_twice),
		cmocka_unit_test(test_alone),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
