/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * record_test.c: a live machine on which every mechanism is at work, recorded, decides the same when it is played back.
 *
 * Four guests want more than the machine's memory: what is alike is shared, balloons grow, those without one are paged;
 * targets follow sampled working sets. The record is the same on every KVM: nothing of the host is in it but its answers.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tests/support/live.h"
#include "tests/support/recorded.h"

#define PAGES      3072u
#define VMS        4u
#define PATIENCE_S 90u

static void add(struct machine *m, unsigned i)
{
	char name[16], cmdline[300];

	snprintf(name, sizeof name, "lab-%u", i);
	snprintf(cmdline, sizeof cmdline,
		 "lab.seed=%u lab.vm=%u lab.pager=clock %slab.workload=zipf,pages=%u,write=100000,"
		 "rate=4000,alpha=600000,common=300000,zero=100000",
		 i + 1, i, i % 2 ? "lab.balloon=0 " : "", i ? 2700u : 600u);
	live_add_lab(m, name, PAGES, PAGES, cmdline);
}

static bool all_at_work(const struct machine_snapshot *s)
{
	uint64_t inflated = 0, breaks = s->host.share.cow_breaks, sampled = 0;

	for (unsigned i = 0; i < s->nr_vms; i++) {
		if (machine_snapshot_live(s, i)->guest.work_units < (live_nested() ? 500 : 4000))
			return false;
		inflated += s->vm[i].balloon_inflated;
		sampled += s->vm[i].sample_periods;
	}
	return inflated > 100 && breaks > 20 && sampled >= VMS && s->host.share.matches > 100 &&
	       s->host.swap.written_pages > 100 && s->host.swap.read_pages > 50;
}

/* It says so at a flipped answer: the record is compared, not just run through. */
static void must_notice(struct recorded *r)
{
	enum mm_play_state state;

	for (size_t at = r->nr / 2;; at++) {
		struct mm_play *play;

		r->bytes[at] ^= 1;
		play = recorded_play(r, NULL, &state);
		mm_play_destroy(play);
		r->bytes[at] ^= 1;
		if (state == MM_PLAY_DIFFERS)
			return;
		if (at > r->nr / 2 + 50)
			fail_msg("fifty other bytes, no difference");
	}
}

static void all_mechanisms_replay(void **state)
{
	struct recorded r = {.bytes = NULL};
	struct live_machine_options o = {.memory_pages = 6000,
					 .swap_pages = VMS * PAGES,
					 .max_vms = VMS,
					 .pager = "clock",
					 .balloon = true,
					 .share = true,
					 .policy = &target_esx,
					 .rebalance_ns = NS_PER_S / 2,
					 .tax_ppm = 750000,
					 .sample_pages = 50,
					 .sample_period_ns = NS_PER_S / 2,
					 .seed = 7,
					 .record = recorded_sink(&r)};
	struct machine *m = live_machine(&o);
	struct machine_snapshot *s;
	enum mm_play_state end;
	struct mm_play *play;

	(void)state;
	for (unsigned i = 0; i < VMS; i++)
		add(m, i);
	live_ok(machine_start(m, live_error()));
	free(live_wait_until(m, all_at_work, PATIENCE_S, "all mechanisms at work"));
	machine_stop(m);
	machine_record_end(m);
	live_must_be_consistent(m);
	s = live_look(m);
	for (unsigned i = 0; i < VMS; i++) {
		assert_int_equal(machine_snapshot_live(s, i)->guest.integrity_errors, 0);
		assert_int_equal(machine_snapshot_live(s, i)->exit, VM_RUNNING);
	}
	free(s);
	machine_destroy(m);

	print_message("%zu bytes, %llu calls\n", r.nr,
		      (unsigned long long)recorded_must_replay(&r));
	play = recorded_play(&r, NULL, &end);
	assert_true(mm_play_status(play)->of[MM_OP_SHARE] &&
		    mm_play_status(play)->of[MM_OP_SWAP_START] &&
		    mm_play_status(play)->of[MM_ENTRY_BALLOON_GAVE]);
	mm_play_destroy(play);
	must_notice(&r);
	recorded_free(&r);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(all_mechanisms_replay),
	};

	live_need_userfaultfd();
	live_need_kvm();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
