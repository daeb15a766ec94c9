/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * machine_balloon_test.c: the manager asks, guests give: balloons on a machine of lab guests.
 *
 * One guest uses much and then little; the others grow. The first one's freed memory must come through its balloon and
 * not through swap, and guest, driver and manager must agree on what is ballooned when things have calmed down.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include "tests/support/live.h"

#define PAGES      4096u
#define PATIENCE_S 60u

/* A small toucher of first_pages for so long, then the rest of the workload. */
static void add(struct machine *m, unsigned i, unsigned first_pages, unsigned seconds,
		const char *rest)
{
	char name[16], cmdline[300];

	snprintf(name, sizeof name, "lab-%u", i);
	snprintf(cmdline, sizeof cmdline,
		 "lab.seed=%u lab.vm=%u lab.pager=clock "
		 "lab.workload=toucher,pages=%u,rate=5000,ns=%u000000000+%s",
		 i + 1, i, first_pages, seconds, rest);
	live_add_lab(m, name, PAGES, PAGES, cmdline);
}

static bool first_gave_much(const struct machine_snapshot *s)
{
	return s->vm[0].balloon_inflated >= 500;
}

static bool all_worked(const struct machine_snapshot *s)
{
	for (unsigned i = 0; i < s->nr_vms; i++)
		if (machine_snapshot_live(s, i)->guest.work_units < 2000)
			return false;
	return true;
}

static bool all_agree(const struct machine_snapshot *s)
{
	for (unsigned i = 0; i < s->nr_vms; i++)
		if (machine_snapshot_live(s, i)->guest.balloon_pages != s->vm[i].ballooned_pages)
			return false;
	return true;
}

static void balloons_give_what_growth_needs(void **state)
{
	struct live_machine_options o = {.memory_pages = 8000,
					 .swap_pages = 3 * PAGES,
					 .max_vms = 3,
					 .pager = "random",
					 .balloon = true};
	struct machine *m = live_machine(&o);
	struct machine_snapshot *s;

	(void)state;
	/* 3400 + 2 * 2600 pages and the guests' own do not fit into 8000 less reserve and high; 300 + 5200 do */
	/* the first guest must have filled its pages when its time is over: seconds, under emulation or load */
	add(m, 0, 3400, live_nested() ? 10 : 3, "toucher,pages=300,rate=5000");
	for (unsigned i = 1; i < 3; i++)
		add(m, i, 300, live_nested() ? 14 : 5,
		    "zipf,pages=2600,write=300000,rate=5000,alpha=500000");
	live_ok(machine_start(m, live_error()));
	free(live_wait_until(m, first_gave_much, PATIENCE_S, "the first gave much"));
	free(live_wait_until(m, all_worked, PATIENCE_S, "all worked"));
	free(live_wait_until(m, all_agree, PATIENCE_S, "all agree"));
	live_must_be_consistent(m);
	machine_stop(m);
	s = live_look(m);
	for (unsigned i = 0; i < 3; i++) {
		assert_int_equal(machine_snapshot_live(s, i)->guest.integrity_errors, 0);
		assert_int_equal(machine_snapshot_live(s, i)->exit, VM_RUNNING);
		assert_int_equal(s->vm[i].balloon_bad, 0);
		assert_int_equal(s->vm[i].faults_pop, 0);
	}
	free(s);
	machine_destroy(m);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(balloons_give_what_growth_needs),
	};

	live_need_userfaultfd();
	live_need_kvm();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
