/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * guest_memory.h: where guest memory is, and the one way into it.
 *
 * Guest memory is [0, low_bytes) and [GUEST_HOLE_END, GUEST_HOLE_END + high_bytes); between them lie the devices. Code
 * that reads what a guest wrote copies it once, through struct guest_memory, and validates the copy; devices take the
 * table and not the VM, so that tests can hand them plain or hostile memory.
 */
#ifndef BALLAST_VMM_GUEST_MEMORY_H
#define BALLAST_VMM_GUEST_MEMORY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "ballast/guest_abi.h"
#include "ballast/types.h"

struct guest_layout {
	uint64_t low_bytes;  /* at gpa 0, at most GUEST_HOLE_START */
	uint64_t high_bytes; /* at GUEST_HOLE_END */
};

/* pages of memory, low first, the rest above the hole. pages <= 2^40. */
struct guest_layout guest_layout_make(npages_t pages);

/* True if [at, at + bytes) lies wholly in one of the two ranges; safe against overflow. */
bool guest_layout_contains(const struct guest_layout *layout, gpa_t at, uint64_t bytes);

/*
 * Access to guest memory. Both calls return 0 or -EFAULT (not guest memory; nothing was copied), and may sleep until
 * pages are served: never under the machine lock, never on a fault thread. Naturally aligned accesses of 2, 4 and 8
 * bytes are single loads and stores: ring indices are shared with running vCPUs.
 */
struct guest_memory {
	int (*read)(void *ctx, gpa_t from, void *to, size_t bytes);
	int (*write)(void *ctx, gpa_t to, const void *from, size_t bytes);
	void *ctx;
	/*
	 * Optional: a disk is about to read these pages, or, overwrites, to write each of them whole. A hint for who
	 * keeps the pages: gfns are what the guest said, unchecked. May wait for the machine lock.
	 */
	void (*disk_access)(void *ctx, const gfn_t *pages, unsigned nr, bool overwrites);
};

static inline int guest_read(const struct guest_memory *m, gpa_t from, void *to, size_t bytes)
{
	return m->read(m->ctx, from, to, bytes);
}

static inline int guest_write(const struct guest_memory *m, gpa_t to, const void *from,
			      size_t bytes)
{
	return m->write(m->ctx, to, from, bytes);
}

/* Memory mapped into this process: hva = mem + gpa. */
struct guest_ram {
	uint8_t *mem; /* borrowed */
	struct guest_layout layout;
};

int guest_ram_read(const struct guest_ram *ram, gpa_t from, void *to, size_t bytes);
int guest_ram_write(const struct guest_ram *ram, gpa_t to, const void *from, size_t bytes);

/* The table for *ram, which must outlive it. */
struct guest_memory guest_ram_access(struct guest_ram *ram);

#endif
