/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * fileserver_test.c: file servers on KVM: their file caches under a host that takes their memory by balloon and by paging,
 * guests with and without swap of their own, and files that do not fit the disk. Every page read is checked by the guest;
 * what it did must be what its sequence says, page by page.
 */
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>

#include <cmocka.h>

#include "tests/support/file_sequence.h"
#include "tests/support/live.h"

#define PAGES      4096u
#define FILES      800u
#define SIZE       8u
#define BLOCKS     (2 * FILES * SIZE)
#define PATIENCE_S 60u
#define WORKLOAD   "fileserver,files=800,size=8,write=600000,rate=40000,common=300000"

static void add(struct machine *m, unsigned vm, npages_t swap, const char *words)
{
	char name[16], cmdline[300];

	snprintf(name, sizeof name, "server-%u", vm);
	snprintf(cmdline, sizeof cmdline, "lab.seed=%u lab.vm=%u lab.workload=" WORKLOAD " %s",
		 vm + 1, vm, words);
	live_add_server(m, name, PAGES, swap, BLOCKS, cmdline);
}

/* Stopped between two stores of the guest: a check can be one ahead of its work unit. */
static void did_its_sequence(const struct guest_stats *g, unsigned vm)
{
	struct file_sequence seen = file_sequence_of(WORKLOAD, vm + 1, vm, FILES, g->work_units);

	assert_int_equal(g->filled_pages, seen.filled);
	assert_in_range(g->integrity_checks, seen.reads, seen.reads + 1);
	assert_int_equal(g->integrity_errors, 0);
	assert_int_equal(g->io_errors, 0);
	assert_int_equal(g->faults, 0);
	assert_true(g->file_cached_pages <= g->total_pages);
	assert_true(g->file_ahead_hits <= g->file_ahead_pages);
}

static bool enough(const struct machine_snapshot *s, bool paged)
{
	uint64_t least = live_scaled(4000);

	for (unsigned i = 0; i < s->nr_vms; i++) {
		const struct guest_stats *g = &machine_snapshot_live(s, i)->guest;

		if (machine_snapshot_live(s, i)->exit != VM_RUNNING)
			fail_msg("guest %u: %s", i, machine_snapshot_live(s, i)->exit_reason);
		if (g->work_units < 4 * least || g->file_read_pages < least / 8 ||
		    g->file_write_pages < least || !g->file_dropped_dirty ||
		    (paged && !s->vm[i].paged_out_pages))
			return false;
	}
	return true;
}

static bool enough_work(const struct machine_snapshot *s)
{
	return enough(s, false);
}

static bool enough_work_paged(const struct machine_snapshot *s)
{
	return enough(s, true);
}

static void run(struct machine *m, bool paged)
{
	struct machine_snapshot *s;

	live_ok(machine_start(m, live_error()));
	free(live_wait_until(m, paged ? enough_work_paged : enough_work, PATIENCE_S,
			     "files read, written and deleted by every guest"));
	live_must_be_consistent(m);
	machine_stop(m);
	s = live_look(m);
	for (unsigned i = 0; i < s->nr_vms; i++) {
		const struct vm_live_stats *live = machine_snapshot_live(s, i);

		did_its_sequence(&live->guest, i);
		assert_true(live->disk_reads > 0 && live->disk_writes > 0);
		assert_int_equal(live->disk_errors, 0);
		assert_int_equal(live->guest_bad, 0);
	}
	free(s);
	machine_destroy(m);
}

/* Three guests of 4096 on 6000: balloons, where there is a driver, and the host's swap for the one without. */
static void under_pressure(void **state)
{
	struct live_machine_options o = {.memory_pages = 6000,
					 .swap_pages = 3 * PAGES,
					 .max_vms = 3,
					 .balloon = true,
					 .rebalance_ns = NS_PER_S / 2};
	struct machine *m = live_machine(&o);

	(void)state;
	add(m, 0, PAGES, "");
	add(m, 1, 0, "");
	add(m, 2, PAGES, "lab.balloon=0 lab.pager=lru");
	run(m, false);
}

/* By paging alone: both the host and the guests make room. */
static void paged_by_the_host(void **state)
{
	struct live_machine_options o = {.memory_pages = 5000,
					 .swap_pages = 2 * PAGES,
					 .max_vms = 2,
					 .share = true,
					 .pager = "random"};
	struct machine *m = live_machine(&o);

	(void)state;
	add(m, 0, 0, "");
	add(m, 1, PAGES, "lab.pager=2q");
	run(m, true);
}

static struct vm_live_stats wait_for_end(struct machine *m)
{
	struct machine_snapshot *s = NULL;
	struct vm_live_stats live;
	unsigned patience = PATIENCE_S * 100;
	const struct timespec pause = {.tv_nsec = 10000000};

	while (!machine_idle(m) && patience--)
		nanosleep(&pause, NULL);
	assert_int_equal(machine_snapshot(m, false, &s), 0);
	live = *machine_snapshot_live(s, 0);
	free(s);
	return live;
}

/* Files and other pages in turn; the guest has no swap, and comes to its end. */
static void phases(void **state)
{
	struct live_machine_options o = {.memory_pages = 8192, .max_vms = 1};
	struct machine *m = live_machine(&o);
	unsigned tenths = live_nested() ? 30 : 10;
	struct vm_live_stats live;
	char words[300];

	(void)state;
	/* long enough for the files to be made and some work to be done, on a busy machine too */
	snprintf(words, sizeof(words),
		 "lab.workload=fileserver,files=100,size=8,write=600000,rate=20000,ns=%u00000000+"
		 "toucher,pages=3000,rate=20000,write=500000,ns=%u00000000+"
		 "fileserver,files=100,size=32,rate=20000,ns=%u00000000",
		 tenths, tenths, tenths);
	live_add_server(m, "phases", PAGES, 0, BLOCKS, words);
	live_ok(machine_start(m, live_error()));
	live = wait_for_end(m);
	if (live.exit != VM_HALTED)
		fail_msg("exit %d: %s", live.exit, live.exit_reason);
	assert_int_equal(live.guest.phase, 2);
	assert_int_equal(live.guest.integrity_errors, 0);
	assert_int_equal(live.guest.file_cached_pages, 0);
	assert_true(live.guest.work_units > 0);
	machine_stop(m);
	machine_destroy(m);
}

static bool first_is_over(const struct machine_snapshot *s)
{
	return machine_snapshot_live(s, 0)->exit != VM_RUNNING;
}

static void ends_with(npages_t data, const char *words, const char *reason)
{
	struct live_machine_options o = {.memory_pages = 8192, .max_vms = 1};
	struct machine *m = live_machine(&o);
	struct vm_live_stats live;

	live_add_server(m, "small", PAGES, 0, data, words);
	live_ok(machine_start(m, live_error()));
	live = wait_for_end(m);
	assert_int_equal(live.exit, VM_CRASHED);
	if (!strstr(live.exit_reason, reason))
		fail_msg("\"%s\" is not in \"%s\"", reason, live.exit_reason);
	machine_stop(m);
	machine_destroy(m);
}

static void files_that_do_not_fit(void **state)
{
	(void)state;
	ends_with(BLOCKS - 1, "lab.workload=" WORKLOAD, "refused its command line");
	ends_with(0, "lab.workload=" WORKLOAD, "refused its command line");
	/* a device that is no disk, or not there: there is no data disk */
	ends_with(0, "lab.data=3 lab.workload=" WORKLOAD, "refused its command line");
	ends_with(1u << 20, "lab.workload=" WORKLOAD, "out of memory"); /* no room for records */
}

/*
 * The file behind the data disk cannot grow any more: writes of most blocks fail. What cannot be written stays in memory,
 * until that is full of it: then the guest says so and ends, and the other one, whose disk is small enough, does not notice.
 */
static void disk_that_is_full(void **state)
{
	struct live_machine_options o = {.memory_pages = 8192, .max_vms = 2};
	const struct rlimit limit = {.rlim_cur = 1u << 20, .rlim_max = RLIM_INFINITY};
	struct machine *m = live_machine(&o);
	struct rlimit was;
	struct machine_snapshot *s;
	const struct vm_live_stats *live;

	(void)state;
	add(m, 0, 0, "");
	live_add_server(m, "small", PAGES, 0, 256,
			"lab.workload=fileserver,files=16,size=8,write=600000,rate=1000");
	assert_int_equal(getrlimit(RLIMIT_FSIZE, &was), 0);
	signal(SIGXFSZ, SIG_IGN);
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);
	live_ok(machine_start(m, live_error()));
	free(live_wait_until(m, first_is_over, PATIENCE_S,
			     "the end of the guest whose disk is full"));
	s = live_look(m);
	live = machine_snapshot_live(s, 0);
	assert_int_equal(live->exit, VM_CRASHED);
	assert_non_null(strstr(live->exit_reason, "guest panic"));
	assert_true(live->disk_errors > 0 && live->guest.io_errors > 0);
	assert_int_equal(live->guest.integrity_errors, 0);
	live = machine_snapshot_live(s, 1);
	assert_int_equal(live->exit, VM_RUNNING);
	assert_int_equal(live->disk_errors + live->guest.io_errors + live->guest.integrity_errors,
			 0);
	free(s);
	machine_stop(m);
	machine_destroy(m);
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &was), 0);
	signal(SIGXFSZ, SIG_DFL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(under_pressure),
		cmocka_unit_test(paged_by_the_host),
		cmocka_unit_test(phases),
		cmocka_unit_test(files_that_do_not_fit),
		cmocka_unit_test(disk_that_is_full),
	};

	live_need_kvm();
	live_need_userfaultfd();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
