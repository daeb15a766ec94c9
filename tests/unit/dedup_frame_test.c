// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * dedup_frame_test.c: shared frames: counts small and large, names in use, frames that outlive their VM.
 */
#include <stdlib.h>

#include "tests/support/dedup_world.h"

#define STATS(w) dedup_stats((w)->d)

static void check(const struct dedup *d)
{
	const char *why;

	if (!dedup_consistent(d, &why))
		fail_msg("inconsistent: %s", why);
}

static void counts_up_and_down(void **state)
{
	struct world *w = dedup_world_make((struct dedup_config){0});

	(void)state;
	dedup_world_add(w, 0, 10, 0);
	assert_int_equal(dedup_frame_count(w->d, 4), 0);
	dedup_hint_set(w->d, 4, 42);
	assert_int_equal(dedup_frame_count(w->d, 4), 0);
	assert_true(dedup_share_begin(w->d, 4, 42));
	assert_int_equal(STATS(w).hints, 0);
	assert_int_equal(dedup_frame_get(w->d, 4), 1);
	assert_int_equal(STATS(w).lone_frames, 1);
	assert_int_equal(dedup_frame_get(w->d, 4), 2);
	assert_int_equal(STATS(w).lone_frames, 0);
	assert_int_equal(dedup_frame_get(w->d, 4), 3);
	assert_int_equal(dedup_frame_count(w->d, 4), 3);
	assert_int_equal(STATS(w).references, 3);
	assert_int_equal(STATS(w).frames, 1);
	check(w->d);
	assert_int_equal(dedup_frame_put(w->d, 4), 2);
	assert_int_equal(dedup_frame_put(w->d, 4), 1);
	assert_int_equal(STATS(w).lone_frames, 1);
	check(w->d);
	assert_int_equal(dedup_frame_put(w->d, 4), 0);
	assert_int_equal(dedup_frame_count(w->d, 4), 0);
	assert_int_equal(STATS(w).lone_frames, 0);
	assert_int_equal(STATS(w).frames, 0);
	assert_int_equal(dedup_find(w->d, 5, 42).page, DEDUP_NONE);
	dedup_world_free(w);
}

/* Two frames go over 65535 and back: one after the other, then in the other order, so that the table is compacted. */
static void counts_beyond_16_bits(void **state)
{
	struct dedup_config c = {.capacity_pages = 200000, .memory_pages = 1000, .max_ranges = 1};
	struct dedup *d = calloc(1, dedup_bytes(&c));

	(void)state;
	assert_int_equal(dedup_init(d, &c), 0);
	assert_int_equal(dedup_vm_add(d, 0, 200000, 0), 0);
	assert_true(dedup_share_begin(d, 7, 1) && dedup_share_begin(d, 9, 2) &&
		    dedup_share_begin(d, 11, 3));
	dedup_frame_get(d, 11);
	for (uint32_t i = 1; i <= 65534; i++)
		assert_int_equal(dedup_frame_get(d, 7), i);
	assert_int_equal(dedup_stats(d).overflowed_counts, 0);
	assert_int_equal(dedup_frame_get(d, 7), 65535);
	assert_int_equal(dedup_stats(d).overflowed_counts, 1);
	for (uint32_t i = 65536; i <= 70000; i++)
		assert_int_equal(dedup_frame_get(d, 7), i);
	for (uint32_t i = 1; i <= 129000; i++)
		assert_int_equal(dedup_frame_get(d, 9), i);
	assert_int_equal(dedup_stats(d).overflowed_counts, 2);
	assert_int_equal(dedup_stats(d).references, 199001);
	assert_int_equal(dedup_frame_count(d, 7), 70000);
	assert_int_equal(dedup_frame_count(d, 9), 129000);
	assert_int_equal(dedup_frame_count(d, 11), 1);
	check(d);
	for (uint32_t left = 70000; left--;) {
		assert_int_equal(dedup_frame_put(d, 7), left);
		if (left == 65535 || left == 65534)
			check(d);
	}
	assert_int_equal(dedup_frame_count(d, 7), 0);
	assert_int_equal(dedup_frame_count(d, 9), 129000);
	/* over the line, back, over it again */
	while (dedup_frame_put(d, 9) != 65534)
		;
	check(d);
	assert_int_equal(dedup_frame_get(d, 9), 65535);
	assert_int_equal(dedup_stats(d).overflowed_counts, 3);
	check(d);
	while (dedup_frame_put(d, 9))
		;
	assert_int_equal(dedup_frame_put(d, 11), 0);
	assert_int_equal(dedup_stats(d).references, 0);
	check(d);
	free(d);
}

/* A number that names a frame names nothing else: no hint, no second frame. */
static void a_name_in_use(void **state)
{
	struct world *w = dedup_world_make((struct dedup_config){0});

	(void)state;
	dedup_world_add(w, 0, 10, 0);
	dedup_share_begin(w->d, 4, 42);
	dedup_frame_get(w->d, 4);
	assert_false(dedup_hint_set(w->d, 4, 43));
	assert_false(dedup_hint_set(w->d, 4, 42));
	assert_int_equal(STATS(w).hints_refused, 2);
	assert_false(dedup_hint_has(w->d, 4, NULL));
	dedup_hint_drop(w->d, 4);
	dedup_hint_stale(w->d, 4);
	dedup_ineligible_clear(w->d, 4);
	assert_int_equal(STATS(w).stale_hints, 0);
	assert_int_equal(dedup_frame_count(w->d, 4), 1);
	assert_false(dedup_share_begin(w->d, 4, 43));
	assert_int_equal(STATS(w).frames, 1);
	check(w->d);
	dedup_frame_put(w->d, 4);
	assert_true(dedup_hint_set(w->d, 4, 43));
	dedup_world_free(w);
}

/* VM 0 made the frame and ended; VM 1 still shares it, and a third one of its group may. */
static void a_frame_outlives_its_vm(void **state)
{
	struct world *w =
		dedup_world_make((struct dedup_config){.capacity_pages = 40, .max_ranges = 3});
	uint32_t vm;
	gfn_t g;

	(void)state;
	dedup_world_add(w, 0, 10, 3);
	dedup_world_add(w, 1, 10, 3);
	dedup_world_write(w, 2, 42);
	dedup_world_write(w, 12, 42);
	assert_int_equal(dedup_world_try(w, 2), DEDUP_HINTED);
	assert_int_equal(dedup_world_try(w, 12), DEDUP_SHARED_NEW);
	dedup_world_write(w, 5, 99);
	assert_int_equal(dedup_world_try(w, 5), DEDUP_HINTED);
	dedup_world_end(w, 0, 0, 10);
	dedup_world_check(w);
	assert_int_equal(dedup_frame_count(w->d, 2), 1);
	assert_int_equal(STATS(w).hints, 0);
	assert_int_equal(STATS(w).ranges, 2);
	assert_int_equal(STATS(w).ended_ranges, 1);
	assert_false(dedup_page_where(w->d, 2, &vm, &g));
	/* its numbers are not given away; the frame still matches in its group, and only there */
	assert_int_equal(dedup_world_add(w, 0, 10, 3), 20);
	dedup_world_write(w, 20, 42);
	assert_int_equal(dedup_world_try(w, 20), DEDUP_SHARED);
	assert_int_equal(w->frame[20], 2);
	assert_int_equal(dedup_world_add(w, 2, 10, 4), DEDUP_NONE); /* three ranges are taken */
	dedup_world_end(w, 1, 10, 10);
	assert_int_equal(dedup_world_add(w, 2, 10, 4), 10);
	dedup_world_write(w, 10, 42);
	assert_int_equal(dedup_world_try(w, 10), DEDUP_OTHER_GROUP);
	dedup_world_check(w);
	/* the last one lets go */
	dedup_world_write(w, 20, 1);
	assert_int_equal(STATS(w).ended_ranges, 0);
	assert_int_equal(STATS(w).ranges, 2);
	assert_int_equal(dedup_world_add(w, 5, 10, 0), 0);
	assert_int_equal(dedup_frame_count(w->d, 2), 0);
	dedup_world_free(w);
}

/* References may also be put after the VM is removed, by its own pages too. */
static void removed_before_its_references(void **state)
{
	struct world *w = dedup_world_make((struct dedup_config){0});

	(void)state;
	dedup_world_add(w, 0, 10, 0);
	dedup_share_begin(w->d, 2, 42);
	dedup_frame_get(w->d, 2);
	dedup_frame_get(w->d, 2);
	dedup_vm_remove(w->d, 0);
	check(w->d);
	assert_int_equal(STATS(w).ended_ranges, 1);
	assert_int_equal(dedup_frame_put(w->d, 2), 1);
	check(w->d);
	assert_int_equal(dedup_frame_put(w->d, 2), 0);
	assert_int_equal(STATS(w).ranges, 0);
	dedup_world_free(w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(counts_up_and_down),
		cmocka_unit_test(counts_beyond_16_bits),
		cmocka_unit_test(a_name_in_use),
		cmocka_unit_test(a_frame_outlives_its_vm),
		cmocka_unit_test(removed_before_its_references),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
