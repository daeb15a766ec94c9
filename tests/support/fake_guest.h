/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * fake_guest.h: a machine for guest/core to page on: memory, disks, and a processor that remembers translations.
 *
 * Content is one word a frame and a slot, so lost and mixed-up pages show. The processor caches every translation it has
 * used until it is told to forget it, as a real one may: a page that left without being invalidated is still read and
 * written where it was. It notes the first write of a page through a clean translation only, as a real one does.
 */
#ifndef BALLAST_TESTS_SUPPORT_FAKE_GUEST_H
#define BALLAST_TESTS_SUPPORT_FAKE_GUEST_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "guest/core/guest.h"

#define FAKE_FRAMES 1024u /* gfns are below */
#define FAKE_PAGES  2048u
#define FAKE_SLOTS  2048u
#define FAKE_BLOCKS 2048u

struct fake_translation {
	bool valid, dirty;
	gfn_t frame;
};

struct fake_guest {
	struct guest guest;
	struct guest_stats stats;
	void *records; /* owned */
	uint64_t memory[FAKE_FRAMES];
	uint64_t disk[FAKE_SLOTS];
	struct fake_translation tlb[FAKE_PAGES];
	uint32_t flushes, single_flushes;
	uint32_t writes, reads; /* requests */
	uint32_t last_write_nr; /* pages of the last write, and where it went */
	slot_t last_write_first;
	bool fail_writes, fail_reads;
	uint64_t file_disk[FAKE_BLOCKS];
	uint32_t file_writes, file_reads; /* requests */
	uint32_t last_file_nr, last_file_first;
	bool fail_file_writes, fail_file_reads;
};

/* What a block of the data disk holds at first. */
static inline uint64_t fake_block(uint32_t block)
{
	return 0xd15c0000 + block;
}

static inline void fake_invalidate(void *ctx, uint32_t page)
{
	struct fake_guest *f = ctx;

	f->tlb[page].valid = false;
	f->single_flushes++;
}

static inline void fake_invalidate_all(void *ctx)
{
	struct fake_guest *f = ctx;

	memset(f->tlb, 0, sizeof(f->tlb));
	f->flushes++;
}

static inline int fake_swap_write(void *ctx, const gfn_t *frames, uint32_t nr, slot_t first)
{
	struct fake_guest *f = ctx;

	f->writes++;
	f->last_write_nr = nr;
	f->last_write_first = first;
	assert_in_range(nr, 1, PAGER_CLUSTER);
	assert_true(first.v + nr <= f->guest.pager.slots.nr);
	for (uint32_t i = 0; i < nr; i++)
		f->disk[first.v + i] = f->fail_writes ? 0xbad : f->memory[frames[i].v];
	return f->fail_writes ? -EIO : 0;
}

static inline int fake_swap_read(void *ctx, gfn_t frame, slot_t from)
{
	struct fake_guest *f = ctx;

	f->reads++;
	assert_true(from.v < f->guest.pager.slots.nr);
	f->memory[frame.v] = f->fail_reads ? 0xbad : f->disk[from.v];
	return f->fail_reads ? -EIO : 0;
}

static inline void fake_file_request(struct fake_guest *f, uint32_t nr, uint32_t first)
{
	assert_in_range(nr, 1, PAGER_CLUSTER);
	assert_true(first + nr <= f->guest.pager.file_pages);
	f->last_file_nr = nr;
	f->last_file_first = first;
}

static inline int fake_file_write(void *ctx, const gfn_t *frames, uint32_t nr, uint32_t first)
{
	struct fake_guest *f = ctx;

	f->file_writes++;
	fake_file_request(f, nr, first);
	for (uint32_t i = 0; i < nr; i++)
		f->file_disk[first + i] = f->fail_file_writes ? 0xbad : f->memory[frames[i].v];
	return f->fail_file_writes ? -EIO : 0;
}

static inline int fake_file_read(void *ctx, const gfn_t *frames, uint32_t nr, uint32_t first)
{
	struct fake_guest *f = ctx;

	f->file_reads++;
	fake_file_request(f, nr, first);
	for (uint32_t i = 0; i < nr; i++)
		f->memory[frames[i].v] = f->fail_file_reads ? 0xbad : f->file_disk[first + i];
	return f->fail_file_reads ? -EIO : 0;
}

static const struct pager_ops fake_pager_ops = {
	.invalidate = fake_invalidate,
	.invalidate_all = fake_invalidate_all,
	.swap_write = fake_swap_write,
	.swap_read = fake_swap_read,
	.file_write = fake_file_write,
	.file_read = fake_file_read,
};

/* Memory: frames [16, 16 + frames). Result of guest_init(); destroy after 0 only. */
static inline int fake_guest_with_files(const char *policy, uint32_t frames, uint32_t pages,
					uint32_t slots, uint32_t blocks, struct fake_guest **out)
{
	struct fake_guest *f = calloc(1, sizeof(*f));
	struct guest_config config = {
		.pager = {.ops = &fake_pager_ops,
			  .policy = policy_find(policy),
			  .seed = 7,
			  .pages = pages,
			  .swap_slots = slots,
			  .file_pages = blocks},
		.range = {{16, 16 + frames}},
		.nr_ranges = 1,
	};
	size_t bytes;
	int err;

	assert_non_null(f);
	assert_true(16 + frames <= FAKE_FRAMES && pages + blocks <= FAKE_PAGES &&
		    slots <= FAKE_SLOTS && blocks <= FAKE_BLOCKS);
	config.pager.ctx = f;
	config.stats = &f->stats;
	bytes = pages_to_bytes(bytes_to_pages(guest_bytes(&config)));
	f->records = aligned_alloc(PAGE_BYTES, bytes);
	assert_non_null(f->records);
	memset(f->records, 0, bytes);
	for (uint32_t i = 0; i < FAKE_FRAMES; i++)
		f->memory[i] = 0xf00d0000 + i; /* memory is never clean */
	for (uint32_t i = 0; i < FAKE_BLOCKS; i++)
		f->file_disk[i] = fake_block(i);
	err = guest_init(&f->guest, &config, f->records);
	*out = f;
	if (err) {
		free(f->records);
		free(f);
		*out = NULL;
	}
	return err;
}

static inline int fake_guest_create(const char *policy, uint32_t frames, uint32_t pages,
				    uint32_t slots, struct fake_guest **out)
{
	return fake_guest_with_files(policy, frames, pages, slots, 0, out);
}

static inline void fake_guest_destroy(struct fake_guest *f)
{
	free(f->records);
	free(f);
}

/* The processor touches page: *word is where its content is. As pager_access(). */
static inline int fake_touch(struct fake_guest *f, uint32_t page, bool write, uint64_t **word)
{
	struct fake_translation *t = &f->tlb[page];
	int err;

	*word = NULL;
	if (!t->valid || (write && !t->dirty)) {
		err = pager_access(&f->guest.pager, page, write, 0, &t->frame);
		if (err)
			return err;
		t->valid = true;
		t->dirty = f->guest.pager.pte[page] & PTE_DIRTY;
	}
	*word = &f->memory[t->frame.v];
	return 0;
}

static inline void fake_write(struct fake_guest *f, uint32_t page, uint64_t value)
{
	uint64_t *word;

	assert_int_equal(fake_touch(f, page, true, &word), 0);
	*word = value;
	assert_true(guest_consistent(&f->guest));
}

static inline void fake_read(struct fake_guest *f, uint32_t page, uint64_t expected)
{
	uint64_t *word;

	assert_int_equal(fake_touch(f, page, false, &word), 0);
	assert_int_equal(*word, expected);
	assert_true(guest_consistent(&f->guest));
}

#endif
