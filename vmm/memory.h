/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * memory.h: guest memory and the staging area on userfaultfd: the mapping half of the live body.
 *
 * Guest memory is anonymous, 4 KiB pages, reserved per VM with gpa 0 at its start and the hole below 4 GiB left out.
 * Staging is one range: the first mm_read_stages() pages are ordinary memory that always holds its frames (swap reads
 * go there), the rest is registered and empty unless a page was moved there.
 *
 * All memory_* functions but create and destroy are called with the machine lock held.
 */
#ifndef BALLAST_VMM_MEMORY_H
#define BALLAST_VMM_MEMORY_H

#include "ballast/types.h"
#include "lib/error.h"
#include "vmm/compress.h"
#include "vmm/machine.h"
#include "vmm/share.h"
#include "vmm/uffd.h"

struct memory_range {
	uint8_t *start;  /* hva of gpa 0 */
	size_t bytes;    /* the hole included */
	npages_t pages;  /* without it */
	uint32_t *frame; /* by gfn: what of the pool it maps: remap.h; NULL: no sharing */
	uint8_t *cache;  /* its compressed pages; NULL: none */
	size_t cache_bytes;
};

struct memory {
	struct uffd uffd;
	bool move;              /* take pages away by UFFDIO_MOVE; else by copying */
	uint64_t moves_refused; /* UFFDIO_MOVE said EBUSY; the page was copied instead */
	uint8_t *stage;         /* of mm_stages() pages */
	size_t stage_bytes;
	uint32_t nr_read_stages;
	const uint8_t *zero;        /* a page of zeros */
	struct memory_range *range; /* by vmid */
	_Atomic uint32_t
		nr_ranges; /* fault threads look ranges up without the lock; a range is set before it counts */
	uint32_t max_ranges;
	struct share_pool pool;
	struct remap remap;
	struct compressor compressor;
};

/* pool_frames: most shared frames; 0: no sharing. */
int memory_create(struct memory *mem, uint32_t max_vms, enum machine_evict evict,
		  uint32_t pool_frames, struct error *error);
void memory_destroy(struct memory *mem);

/* Reserves and registers the memory of VM vm: the next vmid. */
int memory_add_vm(struct memory *mem, uint32_t vm, npages_t pages, struct error *error);
/* The next vmid has no memory. */
void memory_add_none(struct memory *mem);
/* After memory_discard_all(), when nothing of the VM is left: its addresses go, too. */
void memory_remove_vm(struct memory *mem, uint32_t vm);

/* Which VM's page is at this address? False: none's. */
bool memory_find(const struct memory *mem, uint64_t address, uint32_t *vm, gfn_t *g);

static inline uint8_t *memory_page(const struct memory *mem, uint32_t vm, gfn_t g)
{
	return mem->range[vm].start + (g.v << PAGE_SHIFT_BITS);
}
static inline uint8_t *memory_stage(const struct memory *mem, stage_t s)
{
	return mem->stage + ((size_t)s.v << PAGE_SHIFT_BITS);
}

/* As struct mm_body_ops says. */
int memory_map(struct memory *mem, uint32_t vm, gfn_t g, const void *page,
	       bool protect); /* NULL: zeros */
int memory_withdraw(struct memory *mem, uint32_t vm, gfn_t g, stage_t s);
int memory_discard(struct memory *mem, uint32_t vm, gfn_t g, uint32_t nr);
void memory_discard_all(struct memory *mem, uint32_t vm);
bool memory_is_zero(const uint8_t *page);
bool memory_stage_is_zero(const struct memory *mem, stage_t s);
uint64_t memory_stage_hash(const struct memory *mem, stage_t s);
void memory_stage_drop(struct memory *mem, stage_t s, uint32_t nr);

/* Ordinary private memory with the flags that guest memory has, without frames; NULL: no room. */
void *memory_reserve(size_t bytes);
void *memory_reserve_at(void *at, size_t bytes); /* in place of what is there; NULL: anywhere */
/* Makes [at, at + bytes) such memory again, registered; nothing may run in it. */
void memory_reserve_again(struct memory *mem, uint8_t *at, size_t bytes);

#endif
