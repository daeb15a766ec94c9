/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * arena.c: the manager's records in jemalloc arenas, one a VM, so that a VM's records lie together, are given back
 * together, and can be measured apart (mallctl stats.arenas.<i>). Builds without jemalloc (sanitizers) use calloc.
 */
#include <stdio.h>
#include <stdlib.h>

#include "vmm/machine_internal.h"

#ifdef BALLAST_JEMALLOC
#include <jemalloc/jemalloc.h>

static int flags_of(const struct machine *m, uint32_t vm)
{
	unsigned arena = vm == MM_VM_NONE ? 0 : m->vm[vm].arena;

	/* no thread cache: another thread of the VMM would keep what belongs to the VM */
	return MALLOCX_ALIGN(16) | MALLOCX_TCACHE_NONE | (arena ? MALLOCX_ARENA(arena) : 0);
}

void arena_make(struct machine *m, uint32_t vm)
{
	size_t size = sizeof m->vm[vm].arena;

	if (mallctl("arenas.create", &m->vm[vm].arena, &size, NULL, 0))
		m->vm[vm].arena = 0; /* the common ones will do */
}

void arena_unmake(struct machine *m, uint32_t vm)
{
	char name[40];

	if (!m->vm[vm].arena)
		return;
	snprintf(name, sizeof name, "arena.%u.destroy", m->vm[vm].arena);
	mallctl(name, NULL, NULL, NULL, 0);
	m->vm[vm].arena = 0;
}

void *arena_zalloc(struct machine *m, uint32_t vm, size_t bytes)
{
	return mallocx(bytes ? bytes : 1, flags_of(m, vm) | MALLOCX_ZERO);
}

void arena_free(struct machine *m, uint32_t vm, void *p, size_t bytes)
{
	(void)bytes;
	dallocx(p, flags_of(m, vm));
}

#else

void arena_make(struct machine *m, uint32_t vm)
{
	m->vm[vm].arena = 0;
}

void arena_unmake(struct machine *m, uint32_t vm)
{
	m->vm[vm].arena = 0;
}

void *arena_zalloc(struct machine *m, uint32_t vm, size_t bytes)
{
	(void)m;
	(void)vm;
	return calloc(1, bytes ? bytes : 1);
}

void arena_free(struct machine *m, uint32_t vm, void *p, size_t bytes)
{
	(void)m;
	(void)vm;
	(void)bytes;
	free(p);
}

#endif
