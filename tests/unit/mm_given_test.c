/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * mm_given_test.c: a guest gives up, or reports as free, a page that one of its threads waits for.
 *
 * The thread sleeps until the page is read; its event was taken and it stands in no queue. So when the page goes another
 * way, the thread must be woken to touch it again, or it sleeps for ever, and a machine with it cannot be stopped.
 */
#include "tests/support/mm_world.h"

#define PAGE 3u

/* Page PAGE is being read from swap, for a thread that sleeps. */
static struct mm_world *reading(void)
{
	struct mm_world *w =
		world_make((struct mm_world_options){.memory = 1000, .pager = "fifo", .swap = 50});

	world_add(w, 900, 0);
	world_fill(w, 0, 0, 769);
	world_page_out(w, 0, 0, 21);
	assert_false(world_read(w, 0, PAGE));
	assert_int_equal(world_state(w, 0, PAGE), PAGE_ARRIVING);
	return w;
}

/* The sleeper was woken; it gets a zero page now, and the read that ends meets nobody. */
static void touched_again(struct mm_world *w, unsigned woken_before)
{
	assert_int_equal(world_guest(w, 0, PAGE)->woken, woken_before + 1);
	assert_true(world_read(w, 0, PAGE));
	assert_int_equal(world_state(w, 0, PAGE), PAGE_RESIDENT);
	world_finish_all(w);
	assert_int_equal(world_guest(w, 0, PAGE)->content, FAKE_ZERO);
	fake_body_check(&w->body);
	world_free(w);
}

static void given_up_while_read(void **state)
{
	struct mm_world *w = reading();
	unsigned woken = world_guest(w, 0, PAGE)->woken;

	(void)state;
	assert_int_equal(mm_balloon_gave(w->mm, 0, &(gfn_t){PAGE}, 1, w->body.now_ns), 1);
	assert_int_equal(world_state(w, 0, PAGE), PAGE_BALLOONED);
	touched_again(w, woken);
}

static void reported_while_read(void **state)
{
	struct mm_world *w = reading();
	unsigned woken = world_guest(w, 0, PAGE)->woken;

	(void)state;
	assert_int_equal(mm_pages_reported(w->mm, 0, gfn(PAGE), 1, w->body.now_ns), 1);
	assert_int_equal(world_state(w, 0, PAGE), PAGE_UNTOUCHED);
	touched_again(w, woken);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(given_up_while_read),
		cmocka_unit_test(reported_while_read),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
