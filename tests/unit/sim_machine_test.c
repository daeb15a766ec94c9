/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * sim_machine_test.c: whole simulated machines: all mechanisms at once under far too little memory, with everything
 * recounted at each step; the same twice; what a body does wrong is seen; what costs do.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "sim/guest.h"
#include "tests/support/sim_world.h"

#define MS (NS_PER_S / 1000)

#define ZIPF "zipf,pages=1800,write=200000,rate=20000,alpha=900000,zero=100000,common=400000"

static struct sim_machine *create(const struct sim_config *config)
{
	struct sim_machine *m;
	struct error error;

	if (sim_machine_create(config, &m, &error))
		fail_msg("%s", error.text);
	return m;
}

/* Four guests of 2048 pages on 4000, in different moods. */
static struct sim_machine *crowd(struct sim_config config)
{
	struct sim_machine *m = create(&config);

	sim_world_add(m, 2048, ZIPF, "lab.seed=1 lab.vm=0");
	sim_world_add(m, 2048, ZIPF, "lab.seed=2 lab.vm=1 lab.reporting=1");
	sim_world_add(m, 2048,
		      "boot,ns=500000000+toucher,pages=1900,write=50000,rate=20000,thin=500000",
		      "lab.seed=3 lab.vm=2 lab.balloon=0");
	/* more than it has: its own pager works as well */
	sim_world_add(m, 2048, "scan,pages=2600,write=300000,rate=10000,common=500000,thin=200000",
		      "lab.seed=4 lab.vm=3 lab.pager=lru");
	sim_machine_start(m);
	return m;
}

static void test_all_mechanisms_and_no_error(void **state)
{
	struct sim_machine *m = crowd(sim_world_config(4000, 8192, 4));
	struct sim_totals t;

	(void)state;
	sim_world_run(m, 0, 4 * NS_PER_S, 20 * MS);
	t = sim_world_totals(m);
	assert_int_equal(t.errors, 0);
	assert_int_equal(t.running, 4);
	assert_true(t.work > 40000);
	assert_true(t.paged_out > 1000 && t.swapped_in > 1000);
	assert_true(t.decompressed > 100);
	assert_true(t.cow > 500 && t.saved > 0);
	assert_true(t.ballooned_ever > 500 && t.guest_in > 1000);
	sim_machine_destroy(m);
}

static void test_every_pager_and_policy(void **state)
{
	(void)state;
	for (unsigned i = 0; policy_table[i]; i++) {
		struct sim_config config = sim_world_config(3600, 8192, 4);
		struct sim_machine *m;
		unsigned policies = 0;

		while (target_table[policies])
			policies++;
		config.mm.pager = policy_table[i];
		config.mm.policy = target_table[i % policies];
		m = crowd(config);
		sim_world_run(m, 0, NS_PER_S, 100 * MS);
		assert_int_equal(sim_world_totals(m).errors, 0);
		sim_machine_destroy(m);
	}
}

struct story {
	struct machine_snapshot *last;
	struct mm_event event[20000];
	unsigned nr;
};

static struct story *story_of(uint64_t seed, uint64_t step_ns)
{
	struct sim_config config = sim_world_config(4000, 8192, 4);
	struct story *s = calloc(1, sizeof(*s));
	struct sim_machine *m;
	uint64_t lost;

	assert_non_null(s);
	config.mm.seed = seed;
	m = crowd(config);
	for (uint64_t at = step_ns; at <= 2 * NS_PER_S; at += step_ns) {
		sim_machine_run(m, at);
		s->nr += sim_machine_events_take(m, s->event + s->nr, 20000 - s->nr, &lost);
		assert_int_equal(lost, 0);
	}
	sim_machine_stop(m);
	assert_int_equal(sim_machine_snapshot(m, &s->last), 0);
	sim_machine_destroy(m);
	return s;
}

static void story_free(struct story *s)
{
	free(s->last);
	free(s);
}

static void test_same_seed_same_story(void **state)
{
	/* also if it is looked at more often */
	struct story *a = story_of(1, 100 * MS), *b = story_of(1, 10 * MS),
		     *c = story_of(2, 100 * MS);

	(void)state;
	assert_true(a->nr > 20);
	assert_int_equal(a->nr, b->nr);
	assert_memory_equal(a->event, b->event, a->nr * sizeof(a->event[0]));
	assert_memory_equal(a->last, b->last, machine_snapshot_bytes(4));
	assert_true(a->nr != c->nr || memcmp(a->event, c->event, a->nr * sizeof(a->event[0])));
	story_free(a);
	story_free(b);
	story_free(c);
}

/* A page becomes another one behind everybody's back: each touch of it from then on says so. */
static void test_wrong_content_is_seen(void **state)
{
	struct sim_config config = sim_world_config(8192, 0, 1);
	struct sim_machine *m = create(&config);
	gfn_t g;

	(void)state;
	sim_world_add(m, 2048, "toucher,pages=100,rate=1000", "");
	sim_machine_start(m);
	sim_world_run(m, 0, NS_PER_S, 100 * MS);
	assert_int_equal(sim_world_totals(m).errors, 0);
	g = pager_frame_of(&m->vm[0]->guest.pager, 50);
	assert_true(g.v != 0);
	sim_memory_page(&m->memory, 0, g)->content++;
	sim_world_run(m, NS_PER_S, 3 * NS_PER_S, 100 * MS);
	assert_int_equal(sim_world_totals(m).errors, 20); /* 2000 touches of 100 pages */
	assert_int_equal(m->vm[0]->stats.bad_page, 50);
	assert_int_equal(m->vm[0]->stats.bad_gfn, g.v);
	sim_machine_destroy(m);
}

/* Swap that mixes slots up: lost writes are found as well. */
static void test_wrong_slot_is_seen(void **state)
{
	struct sim_config config = sim_world_config(1500, 4096, 1);
	struct sim_machine *m;

	(void)state;
	config.mm.balloon = false;
	m = create(&config);
	sim_world_add(m, 2048, "toucher,pages=1500,rate=20000", "");
	sim_machine_start(m);
	sim_world_run(m, 0, NS_PER_S, 100 * MS);
	assert_int_equal(sim_world_totals(m).errors, 0);
	for (unsigned i = 0; i < 4096; i++)
		m->memory.slot[i] ^= m->memory.slot[i] ? 4 : 0;
	sim_machine_run(m, 3 * NS_PER_S);
	assert_true(sim_world_totals(m).errors > 100);
	sim_machine_destroy(m);
}

static void test_pace_is_kept_to_the_touch(void **state)
{
	struct sim_config config = sim_world_config(8192, 0, 1);
	struct sim_machine *m = create(&config);
	uint64_t filled;

	(void)state;
	sim_world_add(m, 2048, "toucher,pages=1000,rate=5000", "");
	sim_machine_start(m);
	sim_machine_run(m, NS_PER_S);
	filled = sim_world_totals(m).work;
	sim_machine_run(m, 5 * NS_PER_S);
	/* slices of 10 ms: 50 touches at either end */
	assert_in_range(sim_world_totals(m).work - filled, 20000 - 50, 20000 + 50);
	sim_machine_destroy(m);
}

/* A guest that never sleeps does what its processor lets it: 4 on 2 processors half as much each. */
static void test_processors_are_shared(void **state)
{
	uint64_t alone = 0;

	(void)state;
	for (unsigned nr = 1; nr <= 4; nr *= 2) {
		struct sim_config config = sim_world_config(16384, 0, 4);
		struct sim_machine *m;
		uint64_t before;

		config.mm.share_capacity_pages = 0;
		config.mm.sample_pages = 0; /* no faults, no scanner: the guests have it all */
		m = create(&config);
		for (unsigned i = 0; i < nr; i++)
			sim_world_add(m, 2048, "toucher,pages=500,rate=0", "");
		sim_machine_start(m);
		sim_machine_run(m, NS_PER_S / 2);
		before = sim_world_totals(m).work;
		sim_machine_run(m, 3 * NS_PER_S / 2);
		before = sim_world_totals(m).work - before;
		if (nr == 1)
			alone = before;
		/* one touch takes touch_ns; the balloon's driver and ticks take a little */
		assert_in_range(before, alone * (nr < 2 ? 1 : 2) * 99 / 100,
				alone * (nr < 2 ? 1 : 2) * 101 / 100);
		assert_in_range(alone, NS_PER_S / config.cost.touch_ns * 98 / 100,
				NS_PER_S / config.cost.touch_ns);
		sim_machine_destroy(m);
	}
}

/* A slow disk: the same pages wait longer for it. */
static void test_disk_costs(void **state)
{
	uint64_t work[2];

	(void)state;
	for (unsigned i = 0; i < 2; i++) {
		struct sim_config config = sim_world_config(1500, 4096, 1);
		struct sim_machine *m;

		config.mm.balloon = false;
		config.cost.swap = i ? (struct sim_device_cost){8 * MS, 8 * MS, 8 * MS, 100000, 1}
				     : (struct sim_device_cost){0, 0, 0, 0, 8};
		m = create(&config);
		sim_world_add(m, 2048, "scan,pages=1500,rate=0,write=100000", "");
		sim_machine_start(m);
		sim_machine_run(m, 3 * NS_PER_S);
		work[i] = sim_world_totals(m).work;
		assert_int_equal(sim_world_totals(m).errors, 0);
		sim_machine_destroy(m);
	}
	assert_true(work[0] > 20 * work[1]);
}

/* What the host does for a guest is not the guest's running time, in the middle of it either: the first fault takes 1 s. */
static void test_running_time(void **state)
{
	struct sim_config config = sim_world_config(4000, 4096, 1);
	struct sim_machine *m;
	uint64_t before = 0;

	(void)state;
	config.cost.boot_ns = config.cost.fault_ns = 0;
	config.cost.serve_ns = NS_PER_S;
	m = create(&config);
	sim_world_add(m, 2048, "toucher,pages=500,rate=1000", "");
	sim_machine_start(m);
	for (uint64_t now = MS; now < 3 * NS_PER_S / 2; now += 49 * MS) {
		struct machine_snapshot *s;
		uint64_t ran;

		sim_machine_run(m, now);
		assert_int_equal(sim_machine_snapshot(m, &s), 0);
		ran = machine_snapshot_live(s, 0)->run_ns;
		free(s);
		assert_in_range(ran, before, MS);
		before = ran;
	}
	sim_machine_destroy(m);
}

/* Guests end: their memory is free, the machine idle; one that runs out of memory has crashed. */
static void test_guests_end(void **state)
{
	struct sim_config config = sim_world_config(4000, 4096, 2);
	struct sim_machine *m = create(&config);
	struct machine_snapshot *s;

	(void)state;
	sim_world_add(m, 2048,
		      "toucher,pages=1000,rate=1000,ns=300000000+idle,ns=1000000+idle,ns=1", "");
	sim_world_add(m, 512, "toucher,pages=2000,rate=1000", ""); /* disk of 512: 1024 at most */
	sim_machine_start(m);
	sim_world_run(m, 0, NS_PER_S, 50 * MS);
	assert_int_equal(sim_machine_snapshot(m, &s), 0);
	assert_int_equal(machine_snapshot_live(s, 1)->exit, VM_CRASHED);
	assert_non_null(strstr(machine_snapshot_live(s, 1)->exit_reason, "out of memory"));
	assert_int_equal(s->vm[1].resident_pages, 0);
	free(s);
	sim_machine_destroy(m);
}

static void test_two_hundred_guests(void **state)
{
	struct sim_config config = sim_world_config(200 * 512 / 4 + 16384, 200 * 1024, 200);
	struct sim_machine *m;
	struct sim_totals t;

	(void)state;
	config.cpus = 16;
	config.mm.share_capacity_pages = 200 * 1200;
	m = create(&config);
	for (unsigned i = 0; i < 200; i++) {
		char more[60];

		snprintf(more, sizeof(more), "lab.seed=%u lab.vm=%u", i, i);
		sim_world_add(m, 1024, "zipf,pages=700,write=100000,rate=1000,alpha=800000", more);
	}
	sim_machine_start(m);
	sim_world_run(m, 0, 3 * NS_PER_S, NS_PER_S);
	t = sim_world_totals(m);
	assert_int_equal(t.errors, 0);
	assert_int_equal(t.running, 200);
	assert_true(t.paged_out > 1000);
	sim_machine_destroy(m);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_all_mechanisms_and_no_error),
		cmocka_unit_test(test_every_pager_and_policy),
		cmocka_unit_test(test_same_seed_same_story),
		cmocka_unit_test(test_wrong_content_is_seen),
		cmocka_unit_test(test_wrong_slot_is_seen),
		cmocka_unit_test(test_pace_is_kept_to_the_touch),
		cmocka_unit_test(test_processors_are_shared),
		cmocka_unit_test(test_disk_costs),
		cmocka_unit_test(test_running_time),
		cmocka_unit_test(test_guests_end),
		cmocka_unit_test(test_two_hundred_guests),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
