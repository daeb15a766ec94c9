/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * balloon_lab_test.c: the balloon in a lab guest: its pages come from the guest's allocator, the pager makes room, and what
 * the workload wrote stays. The host takes the content of what it is told: memory that is ballooned holds rubbish.
 */
#include "balloon-driver/lab/lab_balloon.h"
#include "guest/core/files.h"
#include "tests/support/fake_guest.h"

#define MS 1000000ull

struct lab {
	struct fake_guest *g;
	struct lab_balloon l;
	bool host[FAKE_FRAMES];
	npages_t actual;
	unsigned actuals;
	uint64_t now;
};

static int tell(void *ctx, bool inflate, const uint32_t *pfn, uint32_t nr)
{
	struct lab *t = ctx;

	for (uint32_t i = 0; i < nr; i++) {
		assert_int_equal(frames_kind(&t->g->guest.frames, gfn(pfn[i])), FRAME_PINNED);
		assert_int_equal(t->host[pfn[i]], !inflate);
		t->host[pfn[i]] = inflate;
		t->g->memory[pfn[i]] = 0xbad;
	}
	return 0;
}

static void actual(void *ctx, npages_t pages)
{
	struct lab *t = ctx;

	t->actual = pages;
	t->actuals++;
}

static uint64_t now_ns(void *ctx)
{
	const struct lab *t = ctx;

	return t->now;
}

static const struct lab_balloon_port port = {tell, actual, now_ns};

static struct lab *lab_with_files(uint32_t frames, uint32_t pages, uint32_t slots, uint32_t blocks)
{
	struct lab *t = calloc(1, sizeof(*t));

	assert_non_null(t);
	assert_int_equal(fake_guest_with_files("lru", frames, pages, slots, blocks, &t->g), 0);
	lab_balloon_init(&t->l, &t->g->guest.pager, 650000, &port, t);
	lab_balloon_start(&t->l, true);
	t->now = MS;
	return t;
}

static struct lab *lab_create(uint32_t frames, uint32_t pages, uint32_t slots)
{
	return lab_with_files(frames, pages, slots, 0);
}

static void lab_destroy(struct lab *t)
{
	fake_guest_destroy(t->g);
	free(t);
}

/* Cycle after cycle until the driver is through; then everybody agrees. */
static void settle(struct lab *t, npages_t target, npages_t size)
{
	const struct guest_stats *s = &t->g->stats;
	npages_t held = 0;
	uint64_t wake;

	lab_balloon_set_target(&t->l, target);
	while ((wake = lab_balloon_run(&t->l)) != UINT64_MAX)
		t->now = wake > t->now ? wake : t->now;
	for (uint32_t i = 0; i < FAKE_FRAMES; i++)
		held += t->host[i];
	assert_int_equal(held, size);
	assert_int_equal(t->actual, size);
	assert_int_equal(s->balloon_pages, size);
	assert_int_equal(s->balloon_target_pages, target);
	assert_int_equal(s->free_pages, t->g->guest.frames.free_pages);
	assert_int_equal(s->free_pages + size + t->g->guest.pager.resident,
			 t->g->guest.frames.total_pages);
	assert_true(balloon_consistent(&t->l.core));
	assert_true(guest_consistent(&t->g->guest));
}

/* 100 pages of work in 80 frames, of which the balloon gets 52: the rest goes to swap, and is all there. */
static void test_room_is_made(void **state)
{
	struct lab *t = lab_create(80, 100, 200);

	(void)state;
	for (uint32_t page = 0; page < 60; page++)
		fake_write(t->g, page, 7000 + page);
	assert_int_equal(t->g->writes, 0);
	settle(t, 19, 19); /* free ones, but the one the pager holds back */
	assert_int_equal(t->g->writes, 0);
	settle(t, 20, 20); /* which it keeps */
	assert_true(t->g->writes > 0 && t->g->stats.free_pages >= PAGER_RESERVE);
	settle(t, 52, 52);
	assert_true(t->g->stats.swap_out_pages >= 33);
	assert_int_equal(t->g->stats.balloon_state, GUEST_BALLOON_REACHED);
	for (uint32_t page = 60; page < 100; page++)
		fake_write(t->g, page, 7000 + page);
	for (uint32_t page = 0; page < 100; page++)
		fake_read(t->g, page, 7000 + page);
	settle(t, 80, 52); /* 65 % */
	assert_int_equal(t->g->stats.balloon_state, GUEST_BALLOON_CAPPED);
	settle(t, 0, 0);
	for (uint32_t page = 0; page < 100; page++)
		fake_read(t->g, page, 7000 + page);
	lab_destroy(t);
}

/* No swap: the pager cannot make room, and a fault takes pages out of the balloon. */
static void test_out_of_memory(void **state)
{
	struct lab *t = lab_create(80, 100, 0);
	uint64_t *word;

	(void)state;
	settle(t, 50, 50);
	for (uint32_t page = 0; page < 29; page++)
		fake_write(t->g, page, page);
	assert_int_equal(fake_touch(t->g, 29, true, &word), -ENOMEM);
	assert_int_equal(lab_balloon_oom(&t->l), 50);
	assert_int_equal(t->actual, 0);
	assert_int_equal(t->g->stats.balloon_oom_pages, 50);
	assert_int_equal(t->g->stats.balloon_state, GUEST_BALLOON_NO_MEMORY);
	for (uint32_t page = 29; page < 79; page++)
		fake_write(t->g, page, page);
	assert_int_equal(lab_balloon_oom(&t->l), 0);
	t->now += 1000 * MS;
	lab_balloon_run(&t->l);
	assert_int_equal(t->g->stats.balloon_ends[GUEST_BALLOON_NO_MEMORY], 1);
	lab_destroy(t);
}

static void test_reset(void **state)
{
	struct lab *t = lab_create(80, 100, 200);
	unsigned told;

	(void)state;
	settle(t, 40, 40);
	told = t->actuals;
	lab_balloon_reset(&t->l);
	assert_int_equal(t->g->stats.balloon_pages, 0);
	assert_int_equal(t->g->stats.free_pages, 80);
	assert_int_equal(t->g->stats.balloon_resets, 1);
	assert_int_equal(t->actuals, told); /* the device is not to be spoken to */
	memset(t->host, 0, sizeof(t->host));
	lab_balloon_start(&t->l, true);
	settle(t, 40, 40);
	lab_destroy(t);
}

static uint32_t noted; /* the policy's capacity, as it was told */

static void note_resized(void *mem, uint32_t capacity)
{
	policy_find("arc")->resized(mem, capacity);
	noted = capacity;
}

static int note_init(void *mem, uint32_t capacity, uint32_t pages, struct rng *rng)
{
	noted = capacity;
	return policy_find("arc")->init(mem, capacity, pages, rng);
}

/* The guest's replacement policy knows how many frames are left to it, also when it begins anew with the next phase. */
static void test_policy_is_told(void **state)
{
	struct policy_ops noting = *policy_find("arc");
	struct lab *t = calloc(1, sizeof(*t));

	(void)state;
	assert_non_null(t);
	noting.init = note_init;
	noting.resized = note_resized;
	assert_int_equal(fake_guest_create("arc", 80, 100, 200, &t->g), 0);
	t->g->guest.pager.policy = &noting;
	lab_balloon_init(&t->l, &t->g->guest.pager, 650000, &port, t);
	lab_balloon_start(&t->l, true);
	t->now = MS;
	settle(t, 30, 30);
	assert_int_equal(noted, 50);
	for (uint32_t page = 0; page < 70; page++)
		fake_write(t->g, page, page);
	pager_release_all(&t->g->guest.pager);
	assert_int_equal(noted, 50);
	settle(t, 10, 10);
	assert_int_equal(noted, 70);
	settle(t, 0, 0);
	assert_int_equal(noted, 80);
	settle(t, 40, 40);
	lab_balloon_reset(&t->l);
	assert_int_equal(noted, 80);
	lab_destroy(t);
}

static uint64_t stat(const uint8_t *stats, unsigned tag)
{
	uint64_t value = 0;

	assert_int_equal(stats[10 * tag], tag);
	assert_int_equal(stats[10 * tag + 1], 0);
	for (unsigned i = 0; i < 8; i++)
		value |= (uint64_t)stats[10 * tag + 2 + i] << (8 * i);
	return value;
}

static void test_stats(void **state)
{
	struct lab *t = lab_create(80, 100, 200);
	uint8_t stats[LAB_BALLOON_STAT_BYTES];

	(void)state;
	settle(t, 20, 20);
	for (uint32_t page = 0; page < 70; page++)
		fake_write(t->g, page, page);
	fake_read(t->g, 0, 0);
	lab_balloon_stats(&t->l, stats);
	assert_int_equal(stat(stats, 0), t->g->stats.swap_in_pages * 4096);
	assert_int_equal(stat(stats, 1), t->g->stats.swap_out_pages * 4096);
	assert_int_equal(stat(stats, 2), 1);  /* a fault with a read */
	assert_int_equal(stat(stats, 3), 70); /* without */
	assert_int_equal(stat(stats, 4), t->g->stats.free_pages * 4096);
	assert_int_equal(stat(stats, 5), 80 * 4096);
	assert_int_equal(stat(stats, 6), t->g->stats.free_pages * 4096);
	assert_int_equal(stat(stats, 7), 0);
	lab_destroy(t);
}

/* Three blocks that were read and five that were written: the former can go at once. */
static void test_stats_of_files(void **state)
{
	struct lab *t = lab_with_files(80, 1, 0, 40);
	struct pager *p = &t->g->guest.pager;
	uint8_t stats[LAB_BALLOON_STAT_BYTES];
	uint64_t *word;

	(void)state;
	settle(t, 20, 20);
	for (uint32_t block = 0; block < 8; block++) {
		if (block < 3)
			pager_file_read(p, block, 0);
		else
			pager_file_write(p, block);
		assert_int_equal(fake_touch(t->g, pager_file_page(p, block), block >= 3, &word), 0);
	}
	lab_balloon_stats(&t->l, stats);
	assert_int_equal(stat(stats, 4), (60 - 8) * 4096);
	assert_int_equal(stat(stats, 6), (60 - 5) * 4096);
	assert_int_equal(stat(stats, 7), 8 * 4096);
	lab_destroy(t);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_room_is_made), cmocka_unit_test(test_out_of_memory),
		cmocka_unit_test(test_reset),        cmocka_unit_test(test_policy_is_told),
		cmocka_unit_test(test_stats),        cmocka_unit_test(test_stats_of_files),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
