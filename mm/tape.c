/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * tape.c: the body ops that tell a tape of each call: see tape.h.
 */
#include "mm/tape.h"

#include <stdlib.h>

#include "mm/page.h"

uint32_t mm_io_number(const struct mm *m, const struct mm_io *io)
{
	return (uint32_t)(io - m->io);
}

struct mm_io *mm_io_numbered(struct mm *m, uint32_t number)
{
	return number < MM_IOS ? &m->io[number] : NULL;
}

#define TELL(t, OP, ...)                                                         \
	(t)->call(t, &(struct mm_args){.call = MM_OP_##OP,                       \
				       .fixed = (const uint64_t[]){__VA_ARGS__}, \
				       .nr_fixed = sizeof((const uint64_t[]){__VA_ARGS__}) / 8})

/* An op that returns 0 or -errno, or a count. */
#define OP_INT(OP, op, parameters, pass, ...)                                \
	static int tape_##op parameters                                      \
	{                                                                    \
		struct mm_tape *t = body;                                    \
		int result = TELL(t, OP, __VA_ARGS__) ? t->ops->op pass : 0; \
                                                                             \
		return (int)t->answer(t, (uint64_t)(int64_t)result);         \
	}

/* The same, with a value beside it if it is 0. */
#define OP_VALUE(OP, op, type, parameters, pass, ...)                        \
	static int tape_##op parameters                                      \
	{                                                                    \
		struct mm_tape *t = body;                                    \
		int result = TELL(t, OP, __VA_ARGS__) ? t->ops->op pass : 0; \
                                                                             \
		result = (int)t->answer(t, (uint64_t)(int64_t)result);       \
		if (!result)                                                 \
			*out = (type)t->answer(t, *out);                     \
		return result;                                               \
	}

#define OP_VOID(OP, op, parameters, pass, ...) \
	static void tape_##op parameters       \
	{                                      \
		struct mm_tape *t = body;      \
                                               \
		if (TELL(t, OP, __VA_ARGS__))  \
			t->ops->op pass;       \
	}

static void *tape_zalloc(void *body, uint32_t vm, size_t bytes)
{
	struct mm_tape *t = body;
	bool asked = TELL(t, ZALLOC, vm, bytes);
	void *p = asked ? t->ops->zalloc(t->body, vm, bytes) : NULL;

	if (t->answer(t, p || !asked) && !asked)
		p = calloc(1, bytes ? bytes : 1);
	return p;
}

static void tape_free(void *body, uint32_t vm, void *p, size_t bytes)
{
	struct mm_tape *t = body;

	if (TELL(t, FREE, vm, bytes))
		t->ops->free(t->body, vm, p, bytes);
	else
		free(p);
}

static bool tape_stage_is_zero(void *body, stage_t s)
{
	struct mm_tape *t = body;
	bool zero = TELL(t, STAGE_IS_ZERO, s.v) && t->ops->stage_is_zero(t->body, s);

	return t->answer(t, zero);
}

static uint64_t tape_stage_hash(void *body, stage_t s)
{
	struct mm_tape *t = body;
	uint64_t hash = TELL(t, STAGE_HASH, s.v) ? t->ops->stage_hash(t->body, s) : 0;

	return t->answer(t, hash);
}

static void tape_swap_start(void *body, struct mm_io *io)
{
	struct mm_tape *t = body;
	uint64_t fixed[] = {mm_io_number(t->mm, io), io->slot.v, io->write, io->demand, io->cached};
	uint64_t list[MM_CLUSTER_PAGES * 3];
	struct mm_args args = {
		.call = MM_OP_SWAP_START, .fixed = fixed, .nr_fixed = 5, .list = list};

	for (uint32_t i = 0; i < io->nr; i++) {
		list[args.nr_list++] = io->stage[i].v;
		list[args.nr_list++] = io->page[i].vm;
		list[args.nr_list++] = io->page[i].gfn;
	}
	t->io = io;
	if (t->call(t, &args))
		t->ops->swap_start(t->body, io);
}

static void tape_reclaim_wanted(void *body)
{
	struct mm_tape *t = body;

	if (t->call(t, &(struct mm_args){.call = MM_OP_RECLAIM_WANTED}))
		t->ops->reclaim_wanted(t->body);
}

#define VM_G void *body, uint32_t vm, gfn_t g
OP_INT(MAP_ZERO, map_zero, (VM_G), (t->body, vm, g), vm, g.v)
OP_INT(MAP_BYTES, map_bytes, (VM_G, const void *page), (t->body, vm, g, page), vm, g.v)
OP_INT(MAP_STAGE, map_stage, (VM_G, stage_t s, bool protect), (t->body, vm, g, s, protect), vm, g.v,
       s.v, protect)
OP_INT(WITHDRAW, withdraw, (VM_G, stage_t s), (t->body, vm, g, s), vm, g.v, s.v)
OP_INT(DISCARD, discard, (VM_G, uint32_t nr), (t->body, vm, g, nr), vm, g.v, nr)
OP_INT(UNPROTECT, unprotect, (VM_G), (t->body, vm, g), vm, g.v)
OP_VOID(WAKE, wake, (VM_G), (t->body, vm, g), vm, g.v)
OP_VOID(DISCARD_ALL, discard_all, (void *body, uint32_t vm), (t->body, vm), vm)
OP_VOID(STAGE_DROP, stage_drop, (void *body, stage_t s, uint32_t nr), (t->body, s, nr), s.v, nr)
OP_VOID(VM_BROKEN, vm_broken, (void *body, uint32_t vm, int error), (t->body, vm, error), vm,
	(uint64_t)(int64_t)error)
OP_INT(PROTECT, protect, (VM_G), (t->body, vm, g), vm, g.v)
OP_VALUE(HASH, hash, uint64_t, (VM_G, uint64_t *out), (t->body, vm, g, out), vm, g.v)
OP_VALUE(EQUAL, equal, bool, (VM_G, uint32_t vm_b, gfn_t b, bool *out),
	 (t->body, vm, g, vm_b, b, out), vm, g.v, vm_b, b.v)
OP_VALUE(EQUAL_FRAME, equal_frame, bool, (VM_G, uint32_t frame, bool *out),
	 (t->body, vm, g, frame, out), vm, g.v, frame)
OP_VALUE(PAGE_IS_ZERO, page_is_zero, bool, (VM_G, bool *out), (t->body, vm, g, out), vm, g.v)
OP_INT(SHARE, share, (VM_G, uint32_t nr, uint32_t frame, bool fill),
       (t->body, vm, g, nr, frame, fill), vm, g.v, nr, frame, fill)
OP_INT(SHARE_ZERO, share_zero, (VM_G), (t->body, vm, g), vm, g.v)
OP_INT(MAP_ZERO_PROTECTED, map_zero_protected, (VM_G), (t->body, vm, g), vm, g.v)
OP_INT(BREAK_SHARED, break_shared, (VM_G), (t->body, vm, g), vm, g.v)
OP_VOID(FRAME_FREE, frame_free, (void *body, uint32_t frame), (t->body, frame), frame)
OP_VALUE(COMPRESS, compress, uint32_t, (void *body, stage_t s, uint32_t *out), (t->body, s, out),
	 s.v)
OP_VOID(CACHE_STORE, cache_store, (void *body, uint32_t vm, uint32_t place), (t->body, vm, place),
	vm, place)
OP_INT(CACHE_MAP, cache_map, (VM_G, uint32_t place, bool protect), (t->body, vm, g, place, protect),
       vm, g.v, place, protect)
OP_INT(CACHE_READ, cache_read, (void *body, uint32_t vm, uint32_t place, stage_t s),
       (t->body, vm, place, s), vm, place, s.v)
OP_VOID(CACHE_MOVE, cache_move, (void *body, uint32_t vm, uint32_t from, uint32_t to),
	(t->body, vm, from, to), vm, from, to)
OP_VOID(CACHE_FREE, cache_free, (void *body, uint32_t vm, uint32_t frame), (t->body, vm, frame), vm,
	frame)
OP_VOID(BALLOON_TARGET, balloon_target, (void *body, uint32_t vm, npages_t pages),
	(t->body, vm, pages), vm, pages)

#define OP_BIT(OP) (1ull << (MM_OP_##OP - MM_ENTRIES_END))

uint64_t mm_tape_mask(const struct mm_body_ops *ops)
{
	uint64_t mask = 0;

#define X(OP, op, form) mask |= ops->op ? OP_BIT(OP) : 0;
	MM_OPS(X)
#undef X
	return mask;
}

void mm_tape_set(struct mm_tape *t, uint64_t mask)
{
#define X(OP, op, form) t->table.op = mask & OP_BIT(OP) ? tape_##op : NULL;
	MM_OPS(X)
#undef X
}
