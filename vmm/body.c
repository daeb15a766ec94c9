/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * body.c: the live body: what the memory manager decides, carried out on userfaultfd memory and the swap file.
 *
 * All of it runs under the machine lock. Swap requests are only noted here; machine_unlock() starts them.
 */
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
	.stage_drop = body_stage_drop,
	.swap_start = body_swap_start,
	.vm_broken = body_vm_broken,
	.balloon_target = body_balloon_target,
	.reclaim_wanted = body_reclaim_wanted,
};
