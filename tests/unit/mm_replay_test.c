/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * mm_replay_test.c: what a replay sees, and what it does with records that are not what they were.
 */
#include <stdlib.h>
#include <string.h>

#include "tests/support/mm_world.h"
#include "tests/support/recorded.h"

/* The first item of that call behind `from` bytes of the stream: where it ends, and in which entry call it is. */
static size_t find(struct recorded *r, unsigned call, size_t from, uint64_t *entry)
{
	struct mm_record_source source = recorded_source(r);
	struct mm_record_reader reader;
	size_t end = 0;

	*entry = 0;
	assert_int_equal(mm_record_open(&reader, &source), 0);
	while (!end) {
		assert_int_equal(mm_record_next(&reader), 0);
		*entry += mm_seam_is_entry(reader.args.call);
		if (reader.args.call == call && reader.read_bytes > from)
			end = reader.read_bytes;
	}
	mm_record_close(&reader);
	return end;
}

/* Another answer, another course (a bit `back` bytes before the end of the item): noticed in that call or a later one,
 * never before. Now and then one is of no account; of twenty one is. */
static void expect_difference(struct recorded *r, unsigned call, size_t back, uint8_t flip)
{
	enum mm_play_state state = MM_PLAY_DONE;
	size_t end = r->nr / 3;

	for (unsigned tries = 0; tries < 20 && state != MM_PLAY_DIFFERS; tries++) {
		const struct mm_play_status *s;
		struct mm_play *play;
		uint64_t entry;

		end = find(r, call, end, &entry);
		r->bytes[end - back] ^= flip;
		play = recorded_play(r, NULL, &state);
		s = mm_play_status(play);
		if (state == MM_PLAY_DIFFERS) {
			assert_true(s->at_call >= entry);
			assert_string_not_equal(s->expected, s->came);
			assert_non_null(strchr(s->within, '('));
		}
		mm_play_destroy(play);
		r->bytes[end - back] ^= flip;
	}
	assert_int_equal(state, MM_PLAY_DIFFERS);
}

static void another_answer_is_noticed(void **state)
{
	struct recorded r = {.bytes = NULL};

	(void)state;
	recorded_everything(&r, 1, 1000);
	expect_difference(&r, MM_OP_MAP_ZERO, 1, 1);      /* 0: refused */
	expect_difference(&r, MM_OP_STAGE_IS_ZERO, 1, 1); /* zeros or not */
	expect_difference(&r, MM_OP_HASH, 1, 0x80);       /* the last byte of the hash */
	expect_difference(&r, MM_OP_WITHDRAW, 1, 1);
	expect_difference(&r, MM_OP_DISCARD, 1, 1);
	expect_difference(&r, MM_OP_PAGE_IS_ZERO, 1, 1);
	recorded_must_replay(&r);
	recorded_free(&r);
}

/* What the manager is told, in place of what it is asked: the page of a fault. */
static void another_event_is_noticed(void **state)
{
	struct recorded r = {.bytes = NULL};

	(void)state;
	recorded_everything(&r, 2, 1000);
	expect_difference(&r, MM_ENTRY_FAULT, 2, 2); /* the gfn, behind it stands the kind */
	expect_difference(&r, MM_OP_SWAP_START, 1, 1);
	recorded_free(&r);
}

static void a_cut_record_is_played_to_its_end(void **state)
{
	struct recorded r = {.bytes = NULL};
	enum mm_play_state end;

	(void)state;
	recorded_everything(&r, 3, 200);
	for (size_t whole = r.nr, nr = 0; nr < whole; nr += 1 + whole / 200) {
		struct mm_play *play;

		r.nr = nr;
		play = recorded_play(&r, NULL, &end);
		assert_int_equal(end, MM_PLAY_CUT);
		assert_int_equal(mm_play_status(play)->read_bytes, nr);
		mm_play_destroy(play);
		r.nr = whole;
	}
	recorded_free(&r);
}

/* Whatever stands in the stream, the play ends, and nothing worse. Some changes are of no account, a nanosecond say. */
static void every_byte_can_be_wrong(void **state)
{
	static const uint8_t flips[] = {1, 0x80, 0xff};
	struct recorded r = {.bytes = NULL};
	unsigned ends[MM_PLAY_MEMORY + 1] = {0};
	enum mm_play_state end;

	(void)state;
	recorded_everything(&r, 4, 120);
	for (size_t i = 0; i < r.nr; i++)
		for (size_t k = 0; k < sizeof flips; k++) {
			if ((i + k) % 3 && r.nr > 4000) /* each byte, by one of the three */
				continue;
			r.bytes[i] ^= flips[k];
			mm_play_destroy(recorded_play(&r, NULL, &end));
			r.bytes[i] ^= flips[k];
			ends[end]++;
		}
	assert_true(ends[MM_PLAY_DIFFERS] > r.nr / 3 && ends[MM_PLAY_BROKEN] > r.nr / 50);
	assert_int_equal(ends[MM_PLAY_GOES_ON], 0);
	recorded_must_replay(&r);
	recorded_free(&r);
}

static void change_shares(void *ctx, uint32_t vm, struct mm_vm_config *config)
{
	(void)ctx;
	config->shares = vm ? 3000 : 1000;
}

static void change_tax(void *ctx, struct mm_config *config)
{
	config->policy = target_find("esx");
	if (ctx)
		config->tax_ppm = 750000;
}

static void same_vm(void *ctx, uint32_t vm, struct mm_vm_config *config)
{
	(void)ctx;
	(void)vm;
	(void)config;
}

static struct mm_vm_stats stats_of(const struct mm_play *play, enum mm_play_which which,
				   uint32_t vm)
{
	struct mm_vm_stats s;

	mm_vm_stats(mm_play_manager(play, which), vm, mm_play_status(play)->now_ns, &s);
	return s;
}

/* Recorded in proportion to size: 9208 pages, half each. What if ESX with shares 1 : 3 and no tax? 2302 and 6906. */
static void what_if_shares(void **state)
{
	struct mm_play_change change = {.config = change_tax, .vm = change_shares};
	struct recorded r = {.bytes = NULL};
	struct mm_world *w = world_make((struct mm_world_options){.record = &r});
	enum mm_play_state end;
	struct mm_play *play;

	(void)state;
	world_add(w, 8000, 0);
	world_add(w, 8000, 0);
	mm_start(w->mm, 0);
	world_fill(w, 0, 0, 500);
	world_tick(w);
	world_free(w);
	play = recorded_play(&r, &change, &end);
	assert_int_equal(end, MM_PLAY_DONE);
	for (uint32_t vm = 0; vm < 2; vm++) {
		assert_int_equal(stats_of(play, MM_PLAY_RECORDED, vm).target_pages, 4604);
		assert_int_equal(stats_of(play, MM_PLAY_SAME, vm).target_pages, 4604);
		assert_int_equal(stats_of(play, MM_PLAY_CHANGED, vm).target_pages,
				 vm ? 6906 : 2302);
	}
	assert_int_equal(stats_of(play, MM_PLAY_CHANGED, 0).resident_pages, 500);
	mm_play_destroy(play);
	recorded_free(&r);
}

/*
 * Recorded with tax 0: half each, whatever is active. Two VMs of 8000 pages, all drawn in a period; one touches 4000 of
 * them, the other none. At 75 % the targets differ by 0.75 * 4000 = 3000: 3104 and 6104.
 */
static void what_if_tax(void **state)
{
	struct mm_play_change change = {.config = change_tax, .vm = same_vm, .ctx = &change};
	struct recorded r = {.bytes = NULL};
	struct mm_world *w = world_make((struct mm_world_options){
		.policy = "esx", .memory = 10000, .sample_pages = 8000, .record = &r});
	enum mm_play_state end;
	struct mm_play *play;

	(void)state;
	world_add(w, 8000, 0);
	world_add(w, 8000, 0);
	mm_start(w->mm, 0);
	world_tick(w);
	/* untouched pages are in the sample too, and a first touch is a touch */
	for (uint64_t g = 0; g < 4000; g++)
		assert_true(world_read(w, 1, g));
	for (uint32_t vm = 0; vm < 2; vm++)
		mm_vm_ran(w->mm, vm, NS_PER_S);
	world_tick(w);
	mm_tax_set(w->mm, 0, w->body.now_ns);
	assert_int_equal(world_vm(w, 0).target_pages, 4604);
	assert_in_range(world_vm(w, 1).active_pages, 3900, 4100);
	npages_t active[2] = {world_vm(w, 0).active_pages, world_vm(w, 1).active_pages};
	world_free(w);

	play = recorded_play(&r, &change, &end);
	assert_int_equal(end, MM_PLAY_DONE);
	assert_int_equal(stats_of(play, MM_PLAY_SAME, 0).target_pages, 4604);
	mm_tax_set(mm_play_manager(play, MM_PLAY_CHANGED), 750000, NS_PER_S);
	npages_t low = stats_of(play, MM_PLAY_CHANGED, 0).target_pages;
	npages_t high = stats_of(play, MM_PLAY_CHANGED, 1).target_pages;
	assert_int_equal(low + high, 9208);
	assert_in_range(high - low, (active[1] - active[0]) * 3 / 4 - 1,
			(active[1] - active[0]) * 3 / 4 + 1);
	mm_play_destroy(play);
	recorded_free(&r);
}

/* Everything happens, with other parameters: the managers beside stay sound to the end. */
static void what_if_is_consistent(void **state)
{
	struct mm_play_change change = {.config = change_tax, .vm = change_shares, .ctx = &change};
	const char *why = "";

	(void)state;
	for (uint64_t seed = 10; seed < 16; seed++) {
		struct recorded r = {.bytes = NULL};
		struct mm_record_source source;
		struct mm_play *play;

		recorded_everything(&r, seed, 1500);
		source = recorded_source(&r);
		assert_int_equal(mm_play_make(&source, &change, NULL, &play), 0);
		while (mm_play_step(play) == MM_PLAY_GOES_ON)
			if (mm_play_status(play)->calls % 50 == 1)
				for (unsigned i = 0; i < MM_PLAY_MANAGERS; i++)
					if (!mm_consistent(
						    mm_play_manager(play, (enum mm_play_which)i),
						    &why))
						fail_msg("manager %u: %s", i, why);
		assert_int_equal(mm_play_step(play), MM_PLAY_DONE);
		mm_play_destroy(play);
		recorded_free(&r);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(another_answer_is_noticed),
		cmocka_unit_test(another_event_is_noticed),
		cmocka_unit_test(a_cut_record_is_played_to_its_end),
		cmocka_unit_test(every_byte_can_be_wrong),
		cmocka_unit_test(what_if_shares),
		cmocka_unit_test(what_if_tax),
		cmocka_unit_test(what_if_is_consistent),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
