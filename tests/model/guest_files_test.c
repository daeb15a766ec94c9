/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * guest_files_test.c: the guest's file cache and its other pages in one memory, under random use, against arrays that
 * simply remember.
 *
 * The model knows the content of each page and of each block: what was written last, or what the disk had at first; a block
 * that was deleted holds nothing until it is written. Pages other than files' fit as in guest_pager_test.c, since blocks
 * always make room for them; a block fits if one page more would. Sometimes a disk fails: then a touch may fail as well,
 * and nothing may be lost. Dirty blocks are never more than their share of memory and the one being written.
 */
#include <stdio.h>

#include "ballast/rng.h"
#include "guest/core/files.h"
#include "tests/support/fake_guest.h"

#define SEEDS 4u
#define STEPS 3000u

struct shape {
	uint32_t frames, pages, slots, blocks;
};

static const struct shape shapes[] = {
	{2, 1, 0, 9},         /* one frame for all */
	{3, 10, 4, 20},       /* both kinds want more than there is */
	{16, 30, 0, 40},      /* no swap: other pages stay, blocks go */
	{64, 1, 0, 300},      /* blocks only */
	{300, 350, 60, 400},  /* read ahead of 8 */
	{700, 500, 500, 900}, /* roomy swap, batches of 16 */
};

struct model {
	struct fake_guest *f;
	struct rng rng;
	const struct shape *shape;
	bool touched[FAKE_PAGES];
	uint64_t value[FAKE_PAGES];
	uint32_t nr_touched;
	uint64_t block[FAKE_BLOCKS];
	bool deleted[FAKE_BLOCKS];
	gfn_t pinned[8];
	uint32_t nr_pinned;
	uint64_t next_value;
};

static uint32_t room(const struct model *m)
{
	return m->shape->frames - PAGER_RESERVE - m->nr_pinned + m->shape->slots;
}

static bool broken(const struct model *m)
{
	const struct fake_guest *f = m->f;

	return f->fail_reads || f->fail_writes || f->fail_file_reads || f->fail_file_writes;
}

/* Must a touch that says err have said so? True: it is done. */
static bool done(const struct model *m, int err, bool fits)
{
	if (err == -EIO && broken(m))
		return false;
	assert_int_equal(err, fits || (broken(m) && !err) ? 0 : -ENOMEM);
	return !err;
}

static uint32_t draw(struct model *m, uint32_t below)
{
	return (uint32_t)rng_below(&m->rng, rng_below(&m->rng, 2) ? below : (below + 7) / 8);
}

static void touch_page(struct model *m)
{
	uint32_t page = draw(m, m->shape->pages);
	bool write = rng_below(&m->rng, 3) == 0;
	uint64_t *word;

	if (!done(m, fake_touch(m->f, page, write, &word),
		  m->touched[page] || m->nr_touched < room(m)))
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

static bool cached(const struct model *m, uint32_t block)
{
	return pager_frame_of(&m->f->guest.pager, m->shape->pages + block).v;
}

/* A file's blocks, one after the other. */
static void read_file(struct model *m, uint32_t first, uint32_t nr)
{
	struct pager *p = &m->f->guest.pager;

	for (uint32_t i = 0; i < nr; i++) {
		bool there = cached(m, first + i);
		uint64_t *word;

		if (m->deleted[first + i])
			return;
		pager_file_read(p, first + i, nr - 1 - i);
		if (!done(m, fake_touch(m->f, pager_file_page(p, first + i), false, &word),
			  there || m->nr_touched < room(m)))
			return;
		assert_int_equal(*word, m->block[first + i]);
	}
}

static void write_file(struct model *m, uint32_t first, uint32_t nr)
{
	struct pager *p = &m->f->guest.pager;

	for (uint32_t block = first; block < first + nr; block++) {
		bool there;
		uint64_t *word;

		pager_file_write(p, block);
		there = cached(m, block);
		if (!done(m, fake_touch(m->f, pager_file_page(p, block), true, &word),
			  there || m->nr_touched < room(m)))
			return;
		*word = m->block[block] = ++m->next_value;
		m->deleted[block] = false;
		if (!m->f->fail_file_writes)
			assert_true(p->file_dirty <= p->capacity * PAGER_DIRTY_PPM / PPM + 1);
	}
}

static void delete_file(struct model *m, uint32_t first, uint32_t nr)
{
	uint32_t requests = m->f->file_writes;

	pager_file_drop(&m->f->guest.pager, first, nr);
	assert_int_equal(m->f->file_writes, requests);
	for (uint32_t block = first; block < first + nr; block++) {
		assert_false(cached(m, block));
		m->deleted[block] = true;
	}
}

static void use_file(struct model *m)
{
	uint32_t first = draw(m, m->shape->blocks), left = m->shape->blocks - first;
	uint32_t nr = 1 + (uint32_t)rng_below(&m->rng, left < 12 ? left : 12);
	uint64_t what = rng_below(&m->rng, 8);

	if (what < 4)
		read_file(m, first, nr);
	else if (what < 7)
		write_file(m, first, nr);
	else
		delete_file(m, first, nr);
}

/* As a balloon does: takes a frame, if that leaves room for what was touched and one page more; or gives one back. */
static void pin_or_unpin(struct model *m)
{
	struct pager *p = &m->f->guest.pager;

	if (m->nr_pinned && rng_below(&m->rng, 2)) {
		frames_free(&m->f->guest.frames, m->pinned[--m->nr_pinned]);
		m->f->stats.free_pages = m->f->guest.frames.free_pages;
	} else if (m->nr_pinned < 8 && m->nr_touched < room(m) &&
		   m->nr_pinned + PAGER_RESERVE + 1 < m->shape->frames) {
		uint32_t n = m->nr_pinned;

		assert_int_equal(pager_frame_get(p, FRAME_PINNED, n, 0, &m->pinned[n]), 0);
		m->nr_pinned++;
	}
	pager_resize(p, m->shape->frames - m->nr_pinned);
}

static void release(struct model *m)
{
	pager_release_all(&m->f->guest.pager);
	assert_int_equal(m->f->stats.free_pages, m->shape->frames - m->nr_pinned);
	memset(m->touched, 0, sizeof(m->touched));
	memset(m->deleted, 1, sizeof(m->deleted)); /* so are all files */
	m->nr_touched = 0;
}

static void break_disks(struct model *m, uint64_t seed, uint32_t step)
{
	bool now = step % 64 < 6;

	m->f->fail_file_reads = now && seed % 4 == 1;
	m->f->fail_file_writes = now && seed % 4 == 2;
	m->f->fail_writes = now && seed % 4 == 3;
}

/* Everything is still what it was. */
static void read_all(struct model *m)
{
	break_disks(m, 0, 0);
	for (uint32_t page = 0; page < m->shape->pages; page++)
		if (m->touched[page])
			fake_read(m->f, page, m->value[page]);
	if (m->nr_touched < room(m))
		for (uint32_t block = 0; block < m->shape->blocks; block++)
			read_file(m, block, 1);
}

static void run(const char *policy, const struct shape *shape, uint64_t seed)
{
	struct model *m = calloc(1, sizeof(*m));

	assert_non_null(m);
	m->rng = rng_seeded(seed);
	m->shape = shape;
	assert_int_equal(fake_guest_with_files(policy, shape->frames, shape->pages, shape->slots,
					       shape->blocks, &m->f),
			 0);
	for (uint32_t block = 0; block < shape->blocks; block++)
		m->block[block] = fake_block(block);
	for (uint32_t step = 0; step < STEPS; step++) {
		uint64_t what = rng_below(&m->rng, 1000);

		break_disks(m, seed, step);
		if (what == 0 && step > STEPS / 2)
			release(m);
		else if (what < 20 && !m->f->fail_writes && !m->f->fail_file_writes)
			pin_or_unpin(m);
		else if (what < 120) /* the processor forgets a translation on its own */
			m->f->tlb[draw(m, shape->pages + shape->blocks)].valid = false;
		else if (what < 500)
			touch_page(m);
		else
			use_file(m);
		if (!guest_consistent(&m->f->guest))
			fail_msg("inconsistent at step %u", step);
	}
	read_all(m);
	fake_guest_destroy(m->f);
	free(m);
}

static void test_random_use(void **state)
{
	(void)state;
	for (size_t i = 0; policy_table[i]; i++) {
		for (size_t s = 0; s < sizeof(shapes) / sizeof(shapes[0]); s++) {
			for (uint64_t seed = 0; seed < SEEDS; seed++) {
				printf("policy %s frames %u pages %u slots %u blocks %u seed "
				       "%llu\n",
				       policy_table[i]->name, shapes[s].frames, shapes[s].pages,
				       shapes[s].slots, shapes[s].blocks, (unsigned long long)seed);
				run(policy_table[i]->name, &shapes[s], seed);
			}
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(test_random_use)};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
