/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * guest_life_test.c: the lab guest's own business on KVM, with host memory to spare: its pager and swap disk, phases,
 * memory above 4 GiB, and how it ends. What its pages hold is compared with what the host computes.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include "guest/core/workload.h"
#include "tests/support/live.h"

#define PATIENCE_S 60u
#define SEED       3u
#define VM         5u

static struct machine *start(npages_t pages, npages_t swap, const char *words)
{
	struct live_machine_options o = {
		.memory_pages = 12288,
		.swap_pages = 16384,
		.max_vms = 1,
		.pager = "random",
	};
	struct machine *m = live_machine(&o);
	char cmdline[400];

	snprintf(cmdline, sizeof(cmdline), "lab.seed=%u lab.vm=%u %s", SEED, VM, words);
	live_add_lab(m, "life", pages, swap, cmdline);
	live_ok(machine_start(m, live_error()));
	return m;
}

static struct vm_live_stats stats_of(struct machine *m)
{
	struct machine_snapshot *s;
	struct vm_live_stats live;

	assert_int_equal(machine_snapshot(m, false, &s), 0);
	live = *machine_snapshot_live(s, 0);
	free(s);
	return live;
}

static void pause_10ms(void)
{
	const struct timespec t = {.tv_nsec = 10000000};

	nanosleep(&t, NULL);
}

/* Waits for work units and swapped-in pages; the guest must be running then. */
static struct vm_live_stats wait_for_work(struct machine *m, uint64_t work, uint64_t swap_in)
{
	struct vm_live_stats live = {0};

	for (unsigned i = 0; i < PATIENCE_S * 100 && !machine_idle(m); i++) {
		live = stats_of(m);
		if (live.guest.work_units >= work && live.guest.swap_in_pages >= swap_in)
			return live;
		pause_10ms();
	}
	live = stats_of(m);
	fail_msg("%llu work units, %llu pages swapped in, exit %d %s",
		 (unsigned long long)live.guest.work_units,
		 (unsigned long long)live.guest.swap_in_pages, live.exit, live.exit_reason);
	return live;
}

static struct vm_live_stats wait_for_end(struct machine *m)
{
	for (unsigned i = 0; i < PATIENCE_S * 100 && !machine_idle(m); i++)
		pause_10ms();
	assert_true(machine_idle(m));
	return stats_of(m);
}

static void finish(struct machine *m)
{
	machine_stop(m);
	assert_int_equal(stats_of(m).guest.integrity_errors, 0);
	machine_destroy(m);
}

static void own_swap(void **state)
{
	static const char *const words[] = {
		"lab.pager=random lab.workload=zipf,pages=6000,write=300000,alpha=500000",
		"lab.pager=clock lab.workload=scan,pages=6000,write=500000",
	};

	(void)state;
	for (unsigned i = 0; i < 2; i++) {
		struct machine *m = start(4096, 4096, words[i]);
		struct vm_live_stats live = wait_for_work(m, live_scaled(4000), live_scaled(2000));

		assert_int_equal(live.guest.integrity_errors, 0);
		assert_int_equal(live.guest.integrity_checks >= live.guest.work_units, true);
		assert_int_equal(live.guest.filled_pages, 6000);
		assert_true(live.guest.swap_out_pages >= 6000 - 4096);
		assert_true(live.guest.interrupts > 0);
		assert_int_equal(live.guest.io_errors, 0);
		assert_true(live.guest.free_pages < 32);
		assert_true(live.disk_reads >= live.guest.swap_in_pages - 1);
		assert_int_equal(live.guest_bad, 0);
		finish(m);
	}
}

static void phases_and_end(void **state)
{
	struct machine *m = start(4096, 0,
				  "lab.workload=toucher,pages=300,rate=1000,ns=100000000+"
				  "idle,ns=20000000+boot,ns=1+scan,pages=500,ns=30000000");
	struct vm_live_stats live = wait_for_end(m);

	(void)state;
	if (live.exit != VM_HALTED)
		fail_msg("exit %d: %s", live.exit, live.exit_reason);
	assert_int_equal(live.guest.phase, 3);
	assert_int_equal(live.guest.integrity_errors, 0);
	assert_true(live.guest.idle_ns >= 20000000);
	assert_int_equal(live.guest.free_pages, live.guest.total_pages); /* all was given back */
	assert_true(live.boot_ns > 0);
	finish(m);
}

static void ends_with(npages_t swap, const char *words, const char *reason)
{
	struct machine *m = start(4096, swap, words);
	struct vm_live_stats live = wait_for_end(m);

	assert_int_equal(live.exit, VM_CRASHED);
	if (!strstr(live.exit_reason, reason))
		fail_msg("\"%s\" is not in \"%s\"", reason, live.exit_reason);
	finish(m);
}

static void bad_ends(void **state)
{
	(void)state;
	ends_with(512, "lab.workload=scan,pages=6000", "out of memory");
	ends_with(0, "lab.workload=scan,pages=6000", "out of memory");
	ends_with(512, "lab.workload=scan,pages=100000000",
		  "out of memory"); /* no room for records */
	ends_with(512, "lab.workload=scan,pages=4000000000", "refused its command line");
	ends_with(512, "lab.workload=sprint,pages=10", "refused its command line");
	ends_with(512, "lab.pager=oracle", "refused its command line");
	ends_with(512, "lab.no=1", "refused its command line");
}

/* The page at gpa holds the workload's page number page, as filling wrote it. */
static void holds(struct machine *m, uint64_t at, const struct content *c, uint32_t page)
{
	uint64_t words[PAGE_WORDS];

	assert_int_equal(machine_guest_read(m, vmid(0), gpa(at), words, sizeof(words)), 0);
	for (uint32_t i = 0; i < PAGE_WORDS; i++)
		assert_int_equal(words[i], content_word(c, page, 0, i));
}

/* 4.5 GiB, of which the guest uses the top first: its first pages lie at 4 GiB. */
static void memory_above_4gib(void **state)
{
	struct machine *m =
		start(4608ull << 8, 0, "lab.workload=toucher,pages=400,rate=5000,common=500000");
	struct phase_spec spec = {.kind = WORK_TOUCHER, .pages = 400, .common_ppm = 500000};
	struct content c;

	(void)state;
	wait_for_work(m, 1000, 0);
	content_init(&c, &spec, SEED, VM, 0);
	for (uint32_t page = 0; page < 400; page += 57)
		holds(m, GUEST_HOLE_END + pages_to_bytes(page), &c, page);
	finish(m);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(own_swap),
		cmocka_unit_test(phases_and_end),
		cmocka_unit_test(bad_ends),
		cmocka_unit_test(memory_above_4gib),
	};

	live_need_kvm();
	live_need_userfaultfd();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
