/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * mm_together_test.c: mechanisms of the memory manager that meet on one page, each case on its own. All at once:
 * tests/model/mm_everything_chaos_test.c.
 *
 * The machine with compression is that of mm_compress_test.c: 1000 pages, targets sum to 746; one VM of 900 pages, cache
 * 10 %. 767 resident pages leave 39 free, below soft; 42 halves must go into the cache (21 frames) to reach high.
 */
#include "tests/support/mm_world.h"

#define FULL 767u
#define IN   42u

static struct mm_world *compressed(struct mm_world_options o)
{
	struct mm_world *w;

	o.memory = 1000;
	o.compress_ppm = o.compress_ppm ? o.compress_ppm : 100000;
	w = world_make(o);
	w->body.compress_bytes = 2048;
	world_add(w, 900, 0);
	world_fill(w, 0, 0, FULL);
	if (o.sample_pages) {
		mm_start(w->mm, 0);
		world_tick(w);
	}
	assert_int_equal(world_reclaim(w, 100), IN);
	assert_int_equal(world_state(w, 0, 0), PAGE_COMPRESSED);
	return w;
}

/* All 900 pages are watched for writes, also those that leave. Read, a compressed page comes back protected and does not
 * count; written, it does. */
static void a_read_of_a_compressed_page_is_no_write(void **state)
{
	struct mm_world *w = compressed((struct mm_world_options){
		.policy = "esx", .sample_pages = 900, .estimator = MM_ESTIMATE_WRITE});

	(void)state;
	assert_int_equal(world_vm(w, 0).sample_drawn, 900);
	assert_int_equal(world_vm(w, 0).sample_touched, 0);
	assert_true(world_read(w, 0, 0));
	assert_true(world_guest(w, 0, 0)->protected);
	assert_int_equal(world_vm(w, 0).sample_touched, 0);
	assert_true(world_write(w, 0, 0, 7));
	assert_int_equal(world_vm(w, 0).sample_touched, 1);
	mm_vm_ran(w->mm, 0, NS_PER_S); /* f = 1 / 900 */
	world_tick(w);
	assert_int_equal(world_vm(w, 0).sample_last_ppm, 1111);
	world_free(w);
}

/* The guest's disk overwrites a compressed page whole. It is no page in swap: nothing is counted. Told that its content is
 * not needed (skip), the manager frees its place, also while it is being written out. */
static void the_disk_overwrites_compressed_pages(void **state)
{
	struct mm_world *w = compressed((struct mm_world_options){.spare_overwritten = true});
	gfn_t page[IN];
	uint64_t zeros;

	(void)state;
	for (uint32_t i = 0; i < IN; i++)
		page[i] = gfn(i);
	mm_disk_access(w->mm, 0, page, IN, false, 0); /* read for a write: stays */
	assert_int_equal(world_vm(w, 0).compressed_pages, IN);
	mm_disk_access(w->mm, 0, page, IN - 1, true, 0);
	fake_body_check(&w->body);
	assert_int_equal(world_vm(w, 0).compressed_pages, 1);
	assert_int_equal(world_vm(w, 0).compress.frames, 1);
	assert_int_equal(world_state(w, 0, 0), PAGE_SWAPPED);
	assert_int_equal(world_vm(w, 0).double_paging.guest_in_of_swapped, 0);
	assert_int_equal(world_vm(w, 0).double_paging.guest_out_of_swapped, 0);
	assert_int_equal(world_vm(w, 0).double_paging.overwrite_reads_spared, 0);
	zeros = world_vm(w, 0).faults_zero;
	assert_true(world_read(w, 0, 0)); /* the device's touch */
	assert_int_equal(world_vm(w, 0).faults_zero, zeros + 1);
	world_free(w);

	w = compressed((struct mm_world_options){.spare_overwritten = false});
	mm_disk_access(w->mm, 0, page, IN, true, 0);
	assert_int_equal(world_vm(w, 0).compressed_pages, IN);
	world_must_read(w, 0, 0);
	world_free(w);
}

/* A fault that waits for a frame is served when the disk's announcement frees one. */
static void room_made_by_the_disk(void **state)
{
	struct mm_world *w =
		compressed((struct mm_world_options){.spare_overwritten = true, .no_swap = true});
	gfn_t page[4] = {gfn(0), gfn(1), gfn(2), gfn(3)};
	uint64_t g = FULL;

	(void)state;
	while (world_write(w, 0, g, world_stamp(0, g)))
		g++;
	assert_int_equal(world_vm(w, 0).waiting_faults, 1);
	mm_disk_access(w->mm, 0, page, 4, true, 0);
	fake_body_check(&w->body);
	assert_int_equal(world_vm(w, 0).waiting_faults, 0);
	assert_true(world_guest(w, 0, g)->present);
	world_free(w);
}

/* A cache of 5 %: its oldest pages are being written to swap. */
static struct mm_world *being_written_out(bool spare)
{
	struct mm_world *w = compressed(
		(struct mm_world_options){.compress_ppm = 50000, .spare_overwritten = spare});

	for (uint64_t g = FULL; !w->body.nr_io; g++) {
		while (!world_write(w, 0, g, world_stamp(0, g)))
			world_reclaim(w, 2);
		world_reclaim(w, 2);
	}
	assert_true(w->body.io[0]->cached);
	return w;
}

static void the_disk_overwrites_what_is_written_out(void **state)
{
	struct mm_world *w = being_written_out(true);

	(void)state;
	assert_int_equal(world_state(w, 0, 0), PAGE_COMPRESSED);
	mm_disk_access(w->mm, 0, (gfn_t[]){gfn(0)}, 1, true, 0);
	fake_body_check(&w->body);
	assert_int_equal(world_state(w, 0, 0), PAGE_SWAPPED);
	world_finish_all(w);
	assert_false(world_page(w, 0, 0)->flags & PAGE_HAS_SLOT);
	assert_int_equal(world_host(w).swap.used_pages, world_vm(w, 0).swapped_pages - 1);
	world_free(w);
}

/* What could not be written out of the cache was never written: when it is, at last, it is no unchanged writeback. */
static void a_failed_write_of_the_cache_is_forgotten(void **state)
{
	struct mm_world *w = being_written_out(false);

	(void)state;
	w->body.fail_write_ppm = PPM;
	world_finish_all(w);
	w->body.fail_write_ppm = 0;
	/* all pages but the first eight are wanted in turn, more than there are frames */
	for (uint64_t g = 0; g < 5000 && world_state(w, 0, 0) != PAGE_SWAPPED; g++) {
		while (!world_read(w, 0, 8 + g % 892) && (world_reclaim(w, 8) || w->body.nr_io))
			world_finish_all(w);
		world_reclaim(w, 8);
		world_finish_all(w);
	}
	assert_int_equal(world_state(w, 0, 0), PAGE_SWAPPED);
	assert_int_equal(world_vm(w, 0).double_paging.identical_writebacks, 0);
	world_free(w);
}

/* A VM comes while the machine runs, and is sampled before it has what it boots from. What is placed then was touched by
 * nobody: it is no part of the sample, pinned or not. */
static void placed_while_sampled(enum mm_estimator estimator)
{
	struct mm_world *w = world_make((struct mm_world_options){
		.policy = "esx", .sample_pages = 100, .estimator = estimator});
	uint64_t content[PAGE_BYTES / 8] = {1};

	mm_start(w->mm, 0);
	world_add(w, 100, 0);
	world_tick(w);
	assert_int_equal(world_vm(w, 0).sample_drawn, 100);
	assert_int_equal(mm_place(w->mm, 0, gfn(3), content, true, 0), 0);
	fake_body_check(&w->body);
	assert_int_equal(mm_place(w->mm, 0, gfn(4), NULL, false, 0), 0);
	fake_body_check(&w->body);
	assert_int_equal(world_vm(w, 0).sample_drawn, 98);
	assert_int_equal(world_vm(w, 0).sample_touched, 0);
	world_free(w);
}

static void pages_placed_while_sampled(void **state)
{
	(void)state;
	placed_while_sampled(MM_ESTIMATE_TOUCH);
	placed_while_sampled(MM_ESTIMATE_WRITE);
}

/* 769 of 1000 pages resident, 900 in the sample; 21 leave and cannot be written. They are mapped again, though nobody
 * touched them: watched for writes they are protected and stay in the sample, watched for touches they leave it. */
static void failed_writes_while_sampled(enum mm_estimator estimator, uint32_t drawn)
{
	struct mm_world *w = world_make((struct mm_world_options){
		.memory = 1000, .policy = "esx", .sample_pages = 900, .estimator = estimator});

	world_add(w, 900, 0);
	world_fill(w, 0, 0, 769);
	mm_start(w->mm, 0);
	world_tick(w);
	assert_int_equal(world_vm(w, 0).sample_drawn, 900);
	w->body.fail_write_ppm = PPM;
	assert_int_equal(world_reclaim(w, 21), 21);
	world_finish_all(w);
	assert_int_equal(world_host(w).swap.errors, 1);
	assert_int_equal(world_state(w, 0, 0), PAGE_RESIDENT);
	assert_int_equal(world_vm(w, 0).sample_touched, 0);
	assert_int_equal(world_vm(w, 0).sample_drawn, drawn);
	assert_true(world_write(w, 0, 0, 5));
	assert_int_equal(world_vm(w, 0).sample_touched, drawn == 900);
	world_free(w);
}

static void what_cannot_be_written_while_sampled(void **state)
{
	(void)state;
	failed_writes_while_sampled(MM_ESTIMATE_WRITE, 900);
	failed_writes_while_sampled(MM_ESTIMATE_TOUCH, 900 - 21);
}

/* A VM for whose records there is no memory was never there: the static policy keeps nothing for it. */
static void a_vm_that_could_not_be_added(void **state)
{
	struct mm_world *w = world_make((struct mm_world_options){.policy = "static"});
	struct mm_vm_config config = {.pages = 9000, .shares = 1000};
	npages_t target;

	(void)state;
	fake_body_add_vm(&w->body, 1, 9500);
	config.pages = 9500;
	assert_int_equal(mm_vm_add(w->mm, 1, &config, 0), 0);
	w->nr_vms = 2;
	target = world_vm(w, 1).target_pages;
	assert_int_equal(target, 9208);
	config.pages = 9000;
	w->body.fail_zalloc = true;
	assert_int_equal(mm_vm_add(w->mm, 0, &config, 0), -12);
	w->body.fail_zalloc = false;
	mm_tax_set(w->mm, 0, 0); /* targets */
	assert_int_equal(world_vm(w, 1).target_pages, target);
	assert_int_equal(world_vm(w, 0).configured_pages, 0);
	world_free(w);
}

/* A VM that is done for pays for its threads' faults with what it has: its cache, if that is all. Another VM has the rest
 * of the machine. */
static void a_doomed_vm_gives_its_cache(void **state)
{
	struct mm_world *w = compressed((struct mm_world_options){.no_swap = true});
	gfn_t page[1];
	uint64_t g = 0;

	(void)state;
	for (uint64_t i = IN; i < 900; i++) { /* all but the cache goes to the balloon */
		*page = gfn(i);
		mm_balloon_gave(w->mm, 0, page, 1, 0);
	}
	fake_body_check(&w->body);
	assert_int_equal(world_vm(w, 0).resident_pages, 0);
	assert_int_equal(world_vm(w, 0).compress.frames, IN / 2);
	world_add(w, 900, 0);
	w->body.compress_bytes = 4096;
	for (; world_host(w).free_pages > 0 && world_write(w, 1, g, world_stamp(1, g)); g++)
		;
	mm_vm_doom(w->mm, 0, 0);
	w->mm->vm[0].target = 0; /* it has no claim to a frame of others' */
	for (uint64_t i = 0; i < IN; i++)
		assert_true(world_read(w, 0, i));
	fake_body_check(&w->body);
	assert_int_equal(world_vm(w, 0).compressed_pages, 0);
	world_free(w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_read_of_a_compressed_page_is_no_write),
		cmocka_unit_test(the_disk_overwrites_compressed_pages),
		cmocka_unit_test(the_disk_overwrites_what_is_written_out),
		cmocka_unit_test(room_made_by_the_disk),
		cmocka_unit_test(a_failed_write_of_the_cache_is_forgotten),
		cmocka_unit_test(pages_placed_while_sampled),
		cmocka_unit_test(what_cannot_be_written_while_sampled),
		cmocka_unit_test(a_vm_that_could_not_be_added),
		cmocka_unit_test(a_doomed_vm_gives_its_cache),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
