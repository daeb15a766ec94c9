/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * mm_end_test.c: a VM ends while its pages are being written, read, sampled, or have come back: nothing is left over,
 * and nothing is counted twice meanwhile.
 *
 * A machine of 1000 pages: reserve 192, thresholds 60, 40, 20, 10, targets sum to 748; 808 pages are free at first.
 */
#include "tests/support/mm_world.h"

/* Two VMs, of which the first has filled 769 pages and the second none; 21 pages of the first are being written, of
 * which `back` have come back. */
static struct mm_world *while_writing(uint64_t back)
{
	struct mm_world *w = world_make((struct mm_world_options){.memory = 1000});

	world_add(w, 900, 0);
	world_fill(w, 0, 0, 769);
	world_add(w, 100, 0); /* 673, 75 */
	assert_int_equal(world_reclaim(w, 100), 21);
	for (uint64_t g = 0; g < back; g++)
		assert_true(world_read(w, 0, g));
	return w;
}

/* What is being written belongs to nobody, but its frames are not free before it is done, nor are its slots. */
static void a_vm_ends_while_it_is_written(void **state)
{
	struct mm_world *w = while_writing(3);

	(void)state;
	world_fill(w, 1, 0, 39);
	assert_int_equal(world_host(w).free_pages,
			 0); /* VM 1, below its target, has the last one */
	mm_vm_end(w->mm, 0, 0);
	fake_body_check(&w->body);
	assert_true(world_host(w).peak_used_pages <= 1000);
	assert_int_equal(world_vm(w, 0).resident_pages, 0);
	assert_int_equal(world_vm(w, 0).untouched_pages, 900);
	assert_true(world_host(w).free_pages >= 769 - 21);
	assert_int_equal(w->body.frames, 39 + 21);
	assert_int_equal(world_host(w).swap.used_pages, 21);
	assert_false(mm_idle(w->mm));
	world_finish(w);
	assert_true(mm_idle(w->mm));
	assert_int_equal(world_host(w).free_pages, 769);
	assert_int_equal(world_host(w).swap.used_pages, 0);
	assert_int_equal(w->body.frames, 39);
	world_free(w);
}

static void a_vm_ends_and_its_write_fails(void **state)
{
	struct mm_world *w = while_writing(0);

	(void)state;
	mm_vm_end(w->mm, 0, 0);
	w->body.fail_write_ppm = PPM;
	world_finish(w);
	assert_int_equal(world_host(w).free_pages, 808);
	assert_int_equal(world_host(w).swap.used_pages, 21); /* bad */
	world_free(w);
}

/* A doomed VM paid with pages that had come back: their frames are gone, their stages are not. */
static void a_doomed_vm_ends_while_it_is_written(void **state)
{
	struct mm_world *w = while_writing(21);

	(void)state;
	world_fill(w, 1, 0, 39);
	mm_vm_doom(w->mm, 0, 0);
	for (uint64_t g = 769; g < 850; g++)
		world_event(w, 0, g, MM_FAULT_MISSING);
	mm_vm_end(w->mm, 0, 0);
	fake_body_check(&w->body);
	assert_true(world_host(w).peak_used_pages <= 1000);
	world_finish(w);
	assert_int_equal(world_host(w).free_pages, 769);
	assert_int_equal(world_host(w).swap.used_pages, 0);
	world_free(w);
}

/* Read and read ahead, wanted and not: nothing comes of it, nothing is lost. */
static void a_vm_ends_while_it_is_read(void **state)
{
	struct mm_world *w = while_writing(0);

	(void)state;
	world_finish(w);
	w->mm->vm[0].ahead_window = 8;
	assert_false(world_read(w, 0, 16));
	world_finish(w); /* 17 to 20 stay aside */
	assert_false(world_read(w, 0, 4));
	assert_false(world_read(w, 0, 5)); /* of the same request */
	mm_vm_end(w->mm, 0, 0);
	fake_body_check(&w->body);
	assert_int_equal(world_host(w).swap.used_pages, 0);
	assert_int_equal(world_host(w).free_pages, 808);
	assert_int_equal(w->mm->read_stages, 8); /* of the request */
	world_finish(w);
	assert_int_equal(w->mm->read_stages, 0);
	assert_int_equal(w->mm->stages_used, 0);
	world_free(w);
}

static void a_read_fails_after_its_vm_ended(void **state)
{
	struct mm_world *w = while_writing(0);

	(void)state;
	world_finish(w);
	assert_false(world_read(w, 0, 4));
	mm_vm_end(w->mm, 0, 0);
	w->body.fail_read_ppm = PPM;
	world_finish(w);
	assert_true(mm_idle(w->mm));
	assert_int_equal(w->mm->read_stages, 0);
	assert_int_equal(w->body.broken[0], 0);
	world_free(w);
}

static void a_vm_ends_with_sampled_pages(void **state)
{
	struct mm_world *w =
		world_make((struct mm_world_options){.memory = 1000, .pager = "clock"});

	(void)state;
	world_add(w, 900, 0);
	world_fill(w, 0, 0, 769);
	assert_int_equal(world_reclaim(w, 2), 2);
	assert_int_equal(world_vm(w, 0).sampled_pages, 63);
	mm_vm_end(w->mm, 0, 0);
	fake_body_check(&w->body);
	assert_int_equal(w->body.frames, 2);
	world_finish_all(w);
	assert_int_equal(w->body.frames, 0);
	assert_int_equal(w->mm->stages_used, 0);
	assert_int_equal(world_host(w).free_pages, 808);
	world_free(w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_vm_ends_while_it_is_written),
		cmocka_unit_test(a_vm_ends_and_its_write_fails),
		cmocka_unit_test(a_doomed_vm_ends_while_it_is_written),
		cmocka_unit_test(a_vm_ends_while_it_is_read),
		cmocka_unit_test(a_read_fails_after_its_vm_ended),
		cmocka_unit_test(a_vm_ends_with_sampled_pages),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
