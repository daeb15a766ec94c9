/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * mm_events_test.c: a small load, step by step, and the events it must make, worked out by hand; and that there are
 * never many.
 *
 * A machine of 1000 pages: reserve 192, thresholds 60, 40, 20, 10, targets sum to 748; 808 pages are free at first.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/support/mm_world.h"

#define MS 1000000ull

static struct mm_world *world_with(bool balloon)
{
	struct mm_config config = world_config(&(struct mm_world_options){.memory = 1000});
	struct mm_world *w = calloc(1, sizeof *w);

	assert_non_null(w);
	config.balloon = balloon;
	fake_body_init(&w->body, config.swap_pages, 1);
	assert_int_equal(mm_create(&config, &fake_body_ops, &w->body, &w->mm), 0);
	w->body.mm = w->mm;
	return w;
}

/* "1.200 balloon_asked 0 old_pages=0 ..." */
static int event_text(const struct mm_event *e, char *to, size_t bytes)
{
	static const char *const states[MM_STATES] = {"high", "soft", "hard", "low"};
	const struct mm_event_info *info = mm_event_info(e->kind);
	int n = snprintf(to, bytes, "%.3f %s", (double)e->at_ns / 1e9, info->name);

	if (e->vm != MM_VM_NONE)
		n += snprintf(to + n, bytes - (size_t)n, " %u", e->vm);
	for (unsigned i = 0; info->member[i].type != MM_EVENT_END; i++) {
		const struct mm_event_member *m = &info->member[i];

		if ((m->type == MM_EVENT_COUNT_IF || m->type == MM_EVENT_ESTIMATOR) && !e->value[i])
			continue;
		n += snprintf(to + n, bytes - (size_t)n, " %s=", m->name);
		if (m->type == MM_EVENT_STATE_NAME)
			n += snprintf(to + n, bytes - (size_t)n, "%s", states[e->value[i]]);
		else if (m->type == MM_EVENT_REASON)
			n += snprintf(to + n, bytes - (size_t)n, "%s",
				      mm_balloon_reason_name((enum mm_balloon_reason)e->value[i]));
		else if (m->type == MM_EVENT_NS)
			n += snprintf(to + n, bytes - (size_t)n, "%.3f", (double)e->value[i] / 1e9);
		else
			n += snprintf(to + n, bytes - (size_t)n, "%llu",
				      (unsigned long long)e->value[i]);
	}
	return n + snprintf(to + n, bytes - (size_t)n, "\n");
}

/* A tick at so many milliseconds, and all that is told by then. */
static void tick_tells(struct mm_world *w, uint64_t ms, const char *expected)
{
	static char text[8192];
	struct mm_event e;
	uint64_t lost;
	int n = 0;

	w->body.now_ns = ms * MS;
	world_tick(w);
	text[0] = 0;
	while (mm_events_take(w->mm, &e, 1, &lost)) {
		n += event_text(&e, text + n, sizeof text - (size_t)n);
		assert_int_equal(lost, 0);
	}
	assert_string_equal(text, expected);
}

static void give(struct mm_world *w, uint32_t vm, uint64_t from, uint64_t to)
{
	for (uint64_t g = from; g < to; g++)
		assert_int_equal(mm_balloon_gave(w->mm, vm, &(gfn_t){g}, 1, w->body.now_ns), 1);
	fake_body_check(&w->body);
}

/*
 * Two VMs of 1000, targets 374. At 1.2 s VM 0 has 500 and VM 1 269: 39 free. What is missing to high, 21, VM 0 alone is to
 * give (126 above its target): it may have 479 in use.
 */
static void pressure_balloon_paging(void **state)
{
	struct mm_world *w = world_with(true);

	(void)state;
	world_add(w, 1000, 10);
	world_add(w, 1000, 0);
	tick_tells(w, 0,
		   "0.000 vm_added 0 configured_pages=1000 min_pages=10 shares=1000 group=0 "
		   "least_pages=64 target_sum_pages=748 free_pages=808\n"
		   "0.000 vm_added 1 configured_pages=1000 min_pages=0 shares=1000 group=0 "
		   "least_pages=64 target_sum_pages=748 free_pages=808\n"
		   "0.000 target 0 old_pages=0 new_pages=374 configured_pages=1000 min_pages=10 "
		   "shares=1000 resident_pages=0 configured_sum_pages=2000 target_sum_pages=748 "
		   "pool_pages=0\n"
		   "0.000 target 1 old_pages=0 new_pages=374 configured_pages=1000 min_pages=0 "
		   "shares=1000 resident_pages=0 configured_sum_pages=2000 target_sum_pages=748 "
		   "pool_pages=0\n");
	w->body.now_ns = 1100 * MS;
	world_fill(w, 0, 0, 500);
	world_fill(w, 1, 0, 268);
	mm_balloon_driver(w->mm, 0, true, w->body.now_ns);
	tick_tells(w, 1100, "1.100 balloon_driver 0 present=1\n");
	w->body.now_ns = 1200 * MS;
	world_fill(w, 1, 268, 269);
	tick_tells(w, 1210,
		   "1.210 state from=high to=soft entered.soft=1 free_pages=39 thresholds.high=60 "
		   "thresholds.soft=40 thresholds.hard=20 thresholds.low=10 since_seconds=0.010\n"
		   "1.210 balloon_asked 0 old_pages=0 new_pages=521 allowance_pages=479 "
		   "ballooned_pages=0 resident_pages=500 target_pages=374 missing_pages=21 "
		   "over_sum_pages=126 spare_pages=0 state=soft free_pages=39\n");
	give(w, 0, 500, 600);
	tick_tells(w, 1300,
		   "1.300 balloon_moved 0 gave_pages=100 took_pages=0 ballooned_pages=100 "
		   "balloon_target_pages=521 reached=0 resident_pages=500 free_pages=39\n");
	give(w, 0, 600, 1000); /* at 1.3 s */
	tick_tells(w, 1310, "");
	tick_tells(w, 2299, "");
	tick_tells(w, 2300,
		   "2.300 balloon_moved 0 gave_pages=400 took_pages=0 ballooned_pages=500 "
		   "balloon_target_pages=521 reached=0 resident_pages=500 free_pages=39\n");
	tick_tells(w, 3300, "");
	tick_tells(w, 3400,
		   "3.400 balloon_absent 0 still_seconds=2.100 ballooned_pages=500 "
		   "balloon_target_pages=521 reason=absent\n");
	assert_int_equal(world_reclaim(w, 5), 5); /* now the pager may, in state soft */
	world_finish_all(w);
	tick_tells(w, 4600,
		   "4.600 paged_out 0 pages=5 written_pages=5 clean_pages=0 zero_pages=0 "
		   "state=soft state_seconds=3.400 resident_pages=495 target_pages=374 "
		   "free_pages=44\n");
	/* 21 pages with frames: 65 free, high; a quarter of the 5 beyond it is given back: one page */
	give(w, 0, 400, 421);
	tick_tells(w, 4700,
		   "4.700 state from=soft to=high entered.high=1 free_pages=60 thresholds.high=60 "
		   "thresholds.soft=40 thresholds.hard=20 thresholds.low=10 since_seconds=0.100\n"
		   "4.700 balloon_asked 0 old_pages=521 new_pages=520 allowance_pages=480 "
		   "ballooned_pages=521 resident_pages=474 target_pages=374 missing_pages=0 "
		   "over_sum_pages=0 spare_pages=1 state=high free_pages=65\n"
		   "4.700 balloon_moved 0 gave_pages=21 took_pages=0 ballooned_pages=521 "
		   "balloon_target_pages=520 reached=0 resident_pages=474 free_pages=65\n"
		   "4.700 balloon_back 0 absent_seconds=1.300 ballooned_pages=521 "
		   "balloon_target_pages=520\n");
	mm_vm_end(w->mm, 1, w->body.now_ns); /* its frames are free: all fits */
	tick_tells(w, 4710,
		   "4.700 vm_ended 1 resident_pages=269 shared_pages=0 swapped_pages=0 "
		   "ballooned_pages=0 free_pages=65\n"
		   "4.710 target 0 old_pages=374 new_pages=748 configured_pages=1000 min_pages=10 "
		   "shares=1000 resident_pages=474 configured_sum_pages=1000 target_sum_pages=748 "
		   "pool_pages=0\n");
	world_free(w);
}

/*
 * 2000 and 1000 pages, targets 499 and 249. VM 0 has 700, VM 1 99: 9 free, low; VM 0 is held from 0.9 s on, a tenth of the
 * first second. 11 pages of zeros leave at 1.0 s: 20 free is hard, and VM 0 takes the page it waited for.
 */
static void a_stall(void **state)
{
	struct mm_world *w = world_with(false);

	(void)state;
	world_add(w, 2000, 0);
	world_add(w, 1000, 0);
	world_fill_zero(w, 1, 0, 99);
	for (uint64_t g = 0; g < 700; g++)
		assert_int_equal(mm_place(w->mm, 0, gfn(g), NULL, false, 0), 0);
	w->body.now_ns = 10 * MS;
	world_tick(w);
	for (struct mm_event e; mm_events_take(w->mm, &e, 1, &(uint64_t){0});)
		;
	w->body.now_ns = 900 * MS;
	assert_false(world_read(w, 0, 1000));
	tick_tells(w, 999, "");
	tick_tells(w, 1000,
		   "1.000 stall_begin 0 stalled_seconds=0.100 held_seconds=0.100 "
		   "in_seconds=1.000 waiting_faults=1 resident_pages=700 target_pages=499 "
		   "state=low free_pages=9\n");
	assert_int_equal(world_reclaim(w, 11), 11);
	tick_tells(w, 1010,
		   "1.010 state from=low to=hard entered.hard=1 free_pages=20 thresholds.high=60 "
		   "thresholds.soft=40 thresholds.hard=20 thresholds.low=10 since_seconds=0.010\n"
		   "1.010 paged_out 0 pages=11 written_pages=0 clean_pages=0 zero_pages=11 "
		   "state=hard state_seconds=0.010 resident_pages=690 target_pages=499 "
		   "free_pages=19\n");
	tick_tells(w, 1999, "");
	tick_tells(w, 2000,
		   "2.000 stall_end 0 stalled_seconds=0.100 held_seconds=0.100 in_seconds=2.000 "
		   "resident_pages=690 target_pages=499 state=hard free_pages=19\n");
	tick_tells(w, 9000, "");
	world_free(w);
}

/* Two seconds of a state that changes at every other tick of 10 ms: told four times a second, none is forgotten. */
static void no_flood(void **state)
{
	struct mm_world *w = world_with(false);
	uint64_t entered[MM_STATES] = {1}, lost;
	enum mm_state last = MM_HIGH;
	unsigned states = 0, others = 0;
	uint64_t g = 0;
	struct mm_event e;

	(void)state;
	world_add(w, 4000, 0);
	for (unsigned tick = 0; tick < 200; tick++) {
		while (tick % 2 == 0 && world_host(w).free_pages >= 40)
			assert_int_equal(mm_place(w->mm, 0, gfn(g++), NULL, false, w->body.now_ns),
					 0);
		if (tick % 2)
			world_reclaim(w, 100);
		w->body.now_ns += 10 * MS;
		world_tick(w);
	}
	mm_stop(w->mm, w->body.now_ns); /* what is left to be told */
	while (mm_events_take(w->mm, &e, 1, &lost)) {
		assert_int_equal(lost, 0);
		if (e.kind != MM_EVENT_STATE) {
			others++;
			continue;
		}
		states++;
		assert_int_equal(e.value[0], last); /* no gap */
		last = (enum mm_state)e.value[1];
		for (unsigned i = 0; i < MM_STATES; i++)
			entered[i] += e.value[2 + i];
	}
	/* 100 changes down, 100 up; at 10 ms, 260 ms ... 1760 ms, and the rest at the end */
	assert_int_equal(entered[MM_SOFT], 100);
	for (unsigned i = 0; i < MM_STATES; i++)
		assert_int_equal(entered[i], world_host(w).state_entered[i]);
	assert_int_equal(states, 9);
	/* added, target; paged out at 20 ms, 1020 ms, and the rest at the end */
	assert_int_equal(others, 5);
	world_free(w);
}

/* 64 + 24 a VM are kept, of 8 VMs: 256. Nobody takes them while a driver comes and goes 300 times. */
static void what_nobody_takes_is_counted(void **state)
{
	struct mm_world *w = world_with(false);
	struct mm_event e[257];
	uint64_t lost;

	(void)state;
	world_add(w, 1000, 0);
	for (unsigned i = 0; i < 300; i++) {
		mm_balloon_driver(w->mm, 0, i % 2 == 0, w->body.now_ns);
		world_tick(w);
	}
	assert_int_equal(mm_events_take(w->mm, e, 257, &lost), 256);
	assert_int_equal(lost, 302 - 256); /* added, target, 300 times the driver */
	for (unsigned i = 0; i < 256; i++) {
		assert_int_equal(e[i].kind, MM_EVENT_BALLOON_DRIVER);
		assert_int_equal(e[i].value[0], i % 2 == 0);
	}
	assert_int_equal(mm_events_take(w->mm, e, 257, &lost), 0);
	assert_int_equal(lost, 0);
	world_free(w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(pressure_balloon_paging),
		cmocka_unit_test(a_stall),
		cmocka_unit_test(no_flood),
		cmocka_unit_test(what_nobody_takes_is_counted),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
