/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * reporting_test.c: a lab guest that has freed memory reports it, and the host takes it back, without a balloon.
 *
 * The guest uses much, then little, then much again: what the manager counts as resident falls in between and rises
 * afterwards, and every page still holds what the guest wrote. A guest that does not report keeps all it ever touched.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include <cmocka.h>

#include "tests/support/live.h"

#define PAGES      4096u
#define MUCH       3000u
#define LITTLE     300u
#define PATIENCE_S 60u

enum { REPORTS, DOES_NOT };

static void add(struct machine *m, unsigned vm)
{
	unsigned seconds = live_nested() ? 40 : 12;
	char name[16], cmdline[300];

	snprintf(name, sizeof name, "lab-%u", vm);
	snprintf(cmdline, sizeof cmdline,
		 "lab.seed=%u lab.vm=%u lab.pager=clock lab.reporting=%u "
		 "lab.workload=toucher,pages=%u,rate=2000,ns=%u000000000+"
		 "toucher,pages=%u,rate=2000,ns=%u000000000+toucher,pages=%u,rate=2000",
		 vm + 1, vm, vm == REPORTS, MUCH, live_nested() ? 20 : 3, LITTLE, seconds, MUCH);
	live_add_lab(m, name, PAGES, PAGES, cmdline);
}

static uint64_t phase(const struct machine_snapshot *s, unsigned vm)
{
	return machine_snapshot_live(s, vm)->guest.phase;
}

/* Whatever it does later. */
static bool other_keeps_much(const struct machine_snapshot *s)
{
	return phase(s, DOES_NOT) > 0 && s->vm[DOES_NOT].resident_pages >= MUCH;
}

/* All but what is used and kept, in the second phase. */
static bool has_fallen(const struct machine_snapshot *s)
{
	return phase(s, REPORTS) == 1 && s->vm[REPORTS].resident_pages < MUCH / 3 &&
	       s->vm[REPORTS].reported_pages >= MUCH - LITTLE - 200;
}

static bool much_is_used_again(const struct machine_snapshot *s)
{
	return phase(s, REPORTS) == 2 && s->vm[REPORTS].resident_pages >= MUCH &&
	       machine_snapshot_live(s, REPORTS)->guest.filled_pages == MUCH + LITTLE + MUCH;
}

static void free_memory_comes_back(void **state)
{
	struct live_machine_options o = {.memory_pages = 10000,
					 .swap_pages = 2 * PAGES,
					 .max_vms = 2,
					 .pager = "random",
					 .balloon = true};
	struct machine *m = live_machine(&o);
	struct machine_snapshot *s;

	(void)state;
	add(m, REPORTS);
	add(m, DOES_NOT);
	live_ok(machine_start(m, live_error()));
	s = live_wait_until(m, has_fallen, PATIENCE_S, "what was freed is given back");
	assert_int_equal(s->vm[REPORTS].ballooned_pages, 0);
	free(s);
	s = live_wait_until(m, other_keeps_much, PATIENCE_S, "the other keeps what it freed");
	assert_int_equal(s->vm[DOES_NOT].reported_pages, 0);
	free(s);
	free(live_wait_until(m, much_is_used_again, PATIENCE_S, "much is used again"));
	live_must_be_consistent(m);
	machine_stop(m);
	s = live_look(m);
	for (unsigned i = 0; i < 2; i++) {
		assert_int_equal(machine_snapshot_live(s, i)->guest.integrity_errors, 0);
		assert_int_equal(machine_snapshot_live(s, i)->exit, VM_RUNNING);
		assert_int_equal(machine_snapshot_live(s, i)->guest_bad, 0);
		assert_int_equal(s->vm[i].balloon_bad, 0);
		assert_int_equal(s->vm[i].faults_pop, 0);
	}
	assert_int_equal(s->host.swap.written_pages, 0); /* there was room for all */
	free(s);
	machine_destroy(m);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(free_memory_comes_back),
	};

	live_need_userfaultfd();
	live_need_kvm();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
