/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * mm_cache_test.c: the cache of compressed pages against a naive one: a list of pages in the order of their coming.
 *
 * One VM, a pager that takes pages in turn, contents that compress to a quarter, to half or not at all. Pages are touched,
 * written, given up and paged out one by one, requests end when the dice say so, some fail. The list says which pages are
 * compressed and in which order; so how many frames they need if no room is wasted, which must be what the VM is charged;
 * and which pages a write-out must begin with. It knows nothing of places, parts, kinds of frames or moves.
 */
#include <stdlib.h>
#include <string.h>

#include "tests/support/mm_world.h"

#define PAGES 900u
#define STEPS 6000u

struct naive {
	uint32_t gfn[PAGES];
	bool going[PAGES]; /* a write of it is under way */
	uint32_t nr;
};

struct model {
	struct mm_world *w;
	struct rng rng;
	struct naive list;
	uint64_t truth[PAGES];
	uint64_t written_out, next_content;
};

static uint32_t place_of(const struct naive *n, uint32_t g)
{
	uint32_t i = 0;

	while (i < n->nr && n->gfn[i] != g)
		i++;
	return i;
}

static void take_out(struct naive *n, uint32_t at)
{
	memmove(&n->gfn[at], &n->gfn[at + 1], (n->nr - at - 1) * sizeof n->gfn[0]);
	memmove(&n->going[at], &n->going[at + 1], (n->nr - at - 1) * sizeof n->going[0]);
	n->nr--;
}

/* Pages that are not compressed any more leave the list; one that is now, and at most one can be new, joins at its end. */
static void follow(struct model *t)
{
	struct naive *n = &t->list;
	uint32_t new = 0;

	for (uint32_t i = n->nr; i--;)
		if (world_state(t->w, 0, n->gfn[i]) != PAGE_COMPRESSED)
			take_out(n, i);
	for (uint32_t g = 0; g < PAGES; g++) {
		if (world_state(t->w, 0, g) != PAGE_COMPRESSED || place_of(n, g) < n->nr)
			continue;
		n->gfn[n->nr] = g;
		n->going[n->nr++] = false;
		new ++;
	}
	assert_true(new <= 1);
}

static void must_need_no_more_frames(struct model *t)
{
	uint32_t quarters = 0, halves = 0;

	for (uint32_t i = 0; i < t->list.nr; i++) {
		uint32_t bytes = fake_compressed_bytes(&t->w->body, t->truth[t->list.gfn[i]]);

		assert_true(bytes <= PAGE_BYTES / 2);
		quarters += bytes <= PAGE_BYTES / 4;
		halves += bytes > PAGE_BYTES / 4;
	}
	assert_int_equal(world_vm(t->w, 0).compress.frames, (quarters + 3) / 4 + (halves + 1) / 2);
	assert_int_equal(world_vm(t->w, 0).compressed_pages, t->list.nr);
}

/* The requests that began since: of the oldest that were not going yet, in order. Pages whose slot was true may have left
 * between them, without a write. */
static void must_be_the_oldest(struct model *t, unsigned before)
{
	struct naive *n = &t->list;
	uint32_t at = 0;

	for (unsigned i = before; i < t->w->body.nr_io; i++) {
		const struct mm_io *io = t->w->body.io[i];

		for (uint32_t k = 0; io->cached && k < io->nr; k++, t->written_out++) {
			while (at < n->nr && (n->going[at] ||
					      world_state(t->w, 0, n->gfn[at]) != PAGE_COMPRESSED))
				at++;
			assert_true(at < n->nr);
			assert_int_equal(io->page[k].gfn, n->gfn[at]);
			n->going[at] = true;
		}
	}
}

/* A request ends. Pages whose write failed are compressed as before, and the youngest now. */
static void end_one(struct model *t)
{
	const struct mm_io *io = t->w->body.io[0];
	uint32_t nr = io->cached ? io->nr : 0, gfn[MM_CLUSTER_PAGES];

	for (uint32_t i = 0; i < nr; i++)
		gfn[i] = io->page[i].gfn;
	t->w->body.fail_write_ppm = rng_below(&t->rng, 10) ? 0 : PPM;
	world_finish(t->w);
	follow(t);
	for (uint32_t i = 0; i < nr; i++) {
		uint32_t at = place_of(&t->list, gfn[i]);

		if (at == t->list.nr || !t->list.going[at])
			continue; /* it left, or it left and came again */
		take_out(&t->list, at);
		t->list.gfn[t->list.nr] = gfn[i];
		t->list.going[t->list.nr++] = false;
	}
}

static void touch(struct model *t)
{
	uint64_t g = rng_below(&t->rng, rng_below(&t->rng, 2) ? PAGES : PAGES / 4);

	if (!world_read(t->w, 0, g))
		return;
	assert_int_equal(world_guest(t->w, 0, g)->content, t->truth[g]);
	if (rng_below(&t->rng, 2) && world_write(t->w, 0, g, t->next_content + 1))
		t->truth[g] = ++t->next_content;
}

static void step(struct model *t)
{
	uint64_t dice = rng_below(&t->rng, 100);
	unsigned before = t->w->body.nr_io;
	gfn_t g = gfn(rng_below(&t->rng, PAGES));

	if (dice < 50) {
		touch(t);
		follow(t);
	} else if (dice < 85) {
		world_reclaim(t->w, 1);
		must_be_the_oldest(t, before);
		follow(t);
	} else if (dice < 97 && before) {
		end_one(t);
	} else if (dice >= 97 && mm_pages_reported(t->w->mm, 0, g, 1, t->w->body.now_ns)) {
		fake_body_check(&t->w->body);
		t->truth[g.v] = FAKE_ZERO;
		follow(t);
	}
	must_need_no_more_frames(t);
}

static void naive_cache(void **state)
{
	uint64_t moved = 0, out = 0;

	(void)state;
	print_message("seeds 1 to 6\n");
	for (uint64_t seed = 1; seed <= 6; seed++) {
		struct model *t = calloc(1, sizeof *t);

		assert_non_null(t);
		t->rng = rng_seeded(seed);
		t->w = world_make((struct mm_world_options){
			.memory = 600, .swap = 2000, .compress_ppm = seed % 2 ? 40000 : 150000});
		world_add(t->w, PAGES, 0);
		for (unsigned i = 0; i < STEPS; i++)
			step(t);
		moved += world_vm(t->w, 0).compress.moved_pages;
		out += t->written_out;
		world_free(t->w);
		free(t);
	}
	print_message("moved %lu written out %lu\n", (unsigned long)moved, (unsigned long)out);
	assert_true(moved > 500 && out > 300);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(naive_cache),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
