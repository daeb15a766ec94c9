/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * double_paging_test.c: guests that provoke what the two pagers do for nothing, and the counts of it.
 *
 * Guests that page themselves on a machine that pages them; a guest that frees pages which are in swap, and tells so;
 * pages that are written with what they held. How many there are depends on who is faster; what must be equal is
 * compared. Pages in swap that go into a balloon: tests/unit/mm_double_test.c.
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

#define PAGES      4096u
#define PATIENCE_S 60u

static struct mm_double_stats sum(const struct machine_snapshot *s)
{
	struct mm_double_stats d;

	report_double_paging(s, &d);
	return d;
}

/* More than the guest has; a tenth of it zeros. Its disk is large enough that pages which were only read leave the guest
 * unwritten: then the host need not bring them in, and their frames take what is read next. */
static void add_pager(struct machine *m, unsigned vm)
{
	char name[16], cmdline[200];

	snprintf(name, sizeof name, "lab-%u", vm);
	snprintf(cmdline, sizeof cmdline,
		 "lab.seed=%u lab.vm=%u lab.pager=lru "
		 "lab.workload=toucher,pages=%u,write=300000,rate=1000000,zero=100000",
		 vm + 1, vm, PAGES + PAGES / 2);
	live_add_lab(m, name, PAGES, 2 * PAGES, cmdline);
}

static bool both_pagers_worked(const struct machine_snapshot *s)
{
	struct mm_double_stats d = sum(s);
	unsigned enough = live_nested() ? 20 : 300;

	return d.guest_out_of_swapped >= enough && d.guest_in_of_swapped >= enough &&
	       d.zero_writebacks >= enough / 4 && d.overwrite_reads + d.overwrite_reads_spared > 0;
}

static void two_pagers(bool spare)
{
	struct live_machine_options o = {.memory_pages = 5000,
					 .swap_pages = 2 * PAGES,
					 .max_vms = 2,
					 .pager = "lru",
					 .spare_overwritten = spare};
	struct machine *m = live_machine(&o);
	struct machine_snapshot *s;
	struct mm_double_stats d;
	uint64_t out = 0, in = 0;

	add_pager(m, 0);
	add_pager(m, 1);
	live_ok(machine_start(m, live_error()));
	free(live_wait_until(m, both_pagers_worked, PATIENCE_S, "pages that both pagers had out"));
	live_must_be_consistent(m);
	machine_stop(m);
	s = live_look(m);
	d = sum(s);
	for (unsigned i = 0; i < 2; i++) {
		const struct guest_stats *g = &machine_snapshot_live(s, i)->guest;

		assert_int_equal(g->integrity_errors, 0);
		assert_int_equal(g->io_errors, 0);
		out += g->swap_out_pages + 16; /* one request may be under way */
		in += g->swap_in_pages + 16;
	}
	assert_true(d.guest_out_of_swapped <= out && d.guest_in_of_swapped <= in);
	assert_true(d.overwrite_reads + d.overwrite_reads_spared <= d.guest_in_of_swapped);
	assert_int_equal(spare ? d.overwrite_reads : d.overwrite_reads_spared, 0);
	assert_int_equal(d.zero_writebacks, s->host.swap.zero_drops);
	assert_int_equal(d.swapped_while_guest_free + d.ballooned_from_swapped, 0);
	free(s);
	machine_destroy(m);
}

static void pages_that_both_have_out(void **state)
{
	(void)state;
	two_pagers(false);
	two_pagers(true);
}

/* A guest that uses much and then little, beside a memory that is written from here. */
#define MUCH   3500u
#define LITTLE 200u

enum { GUEST, MEMORY };

static void write_all(struct machine *m, vmid_t vm, npages_t pages, uint64_t salt)
{
	for (npages_t g = 0; g < pages; g++) {
		uint64_t word = salt << 32 | (g + 1);

		assert_int_equal(
			machine_guest_write(m, vm, gpa(g << PAGE_SHIFT_BITS), &word, sizeof word),
			0);
	}
}

static bool reported_from_swap(const struct machine_snapshot *s)
{
	return s->vm[GUEST].double_paging.swapped_while_guest_free > 0;
}

/* Part of what it uses must leave, since its balloon holds next to nothing; then it frees that, and says so. */
static void reported_pages_that_are_in_swap(void **state)
{
	struct live_machine_options o = {.memory_pages = 5000,
					 .swap_pages = 2 * PAGES,
					 .max_vms = 2,
					 .pager = "random",
					 .balloon = true};
	struct machine *m = live_machine(&o);
	struct machine_snapshot *s;
	char cmdline[300];

	(void)state;
	snprintf(
		cmdline, sizeof cmdline,
		"lab.seed=1 lab.vm=0 lab.pager=clock lab.balloon=1000 lab.reporting=1 "
		"lab.workload=toucher,pages=%u,rate=2000,ns=%u000000000+toucher,pages=%u,rate=2000",
		MUCH, live_nested() ? 20 : 3, LITTLE);
	live_add_lab(m, "lab", PAGES, PAGES, cmdline);
	live_add_memory(m, PAGES);
	live_ok(machine_start(m, live_error()));
	write_all(m, vmid(MEMORY), 3000, 1);
	free(live_wait_until(m, reported_from_swap, PATIENCE_S, "a page in swap reported free"));
	live_must_be_consistent(m);
	machine_stop(m);
	s = live_look(m);
	assert_int_equal(machine_snapshot_live(s, GUEST)->guest.integrity_errors, 0);
	assert_true(s->vm[GUEST].double_paging.swapped_while_guest_free <=
		    s->vm[GUEST].reported_pages);
	free(s);
	machine_destroy(m);
}

/* A memory alone, written round after round with the same bytes, then with others. */

static struct mm_double_stats counted(struct machine *m, uint64_t *written)
{
	struct machine_snapshot *s = live_look(m);
	struct mm_double_stats d = sum(s);

	*written = s->host.swap.written_pages;
	free(s);
	return d;
}

static void unchanged_pages_are_written(void **state)
{
	struct live_machine_options o = {
		.memory_pages = 2000, .swap_pages = 4000, .max_vms = 1, .pager = "fifo"};
	struct machine *m = live_machine(&o);
	vmid_t vm = live_add_memory(m, 4000);
	struct mm_double_stats d;
	uint64_t written;

	(void)state;
	live_ok(machine_start(m, live_error()));
	write_all(m, vm, 4000, 1);
	d = counted(m, &written);
	assert_int_equal(d.identical_writebacks, 0); /* each page left once at most */
	assert_true(written > 1000);
	write_all(m, vm, 4000, 1); /* fifo: what comes in leaves again before it is reached */
	d = counted(m, &written);
	assert_true(d.identical_writebacks > 500);
	assert_true(d.identical_writebacks <= written);
	write_all(m, vm, 4000, 2);
	write_all(m, vm, 4000, 3);
	d = counted(m, &written);
	/* no more than those that were under way, and were written with what they held before */
	assert_true(d.identical_writebacks <= 4000);
	assert_true(written > 2 * 4000);
	assert_int_equal(d.zero_writebacks, 0);
	live_must_be_consistent(m);
	machine_destroy(m);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(pages_that_both_have_out),
		cmocka_unit_test(reported_pages_that_are_in_swap),
		cmocka_unit_test(unchanged_pages_are_written),
	};

	live_need_userfaultfd();
	live_need_kvm();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
