/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * memory.c: see memory.h. How a page is taken away (host-kvm rules 3, 5, 8):
 *
 *   move   UFFDIO_MOVE (Linux 6.8): the frame itself goes to the stage, atomically
 *   copy   protect, copy, discard, wake, in this order: a write between copy and discard would be lost
 *
 * After a fork() the kernel refuses to move for good (EBUSY), so guest memory and staging are not inherited; whatever
 * else makes it refuse, the page is copied instead, and counted.
 */
#include "vmm/memory.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <xxhash.h>
#ifdef __x86_64__
#include <xxh_x86dispatch.h> /* XXH3 with the widest vectors that this processor has */
#endif

#include "mm/mm.h"

void *memory_reserve_at(void *at, size_t bytes)
{
	void *p = mmap(at, bytes, PROT_READ | PROT_WRITE,
		       MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | (at ? MAP_FIXED : 0), -1, 0);

	if (p == MAP_FAILED)
		return NULL;
	madvise(p, bytes, MADV_NOHUGEPAGE); /* EINVAL on kernels without huge pages is as good */
	if (madvise(p, bytes, MADV_DONTFORK)) {
		munmap(p, bytes);
		return NULL;
	}
	return p;
}

void *memory_reserve(size_t bytes)
{
	return memory_reserve_at(NULL, bytes);
}

void memory_reserve_again(struct memory *mem, uint8_t *at, size_t bytes)
{
	if (memory_reserve_at(at, bytes))
		uffd_register(&mem->uffd, at, bytes, true);
}

static int choose_path(struct memory *mem, enum machine_evict evict, struct error *error)
{
	mem->move = mem->uffd.has_move && evict != MACHINE_EVICT_COPY;
	if (evict == MACHINE_EVICT_MOVE && !mem->uffd.has_move)
		return error_host(error, ENOTSUP, "UFFDIO_MOVE: Linux 6.8 or later is needed");
	return 0;
}

int memory_create(struct memory *mem, uint32_t max_vms, enum machine_evict evict,
		  uint32_t pool_frames, struct error *error)
{
	size_t read_bytes = (size_t)mm_read_stages() * PAGE_BYTES;
	int result;

	*mem = (struct memory){.uffd.fd = -1,
			       .nr_read_stages = mm_read_stages(),
			       .max_ranges = max_vms,
			       .pool.fd = -1};
	mem->stage_bytes = (size_t)mm_stages() * PAGE_BYTES;
	result = pool_frames ? uffd_open_remap(&mem->uffd, error) : uffd_open(&mem->uffd, error);
	if (!result)
		result = choose_path(mem, evict, error);
	if (!result && pool_frames)
		result = share_open(mem, pool_frames, error);
	if (result)
		goto fail;
	mem->range = calloc(max_vms, sizeof *mem->range);
	mem->zero = memory_reserve(PAGE_BYTES);
	mem->stage = memory_reserve(mem->stage_bytes);
	if (!mem->range || !mem->zero || !mem->stage) {
		result = error_host(error, ENOMEM, "staging area of %zu bytes", mem->stage_bytes);
		goto fail;
	}
	memset(mem->stage, 0, read_bytes); /* present from now on: see memory.h */
	(void)*(const volatile uint8_t *)mem->zero;
	result = uffd_register(&mem->uffd, mem->stage + read_bytes, mem->stage_bytes - read_bytes,
			       false);
	if (result) {
		error_host(error, -result, "userfaultfd: registering the staging area");
		goto fail;
	}
	return 0;
fail:
	memory_destroy(mem);
	return result;
}

void memory_destroy(struct memory *mem)
{
	share_close(mem);
	compress_close(mem);
	for (uint32_t i = 0; i < mem->nr_ranges; i++)
		if (mem->range[i].bytes)
			munmap(mem->range[i].start, mem->range[i].bytes);
	if (mem->stage)
		munmap(mem->stage, mem->stage_bytes);
	if (mem->zero)
		munmap((void *)(uintptr_t)mem->zero, PAGE_BYTES);
	free(mem->range);
	uffd_close(&mem->uffd);
	*mem = (struct memory){.uffd.fd = -1, .pool.fd = -1};
}

int memory_add_vm(struct memory *mem, uint32_t vm, npages_t pages, struct error *error)
{
	const uint64_t hole_start = GUEST_HOLE_START, hole_end = GUEST_HOLE_END;
	size_t low = pages_to_bytes(pages), high = 0;
	struct memory_range *r = &mem->range[vm];
	int result;

	if (vm != mem->nr_ranges || vm >= mem->max_ranges)
		return error_host(error, EINVAL, "VM %u out of order", vm);
	if (low > hole_start) {
		high = low - hole_start;
		low = hole_start;
	}
	*r = (struct memory_range){.bytes = high ? hole_end + high : low, .pages = pages};
	r->start = memory_reserve(r->bytes + PAGE_BYTES);
	if (!r->start)
		return error_host(error, ENOMEM, "reserving %zu MiB of addresses for guest memory",
				  r->bytes >> 20);
	/* a gap between VMs, or the kernel makes one mapping of neighbours and counts them together (kernel_view.c) */
	munmap(r->start + r->bytes, PAGE_BYTES);
	result = uffd_register(&mem->uffd, r->start, low, true);
	if (!result && high)
		result = uffd_register(&mem->uffd, r->start + hole_end, high, true);
	if (!result && mem->pool.frames)
		result = share_add_range(mem, vm);
	if (result) {
		munmap(r->start, r->bytes);
		return error_host(error, -result, "userfaultfd: registering guest memory");
	}
	mem->nr_ranges++;
	return 0;
}

void memory_add_none(struct memory *mem)
{
	mem->range[mem->nr_ranges] = (struct memory_range){.start = NULL};
	mem->nr_ranges++;
}

/* An event of its that is still to be read then is nobody's: its addresses are in no range, or in one of another VM, whose
 * page is looked at in vain. */
void memory_remove_vm(struct memory *mem, uint32_t vm)
{
	struct memory_range *r = &mem->range[vm];
	size_t bytes = r->bytes;

	__atomic_store_n(&r->bytes, 0, __ATOMIC_RELAXED); /* memory_find() */
	r->pages = 0;
	share_remove_range(r, bytes);
	compress_remove_range(r);
	munmap(r->start, bytes);
}

bool memory_find(const struct memory *mem, uint64_t address, uint32_t *vm, gfn_t *g)
{
	for (uint32_t i = 0; i < mem->nr_ranges; i++) {
		uint64_t offset = address - (uintptr_t)mem->range[i].start;

		if (offset < __atomic_load_n(&mem->range[i].bytes, __ATOMIC_RELAXED)) {
			*vm = i;
			*g = gfn(offset >> PAGE_SHIFT_BITS);
			return true;
		}
	}
	return false;
}

int memory_map(struct memory *mem, uint32_t vm, gfn_t g, const void *page, bool protect)
{
	return uffd_copy(&mem->uffd, memory_page(mem, vm, g), page ? page : mem->zero, protect);
}

/* On an error the page stays protected, since it may be clean; if it is not, that costs it a needless event. */
static int withdraw_by_copy(struct memory *mem, uint32_t vm, gfn_t g, uint8_t *to)
{
	uint8_t *page = memory_page(mem, vm, g);
	int result = uffd_protect(&mem->uffd, page, true);

	if (!result)
		result = uffd_copy(&mem->uffd, to, page, false);
	if (result)
		return result;
	if (memory_in_pool(mem, vm, g))
		result = memory_unshare(mem, vm, g, 1);
	else if (madvise(page, PAGE_BYTES, MADV_DONTNEED))
		result = -errno;
	if (result)
		madvise(to, PAGE_BYTES, MADV_DONTNEED);
	return result;
}

int memory_withdraw(struct memory *mem, uint32_t vm, gfn_t g, stage_t s)
{
	uint8_t *page = memory_page(mem, vm, g), *to = memory_stage(mem, s);
	int result = -EBUSY;

	bool move =
		mem->move && !memory_in_pool(mem, vm, g); /* only anonymous mappings can (E2c) */

	if (move)
		result = uffd_move(&mem->uffd, to, page);
	if (result == -EBUSY) {
		mem->moves_refused += move;
		result = withdraw_by_copy(mem, vm, g, to);
	}
	if (!result)
		uffd_wake(&mem->uffd, page, PAGE_BYTES);
	return result;
}

int memory_discard(struct memory *mem, uint32_t vm, gfn_t g, uint32_t nr)
{
	uint8_t *page = memory_page(mem, vm, g);
	int result = mem->range[vm].frame ? memory_unshare(mem, vm, g, nr) : 0;

	if (!result && madvise(page, (size_t)nr * PAGE_BYTES, MADV_DONTNEED))
		result = -errno;
	uffd_wake(&mem->uffd, page, (size_t)nr * PAGE_BYTES);
	return result;
}

void memory_discard_all(struct memory *mem, uint32_t vm)
{
	struct memory_range *r = &mem->range[vm];

	memory_unshare_all(mem, vm);
	madvise(r->start, r->bytes, MADV_DONTNEED);
	uffd_wake(&mem->uffd, r->start, r->bytes);
}

bool memory_is_zero(const uint8_t *page)
{
	const uint64_t *word = (const uint64_t *)(const void *)page;

	/* the first words decide for nearly all pages; for the rest, memcmp against itself, shifted */
	return !(word[0] | word[1]) && memcmp(word, word + 2, PAGE_BYTES - 2 * sizeof *word) == 0;
}

bool memory_stage_is_zero(const struct memory *mem, stage_t s)
{
	return memory_is_zero(memory_stage(mem, s));
}

uint64_t memory_stage_hash(const struct memory *mem, stage_t s)
{
	return XXH3_64bits(memory_stage(mem, s), PAGE_BYTES);
}

void memory_stage_drop(struct memory *mem, stage_t s, uint32_t nr)
{
	if (s.v >= mem->nr_read_stages)
		madvise(memory_stage(mem, s), (size_t)nr * PAGE_BYTES, MADV_DONTNEED);
}
