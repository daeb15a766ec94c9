/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * body.c: the simulated body: what the memory manager decides, carried out on identities, at a price.
 *
 * The price of each call adds up in spent_ns, and whoever called the manager pays it: a guest that waits for its page,
 * the pager, the scanner. What changes a mapping wakes who waits for the page, as the live body does.
 */
#include <errno.h>
#include <stdlib.h>

#include "ballast/rng.h"
#include "sim/machine_internal.h"

static struct sim_machine *machine_of(void *body)
{
	return body;
}

static void *body_zalloc(void *body, uint32_t vm, size_t bytes)
{
	(void)body;
	(void)vm;
	return calloc(1, bytes ? bytes : 1);
}

static void body_free(void *body, uint32_t vm, void *p, size_t bytes)
{
	(void)body;
	(void)vm;
	(void)bytes;
	free(p);
}

static void body_wake(void *body, uint32_t vm, gfn_t g)
{
	struct sim_machine *m = machine_of(body);

	if (vm < m->nr_vms)
		sim_guest_wake(m->vm[vm], g);
}

/* What a call that changes one page's mapping ends with. */
static int changed(struct sim_machine *m, uint32_t vm, gfn_t g, uint64_t cost_ns, int result)
{
	m->spent_ns += cost_ns;
	if (result >= 0)
		body_wake(m, vm, g);
	return result;
}

static int body_map_zero(void *body, uint32_t vm, gfn_t g)
{
	struct sim_machine *m = machine_of(body);

	return changed(m, vm, g, m->config.cost.map_ns,
		       sim_memory_map(&m->memory, vm, g, 0, false));
}

/* page: where its identity stands. */
static int body_map_bytes(void *body, uint32_t vm, gfn_t g, const void *page)
{
	struct sim_machine *m = machine_of(body);

	return changed(m, vm, g, m->config.cost.map_ns,
		       sim_memory_map(&m->memory, vm, g, *(const uint64_t *)page, false));
}

static int body_map_stage(void *body, uint32_t vm, gfn_t g, stage_t s, bool protect)
{
	struct sim_machine *m = machine_of(body);

	return changed(m, vm, g, m->config.cost.map_ns,
		       sim_memory_map(&m->memory, vm, g, m->memory.stage[s.v].content, protect));
}

static int body_withdraw(void *body, uint32_t vm, gfn_t g, stage_t s)
{
	struct sim_machine *m = machine_of(body);

	return changed(m, vm, g, m->config.cost.withdraw_ns,
		       sim_memory_withdraw(&m->memory, vm, g, s));
}

static int body_discard(void *body, uint32_t vm, gfn_t g, uint32_t nr)
{
	struct sim_machine *m = machine_of(body);
	int result = 0;

	for (uint32_t i = 0; i < nr && !result; i++)
		result = changed(m, vm, gfn(g.v + i), i ? 0 : m->config.cost.discard_ns,
				 sim_memory_discard(&m->memory, vm, gfn(g.v + i)));
	return result;
}

static int body_unprotect(void *body, uint32_t vm, gfn_t g)
{
	struct sim_machine *m = machine_of(body);

	return changed(m, vm, g, m->config.cost.unprotect_ns,
		       sim_memory_unprotect(&m->memory, vm, g));
}

static int body_protect(void *body, uint32_t vm, gfn_t g)
{
	struct sim_machine *m = machine_of(body);

	m->spent_ns += m->config.cost.unprotect_ns;
	return sim_memory_protect(&m->memory, vm, g);
}

static void body_discard_all(void *body, uint32_t vm)
{
	struct sim_machine *m = machine_of(body);
	const struct sim_range *r = &m->memory.range[vm];

	for (uint64_t g = 0; g < r->nr; g++)
		if (r->page[g].flags & SIM_PRESENT)
			sim_memory_discard(&m->memory, vm, gfn(g));
}

static bool body_stage_is_zero(void *body, stage_t s)
{
	return machine_of(body)->memory.stage[s.v].content == 0;
}

static uint64_t body_stage_hash(void *body, stage_t s)
{
	struct sim_machine *m = machine_of(body);

	m->spent_ns += m->config.cost.hash_ns;
	return rng_mix(m->memory.stage[s.v].content ^ m->memory.secret);
}

static void body_stage_drop(void *body, stage_t s, uint32_t nr)
{
	for (uint32_t i = 0; i < nr; i++)
		sim_memory_stage_drop(&machine_of(body)->memory, stage(s.v + i));
}

static void swap_done(void *ctx, uint64_t now_ns)
{
	struct sim_io *r = ctx;
	struct sim_machine *m = r->m;
	struct mm_io *io = r->io;

	for (uint32_t i = 0; i < io->nr; i++) {
		uint64_t *slot = &m->memory.slot[io->slot.v + i];
		uint64_t *content = &m->memory.stage[io->stage[i].v].content;

		*(io->write ? slot : content) = io->write ? *content : *slot;
	}
	r->io = NULL;
	mm_io_done(m->mm, io, 0, now_ns);
	sim_spent(m); /* by a thread that sleeps most of the time */
}

static void body_swap_start(void *body, struct mm_io *io)
{
	struct sim_machine *m = machine_of(body);
	struct sim_io *r = m->io;

	while (r->io)
		r++;
	r->io = io;
	sim_queue_put(&m->queue, &r->done,
		      sim_device_start(&m->swap, io->write, io->slot.v, io->nr, m->now_ns));
}

static void body_vm_broken(void *body, uint32_t vm, int error)
{
	sim_guest_break(machine_of(body)->vm[vm], error);
}

static int body_hash(void *body, uint32_t vm, gfn_t g, uint64_t *hash)
{
	struct sim_machine *m = machine_of(body);

	m->spent_ns += m->config.cost.hash_ns;
	*hash = rng_mix(sim_memory_page(&m->memory, vm, g)->content ^ m->memory.secret);
	return 0;
}

static int body_equal(void *body, uint32_t vm_a, gfn_t a, uint32_t vm_b, gfn_t b, bool *equal)
{
	struct sim_machine *m = machine_of(body);

	m->spent_ns += m->config.cost.compare_ns;
	*equal = sim_memory_page(&m->memory, vm_a, a)->content ==
		 sim_memory_page(&m->memory, vm_b, b)->content;
	return 0;
}

static int body_equal_frame(void *body, uint32_t vm, gfn_t g, uint32_t frame, bool *equal)
{
	struct sim_machine *m = machine_of(body);

	m->spent_ns += m->config.cost.compare_ns;
	*equal = sim_memory_page(&m->memory, vm, g)->content == m->memory.frame[frame].content;
	return 0;
}

static int body_page_is_zero(void *body, uint32_t vm, gfn_t g, bool *zero)
{
	struct sim_machine *m = machine_of(body);

	*zero = sim_memory_page(&m->memory, vm, g)->content == 0;
	if (*zero) /* others show it in their first words, and are hashed */
		m->spent_ns += m->config.cost.hash_ns;
	return 0;
}

static int body_share(void *body, uint32_t vm, gfn_t g, uint32_t nr, uint32_t frame, bool fill)
{
	struct sim_machine *m = machine_of(body);
	int did = sim_memory_share(&m->memory, vm, g, nr, frame, fill);

	m->spent_ns += m->config.cost.remap_ns + nr * m->config.cost.copy_ns;
	for (int i = 0; i < did; i++)
		body_wake(m, vm, gfn(g.v + (uint32_t)i));
	return did;
}

static int body_share_zero(void *body, uint32_t vm, gfn_t g)
{
	struct sim_machine *m = machine_of(body);

	if (sim_memory_page(&m->memory, vm, g)->content)
		return -EAGAIN;
	return changed(m, vm, g, m->config.cost.share_zero_ns,
		       sim_memory_discard(&m->memory, vm, g));
}

static int body_map_zero_protected(void *body, uint32_t vm, gfn_t g)
{
	struct sim_machine *m = machine_of(body);

	return changed(m, vm, g, m->config.cost.zero_ns,
		       sim_memory_map_zero_page(&m->memory, vm, g));
}

static int body_break_shared(void *body, uint32_t vm, gfn_t g)
{
	struct sim_machine *m = machine_of(body);

	return changed(m, vm, g, m->config.cost.unprotect_ns + m->config.cost.copy_ns,
		       sim_memory_break(&m->memory, vm, g));
}

static void body_frame_free(void *body, uint32_t frame)
{
	struct sim_machine *m = machine_of(body);

	m->spent_ns += m->config.cost.discard_ns;
	sim_memory_frame_free(&m->memory, frame);
}

static int body_compress(void *body, stage_t s, uint32_t *bytes)
{
	struct sim_machine *m = machine_of(body);

	m->spent_ns += m->config.cost.compress_ns;
	return sim_memory_compress(&m->memory, s, bytes);
}

static void body_cache_store(void *body, uint32_t vm, uint32_t place)
{
	sim_memory_cache_store(&machine_of(body)->memory, vm, place);
}

static int body_cache_map(void *body, uint32_t vm, gfn_t g, uint32_t place, bool protect)
{
	struct sim_machine *m = machine_of(body);
	uint64_t content = sim_memory_cache_content(&m->memory, vm, place);

	return changed(m, vm, g, m->config.cost.decompress_ns + m->config.cost.map_ns,
		       sim_memory_map(&m->memory, vm, g, content, protect));
}

static int body_cache_read(void *body, uint32_t vm, uint32_t place, stage_t s)
{
	struct sim_machine *m = machine_of(body);

	m->spent_ns += m->config.cost.decompress_ns;
	m->memory.stage[s.v].content = sim_memory_cache_content(&m->memory, vm, place);
	return 0;
}

static void body_cache_move(void *body, uint32_t vm, uint32_t from, uint32_t to)
{
	sim_memory_cache_move(&machine_of(body)->memory, vm, from, to);
}

static void body_cache_free(void *body, uint32_t vm, uint32_t frame)
{
	struct sim_machine *m = machine_of(body);

	m->spent_ns += m->config.cost.discard_ns;
	sim_memory_cache_free(&m->memory, vm, frame);
}

static void body_balloon_target(void *body, uint32_t vm, npages_t pages)
{
	sim_guest_balloon_target(machine_of(body)->vm[vm], pages);
}

static void body_reclaim_wanted(void *body)
{
	sim_host_wish(machine_of(body));
}

const struct mm_body_ops sim_body_ops = {
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

void sim_body_init(struct sim_machine *m)
{
	for (unsigned i = 0; i < SIM_IOS; i++) {
		m->io[i].m = m;
		m->io[i].done = (struct sim_event){.happens = swap_done, .ctx = &m->io[i]};
	}
}
