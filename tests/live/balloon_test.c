/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * balloon_test.c: the balloon of a lab guest on KVM, with ordinary memory: device, driver and the guest's allocator must
 * agree with what the test itself kept of the pages given up. Counts are compared while the guest sleeps between two
 * slices of its work, which is when its statistics page holds still.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "ballast/rng.h"
#include "tests/support/balloon_vm.h"
#include "tests/support/live.h"

#define CAP_PPM 650000u
#define SLOWEST 512u /* pages a cycle of 0.1 s that a driver under pressure reaches at least */

/* Everybody agrees on the balloon, and no page of the guest is lost. */
static void check(struct balloon_vm *w, npages_t balloon)
{
	struct guest_stats s = balloon_vm_at_rest(w);
	struct vm_balloon_stats b;

	vm_balloon_get(w->vm, &b);
	assert_int_equal(s.balloon_pages, balloon);
	assert_int_equal(b.actual_pages, balloon);
	assert_int_equal(balloon_vm_held(w), balloon);
	assert_int_equal(b.inflated_pages - b.deflated_pages, w->gave - w->took);
	assert_int_equal(s.free_pages + s.balloon_pages + s.resident_pages, s.total_pages);
	assert_int_equal(w->refused, 0);
	assert_int_equal(b.bad_outside + b.bad_inflated + b.bad_deflated, 0);
	assert_int_equal(s.integrity_errors, 0);
}

static void round_trips(void **state)
{
	/* A guest that cannot keep its rate never rests: with most of its memory ballooned every third touch is a swap-in. */
	struct balloon_vm *w = balloon_vm_start(
		BALLOON_VM_PAGES, true,
		live_nested() ? "lab.seed=1 lab.workload=zipf,pages=3000,rate=300,write=500000"
			      : "lab.seed=1 lab.workload=zipf,pages=3000,rate=5000,write=500000");
	struct rng rng = rng_seeded(11);
	struct vm_live_stats live;
	uint64_t work, longest = 0;
	npages_t total, cap;

	(void)state;
	balloon_vm_wait(w, 0);
	while (balloon_vm_guest(w).work_units < 100)
		balloon_vm_pause(1);
	total = balloon_vm_guest(w).total_pages;
	cap = total * CAP_PPM / PPM;
	work = balloon_vm_guest(w).work_units;
	for (unsigned i = 0; i < 100; i++) {
		npages_t target = 1 + rng_below(&rng, cap);
		uint64_t took;

		vm_balloon_set_target(w->vm, target);
		took = balloon_vm_wait(w, target);
		/* A cycle is 0.1 s. Only the emulator's clock stands still while the host does something else. */
		assert_true(!live_nested() || took < (target / SLOWEST + 2) * (NS_PER_S / 10) * 2);
		longest = took > longest ? took : longest;
		check(w, target);
		vm_balloon_set_target(w->vm, 0);
		balloon_vm_wait(w, 0);
		check(w, 0);
	}
	assert_true(balloon_vm_guest(w).work_units > work);
	assert_true(balloon_vm_guest(w).swap_out_pages > 0);
	print_message("longest way to a target: %llu ms\n", (unsigned long long)longest / 1000000);
	live = balloon_vm_finish(w);
	assert_int_equal(live.guest_bad, 0);
}

/* Targets that change before they are reached, of a guest that never rests. */
static void changing_targets(void **state)
{
	struct balloon_vm *w = balloon_vm_start(
		BALLOON_VM_PAGES, true, "lab.seed=2 lab.workload=scan,pages=2500,write=300000");
	struct rng rng = rng_seeded(12);
	struct vm_balloon_stats b;
	uint64_t slowest = 0;

	(void)state;
	balloon_vm_wait(w, 0);
	for (unsigned i = 0; i < live_scaled(300); i++) {
		vm_balloon_set_target(w->vm, rng_below(&rng, BALLOON_VM_PAGES));
		balloon_vm_pause(1 + (unsigned)rng_below(&rng, 20));
	}
	for (unsigned i = 0; i < live_scaled(20); i++) {
		uint64_t took;

		vm_balloon_set_target(w->vm, 1);
		balloon_vm_wait(w, 1);
		vm_balloon_set_target(w->vm, 0);
		took = balloon_vm_wait(w, 0);
		slowest = took > slowest ? took : slowest;
	}
	print_message("slowest answer of a busy guest: %llu us\n",
		      (unsigned long long)slowest / 1000);
	vm_balloon_get(w->vm, &b);
	assert_int_equal(b.inflated_pages, b.deflated_pages);
	assert_int_equal(b.bad_outside + b.bad_inflated + b.bad_deflated, 0);
	assert_int_equal(balloon_vm_guest(w).integrity_errors, 0);
	balloon_vm_finish(w);
}

static void cap_and_reset(void **state)
{
	struct balloon_vm *w = balloon_vm_start(0, true, "lab.balloon=500000 lab.workload=idle");
	npages_t cap;

	(void)state;
	balloon_vm_wait(w, 0);
	cap = balloon_vm_guest(w).total_pages / 2;
	vm_balloon_set_target(w->vm, BALLOON_VM_PAGES * 2);
	balloon_vm_wait(w, cap);
	check(w, cap);
	assert_int_equal(balloon_vm_guest(w).balloon_state, GUEST_BALLOON_CAPPED);
	assert_int_equal(balloon_vm_guest(w).balloon_target_pages, BALLOON_VM_PAGES);
	for (unsigned i = 1; i <= 3; i++) {
		struct guest_stats s;

		vm_balloon_need_reset(w->vm);
		while (balloon_vm_guest(w).balloon_resets < i)
			balloon_vm_pause(1);
		balloon_vm_wait(w, cap);
		s = balloon_vm_at_rest(w);
		assert_int_equal(s.free_pages + s.balloon_pages + s.resident_pages, s.total_pages);
		assert_int_equal(w->forgets, i);
	}
	assert_int_equal(w->refused, 0);
	assert_int_equal(balloon_vm_finish(w).guest_bad, 0);
}

static void statistics(void **state)
{
	struct balloon_vm *w = balloon_vm_start(BALLOON_VM_PAGES, false,
						"lab.workload=toucher,pages=500,rate=100");
	struct vm_balloon_stats b;
	struct guest_stats s;

	(void)state;
	balloon_vm_wait(w, 0);
	while (balloon_vm_guest(w).work_units < 10)
		balloon_vm_pause(1);
	vm_balloon_get(w->vm, &b);
	assert_true(b.tells_stats);
	assert_false(b.deflate_on_oom);
	assert_true(b.stats_updates >= 1); /* the driver's first, before it was asked */
	for (unsigned i = 0; i < 5; i++) {
		uint64_t updates = b.stats_updates;

		vm_balloon_poll_stats(w->vm);
		for (unsigned ms = 0;
		     b.stats_updates == updates && ms < BALLOON_VM_PATIENCE_S * 1000; ms++) {
			balloon_vm_pause(1);
			vm_balloon_get(w->vm, &b);
		}
		assert_int_equal(b.stats_updates, updates + 1);
	}
	s = balloon_vm_guest(w);
	assert_int_equal(b.stats_polls, 5);
	assert_int_equal(b.stats_unknown, 0);
	assert_int_equal(b.stat[VM_BALLOON_TOTAL].value, pages_to_bytes(s.total_pages));
	assert_int_equal(b.stat[VM_BALLOON_FREE].value, pages_to_bytes(s.free_pages));
	assert_true(b.stat[VM_BALLOON_FREE].age_ns < BALLOON_VM_PATIENCE_S * NS_PER_S);
	assert_true(b.stat[VM_BALLOON_MINOR_FAULTS].value >= 500);
	assert_false(b.stat[VM_BALLOON_OOM_KILLS].known);
	balloon_vm_finish(w);
}

#define HUNGRY "lab.workload=idle,ns=500000000+toucher,pages=3000,rate=20000"

/* Without swap, and its memory in the balloon: the guest needs it back to live. */
static void out_of_memory(void **state)
{
	struct balloon_vm *w = balloon_vm_start(0, true, HUNGRY);
	npages_t total;
	struct guest_stats s;

	(void)state;
	vm_balloon_set_target(w->vm, 2000);
	balloon_vm_wait(w, 2000);
	while (balloon_vm_guest(w).work_units < 1000 && !atomic_load(&w->ended))
		balloon_vm_pause(1);
	assert_false(atomic_load(&w->ended));
	s = balloon_vm_at_rest(w);
	total = s.total_pages;
	assert_true(s.balloon_oom_pages >= 3000 - (total - 2000));
	assert_int_equal(s.balloon_state, GUEST_BALLOON_NO_MEMORY);
	assert_int_equal(s.free_pages + s.balloon_pages + s.resident_pages, total);
	assert_int_equal(s.balloon_pages, balloon_vm_held(w));
	assert_int_equal(s.integrity_errors, 0);
	assert_int_equal(w->refused, 0);
	assert_int_equal(balloon_vm_finish(w).guest_bad, 0);

	w = balloon_vm_start(0, false, HUNGRY);
	vm_balloon_set_target(w->vm, 2000);
	balloon_vm_wait(w, 2000);
	for (unsigned ms = 0; !atomic_load(&w->ended) && ms < BALLOON_VM_PATIENCE_S * 1000; ms++)
		balloon_vm_pause(1);
	assert_true(atomic_load(&w->ended));
	assert_non_null(strstr(balloon_vm_finish(w).exit_reason, "out of memory"));
}

static void no_driver(void **state)
{
	struct balloon_vm *w = balloon_vm_start(
		0, true, "lab.balloon=0 lab.workload=toucher,pages=100,rate=10000");
	struct vm_balloon_stats b;

	(void)state;
	vm_balloon_set_target(w->vm, 100);
	vm_balloon_poll_stats(w->vm);
	vm_balloon_need_reset(w->vm);
	while (balloon_vm_guest(w).work_units < 300)
		balloon_vm_pause(1);
	vm_balloon_get(w->vm, &b);
	assert_true(b.present);
	assert_false(b.driver);
	assert_int_equal(b.target_pages, 100);
	assert_int_equal(b.actual_pages, 0);
	assert_int_equal(b.stats_polls, 0);
	assert_int_equal(balloon_vm_guest(w).balloon_state, GUEST_BALLOON_NONE);
	balloon_vm_finish(w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(round_trips),   cmocka_unit_test(changing_targets),
		cmocka_unit_test(cap_and_reset), cmocka_unit_test(statistics),
		cmocka_unit_test(out_of_memory), cmocka_unit_test(no_driver),
	};

	live_need_kvm();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
