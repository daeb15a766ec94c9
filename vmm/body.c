/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * body.c: the live body: what the memory manager decides, carried out on userfaultfd memory and the swap file.
 *
 * All of it runs under the machine lock. Swap requests are only noted here; machine_unlock() starts them.
 */
#include <string.h>

#include "vmm/machine_internal.h"

static void *body_zalloc(void *body, uint32_t vm, size_t bytes)
{
	return arena_zalloc(body, vm, bytes);
}

static void body_free(void *body, uint32_t vm, void *p, size_t bytes)
{
	arena_free(body, vm, p, bytes);
}

static int body_map_zero(void *body, uint32_t vm, gfn_t g)
{
	struct machine *m = body;

	return memory_map(&m->memory, vm, g, NULL, false);
}

static int body_map_bytes(void *body, uint32_t vm, gfn_t g, const void *page)
{
	struct machine *m = body;

	return memory_map(&m->memory, vm, g, page, false);
}

static int body_map_stage(void *body, uint32_t vm, gfn_t g, stage_t s, bool protect)
{
	struct machine *m = body;

	return memory_map(&m->memory, vm, g, memory_stage(&m->memory, s), protect);
}

static int body_withdraw(void *body, uint32_t vm, gfn_t g, stage_t s)
{
	struct machine *m = body;

	return memory_withdraw(&m->memory, vm, g, s);
}

static int body_discard(void *body, uint32_t vm, gfn_t g, uint32_t nr)
{
	struct machine *m = body;

	return memory_discard(&m->memory, vm, g, nr);
}

static int body_unprotect(void *body, uint32_t vm, gfn_t g)
{
	struct machine *m = body;

	return uffd_protect(&m->memory.uffd, memory_page(&m->memory, vm, g), false);
}

static void body_wake(void *body, uint32_t vm, gfn_t g)
{
	struct machine *m = body;

	if (vm < m->memory.nr_ranges)
		uffd_wake(&m->memory.uffd, memory_page(&m->memory, vm, g), PAGE_BYTES);
}

static void body_discard_all(void *body, uint32_t vm)
{
	struct machine *m = body;

	memory_discard_all(&m->memory, vm);
}

static bool body_stage_is_zero(void *body, stage_t s)
{
	struct machine *m = body;

	return memory_stage_is_zero(&m->memory, s);
}

static uint64_t body_stage_hash(void *body, stage_t s)
{
	const struct machine *m = body;

	return memory_stage_hash(&m->memory, s);
}

static void body_stage_drop(void *body, stage_t s, uint32_t nr)
{
	struct machine *m = body;

	memory_stage_drop(&m->memory, s, nr);
}

static void body_swap_start(void *body, struct mm_io *io)
{
	struct machine *m = body;

	if (m->read_here && !io->write && !m->mine)
		m->mine = io;
	else
		m->pending[m->nr_pending++] = io;
}

static void body_vm_broken(void *body, uint32_t vm, int error)
{
	struct machine *m = body;

	m->vm[vm].broken = error;
	if (m->vm[vm].vm)
		vm_kick(m->vm[vm]
				.vm); /* its vCPUs leave before they could see what takes the page's place */
}

static int body_protect(void *body, uint32_t vm, gfn_t g)
{
	struct machine *m = body;

	return uffd_protect(&m->memory.uffd, memory_page(&m->memory, vm, g), true);
}

static int body_hash(void *body, uint32_t vm, gfn_t g, uint64_t *hash)
{
	struct machine *m = body;

	*hash = memory_hash(&m->memory, vm, g);
	return 0;
}

static int body_equal(void *body, uint32_t vm_a, gfn_t a, uint32_t vm_b, gfn_t b, bool *equal)
{
	const struct machine *m = body;

	*equal = memcmp(memory_page(&m->memory, vm_a, a), memory_page(&m->memory, vm_b, b),
			PAGE_BYTES) == 0;
	return 0;
}

static int body_equal_frame(void *body, uint32_t vm, gfn_t g, uint32_t frame, bool *equal)
{
	struct machine *m = body;

	return memory_equal_frame(&m->memory, vm, g, frame, equal);
}

static int body_page_is_zero(void *body, uint32_t vm, gfn_t g, bool *zero)
{
	const struct machine *m = body;

	*zero = memory_is_zero(memory_page(&m->memory, vm, g));
	return 0;
}

static int body_share(void *body, uint32_t vm, gfn_t g, uint32_t nr, uint32_t frame, bool fill)
{
	struct machine *m = body;

	return memory_share(&m->memory, vm, g, nr, frame, fill);
}

static int body_share_zero(void *body, uint32_t vm, gfn_t g)
{
	struct machine *m = body;

	return memory_share_zero(&m->memory, vm, g);
}

static int body_map_zero_protected(void *body, uint32_t vm, gfn_t g)
{
	struct machine *m = body;

	return memory_map_zero_protected(&m->memory, vm, g);
}

static int body_break_shared(void *body, uint32_t vm, gfn_t g)
{
	struct machine *m = body;

	return memory_break_shared(&m->memory, vm, g);
}

static void body_frame_free(void *body, uint32_t frame)
{
	struct machine *m = body;

	memory_frame_free(&m->memory, frame);
}

static int body_compress(void *body, stage_t s, uint32_t *bytes)
{
	struct machine *m = body;

	return memory_compress(&m->memory, s, bytes);
}

static void body_cache_store(void *body, uint32_t vm, uint32_t place)
{
	struct machine *m = body;

	memory_cache_store(&m->memory, vm, place);
}

static int body_cache_map(void *body, uint32_t vm, gfn_t g, uint32_t place, bool protect)
{
	struct machine *m = body;

	return memory_cache_map(&m->memory, vm, g, place, protect);
}

static int body_cache_read(void *body, uint32_t vm, uint32_t place, stage_t s)
{
	struct machine *m = body;

	return memory_cache_read(&m->memory, vm, place, s);
}

static void body_cache_move(void *body, uint32_t vm, uint32_t from, uint32_t to)
{
	struct machine *m = body;

	memory_cache_move(&m->memory, vm, from, to);
}

static void body_cache_free(void *body, uint32_t vm, uint32_t frame)
{
	struct machine *m = body;

	memory_cache_free(&m->memory, vm, frame);
}

static void body_balloon_target(void *body, uint32_t vm, npages_t pages)
{
	struct machine *m = body;

	if (m->vm[vm].vm)
		vm_balloon_set_target(m->vm[vm].vm, pages);
}

static void body_reclaim_wanted(void *body)
{
	struct machine *m = body;

	if (m->pager_sleeps)
		pthread_cond_signal(&m->pager_wish);
}

const struct mm_body_ops machine_body_ops = {
	.zalloc = body_zalloc,
	.free = body_free,
	.map_zero = body_map_zero,
	.map_bytes = body_map_bytes,
	.map_stage = body_map_stage,
	.withdraw = body_withdraw,
	.discard = body_discard,
	.unprotect = body_unprotect,
	.wake = body_wake,
	.discard_all = body_discard_all,
	.stage_is_zero = body_stage_is_zero,
	.stage_hash = body_stage_hash,
	.stage_drop = body_stage_drop,
	.swap_start = body_swap_start,
	.vm_broken = body_vm_broken,
	.protect = body_protect,
	.hash = body_hash,
	.equal = body_equal,
	.equal_frame = body_equal_frame,
	.page_is_zero = body_page_is_zero,
	.share = body_share,
	.share_zero = body_share_zero,
	.map_zero_protected = body_map_zero_protected,
	.break_shared = body_break_shared,
	.frame_free = body_frame_free,
	.compress = body_compress,
	.cache_store = body_cache_store,
	.cache_map = body_cache_map,
	.cache_read = body_cache_read,
	.cache_move = body_cache_move,
	.cache_free = body_cache_free,
	.balloon_target = body_balloon_target,
	.reclaim_wanted = body_reclaim_wanted,
};
