// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * dedup_world.c: see dedup_world.h.
 */
#include <errno.h>
#include <stdlib.h>

#include "ballast/rng.h"
#include "tests/support/dedup_world.h"

struct world *dedup_world_make(struct dedup_config config)
{
	struct world *w = calloc(1, sizeof(*w));

	assert_non_null(w);
	if (!config.capacity_pages)
		config.capacity_pages = WORLD_PAGES;
	if (!config.memory_pages)
		config.memory_pages = 64; /* short of buckets: chains */
	if (!config.max_ranges)
		config.max_ranges = 16;
	assert_true(config.capacity_pages <= WORLD_PAGES);
	w->d = calloc(1, dedup_bytes(&config));
	assert_non_null(w->d);
	assert_int_equal(dedup_init(w->d, &config), 0);
	w->write_at_compare = DEDUP_NONE;
	for (uint32_t page = 0; page < WORLD_PAGES; page++)
		w->frame[page] = DEDUP_NONE;
	return w;
}

void dedup_world_free(struct world *w)
{
	dedup_world_check(w);
	free(w->d);
	free(w);
}

uint32_t dedup_world_add(struct world *w, uint32_t vm, uint32_t gfns, uint32_t group)
{
	return dedup_vm_add(w->d, vm, gfns, group);
}

static void unshare(struct world *w, uint32_t page)
{
	uint32_t frame = w->frame[page];

	w->frame[page] = DEDUP_NONE;
	if (!dedup_frame_put(w->d, frame))
		w->frame_content[frame] = UINT64_MAX; /* punched */
}

void dedup_world_end(struct world *w, uint32_t vm, uint32_t base, uint32_t gfns)
{
	for (uint32_t page = base; page < base + gfns; page++) {
		if (w->frame[page] != DEDUP_NONE)
			unshare(w, page);
		w->content[page] = 0;
		w->absent[page] = false;
	}
	dedup_vm_remove(w->d, vm);
}

void dedup_world_write(struct world *w, uint32_t page, uint64_t content)
{
	if (w->frame[page] != DEDUP_NONE)
		unshare(w, page);
	w->content[page] = content;
}

uint64_t dedup_world_read(const struct world *w, uint32_t page)
{
	return w->frame[page] == DEDUP_NONE ? w->content[page] : w->frame_content[w->frame[page]];
}

uint64_t dedup_world_hash(const struct world *w, uint64_t content)
{
	return w->mix ? rng_mix(content) : content;
}

static int body_hash(void *ctx, uint32_t page, uint64_t *hash)
{
	struct world *w = ctx;

	w->hashed++;
	if (w->absent[page])
		return -EBUSY;
	*hash = dedup_world_hash(w, dedup_world_read(w, page));
	return 0;
}

static void write_if_compared(struct world *w, uint32_t page)
{
	if (w->write_at_compare != page)
		return;
	w->write_at_compare = DEDUP_NONE;
	w->content[page] ^= 1;
}

static int body_equal(void *ctx, uint32_t page, uint32_t other_page, bool *same)
{
	struct world *w = ctx;

	w->compared++;
	assert_int_not_equal(page, other_page);
	if (w->equal_error)
		return w->equal_error;
	write_if_compared(w, page);
	write_if_compared(w, other_page);
	*same = dedup_world_read(w, page) == dedup_world_read(w, other_page);
	return 0;
}

static int body_equal_frame(void *ctx, uint32_t page, uint32_t frame, bool *same)
{
	struct world *w = ctx;

	w->compared++;
	if (w->equal_error)
		return w->equal_error;
	write_if_compared(w, page);
	*same = dedup_world_read(w, page) == w->frame_content[frame];
	return 0;
}

static int body_share_first(void *ctx, uint32_t frame)
{
	struct world *w = ctx;

	w->shared_first++;
	if (w->share_first_error)
		return w->share_first_error;
	assert_int_equal(w->frame[frame], DEDUP_NONE);
	w->frame_content[frame] = w->content[frame];
	w->frame[frame] = frame;
	return 0;
}

static int body_share(void *ctx, uint32_t page, uint32_t frame)
{
	struct world *w = ctx;

	w->shared++;
	if (w->share_error)
		return w->share_error;
	assert_int_equal(w->frame[page], DEDUP_NONE);
	assert_int_equal(w->content[page], w->frame_content[frame]);
	w->frame[page] = frame;
	return 0;
}

enum dedup_reason dedup_world_try(struct world *w, uint32_t page)
{
	static const struct dedup_ops ops = {
		.hash = body_hash,
		.equal = body_equal,
		.equal_frame = body_equal_frame,
		.share_first = body_share_first,
		.share = body_share,
	};

	assert_int_equal(w->frame[page], DEDUP_NONE);
	return dedup_try(w->d, &ops, w, page, dedup_world_hash(w, w->content[page]));
}

void dedup_world_check(const struct world *w)
{
	struct dedup_stats s = dedup_stats(w->d);
	static const uint32_t none[WORLD_PAGES];
	uint32_t *count = calloc(1, sizeof(none)), frames = 0, references = 0, lone = 0;
	const char *why;

	assert_non_null(count);
	for (uint32_t page = 0; page < WORLD_PAGES; page++)
		if (w->frame[page] != DEDUP_NONE)
			count[w->frame[page]]++;
	for (uint32_t page = 0; page < WORLD_PAGES; page++) {
		frames += count[page] != 0;
		lone += count[page] == 1;
		references += count[page];
		if (count[page])
			assert_int_equal(dedup_frame_count(w->d, page), count[page]);
	}
	assert_int_equal(s.frames, frames);
	assert_int_equal(s.lone_frames, lone);
	assert_int_equal(s.references, references);
	if (!dedup_consistent(w->d, &why))
		fail_msg("inconsistent: %s", why);
	free(count);
}
