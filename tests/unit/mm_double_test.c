/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * mm_double_test.c: what the two pagers do for nothing is counted at the event that shows it, and once.
 *
 * A machine of 400 pages: reserve 192, thresholds 24, 16, 8, 4, targets sum to 400 - 192 - 24 = 184. With 193 pages
 * resident 15 are free, below soft, and 9 must leave to reach high: pages 0 to 8, to slots 0 to 8 (fifo).
 */
#include "tests/support/mm_world.h"

#define FULL 193u
#define OUT  9u

static struct mm_world *make(struct mm_world_options o)
{
	struct mm_world *w;

	o.memory = 400;
	w = world_make(o);
	world_add(w, 1000, 0);
	return w;
}

/* Pages [0, OUT) in swap, each with a slot. */
static struct mm_world *paged_out(struct mm_world_options o)
{
	struct mm_world *w = make(o);

	world_fill(w, 0, 0, FULL);
	world_page_out(w, 0, 0, OUT);
	return w;
}

static void disk(struct mm_world *w, bool overwrites, const gfn_t *pages, uint32_t nr)
{
	mm_disk_access(w->mm, 0, pages, nr, overwrites, w->body.now_ns);
	fake_body_check(&w->body);
}

static struct mm_double_stats counts(struct mm_world *w)
{
	return world_vm(w, 0).double_paging;
}

/* New pages are touched until page g has left; returns the next new one. */
static uint64_t push_out(struct mm_world *w, uint64_t g, uint64_t next)
{
	while (world_state(w, 0, g) != PAGE_SWAPPED) {
		while (!world_write(w, 0, next, world_stamp(0, next)))
			world_finish_all(w);
		next++;
		world_reclaim(w, 32);
		world_finish_all(w);
	}
	return next;
}

static void bring_in(struct mm_world *w, uint64_t g)
{
	while (!world_read(w, 0, g))
		world_finish_all(w);
}

static void rewrite(struct mm_world *w, uint64_t g, uint64_t content)
{
	bring_in(w, g);
	assert_true(world_write(w, 0, g, content));
	assert_false(world_page(w, 0, g)->flags & PAGE_HAS_SLOT);
}

static void what_the_guest_pages_out_of_swap(void **state)
{
	struct mm_world *w = paged_out((struct mm_world_options){0});
	const gfn_t pages[] = {gfn(0), gfn(1), gfn(50), gfn(999), gfn(1000), gfn(1ull << 40)};

	(void)state;
	disk(w, false, pages, 6); /* in swap, in swap, in memory, untouched, none of its pages */
	assert_int_equal(counts(w).guest_out_of_swapped, 2);
	assert_int_equal(counts(w).guest_in_of_swapped, 0);
	bring_in(w, 0); /* what the device does then */
	disk(w, false, pages, 1);
	assert_int_equal(counts(w).guest_out_of_swapped, 2);
	assert_false(world_read(w, 0, 4)); /* on its way in, for somebody else */
	disk(w, false, (gfn_t[]){gfn(4)}, 1);
	assert_int_equal(counts(w).guest_out_of_swapped, 2);
	mm_disk_access(w->mm, 7, pages, 1, false, w->body.now_ns); /* no such VM */
	mm_disk_access(w->mm, 1000, pages, 1, true, w->body.now_ns);
	world_finish_all(w);
	world_free(w);
}

static void overwritten_pages_are_read_all_the_same(void **state)
{
	struct mm_world *w = paged_out((struct mm_world_options){0});

	(void)state;
	disk(w, true, (gfn_t[]){gfn(0), gfn(3), gfn(50)}, 3);
	assert_int_equal(counts(w).guest_in_of_swapped, 2);
	assert_int_equal(counts(w).overwrite_reads, 2);
	assert_int_equal(counts(w).overwrite_reads_spared, 0);
	assert_int_equal(counts(w).guest_out_of_swapped, 0);
	assert_int_equal(world_slot(w, 0, 3), 3);
	assert_false(world_read(w, 0, 3));
	world_finish_all(w);
	assert_int_equal(world_guest(w, 0, 3)->content, world_stamp(0, 3));
	assert_int_equal(world_host(w).swap.read_pages, 2); /* 2 ahead */
	disk(w, true, (gfn_t[]){gfn(2)}, 1); /* read before, ahead: no read for this */
	assert_int_equal(counts(w).guest_in_of_swapped, 3);
	assert_int_equal(counts(w).overwrite_reads, 2);
	world_free(w);
}

static void overwritten_pages_are_not_read(void **state)
{
	struct mm_world *w = paged_out((struct mm_world_options){.spare_overwritten = true});

	(void)state;
	disk(w, true, (gfn_t[]){gfn(0), gfn(50)}, 2);
	assert_int_equal(counts(w).guest_in_of_swapped, 1);
	assert_int_equal(counts(w).overwrite_reads, 0);
	assert_int_equal(counts(w).overwrite_reads_spared, 1);
	assert_int_equal(world_host(w).swap.used_pages, OUT - 1);
	assert_int_equal(world_state(w, 0, 0), PAGE_SWAPPED);
	assert_true(world_write(w, 0, 0, 7)); /* the device, at once */
	assert_int_equal(w->body.nr_io, 0);
	assert_int_equal(world_host(w).swap.read_pages, 0);
	assert_int_equal(world_guest(w, 0, 50)->content, world_stamp(0, 50));
	/* read ahead and kept, and being read ahead: either goes */
	bring_in(w, 2);
	assert_true(world_page(w, 0, 3)->flags & PAGE_AHEAD);
	disk(w, true, (gfn_t[]){gfn(3)}, 1);
	assert_int_equal(world_page(w, 0, 3)->flags, 0);
	assert_int_equal(world_host(w).swap.read_ahead_hits, 0); /* nobody wanted it */
	assert_false(world_read(w, 0, 4));
	assert_true(world_page(w, 0, 5)->flags & PAGE_AHEAD);
	disk(w, true, (gfn_t[]){gfn(4), gfn(5)},
	     2); /* 4 is awaited by somebody: not for us to drop */
	assert_int_equal(world_page(w, 0, 5)->flags, 0);
	assert_true(world_write(w, 0, 5, 8));
	world_finish_all(w);
	assert_int_equal(world_guest(w, 0, 4)->content, world_stamp(0, 4));
	assert_int_equal(world_guest(w, 0, 5)->content, 8);
	assert_int_equal(counts(w).guest_in_of_swapped, 3);
	assert_int_equal(counts(w).overwrite_reads_spared, 1);
	world_free(w);
}

/* A fault of the guest's that waits for a frame while the device overwrites the page. */
static void a_page_that_is_waited_for_is_overwritten(void **state)
{
	struct mm_world *w = paged_out((struct mm_world_options){.spare_overwritten = true});
	uint64_t g = FULL;

	(void)state;
	while (world_write(w, 0, g, world_stamp(0, g)))
		g++; /* until no frame is left; g waits */
	assert_false(world_read(w, 0, 6));
	assert_true(world_page(w, 0, 6)->flags & PAGE_WAITING);
	disk(w, true, (gfn_t[]){gfn(6)}, 1);
	world_reclaim(w, 32);
	world_finish_all(w);
	assert_true(world_read(w, 0, 6));
	assert_int_equal(world_guest(w, 0, 6)->content, FAKE_ZERO);
	world_free(w);
}

/* Zeros in swap have no slot: nothing would be read. */
static void zeros_in_swap_are_overwritten(void **state)
{
	struct mm_world *w = make((struct mm_world_options){0});

	(void)state;
	world_fill_zero(w, 0, 0, FULL);
	world_page_out(w, 0, 0, OUT);
	disk(w, true, (gfn_t[]){gfn(0)}, 1);
	disk(w, false, (gfn_t[]){gfn(1)}, 1);
	assert_int_equal(counts(w).guest_in_of_swapped, 1);
	assert_int_equal(counts(w).overwrite_reads, 0);
	assert_int_equal(counts(w).guest_out_of_swapped, 1);
	world_free(w);
}

static void free_pages_that_were_in_swap(void **state)
{
	struct mm_world *w = paged_out((struct mm_world_options){.balloon = true});

	(void)state;
	assert_int_equal(mm_pages_reported(w->mm, 0, gfn(6), 5, w->body.now_ns), 5); /* 9, 10 in */
	assert_int_equal(counts(w).swapped_while_guest_free, 3);
	assert_int_equal(counts(w).ballooned_from_swapped, 0);
	assert_int_equal(
		mm_balloon_gave(w->mm, 0, (gfn_t[]){gfn(0), gfn(1), gfn(20)}, 3, w->body.now_ns),
		3);
	assert_int_equal(counts(w).ballooned_from_swapped, 2);
	assert_int_equal(counts(w).swapped_while_guest_free, 3);
	assert_int_equal(mm_pages_reported(w->mm, 0, gfn(6), 3, w->body.now_ns), 3); /* again */
	assert_int_equal(counts(w).swapped_while_guest_free, 3);
	world_free(w);
}

static void zeros_are_dropped_or_written(void **state)
{
	for (unsigned write = 0; write < 2; write++) {
		struct mm_world *w = make((struct mm_world_options){.write_zeros = write});

		(void)state;
		world_fill_zero(w, 0, 0, 4);
		world_fill(w, 0, 4, FULL);
		world_page_out(w, 0, 0, OUT);
		assert_int_equal(counts(w).zero_writebacks, 4);
		assert_int_equal(counts(w).identical_writebacks, 0);
		assert_int_equal(world_host(w).swap.zero_drops, write ? 0 : 4);
		assert_int_equal(w->body.written_pages, write ? OUT : OUT - 4);
		bring_in(w, 2);
		assert_int_equal(world_guest(w, 0, 2)->content, FAKE_ZERO);
		assert_int_equal(world_host(w).swap.read_pages > 0, write);
		/* clean: it leaves without a write, and is no writeback of anything */
		if (write)
			push_out(w, 2, FULL);
		assert_int_equal(counts(w).zero_writebacks, 4);
		world_free(w);
	}
}

static void unchanged_pages_that_are_written(void **state)
{
	struct mm_world *w = paged_out((struct mm_world_options){0});
	uint64_t next = FULL;

	(void)state;
	rewrite(w, 0, world_stamp(0, 0));     /* the same bytes again */
	rewrite(w, 1, world_stamp(0, 1) + 1); /* others */
	bring_in(w, 2);                       /* clean */
	next = push_out(w, 0, next);
	next = push_out(w, 1, next);
	next = push_out(w, 2, next);
	assert_int_equal(counts(w).identical_writebacks, 1);
	rewrite(w, 1, world_stamp(0, 1)); /* what it held the last time but one */
	next = push_out(w, 1, next);
	assert_int_equal(counts(w).identical_writebacks, 1);
	rewrite(w, 1, world_stamp(0, 1));
	next = push_out(w, 1, next);
	assert_int_equal(counts(w).identical_writebacks, 2);
	/* given back to the guest and used anew: other content that happens to be the same */
	bring_in(w, 1);
	assert_int_equal(mm_pages_reported(w->mm, 0, gfn(1), 1, w->body.now_ns), 1);
	assert_true(world_write(w, 0, 1, world_stamp(0, 1)));
	push_out(w, 1, next);
	assert_int_equal(counts(w).identical_writebacks, 2);
	world_free(w);
}

/* What was not written says nothing of what is in swap. */
static void writes_that_failed_are_no_writebacks(void **state)
{
	struct mm_world *w = make((struct mm_world_options){0});

	(void)state;
	world_fill(w, 0, 0, FULL);
	w->body.fail_write_ppm = PPM;
	world_reclaim(w, OUT);
	world_finish_all(w);
	w->body.fail_write_ppm = 0;
	push_out(w, 0, FULL);
	assert_int_equal(world_guest(w, 0, 0)->present, false);
	assert_int_equal(counts(w).identical_writebacks, 0);
	world_free(w);
}

static void read_ahead_has_a_limit(void **state)
{
	struct mm_world *w = paged_out((struct mm_world_options){.ahead_most = 1});

	(void)state;
	w->mm->vm[0].ahead_probe = 63; /* nor is it tried again */
	for (uint64_t g = 0; g < OUT; g++)
		bring_in(w, g);
	assert_int_equal(world_host(w).swap.read_pages, OUT);
	assert_int_equal(world_host(w).swap.read_ahead_hits, 0);
	world_free(w);
	w = paged_out((struct mm_world_options){.ahead_most = 3});
	w->mm->vm[0].ahead_hits = 32; /* all of them, so the window doubles: 2, 4, but 3 at most */
	bring_in(w, 0);
	bring_in(w, 1);
	assert_int_equal(w->mm->vm[0].ahead_window, 3);
	world_free(w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_the_guest_pages_out_of_swap),
		cmocka_unit_test(overwritten_pages_are_read_all_the_same),
		cmocka_unit_test(overwritten_pages_are_not_read),
		cmocka_unit_test(a_page_that_is_waited_for_is_overwritten),
		cmocka_unit_test(zeros_in_swap_are_overwritten),
		cmocka_unit_test(free_pages_that_were_in_swap),
		cmocka_unit_test(zeros_are_dropped_or_written),
		cmocka_unit_test(unchanged_pages_that_are_written),
		cmocka_unit_test(writes_that_failed_are_no_writebacks),
		cmocka_unit_test(read_ahead_has_a_limit),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
