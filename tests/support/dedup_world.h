/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * dedup_world.h: pages with contents around a share table: the caller and the body of dedup_try().
 *
 * A page's content is a number. Its hash is that number, so that with hash_bits = 4 a test sees which contents collide,
 * or, with mix, a well-mixed value of it. A page is private or shares a frame; frames have their own content, which the
 * world checks whenever a page begins to share. Home pages: whatever the table gives, below WORLD_PAGES.
 */
#ifndef BALLAST_TESTS_DEDUP_WORLD_H
#define BALLAST_TESTS_DEDUP_WORLD_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "dedup/dedup.h"

#define WORLD_PAGES 4096u

struct world {
	struct dedup *d;
	bool mix;
	uint64_t content[WORLD_PAGES]; /* of a private page */
	uint32_t frame[WORLD_PAGES];   /* that the page shares, DEDUP_NONE: private */
	bool absent[WORLD_PAGES];
	uint64_t frame_content[WORLD_PAGES];
	/* what goes wrong; the errors stay until changed */
	int equal_error, share_first_error, share_error;
	uint32_t write_at_compare; /* this page gets another content just before it is compared */
	/* calls made */
	unsigned hashed, compared, shared_first, shared;
};

struct world *dedup_world_make(struct dedup_config config);
void dedup_world_free(struct world *w);
uint32_t dedup_world_add(struct world *w, uint32_t vm, uint32_t gfns, uint32_t group);
/* All its pages [base, base + gfns) go, then the VM. */
void dedup_world_end(struct world *w, uint32_t vm, uint32_t base, uint32_t gfns);
/* The guest writes: a shared page is copied first. */
void dedup_world_write(struct world *w, uint32_t page, uint64_t content);
uint64_t dedup_world_read(const struct world *w, uint32_t page);
uint64_t dedup_world_hash(const struct world *w, uint64_t content);
/* The scanner comes by. The page is private. */
enum dedup_reason dedup_world_try(struct world *w, uint32_t page);
/* Holds the table and the world against each other, and the table against itself. */
void dedup_world_check(const struct world *w);

#endif
