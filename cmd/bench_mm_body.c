/* SPDX-License-Identifier: GPL-2.0-or-later */
/* bench_mm_body.c: see bench_mm_body.h. */
#include "cmd/bench_mm_body.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define RECLAIM_PAGES 32u /* as the live machine's pager */

enum { ABSENT, PRESENT, PROTECTED };

static void *body_zalloc(void *body, uint32_t vm, size_t bytes)
{
	(void)body;
	(void)vm;
	return calloc(1, bytes);
}

static void body_free(void *body, uint32_t vm, void *p, size_t bytes)
{
	(void)body;
	(void)vm;
	(void)bytes;
	free(p);
}

static uint8_t *page(void *body, uint32_t vm, gfn_t g)
{
	struct null_body *n = body;

	return &n->present[vm * n->vm_pages + g.v];
}

static int body_map_zero(void *body, uint32_t vm, gfn_t g)
{
	*page(body, vm, g) = PRESENT;
	return 0;
}

static int body_map_stage(void *body, uint32_t vm, gfn_t g, stage_t s, bool protect)
{
	(void)s;
	*page(body, vm, g) = protect ? PROTECTED : PRESENT;
	return 0;
}

static int body_withdraw(void *body, uint32_t vm, gfn_t g, stage_t s)
{
	(void)s;
	*page(body, vm, g) = ABSENT;
	return 0;
}

static int body_discard(void *body, uint32_t vm, gfn_t g, uint32_t nr)
{
	memset(page(body, vm, g), ABSENT, nr);
	return 0;
}

static void body_discard_all(void *body, uint32_t vm)
{
	struct null_body *n = body;

	memset(page(body, vm, gfn(0)), ABSENT, n->vm_pages);
}

static int body_unprotect(void *body, uint32_t vm, gfn_t g)
{
	*page(body, vm, g) = PRESENT;
	return 0;
}

static void body_wake(void *body, uint32_t vm, gfn_t g)
{
	(void)body;
	(void)vm;
	(void)g;
}

static bool body_stage_is_zero(void *body, stage_t s)
{
	(void)body;
	(void)s;
	return false;
}

static void body_stage_drop(void *body, stage_t s, uint32_t nr)
{
	(void)body;
	(void)s;
	(void)nr;
}

static void body_swap_start(void *body, struct mm_io *io)
{
	struct null_body *n = body;

	n->io[n->nr_io++] = io;
}

static void body_balloon_target(void *body, uint32_t vm, npages_t pages)
{
	(void)body;
	(void)vm;
	(void)pages;
}

static void body_reclaim_wanted(void *body)
{
	struct null_body *n = body;

	n->reclaim_wanted = true;
}

const struct mm_body_ops null_body_ops = {
	.zalloc = body_zalloc,
	.free = body_free,
	.map_zero = body_map_zero,
	.map_stage = body_map_stage,
	.withdraw = body_withdraw,
	.discard = body_discard,
	.discard_all = body_discard_all,
	.unprotect = body_unprotect,
	.wake = body_wake,
	.stage_is_zero = body_stage_is_zero,
	.stage_drop = body_stage_drop,
	.swap_start = body_swap_start,
	.balloon_target = body_balloon_target,
	.reclaim_wanted = body_reclaim_wanted,
};

int null_body_make(struct null_body *n, const struct mm_config *config, npages_t vm_pages)
{
	struct mm_vm_config vm = {.pages = vm_pages};
	int err;

	*n = (struct null_body){.vm_pages = vm_pages};
	n->present = calloc(config->max_vms, vm_pages);
	err = n->present ? mm_create(config, &null_body_ops, n, &n->mm) : -ENOMEM;
	for (uint32_t i = 0; i < config->max_vms && !err; i++) {
		vm.shares = 500 + i % 1501; /* low to high */
		err = mm_vm_add(n->mm, i, &vm, 0);
		if (!err && config->balloon)
			mm_balloon_driver(n->mm, i, true, 0);
	}
	if (err)
		null_body_free(n);
	else
		mm_start(n->mm, 0);
	return err;
}

void null_body_free(struct null_body *n)
{
	if (n->mm)
		mm_destroy(n->mm);
	free(n->present);
	*n = (struct null_body){.mm = NULL};
}

static void end_requests(struct null_body *n)
{
	while (n->nr_io)
		mm_io_done(n->mm, n->io[--n->nr_io], 0, n->now_ns);
}

static double clock_us(const struct null_body *n)
{
	return n->clock_us ? n->clock_us() : 0;
}

static void settle(struct null_body *n)
{
	end_requests(n);
	while (n->reclaim_wanted) {
		double began = clock_us(n);
		uint32_t got;

		n->reclaim_wanted = false;
		got = mm_reclaim(n->mm, RECLAIM_PAGES, n->now_ns);
		n->reclaim_us += clock_us(n) - began;
		n->reclaimed += got;
		end_requests(n);
		if (!got)
			break;
	}
}

bool null_body_touch(struct null_body *n, uint32_t vm, uint64_t g, bool write)
{
	const uint8_t *p = page(n, vm, gfn(g));

	if (*p == ABSENT) {
		mm_fault(n->mm, vm, gfn(g), MM_FAULT_MISSING, n->now_ns);
		settle(n);
	}
	if (*p == PROTECTED && write)
		mm_fault(n->mm, vm, gfn(g), MM_FAULT_WRITE_PROTECTED, n->now_ns);
	return *p == PRESENT || (*p == PROTECTED && !write);
}
