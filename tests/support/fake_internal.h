/* SPDX-License-Identifier: GPL-2.0-or-later */
/* fake_internal.h: between fake_body.c and fake_share.c. */
#ifndef BALLAST_TESTS_FAKE_INTERNAL_H
#define BALLAST_TESTS_FAKE_INTERNAL_H

#include "tests/support/fake_body.h"

bool fake_happens(struct fake_body *f, uint32_t ppm);
struct fake_page *fake_page_at(struct fake_body *f, uint32_t vm, gfn_t g);
/* The page is absent from now on; its own frame, if it has one, is free. */
void fake_drop_page(struct fake_body *f, struct fake_page *p);
/* One frame more; more: what may be used for a moment beside what the manager counts. */
void fake_count_frame(struct fake_body *f);
void fake_count_frame_within(struct fake_body *f, npages_t more);

/* An absent page gets a frame with this content. */
int fake_map(struct fake_body *f, uint32_t vm, gfn_t g, uint64_t content, bool protect);

/* As struct mm_body_ops says. */
int fake_hash(void *body, uint32_t vm, gfn_t g, uint64_t *hash);
int fake_equal(void *body, uint32_t vm_a, gfn_t a, uint32_t vm_b, gfn_t b, bool *equal);
int fake_equal_frame(void *body, uint32_t vm, gfn_t g, uint32_t frame, bool *equal);
int fake_page_is_zero(void *body, uint32_t vm, gfn_t g, bool *zero);
int fake_share(void *body, uint32_t vm, gfn_t g, uint32_t nr, uint32_t frame, bool fill);
int fake_share_zero(void *body, uint32_t vm, gfn_t g);
int fake_map_zero_protected(void *body, uint32_t vm, gfn_t g);
int fake_break_shared(void *body, uint32_t vm, gfn_t g);
void fake_frame_free(void *body, uint32_t frame);
/* Room for so many frames. */
struct fake_cache *fake_cache_make(npages_t frames);
int fake_compress(void *body, stage_t s, uint32_t *bytes);
void fake_cache_store(void *body, uint32_t vm, uint32_t place);
int fake_cache_map(void *body, uint32_t vm, gfn_t g, uint32_t place, bool protect);
int fake_cache_read(void *body, uint32_t vm, uint32_t place, stage_t s);
void fake_cache_move(void *body, uint32_t vm, uint32_t from, uint32_t to);
void fake_cache_free(void *body, uint32_t vm, uint32_t frame);

#endif
