/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * guest_pager_test.c: the guest's pager under random touches, against an array that simply remembers.
 *
 * The model knows each page's content, and how many pages fit: as many as there are frames but one, plus slots, less
 * pinned frames. A touch must succeed exactly if its page has been touched before or fits. The processor of fake_guest.h
 * keeps old translations for as long as it is allowed to. Disk errors come and go: then a touch may fail, and
 * nothing may be lost.
 */
#include <stdio.h>

#include "ballast/rng.h"
#include "tests/support/fake_guest.h"

#define SEEDS 3u
#define STEPS 4000u

struct shape {
	uint32_t frames, pages, slots;
};

static const struct shape shapes[] = {
	{2, 6, 4},       /* one frame to work with; everything fits */
	{3, 40, 7},      /* memory and swap overflow */
	{9, 30, 0},      /* no swap */
	{16, 60, 60},    /* roomy swap */
	{40, 100, 62},   /* slots run out just when everything fits */
	{300, 420, 130}, /* batches of nine */
	{700, 900, 150}, /* batches of 16, swap full */
};

struct model {
	struct fake_guest *f;
	struct rng rng;
	const struct shape *shape;
	bool touched[FAKE_PAGES];
	uint64_t value[FAKE_PAGES];
	uint32_t nr_touched;
	gfn_t pinned[8];
	uint32_t nr_pinned;
	uint64_t next_value;
};

static uint32_t room(const struct model *m)
{
	return m->shape->frames - PAGER_RESERVE - m->nr_pinned + m->shape->slots;
}

/* Half of the touches go to an eighth of the pages. */
static uint32_t draw_page(struct model *m)
{
	uint32_t pages = m->shape->pages;

	return (uint32_t)rng_below(&m->rng, rng_below(&m->rng, 2) ? pages : (pages + 7) / 8);
}

static void touch(struct model *m)
{
	uint32_t page = draw_page(m);
	bool write = rng_below(&m->rng, 3) == 0;
	bool fits = m->touched[page] || m->nr_touched < room(m);
	bool broken = m->f->fail_reads || m->f->fail_writes;
	uint64_t *word;
	int err = fake_touch(m->f, page, write, &word);

	if (err == -EIO && broken)
		return;
	assert_int_equal(err, fits || (broken && !err) ? 0 : -ENOMEM);
	if (err)
		return;
	if (!m->touched[page]) {
		m->touched[page] = true;
		m->nr_touched++;
		m->value[page] = *word;
	}
	assert_int_equal(*word, m->value[page]);
	if (write)
		*word = m->value[page] = ++m->next_value;
}

/* Pins a frame if that leaves room for what was touched and one page to work with; or gives one back. */
static void pin_or_unpin(struct model *m)
{
	if (m->nr_pinned && rng_below(&m->rng, 2)) {
		frames_free(&m->f->guest.frames, m->pinned[--m->nr_pinned]);
		m->f->stats.free_pages = m->f->guest.frames.free_pages;
	} else if (m->nr_pinned < 8 && m->nr_touched < room(m) &&
		   m->nr_pinned + PAGER_RESERVE + 1 < m->shape->frames) {
		uint32_t n = m->nr_pinned;
		int err = pager_frame_get(&m->f->guest.pager, FRAME_PINNED, n, 0, &m->pinned[n]);

		assert_int_equal(err, 0);
		m->nr_pinned++;
	}
}

static void release(struct model *m)
{
	pager_release_all(&m->f->guest.pager);
	assert_int_equal(m->f->stats.free_pages, m->shape->frames - m->nr_pinned);
	assert_int_equal(m->f->guest.pager.slots.free, m->shape->slots);
	memset(m->touched, 0, sizeof(m->touched));
	m->nr_touched = 0;
}

/* The processor forgets a translation on its own now and then; that sets accessed and dirty bits anew. */
static void forget_some(struct model *m)
{
	m->f->tlb[draw_page(m)].valid = false;
}

static void run(const char *policy, const struct shape *shape, uint64_t seed)
{
	struct model *m = calloc(1, sizeof(*m));

	assert_non_null(m);
	m->rng = rng_seeded(seed);
	m->shape = shape;
	assert_int_equal(
		fake_guest_create(policy, shape->frames, shape->pages, shape->slots, &m->f), 0);
	for (uint32_t step = 0; step < STEPS; step++) {
		uint64_t what = rng_below(&m->rng, 1000);

		if (what == 0 && step > STEPS / 2)
			release(m);
		else if (what < 20 && !m->f->fail_writes)
			pin_or_unpin(m);
		else if (what < 200)
			forget_some(m);
		else
			touch(m);
		m->f->fail_reads = seed % 3 == 1 && step % 64 < 4;
		m->f->fail_writes = seed % 3 == 2 && step % 64 < 4;
		if (!guest_consistent(&m->f->guest))
			fail_msg("inconsistent at step %u", step);
	}
	m->f->fail_reads = false;
	m->f->fail_writes = false;
	for (uint32_t page = 0; page < shape->pages; page++)
		if (m->touched[page])
			fake_read(m->f, page, m->value[page]);
	fake_guest_destroy(m->f);
	free(m);
}

static void test_random_touches(void **state)
{
	(void)state;
	for (size_t i = 0; policy_table[i]; i++) {
		for (size_t s = 0; s < sizeof(shapes) / sizeof(shapes[0]); s++) {
			for (uint64_t seed = 1; seed <= SEEDS; seed++) {
				printf("policy %s frames %u pages %u slots %u seed %llu\n",
				       policy_table[i]->name, shapes[s].frames, shapes[s].pages,
				       shapes[s].slots, (unsigned long long)seed);
				run(policy_table[i]->name, &shapes[s], seed);
			}
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(test_random_touches)};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
