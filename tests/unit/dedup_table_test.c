// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * dedup_table_test.c: the share table by itself: what it costs, hints, look-up, groups, home pages.
 */
#include <errno.h>
#include <stdlib.h>
#include <sys/mman.h>

#include "dedup/table.h"
#include "tests/support/dedup_world.h"

#define STATS(w) dedup_stats((w)->d)

static void check(const struct world *w)
{
	const char *why;

	if (!dedup_consistent(w->d, &why))
		fail_msg("inconsistent: %s", why);
}

/* 16 bytes a home page and, at a power of two of machine pages, 4 a machine page: 20 of 4096 are 0.488 %. */
static void costs_less_than_half_a_percent(void **state)
{
	static const uint32_t sizes[] = {16384, 16385,  65535,   65536,
					 98304, 262144, 1000000, 1u << 24};

	(void)state;
	for (unsigned i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		struct dedup_config c = {
			.capacity_pages = sizes[i], .memory_pages = sizes[i], .max_ranges = 64};

		assert_true(dedup_bytes(&c) * 200 < (uint64_t)sizes[i] * PAGE_BYTES);
		assert_true(dedup_bytes(&c) >= (uint64_t)sizes[i] * 18);
	}
}

/* Room for 256 GiB of guests takes address space, not memory. */
static void huge_capacity_is_touched_only_where_used(void **state)
{
	struct dedup_config c = {
		.capacity_pages = 1u << 26, .memory_pages = 1u << 20, .max_ranges = 64};
	size_t bytes = dedup_bytes(&c), pages = (bytes + PAGE_BYTES - 1) / PAGE_BYTES, touched = 0;
	unsigned char *resident = malloc(pages);
	struct dedup *d = mmap(NULL, bytes, PROT_READ | PROT_WRITE,
			       MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	(void)state;
	assert_non_null(resident);
	assert_true(d != MAP_FAILED);
	(void)madvise(d, bytes, MADV_NOHUGEPAGE); /* fails where there are none, fine */
	assert_int_equal(dedup_init(d, &c), 0);
	assert_int_equal(dedup_vm_add(d, 0, 1u << 25, 0), 0);
	assert_int_equal(dedup_vm_add(d, 1, 1u << 25, 0), 1u << 25);
	assert_true(dedup_hint_set(d, 1000000, 123456));
	assert_true(dedup_hint_set(d, (1u << 25) + 1000000, 77777777));
	assert_int_equal(mincore(d, bytes, resident), 0);
	for (size_t i = 0; i < pages; i++)
		touched += resident[i] & 1;
	/* the header, the ranges, two entries, two buckets; each may lie across two pages */
	assert_in_range(touched, 5, 12);
	munmap(d, bytes);
	free(resident);
}

static void refuses_bad_sizes(void **state)
{
	static const struct dedup_config good = {
		.capacity_pages = 16, .memory_pages = 16, .max_ranges = 1, .hash_bits = 64};
	struct dedup_config c = good;
	void *mem = calloc(1, dedup_bytes(&good));

	(void)state;
	assert_int_equal(dedup_init(mem, &good), 0);
	c.capacity_pages = 0;
	assert_int_equal(dedup_init(mem, &c), -EINVAL);
	c.capacity_pages = UINT32_MAX;
	assert_int_equal(dedup_init(mem, &c), -EINVAL);
	c = good;
	c.max_ranges = 0;
	assert_int_equal(dedup_init(mem, &c), -EINVAL);
	c = good;
	c.hash_bits = 65;
	assert_int_equal(dedup_init(mem, &c), -EINVAL);
	free(mem);
}

static void a_page_has_one_hint(void **state)
{
	struct world *w =
		dedup_world_make((struct dedup_config){.memory_pages = 1}); /* one chain */
	uint64_t hash = 1;

	(void)state;
	assert_int_equal(dedup_world_add(w, 0, 10, 0), 0);
	assert_false(dedup_hint_has(w->d, 3, &hash));
	assert_int_equal(hash, 0);
	for (uint32_t page = 0; page < 10; page++)
		assert_true(dedup_hint_set(w->d, page, 100 + page));
	assert_true(dedup_hint_set(w->d, 3, 103));
	assert_int_equal(STATS(w).hints, 10);
	assert_true(dedup_hint_set(w->d, 3, 7));
	assert_int_equal(STATS(w).hints, 10);
	assert_true(dedup_hint_has(w->d, 3, &hash));
	assert_int_equal(hash, 7);
	assert_int_equal(dedup_find(w->d, 0, 103).page, DEDUP_NONE);
	assert_int_equal(dedup_find(w->d, 0, 7).page, 3);
	check(w);
	/* from the middle, the end and the head of the chain; the second time nothing happens */
	dedup_hint_drop(w->d, 5);
	dedup_hint_drop(w->d, 0);
	dedup_hint_drop(w->d, 3);
	dedup_hint_drop(w->d, 3);
	check(w);
	assert_int_equal(STATS(w).hints, 7);
	assert_int_equal(STATS(w).stale_hints, 0);
	dedup_hint_stale(w->d, 9);
	dedup_hint_stale(w->d, 9);
	assert_int_equal(STATS(w).hints, 6);
	assert_int_equal(STATS(w).stale_hints, 1);
	dedup_world_free(w);
}

static void finds_frames_first_and_never_itself(void **state)
{
	struct world *w = dedup_world_make((struct dedup_config){0});
	struct dedup_match m;

	(void)state;
	dedup_world_add(w, 0, 10, 0);
	dedup_hint_set(w->d, 1, 42);
	assert_int_equal(dedup_find(w->d, 1, 42).page, DEDUP_NONE);
	assert_int_equal(dedup_find(w->d, 2, 42).page, 1);
	dedup_hint_set(w->d, 2, 42);
	m = dedup_find(w->d, 3, 42); /* the newest */
	assert_int_equal(m.page, 2);
	assert_false(m.is_frame);
	assert_int_equal(dedup_find(w->d, 2, 42).page, 1);
	/* same chain (64 buckets), other hash */
	assert_int_equal(dedup_find(w->d, 3, 42 + 64).page, DEDUP_NONE);
	/* the older entry, but a frame; also for the page whose number names it */
	assert_true(dedup_share_begin(w->d, 1, 42));
	dedup_frame_get(w->d, 1);
	m = dedup_find(w->d, 3, 42);
	assert_int_equal(m.page, 1);
	assert_true(m.is_frame);
	assert_true(dedup_find(w->d, 1, 42).is_frame);
	check(w);
	dedup_frame_put(w->d, 1);
	assert_int_equal(dedup_find(w->d, 3, 42).page, 2);
	dedup_world_free(w);
}

static void groups_never_match(void **state)
{
	struct world *w = dedup_world_make((struct dedup_config){0});
	uint32_t a = dedup_world_add(w, 0, 10, 5), b = dedup_world_add(w, 1, 10, 6),
		 c = dedup_world_add(w, 2, 10, 5);
	struct dedup_match m;

	(void)state;
	dedup_hint_set(w->d, b, 42);
	m = dedup_find(w->d, a, 42);
	assert_int_equal(m.page, DEDUP_NONE);
	assert_true(m.other_group);
	assert_false(dedup_find(w->d, a, 43).other_group);
	/* its own hint is no other group's */
	dedup_hint_set(w->d, a, 43);
	assert_false(dedup_find(w->d, a, 43).other_group);
	/* nor does a frame of another group match */
	dedup_share_begin(w->d, b, 42);
	dedup_frame_get(w->d, b);
	m = dedup_find(w->d, a, 42);
	assert_int_equal(m.page, DEDUP_NONE);
	assert_true(m.other_group);
	/* another VM of the same group does, and then the other group is not worth a word */
	dedup_hint_set(w->d, c + 3, 42);
	m = dedup_find(w->d, a, 42);
	assert_int_equal(m.page, c + 3);
	assert_false(m.other_group);
	dedup_frame_put(w->d, b);
	dedup_world_free(w);
}

static void ineligible_while_the_hash_stays(void **state)
{
	struct world *w = dedup_world_make((struct dedup_config){.hash_bits = 4});

	(void)state;
	dedup_world_add(w, 0, 10, 0);
	dedup_hint_set(w->d, 1, 0x42);
	dedup_ineligible_set(w->d, 1, 0x42);
	assert_false(dedup_hint_has(w->d, 1, NULL));
	assert_int_equal(dedup_find(w->d, 2, 0x42).page, DEDUP_NONE);
	assert_true(dedup_ineligible(w->d, 1, 0x42));
	assert_true(dedup_ineligible(w->d, 1, 0x72)); /* 4 bits count */
	assert_false(dedup_ineligible(w->d, 1, 0x43));
	assert_false(dedup_ineligible(w->d, 2, 0x42));
	check(w);
	assert_int_equal(STATS(w).ineligible, 1);
	dedup_ineligible_clear(w->d, 1);
	dedup_ineligible_clear(w->d, 1);
	assert_false(dedup_ineligible(w->d, 1, 0x42));
	assert_int_equal(STATS(w).ineligible, 0);
	assert_int_equal(STATS(w).false_matches, 1);
	/* clearing leaves a hint alone; a new hint ends it too */
	dedup_hint_set(w->d, 1, 2);
	dedup_ineligible_clear(w->d, 1);
	assert_true(dedup_hint_has(w->d, 1, NULL));
	dedup_ineligible_set(w->d, 1, 2);
	dedup_hint_set(w->d, 1, 2);
	assert_int_equal(STATS(w).ineligible, 0);
	assert_int_equal(STATS(w).hints, 1);
	/* where the number names a frame it cannot be noted */
	dedup_share_begin(w->d, 2, 9);
	dedup_frame_get(w->d, 2);
	dedup_ineligible_set(w->d, 2, 3);
	assert_false(dedup_ineligible(w->d, 2, 3));
	assert_int_equal(STATS(w).ineligible_refused, 1);
	assert_int_equal(STATS(w).false_matches, 3);
	check(w);
	dedup_frame_put(w->d, 2);
	dedup_world_free(w);
}

static void home_pages_first_fit(void **state)
{
	struct world *w =
		dedup_world_make((struct dedup_config){.capacity_pages = 100, .max_ranges = 4});
	uint32_t vm;
	gfn_t g;

	(void)state;
	assert_int_equal(dedup_world_add(w, 0, 0, 0), DEDUP_NONE);
	assert_int_equal(dedup_world_add(w, 0, 101, 0), DEDUP_NONE);
	assert_int_equal(dedup_world_add(w, 7, 30, 0), 0);
	assert_int_equal(dedup_world_add(w, 8, 20, 0), 30);
	assert_int_equal(dedup_world_add(w, 9, 50, 0), 50);
	assert_int_equal(dedup_world_add(w, 1, 1, 0), DEDUP_NONE); /* no numbers left */
	assert_true(dedup_page_where(w->d, 0, &vm, &g) && vm == 7 && g.v == 0);
	assert_true(dedup_page_where(w->d, 29, &vm, &g) && vm == 7 && g.v == 29);
	assert_true(dedup_page_where(w->d, 30, &vm, &g) && vm == 8 && g.v == 0);
	assert_true(dedup_page_where(w->d, 99, &vm, &g) && vm == 9 && g.v == 49);
	dedup_hint_set(w->d, 35, 1);
	dedup_ineligible_set(w->d, 36, 1);
	dedup_vm_remove(w->d, 8);
	dedup_vm_remove(w->d, 8); /* not there: nothing */
	check(w);
	assert_int_equal(STATS(w).hints, 0);
	assert_int_equal(STATS(w).ineligible, 0);
	assert_int_equal(STATS(w).ranges, 2);
	assert_false(dedup_page_where(w->d, 30, &vm, &g));
	assert_false(dedup_page_where(w->d, 49, &vm, &g));
	assert_int_equal(vm, DEDUP_NONE);
	assert_int_equal(g.v, 0);
	assert_int_equal(dedup_world_add(w, 1, 21, 0), DEDUP_NONE);
	assert_int_equal(dedup_world_add(w, 1, 5, 0), 30);
	assert_int_equal(dedup_world_add(w, 2, 15, 0), 35);
	/* before the first */
	dedup_vm_remove(w->d, 7);
	assert_int_equal(dedup_world_add(w, 3, 29, 0), 0);
	assert_int_equal(dedup_world_add(w, 4, 1, 0), DEDUP_NONE); /* a number, but no range */
	check(w);
	dedup_world_free(w);
}

/* What tests rely on finds what it should. Each entry breaks one thing and says what is to be heard. */
static void the_checker_sees(void **state)
{
	struct world *w = dedup_world_make((struct dedup_config){.memory_pages = 2});
	const char *why;
	struct dedup *d = w->d;

	(void)state;
	dedup_world_add(w, 0, 10, 0);
	dedup_hint_set(d, 1, 4);
	dedup_hint_set(d, 2, 6);
	dedup_share_begin(d, 3, 5);
	dedup_frame_get(d, 3);
	check(w);
#define BROKEN(field, value, message)                    \
	do {                                             \
		__typeof__(field) before = field;        \
		field = value;                           \
		assert_false(dedup_consistent(d, &why)); \
		assert_string_equal(why, message);       \
		field = before;                          \
		assert_true(dedup_consistent(d, &why));  \
	} while (0)
	BROKEN(d->stats.hints, 3, "the count of hints or of ineligible pages is wrong");
	BROKEN(d->stats.references, 2, "the count of frames or of references is wrong");
	BROKEN(d->stats.lone_frames, 0, "the count of frames or of references is wrong");
	BROKEN(d->entry[3].count, 0, "a frame that nobody shares");
	BROKEN(d->entry[3].count, DEDUP_BIG_FROM, "the overflow table and a frame disagree");
	BROKEN(d->entry[1].count, 1, "a count without a frame");
	BROKEN(d->entry[5].hash, 1, "an empty entry is not zeros");
	BROKEN(d->entry[1].hash, 5, "an entry is in another's chain");
	BROKEN(d->entry[1].next, 3, "a chain has a loop");
	BROKEN(d->entry[2].next, 0, "an entry is in no chain");
	BROKEN(d->entry[2].next, WORLD_PAGES + 1, "a chain leaves the table");
	BROKEN(d->bucket[1], 9, "a chain holds something else");
	BROKEN(d->range[0].frames, 0, "a range's count of frames is wrong");
	BROKEN(d->range[0].pages, 2, "a range's count of frames is wrong");
	BROKEN(d->range[0].base, 2, "something is noted about a page of no VM");
	BROKEN(d->range[0].pages, WORLD_PAGES + 1, "ranges overlap or leave the table");
	BROKEN(d->range[0].vm, DEDUP_NONE, "something is noted about a page of no VM");
	BROKEN(d->nr_big, 1, "the overflow table holds too much");
#undef BROKEN
	dedup_frame_put(d, 3);
	dedup_world_free(w);
}

static void every_reason_has_a_name(void **state)
{
	(void)state;
	for (int i = 0; i < DEDUP_REASONS; i++) {
		assert_non_null(dedup_reason_name(i));
		for (int j = 0; j < i; j++)
			assert_string_not_equal(dedup_reason_name(i), dedup_reason_name(j));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(costs_less_than_half_a_percent),
		cmocka_unit_test(huge_capacity_is_touched_only_where_used),
		cmocka_unit_test(refuses_bad_sizes),
		cmocka_unit_test(a_page_has_one_hint),
		cmocka_unit_test(finds_frames_first_and_never_itself),
		cmocka_unit_test(groups_never_match),
		cmocka_unit_test(ineligible_while_the_hash_stays),
		cmocka_unit_test(home_pages_first_fit),
		cmocka_unit_test(the_checker_sees),
		cmocka_unit_test(every_reason_has_a_name),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
