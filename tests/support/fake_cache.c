/* SPDX-License-Identifier: GPL-2.0-or-later */
/* fake_cache.c: the fake body's caches of compressed pages. See fake_body.h. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

#include "tests/support/fake_internal.h"

struct fake_cache {
	npages_t frames;
	struct fake_place {
		uint64_t content;
		uint32_t parts; /* that it fills; 0: nothing begins here */
		bool there;     /* of a frame's first place: the frame is */
	} place[];
};

struct fake_cache *fake_cache_make(npages_t frames)
{
	struct fake_cache *c =
		calloc(1, sizeof *c + frames * MM_CACHE_PARTS * sizeof(struct fake_place));

	assert_non_null(c);
	c->frames = frames;
	return c;
}

uint32_t fake_compressed_bytes(const struct fake_body *f, uint64_t content)
{
	static const uint32_t bytes[] = {600, 1024, 1025, 2048, 3000};

	return f->compress_bytes ? f->compress_bytes : bytes[rng_mix(content) % 5];
}

int fake_compress(void *body, stage_t s, uint32_t *bytes)
{
	struct fake_body *f = body;

	assert_true(f->stage[s.v].present && s.v >= mm_read_stages());
	*bytes = fake_compressed_bytes(f, f->stage[s.v].content);
	if (*bytes > PAGE_BYTES / 2)
		return -28;
	f->squeezed = f->stage[s.v].content;
	f->squeezed_bytes = *bytes;
	return 0;
}

static struct fake_place *place_at(struct fake_body *f, uint32_t vm, uint32_t place)
{
	assert_true(vm < FAKE_VMS && place / MM_CACHE_PARTS < f->cache[vm]->frames);
	return &f->cache[vm]->place[place];
}

static bool *frame_of(struct fake_body *f, uint32_t vm, uint32_t place)
{
	return &place_at(f, vm, place - place % MM_CACHE_PARTS)->there;
}

/* No place of the frame's other kind lies there. (Nobody says that a place is free: who was there may have left.) */
static void put(struct fake_body *f, uint32_t vm, uint32_t place, uint64_t content, uint32_t parts)
{
	struct fake_place *p = place_at(f, vm, place);
	uint32_t part = place % MM_CACHE_PARTS;

	assert_true(parts && part + parts <= MM_CACHE_PARTS);
	assert_false((parts == 2 && p[1].parts) || (part && p[-1].parts == 2));
	assert_true(!p->parts || p->parts == parts);
	assert_true(*frame_of(f, vm, place));
	p->content = content;
	p->parts = parts;
}

void fake_cache_store(void *body, uint32_t vm, uint32_t place)
{
	struct fake_body *f = body;

	assert_true(f->squeezed_bytes);
	if (!*frame_of(f, vm, place))
		fake_count_frame(f);
	*frame_of(f, vm, place) = true;
	put(f, vm, place, f->squeezed, f->squeezed_bytes > PAGE_BYTES / MM_CACHE_PARTS ? 2 : 1);
	f->squeezed_bytes = 0;
}

int fake_cache_map(void *body, uint32_t vm, gfn_t g, uint32_t place, bool protect)
{
	struct fake_body *f = body;
	const struct fake_place *p = place_at(f, vm, place);

	assert_true(p->parts);
	if (fake_happens(f, f->lose_cached_ppm))
		return -5;
	return fake_map(f, vm, g, p->content, protect);
}

int fake_cache_read(void *body, uint32_t vm, uint32_t place, stage_t s)
{
	struct fake_body *f = body;
	const struct fake_place *p = place_at(f, vm, place);

	assert_true(p->parts && s.v < mm_read_stages());
	if (fake_happens(f, f->lose_cached_ppm))
		return -5;
	f->stage[s.v].content = p->content;
	return 0;
}

void fake_cache_move(void *body, uint32_t vm, uint32_t from, uint32_t to)
{
	struct fake_body *f = body;
	struct fake_place p = *place_at(f, vm, from);

	assert_true(p.parts && from / MM_CACHE_PARTS != to / MM_CACHE_PARTS);
	place_at(f, vm, from)->parts = 0;
	put(f, vm, to, p.content, p.parts);
	f->cache_moves++;
}

/* What was in it has left or is not needed any more. */
void fake_cache_free(void *body, uint32_t vm, uint32_t frame)
{
	struct fake_body *f = body;

	assert_true(*frame_of(f, vm, frame * MM_CACHE_PARTS));
	*frame_of(f, vm, frame * MM_CACHE_PARTS) = false;
	for (uint32_t i = 0; i < MM_CACHE_PARTS; i++)
		place_at(f, vm, frame * MM_CACHE_PARTS + i)->parts = 0;
	f->frames--;
}
