/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * machine_accounts_test.c: on a machine of three lab guests under pressure, guest, manager and kernel agree on what is
 * in use; the manager's events tell of the pressure in order; and each count that has a reason is the sum of its reasons.
 *
 * The guests' statistics are checked against their own statistics page, which the guest writes and the balloon driver
 * has no part in.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include "cmd/report.h"
#include "tests/support/live.h"

#define PAGES       4096u
#define NR_VMS      3u
#define PATIENCE_MS 60000u
#define SOME_EVENTS 4096u

static struct machine_snapshot *look(struct machine *m, bool with_kernel)
{
	struct machine_snapshot *s;

	assert_int_equal(machine_snapshot(m, with_kernel, &s), 0);
	live_check_budget_now(s);
	return s;
}

/* All guests have worked for a while, were paged or ballooned, and have told of it since. */
static bool all_said(const struct machine_snapshot *s)
{
	for (unsigned i = 0; i < s->nr_vms; i++) {
		const struct vm_live_stats *live = machine_snapshot_live(s, i);

		if (live->guest.work_units < 1000 || live->balloon.stats_updates < 3)
			return false;
	}
	return s->host.state_entered[MM_SOFT] > 0;
}

struct told {
	struct mm_event event[SOME_EVENTS];
	unsigned nr;
};

static void take_events(struct machine *m, struct told *t)
{
	uint64_t lost;

	t->nr += machine_events_take(m, t->event + t->nr, SOME_EVENTS - t->nr, &lost);
	assert_int_equal(lost, 0);
}

static void wait_until_all_said(struct machine *m, struct told *t)
{
	const struct timespec pause = {.tv_nsec = 50000000};

	for (unsigned ms = 0; ms < PATIENCE_MS; ms += 50) {
		struct machine_snapshot *s = look(m, true);
		bool yes = all_said(s);

		take_events(m, t);
		free(s);
		if (yes)
			return;
		nanosleep(&pause, NULL);
	}
	fail_msg("no pressure, or guests that say nothing");
}

/* What holds of any machine when all have been counted. */
static void check_accounts(const struct machine_snapshot *s)
{
	struct report_account_host host;
	npages_t in_use = 0;

	report_account_host(s, &host);
	assert_int_equal(host.guests_said, NR_VMS);
	assert_true(host.kernel_read);
	for (unsigned i = 0; i < NR_VMS; i++) {
		const struct vm_live_stats *live = machine_snapshot_live(s, i);
		struct report_account a;

		report_account_vm(s, i, &a);
		in_use += a.guest_in_use_pages;
		if (!a.guest_agrees)
			fail_msg("guest %u uses %llu pages, the manager knows of %llu", i,
				 (unsigned long long)a.guest_in_use_pages,
				 (unsigned long long)live->said.touched_pages);
		if (!a.kernel_agrees)
			fail_msg("guest %u has %llu pages by the kernel, %llu by the manager", i,
				 (unsigned long long)a.kernel_pages,
				 (unsigned long long)live->kernel.resident_pages);
		/* its word is its own: what its statistics page says does not come from the driver */
		assert_int_equal(live->balloon.stat[VM_BALLOON_TOTAL].value >> PAGE_SHIFT_BITS,
				 live->guest.total_pages);
		assert_true(live->balloon.stat[VM_BALLOON_FREE].age_ns < 10 * NS_PER_S);
		/* and plausible: a guest of so busy a workload uses more than a quarter of its memory */
		assert_true(a.guest_in_use_pages > live->guest.total_pages / 4);
		assert_true(a.guest_in_use_pages <= live->guest.total_pages);
	}
	assert_int_equal(host.guest_in_use_pages, in_use);
	if (!host.agrees)
		fail_msg("the kernel counts %lld pages more than the manager",
			 (long long)host.difference_pages);
	assert_true(s->kernel.guest_bytes <= pages_to_bytes(s->kernel.used_pages) + (2u << 20));
}

static void check_reasons(const struct machine_snapshot *s)
{
	for (unsigned i = 0; i < NR_VMS; i++) {
		const struct mm_vm_stats *v = &s->vm[i];
		uint64_t looks = 0;

		assert_int_equal(v->paged_out_pages, v->paging_reason[MM_PAGING_WRITTEN] +
							     v->paging_reason[MM_PAGING_CLEAN] +
							     v->paging_reason[MM_PAGING_ZERO]);
		for (unsigned r = 0; r < MM_BALLOON_REASONS; r++)
			looks += v->balloon_reason[r];
		assert_true(looks > 0);
		assert_int_not_equal(v->balloon_last, MM_BALLOON_NOT_LOOKED);
		assert_true(v->held_ns <= v->stalled_ns);
	}
}

static unsigned count(const struct mm_event *e, unsigned nr, enum mm_event_kind kind)
{
	unsigned n = 0;

	for (unsigned i = 0; i < nr; i++)
		n += e[i].kind == kind;
	return n;
}

/* In order of time, states without a gap, and not more than may be. */
static void check_events(const struct mm_event *e, unsigned nr, uint64_t ns)
{
	uint64_t last_ns = 0, last_state = MM_HIGH;
	unsigned seconds = (unsigned)(ns / NS_PER_S) + 2;

	for (unsigned i = 0; i < nr; i++) {
		assert_true(e[i].at_ns >= last_ns);
		last_ns = e[i].at_ns;
		if (e[i].kind != MM_EVENT_STATE)
			continue;
		assert_int_equal(e[i].value[0], last_state);
		last_state = e[i].value[1];
	}
	assert_int_equal(count(e, nr, MM_EVENT_VM_ADDED), NR_VMS);
	assert_int_equal(count(e, nr, MM_EVENT_BALLOON_DRIVER), NR_VMS);
	assert_true(count(e, nr, MM_EVENT_TARGET) >= NR_VMS);
	assert_in_range(count(e, nr, MM_EVENT_STATE), 1, 4 * seconds);
	assert_in_range(count(e, nr, MM_EVENT_BALLOON_ASKED), 1, NR_VMS * seconds);
	assert_in_range(count(e, nr, MM_EVENT_BALLOON_MOVED), 1, NR_VMS * seconds);
}

static void three_guests(void **state)
{
	struct live_machine_options o = {.memory_pages = 8000,
					 .swap_pages = NR_VMS * PAGES,
					 .max_vms = NR_VMS,
					 .pager = "random",
					 .balloon = true};
	static struct told told;
	struct machine *m = live_machine(&o);
	struct machine_snapshot *s;

	(void)state;
	for (unsigned i = 0; i < NR_VMS; i++) {
		char name[16], cmdline[200];

		snprintf(name, sizeof name, "lab-%u", i);
		snprintf(cmdline, sizeof cmdline,
			 "lab.seed=%u lab.vm=%u lab.pager=clock "
			 "lab.workload=zipf,pages=%u,write=300000,rate=5000,alpha=500000",
			 i + 1, i, 3000 + i * 200);
		live_add_lab(m, name, PAGES, PAGES, cmdline);
	}
	live_ok(machine_start(m, live_error()));
	wait_until_all_said(m, &told);
	machine_stop(m); /* the last figures have a reading of the kernel of their own */
	s = look(m, true);
	check_accounts(s);
	check_reasons(s);
	take_events(m, &told);
	check_events(told.event, told.nr, s->now_ns);
	for (unsigned i = 0; i < NR_VMS; i++)
		assert_int_equal(machine_snapshot_live(s, i)->guest.integrity_errors, 0);
	free(s);
	machine_destroy(m);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(three_guests),
	};

	live_need_userfaultfd();
	live_need_kvm();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
