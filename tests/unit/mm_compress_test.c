/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * mm_compress_test.c: the cache of compressed pages, step by step.
 *
 * A machine of 1000 pages: reserve 194 (2 for compressing), thresholds 60, 40, 20, 10, targets sum to 746. One VM of 900
 * pages, cache 10 %: 90 frames at most, and (746 - 64) / 2 = 341 more would be allowed by the target. 767 resident pages
 * leave 39 free, below soft, so paging begins; pages leave oldest first (fifo). 21 are missing to high.
 */
#include "tests/support/mm_world.h"

#define FULL 767u

static struct mm_world *lone_vm(uint32_t bytes, bool no_swap)
{
	struct mm_world *w = world_make((struct mm_world_options){
		.memory = 1000, .compress_ppm = 100000, .no_swap = no_swap});

	w->body.compress_bytes = bytes;
	world_add(w, 900, 0);
	assert_int_equal(world_vm(w, 0).target_pages, 746);
	assert_int_equal(world_vm(w, 0).compress.limit_frames, 90);
	world_fill(w, 0, 0, FULL);
	return w;
}

static void must_hold(struct mm_world *w, uint64_t g, uint64_t content)
{
	while (!world_read(w, 0, g))
		world_finish_all(w);
	assert_int_equal(world_guest(w, 0, g)->content, content);
}

/* Halves: each frees its own frame and every second needs one: 21 frames are free after 42. */
static void halves(void **state)
{
	struct mm_world *w = lone_vm(2048, true);
	struct mm_vm_stats v;

	(void)state;
	assert_int_equal(world_reclaim(w, 100), 42);
	v = world_vm(w, 0);
	assert_int_equal(v.compressed_pages, 42);
	assert_int_equal(v.resident_pages, FULL - 42);
	assert_int_equal(v.compress.frames, 21);
	assert_int_equal(v.swapped_pages, 0);
	assert_int_equal(v.paged_out_pages, 42);
	assert_int_equal(world_host(w).free_pages, 60);
	assert_int_equal(world_host(w).used_pages, FULL - 42 + 21 + 194);
	assert_int_equal(world_host(w).compress.stored_bytes, 42 * 2048);
	for (uint64_t g = 0; g < 42; g++)
		assert_int_equal(world_state(w, 0, g), PAGE_COMPRESSED);
	for (uint64_t g = 0; g < 42; g++)
		must_hold(w, g, world_stamp(0, g));
	v = world_vm(w, 0);
	assert_int_equal(v.faults_decompressed, 42);
	assert_int_equal(v.compress.frames, 0);
	assert_int_equal(v.resident_pages, FULL);
	world_free(w);
}

/* Quarters: four a frame. n pages free n - ceil(n / 4): 28 free 21. */
static void quarters(void **state)
{
	struct mm_world *w = lone_vm(1024, true);

	(void)state;
	assert_int_equal(world_reclaim(w, 100), 28);
	assert_int_equal(world_vm(w, 0).compress.frames, 7);
	assert_int_equal(world_vm(w, 0).compress.quarters, 28);
	/* three of a frame leave: the last one moves where there is room, and the frame goes */
	must_hold(w, 0, world_stamp(0, 0));
	assert_int_equal(world_vm(w, 0).compress.frames, 7);
	assert_int_equal(world_vm(w, 0).compress.moved_pages, 0);
	must_hold(w, 4, world_stamp(0, 4)); /* of another frame: one moves there */
	assert_int_equal(world_vm(w, 0).compress.moved_pages, 1);
	must_hold(w, 8, world_stamp(0, 8));
	must_hold(w, 12, world_stamp(0, 12));
	assert_int_equal(world_vm(w, 0).compress.frames, 6);
	assert_int_equal(w->body.cache_moves, 3);
	for (uint64_t g = 0; g < 28; g++)
		must_hold(w, g, world_stamp(0, g));
	assert_int_equal(world_vm(w, 0).compress.frames, 0);
	world_free(w);
}

/* What does not compress goes to swap as ever; with no swap it stays, and others are tried. */
static void what_does_not_compress(void **state)
{
	struct mm_world *w = lone_vm(2049, false);

	(void)state;
	assert_int_equal(world_reclaim(w, 100), 21);
	world_finish_all(w);
	assert_int_equal(world_vm(w, 0).swapped_pages, 21);
	assert_int_equal(world_vm(w, 0).compressed_pages, 0);
	assert_int_equal(world_vm(w, 0).compress.rejected_pages, 21);
	world_free(w);
	w = lone_vm(2049, true);
	assert_int_equal(world_reclaim(w, 20), 0);
	assert_int_equal(world_vm(w, 0).resident_pages, FULL);
	assert_int_equal(world_vm(w, 0).sampled_pages, 0);
	w->body.compress_bytes =
		2048; /* one in eight is tried after so many in vain, and then all */
	assert_int_equal(world_reclaim(w, 100), 42);
	for (uint64_t g = 0; g < FULL; g++)
		must_hold(w, g, world_stamp(0, g));
	world_free(w);
}

/* One VM's cache is no other's: 90 frames, the last sixteenth (6) kept for what comes; without swap all 90. */
static void the_limit(void **state)
{
	struct mm_world *w = lone_vm(2048, true);
	uint32_t sum = 0, got;

	(void)state;
	for (uint64_t g = FULL; g < 880; g++) {
		while (!world_read(w, 0, g)) {
			got = world_reclaim(w, 100);
			assert_true(got > 0);
		}
		world_write(w, 0, g, world_stamp(0, g));
		sum += world_reclaim(w, 100);
		assert_true(world_vm(w, 0).compress.frames <= 90);
	}
	assert_true(sum > 0);
	/* 880 pages in 806 frames, and 20 missing to low would be too many: 700 + 180 / 2 */
	assert_int_equal(world_vm(w, 0).compressed_pages, 180);
	assert_int_equal(world_host(w).free_pages, 806 - 790);
	assert_true(world_vm(w, 0).compress.no_room_pages == 0);
	for (uint64_t g = 0; g < 880; g++) {
		while (!world_read(w, 0, g))
			assert_true(world_reclaim(w, 100) > 0);
		assert_int_equal(world_guest(w, 0, g)->content, world_stamp(0, g));
		world_reclaim(w, 100);
	}
	world_free(w);
}

/* A cache of 5 % (45 frames, 90 halves) that must take more: the oldest go to swap, in order, in clusters. */
static struct mm_world *small_cache(void)
{
	struct mm_world *w = world_make(
		(struct mm_world_options){.memory = 1000, .compress_ppm = 50000, .swap = 1000});

	w->body.compress_bytes = 2048;
	world_add(w, 900, 0);
	world_fill(w, 0, 0, FULL);
	return w;
}

static void the_oldest_are_written_out(void **state)
{
	struct mm_world *w = small_cache();
	struct mm_vm_stats v;
	uint64_t g = FULL;

	(void)state;
	/* parts: 180 may be there; writing begins beyond 180 - ceil(180 / 16) = 168, which are 84 halves, and goes on to
	 * 180 - ceil(180 / 8) = 157, so until 78 halves are left */
	while (world_vm(w, 0).compressed_pages < 86) {
		must_hold(w, g, FAKE_ZERO);
		world_write(w, 0, g, world_stamp(0, g));
		g++;
		world_reclaim(w, 2);
		assert_int_equal(w->body.nr_io, 0);
	}
	must_hold(w, g, FAKE_ZERO);
	world_reclaim(w, 1);
	assert_int_equal(w->body.nr_io, 1);
	assert_true(w->body.io[0]->cached);
	assert_int_equal(w->body.io[0]->nr, 8);
	v = world_vm(w, 0);
	assert_int_equal(v.swapped_pages, 0); /* compressed until it is done */
	/* touched meanwhile: from the cache, clean, and its slot is true when it is written */
	assert_true(world_read(w, 0, 3));
	assert_true(world_page(w, 0, 3)->flags & PAGE_HAS_SLOT);
	/* given up meanwhile */
	mm_pages_reported(w->mm, 0, gfn(4), 1, w->body.now_ns);
	fake_body_check(&w->body);
	world_finish(w);
	for (uint64_t k = 0; k < 8; k++)
		assert_int_equal(world_state(w, 0, k), k == 3   ? PAGE_RESIDENT
						       : k == 4 ? PAGE_UNTOUCHED
								: PAGE_SWAPPED);
	assert_int_equal(world_vm(w, 0).compress.written_pages, 6);
	assert_int_equal(world_host(w).swap.written_pages, 8);
	assert_int_equal(world_host(w).swap.used_pages, 7);
	assert_int_equal(world_state(w, 0, 8), PAGE_COMPRESSED);
	must_hold(w, 5, world_stamp(0, 5));
	must_hold(w, 3, world_stamp(0, 3));
	world_free(w);
}

/* The disk fails: nothing is lost, the pages are compressed as before, and are the youngest now. */
static void a_failed_write(void **state)
{
	struct mm_world *w = small_cache();

	(void)state;
	for (uint64_t g = FULL; !w->body.nr_io; g++) {
		must_hold(w, g, FAKE_ZERO);
		world_write(w, 0, g, world_stamp(0, g));
		world_reclaim(w, 2);
	}
	w->body.fail_write_ppm = PPM;
	world_finish(w);
	w->body.fail_write_ppm = 0;
	assert_int_equal(world_state(w, 0, 0), PAGE_COMPRESSED);
	assert_int_equal(world_host(w).swap.errors, 1);
	assert_int_equal(w->mm->slots_bad, 8);
	world_reclaim(w, 1);
	assert_int_equal(w->body.io[0]->page[0].gfn, 8);
	world_finish_all(w);
	for (uint64_t g = 0; g < 20; g++)
		must_hold(w, g, world_stamp(0, g));
	world_free(w);
}

/* Pages from 2 on are wanted in turn, more than there are frames, until page 0 is in that state. */
static void push(struct mm_world *w, enum page_state until)
{
	for (uint64_t g = 0; g < 10000 && world_state(w, 0, 0) != until; g++) {
		while (!world_read(w, 0, 2 + g % 898) && (world_reclaim(w, 8) || w->body.nr_io))
			world_finish_all(w);
		world_reclaim(w, 8);
		world_finish_all(w);
	}
	assert_int_equal(world_state(w, 0, 0), until);
}

/* A page that came back from swap and was not written keeps its slot in the cache; touched it comes back clean, and if it
 * is not it leaves without being written. */
static void clean_pages_keep_their_slots(void **state)
{
	struct mm_world *w = lone_vm(2049, false);
	uint64_t clean;

	(void)state;
	world_page_out(w, 0, 0, 21);
	must_hold(w, 0, world_stamp(0, 0));
	w->body.compress_bytes = 2048;
	push(w, PAGE_COMPRESSED);
	assert_int_equal(compress_part(&w->mm->vm[0], world_page(w, 0, 0)->slot)->slot, 0);
	must_hold(w, 0, world_stamp(0, 0));
	assert_int_equal(world_slot(w, 0, 0), 0);
	assert_true(world_guest(w, 0, 0)->protected);
	push(w, PAGE_COMPRESSED);
	clean = world_vm(w, 0).compress.clean_pages;
	push(w, PAGE_SWAPPED);
	assert_int_equal(world_slot(w, 0, 0), 0);
	assert_true(world_vm(w, 0).compress.clean_pages > clean);
	must_hold(w, 0, world_stamp(0, 0));
	world_free(w);
}

static void balloons_and_ends(void **state)
{
	struct mm_world *w = lone_vm(2048, true);
	const gfn_t some[] = {gfn(0), gfn(2), gfn(5)};

	(void)state;
	world_reclaim(w, 100);
	assert_int_equal(mm_balloon_gave(w->mm, 0, some, 3, 0), 3);
	fake_body_check(&w->body);
	assert_int_equal(world_state(w, 0, 2), PAGE_BALLOONED);
	assert_int_equal(world_vm(w, 0).compressed_pages, 39);
	assert_int_equal(world_vm(w, 0).compress.frames, 20);
	must_hold(w, 4, world_stamp(0, 4));
	must_hold(w, 2, FAKE_ZERO);
	mm_vm_end(w->mm, 0, 0);
	fake_body_check(&w->body);
	assert_int_equal(w->body.frames, 0);
	assert_int_equal(world_host(w).used_pages, 194);
	world_free(w);
}

/* Zero pages and equal pages never come to it: the order is fixed. */
static void zero_pages_need_no_cache(void **state)
{
	struct mm_world *w = world_make(
		(struct mm_world_options){.memory = 1000, .compress_ppm = 100000, .no_swap = true});

	(void)state;
	w->body.compress_bytes = 1024;
	world_add(w, 900, 0);
	world_fill_zero(w, 0, 0, FULL);
	assert_int_equal(world_reclaim(w, 100), 21);
	assert_int_equal(world_vm(w, 0).compressed_pages, 0);
	assert_int_equal(world_vm(w, 0).swapped_pages, 21);
	world_free(w);
}

/* A target that falls takes the cache with it: half of what is above the floor at most. */
static void a_smaller_target(void **state)
{
	struct mm_world *w = lone_vm(2048, false);

	(void)state;
	world_reclaim(w, 100);
	assert_int_equal(world_vm(w, 0).compress.frames, 21);
	world_add(w, 900, 650); /* 746 - 650 are left: 96; (96 - 64) / 2 = 16 */
	assert_int_equal(world_vm(w, 0).target_pages, 96);
	assert_int_equal(world_vm(w, 0).compress.limit_frames, 16);
	for (uint64_t g = 0; g < 640; g++) {
		while (!world_read(w, 1, g)) {
			world_reclaim(w, 100);
			world_finish_all(w);
		}
		world_write(w, 1, g, world_stamp(1, g));
		world_reclaim(w, 8);
	}
	while (world_reclaim(w, 100) || w->body.nr_io)
		world_finish_all(w);
	assert_true(world_vm(w, 0).compress.frames <= 16);
	assert_true(world_vm(w, 0).compress.written_pages > 0);
	assert_true(world_vm(w, 0).swapped_pages > 0);
	world_free(w);
}

/* A place that cannot be made out any more ends its VM. */
static void a_lost_page_breaks_its_vm(void **state)
{
	struct mm_world *w = lone_vm(2048, true);

	(void)state;
	world_reclaim(w, 100);
	w->body.lose_cached_ppm = PPM;
	assert_true(world_read(w, 0, 3));
	assert_int_equal(w->body.broken[0], 1);
	assert_int_equal(world_guest(w, 0, 3)->content, FAKE_ZERO);
	assert_int_equal(world_vm(w, 0).compressed_pages, 41);
	world_free(w);
}

/* The price: 68 bytes a frame that the cache may have, so 6.8 a page at 10 %. */
static void the_price(void **state)
{
	struct mm_world *w = world_make((struct mm_world_options){.memory = 100000});
	uint64_t without;

	(void)state;
	world_add(w, 50000, 0);
	without = world_host(w).metadata_bytes;
	world_free(w);
	w = world_make((struct mm_world_options){.memory = 100000, .compress_ppm = 100000});
	world_add(w, 50000, 0);
	assert_int_equal(world_host(w).metadata_bytes, without + 5000 * 68);
	world_free(w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(halves),
		cmocka_unit_test(quarters),
		cmocka_unit_test(what_does_not_compress),
		cmocka_unit_test(the_limit),
		cmocka_unit_test(the_oldest_are_written_out),
		cmocka_unit_test(a_failed_write),
		cmocka_unit_test(clean_pages_keep_their_slots),
		cmocka_unit_test(balloons_and_ends),
		cmocka_unit_test(zero_pages_need_no_cache),
		cmocka_unit_test(a_smaller_target),
		cmocka_unit_test(a_lost_page_breaks_its_vm),
		cmocka_unit_test(the_price),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
