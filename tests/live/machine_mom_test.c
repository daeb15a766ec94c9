/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * machine_mom_test.c: the policy mom on lab guests: their own word of what is free moves their balloons.
 *
 * Three guests of 4096 pages use few, most and all of what they have; some 15 % of the machine is free. Under the rules
 * (docs/memory-manager.md) a guest that uses u pages ends at u / (1 - host) of them, host being the free part of the
 * machine: the one that would need more than it has keeps it, the one in the middle ends there, and the small one is on its
 * way further down.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "tests/support/live.h"

#define PAGES      4096u
#define PATIENCE_S 60u

enum { SMALL, MIDDLE, LARGE };
static const unsigned uses[] = {500, 2600, 3500}; /* pages of each */

static void add(struct machine *m, unsigned i)
{
	char name[16], cmdline[200];

	snprintf(name, sizeof name, "lab-%u", i);
	snprintf(cmdline, sizeof cmdline,
		 "lab.seed=%u lab.vm=%u lab.pager=clock lab.workload=toucher,pages=%u,rate=2000",
		 i + 1, i, uses[i]);
	live_add_lab(m, name, PAGES, PAGES, cmdline);
}

static npages_t size_of(const struct machine_snapshot *s, unsigned i)
{
	return PAGES - s->vm[i].ballooned_pages;
}

/* Where the rules lead a guest, by what it and the machine have now. */
static npages_t end_of(const struct machine_snapshot *s, unsigned i)
{
	const struct vm_live_stats *l = machine_snapshot_live(s, i);
	npages_t free_pages = bytes_to_pages(l->balloon.stat[VM_BALLOON_FREE].value);
	npages_t used = size_of(s, i) > free_pages ? size_of(s, i) - free_pages : 0;

	return used * s->host.memory_pages / (s->host.memory_pages - s->host.free_pages);
}

/*
 * What a guest says is a second old, two on a slow machine: meanwhile its balloon has taken one step of 5 % or two, which it
 * does not count as used, so it may be led so far below; and nobody grows under pressure. Above, steps of a quarter of a
 * percent are not taken.
 */
static bool is_near(npages_t size, npages_t end)
{
	return size * 100 >= end * 90 && size * 100 <= end * 102;
}

/* All have filled their memory, and said so. */
static bool told(const struct machine_snapshot *s)
{
	for (unsigned i = 0; i < 3; i++) {
		const struct vm_live_stats *l = machine_snapshot_live(s, i);
		npages_t free_pages = bytes_to_pages(l->balloon.stat[VM_BALLOON_FREE].value);

		if (!l->balloon.stat[VM_BALLOON_FREE].known || free_pages + uses[i] > PAGES)
			return false;
	}
	return true;
}

static bool settled(const struct machine_snapshot *s)
{
	return is_near(size_of(s, MIDDLE), end_of(s, MIDDLE)) &&
	       s->vm[MIDDLE].balloon_last == MM_BALLOON_AT_TARGET &&
	       size_of(s, SMALL) * 10 <= PAGES * 8 &&
	       s->vm[SMALL].ballooned_pages > s->vm[MIDDLE].ballooned_pages;
}

static void balloons_go_by_what_guests_say(void **state)
{
	struct live_machine_options o = {.memory_pages = 8200,
					 .swap_pages = 3 * PAGES,
					 .max_vms = 3,
					 .balloon = true,
					 .policy = &target_none,
					 .rebalance_ns = NS_PER_S};
	struct machine *m = live_machine(&o);
	struct machine_snapshot *s;

	(void)state;
	for (unsigned i = 0; i < 3; i++)
		add(m, i);
	live_ok(machine_start(m, live_error()));
	/* Averages of before would lead a step or more too far, and nobody grows under pressure. */
	free(live_wait_until(m, told, PATIENCE_S, "the guests have filled their memory"));
	assert_int_equal(machine_policy_set(m, &target_mom), 0);
	s = live_wait_until(m, settled, PATIENCE_S, "the guest in the middle is at its end");
	for (unsigned i = 0; i < 3; i++)
		print_message("guest %u: size %lu, end %lu\n", i, (unsigned long)size_of(s, i),
			      (unsigned long)end_of(s, i));
	/* memory is not short by the other policies' measure: nobody else asked, nothing was paged */
	assert_int_equal(s->host.state, MM_HIGH);
	assert_true(size_of(s, LARGE) * 100 >= PAGES * 90 - 100); /* see is_near() */
	assert_int_equal(s->vm[LARGE].balloon_last, MM_BALLOON_AT_TARGET);
	free(s);
	live_must_be_consistent(m);
	machine_stop(m);
	s = live_look(m);
	for (unsigned i = 0; i < 3; i++) {
		assert_int_equal(machine_snapshot_live(s, i)->guest.integrity_errors, 0);
		assert_int_equal(machine_snapshot_live(s, i)->exit, VM_RUNNING);
		assert_int_equal(s->vm[i].paged_out_pages, 0);
		assert_int_equal(s->vm[i].balloon_bad, 0);
	}
	free(s);
	machine_destroy(m);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(balloons_go_by_what_guests_say),
	};

	live_need_userfaultfd();
	live_need_kvm();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
