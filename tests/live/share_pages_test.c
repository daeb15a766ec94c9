/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * share_pages_test.c: what sharing does to mappings: runs, refusals, mappings that come back.
 *
 * Nobody runs in these pages and only the drainer reads events, so no protected page is written. Mappings are counted
 * as the kernel sees them, between the first and the last page of a VM. Needs userfaultfd, not KVM.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/mman.h>
#include <unistd.h>

#include "mm/mm.h"
#include "tests/support/live.h"
#include "vmm/memory.h"
#include "vmm/reader.h"

#define PAGES  64u
#define FRAMES 256u

struct world {
	struct memory mem;
	struct reader *reader;
};

static void nothing(int signal)
{
	(void)signal;
}

/* Two VMs; page g of both holds the byte g + 1. */
static void make(struct world *w)
{
	struct sigaction action = {.sa_handler = nothing};
	uint8_t page[PAGE_BYTES];

	sigaction(SIGUSR2, &action, NULL);
	live_ok(memory_create(&w->mem, 2, MACHINE_EVICT_AUTO, FRAMES, live_error()));
	assert_int_equal(reader_create(&w->mem.uffd, true, SIGUSR2, &w->reader), 0);
	for (uint32_t vm = 0; vm < 2; vm++) {
		live_ok(memory_add_vm(&w->mem, vm, PAGES, live_error()));
		for (uint32_t g = 0; g < PAGES; g++) {
			memset(page, (int)(g + 1), sizeof page);
			assert_int_equal(memory_map(&w->mem, vm, gfn(g), page, false), 0);
		}
	}
}

static void finish(struct world *w)
{
	reader_destroy(w->reader);
	memory_destroy(&w->mem);
}

static bool holds(struct world *w, uint32_t vm, uint64_t g, uint8_t byte)
{
	const uint8_t *page = memory_page(&w->mem, vm, gfn(g));

	return page[0] == byte && memcmp(page, page + 1, PAGE_BYTES - 1) == 0;
}

static void all_hold_theirs(struct world *w, uint32_t vm)
{
	for (uint64_t g = 0; g < PAGES; g++)
		assert_true(holds(w, vm, g, (uint8_t)(g + 1)));
}

/* Mappings that begin between the VM's first and last page. */
static unsigned mappings_within(struct world *w, uint32_t vm)
{
	uintptr_t first = (uintptr_t)w->mem.range[vm].start;
	FILE *f = fopen("/proc/self/maps", "re");
	unsigned long start;
	unsigned n = 0;
	char line[400];

	assert_non_null(f);
	while (fgets(line, sizeof line, f))
		if (sscanf(line, "%lx-", &start) == 1 && start > first &&
		    start - first < PAGES * PAGE_BYTES)
			n++;
	fclose(f);
	return n;
}

static int share(struct world *w, uint32_t vm, uint64_t g, uint32_t nr, uint32_t frame, bool fill)
{
	return memory_share(&w->mem, vm, gfn(g), nr, frame, fill);
}

/* A run is one mapping; one that differs ends it; what is left of it joins. */
static void runs(void **state)
{
	struct world w;

	(void)state;
	make(&w);
	assert_int_equal(share(&w, 0, 8, 16, 100, true), 16);
	assert_int_equal(mappings_within(&w, 0), 2);
	assert_int_equal(w.mem.remap.boundaries, 2);
	assert_int_equal(memory_pool_bytes(&w.mem), 16 * PAGE_BYTES);
	memory_page(&w.mem, 1, gfn(13))[77]++;
	assert_int_equal(share(&w, 1, 8, 16, 100, false), 5);
	assert_int_equal(w.mem.remap.boundaries, 4);
	assert_int_equal(share(&w, 1, 13, 11, 105, false), -EAGAIN);
	for (uint64_t g = 13; g < 24; g++) /* as the manager does */
		assert_int_equal(uffd_protect(&w.mem.uffd, memory_page(&w.mem, 1, gfn(g)), false),
				 0);
	memory_page(&w.mem, 1, gfn(13))[77]--;
	assert_int_equal(mappings_within(&w, 1), 2);
	assert_int_equal(share(&w, 1, 14, 10, 106, false), 10);
	assert_int_equal(mappings_within(&w, 1), 4);
	assert_int_equal(share(&w, 1, 13, 1, 105, false), 1);
	assert_int_equal(mappings_within(&w, 1), 2);
	assert_int_equal(w.mem.remap.boundaries, 4);
	all_hold_theirs(&w, 0);
	all_hold_theirs(&w, 1);
	assert_int_equal(share(&w, 0, 30, 1, FRAMES, true), -EINVAL);
	assert_int_equal(share(&w, 0, 30, 2, FRAMES - 1, true), -EINVAL);
	finish(&w);
}

/* Every other page shared costs two mappings each, but the first page one: with room for 10, 5 pages are. */
static void mappings_spent(void **state)
{
	struct world w;
	uint64_t g, refused;

	(void)state;
	make(&w);
	w.mem.remap.most_mappings = (uint64_t)w.mem.remap.other_mappings + 4 + 10;
	for (g = 0; g < PAGES; g += 2)
		if (share(&w, 0, g, 1, (uint32_t)g, true) != 1)
			break;
	assert_int_equal(g, 10);
	assert_int_equal(w.mem.remap.boundaries, 9);
	assert_int_equal(share(&w, 0, g, 1, (uint32_t)g, true), -ENOSPC);
	refused = w.mem.pool.refused;
	assert_int_equal(refused, 2);
	assert_int_equal(memory_pool_bytes(&w.mem), 5 * PAGE_BYTES);
	/* where it costs nothing it goes on: page 1 joins 0 and 2 */
	assert_int_equal(share(&w, 0, 1, 1, 1, true), 1);
	assert_int_equal(w.mem.remap.boundaries, 7);
	assert_int_equal(share(&w, 0, g, 1, (uint32_t)g, true), 1);
	all_hold_theirs(&w, 0);
	/* the kernel counted more than was thought */
	memory_mappings_counted(&w.mem, w.mem.remap.most_mappings + 1);
	assert_int_equal(share(&w, 0, 20, 1, 20, true), -ENOSPC);
	assert_true(holds(&w, 0, 20, 21));
	finish(&w);
}

/* Equal pages have equal hashes, which no guest can foresee. */
static void hashes(void **state)
{
	uint64_t once;
	struct world w;

	(void)state;
	make(&w);
	once = memory_hash(&w.mem, 0, gfn(3));
	assert_true(memory_hash(&w.mem, 1, gfn(3)) == once);
	assert_true(memory_hash(&w.mem, 1, gfn(4)) != once);
	finish(&w);
	make(&w);
	assert_true(memory_hash(&w.mem, 0, gfn(3)) != once);
	finish(&w);
}

/* A copied page of zeros leaves a hole in its mapping only if there is room for the mapping more. */
static void holes_are_paid_for(void **state)
{
	struct world w;

	(void)state;
	make(&w);
	assert_int_equal(share(&w, 0, 8, 3, 8, true), 3);
	assert_int_equal(memory_break_shared(&w.mem, 0, gfn(9)), 0);
	memset(memory_page(&w.mem, 0, gfn(9)), 0, PAGE_BYTES);
	w.mem.remap.most_mappings =
		(uint64_t)(w.mem.remap.other_mappings + w.mem.remap.boundaries) + 4;
	assert_int_equal(memory_share_zero(&w.mem, 0, gfn(9)), -ENOSPC);
	assert_int_equal(w.mem.pool.refused, 1);
	assert_true(holds(&w, 0, 9, 0));
	w.mem.remap.most_mappings += 2;
	assert_int_equal(memory_share_zero(&w.mem, 0, gfn(9)), 0);
	assert_false(memory_in_pool(&w.mem, 0, gfn(9)));
	memset(memory_page(&w.mem, 0, gfn(20)), 0, PAGE_BYTES);
	w.mem.remap.most_mappings = 0; /* an anonymous one costs nothing */
	assert_int_equal(memory_share_zero(&w.mem, 0, gfn(20)), 0);
	finish(&w);
}

/* The pool's frames can have no memory: the frames of the run are given back, the pages stay. */
static void no_frames(void **state)
{
	struct world w;

	(void)state;
	make(&w);
	assert_int_equal(ftruncate(w.mem.pool.fd, 0), 0);
	assert_int_equal(fcntl(w.mem.pool.fd, F_ADD_SEALS, F_SEAL_GROW), 0);
	assert_int_equal(share(&w, 0, 8, 4, 8, true), -EPERM);
	assert_int_equal(memory_pool_bytes(&w.mem), 0);
	assert_int_equal(w.mem.remap.boundaries, 0);
	all_hold_theirs(&w, 0);
	finish(&w);
}

static void write_one(struct world *w, uint64_t g, uint8_t byte)
{
	assert_int_equal(memory_break_shared(&w->mem, 0, gfn(g)), 0);
	memset(memory_page(&w->mem, 0, gfn(g)), byte, PAGE_BYTES);
}

/* A copied page alone in its mapping becomes anonymous; one among shared pages does not, until all of them are. */
static void mappings_come_back(void **state)
{
	struct world w;

	(void)state;
	make(&w);
	assert_false(memory_tidy(&w.mem));
	assert_int_equal(share(&w, 0, 8, 3, 8, true), 3);
	assert_int_equal(share(&w, 0, 20, 1, 20, true), 1);
	assert_int_equal(mappings_within(&w, 0), 4);
	write_one(&w, 20, 200);
	assert_true(memory_in_pool(&w.mem, 0, gfn(20)));
	assert_true(memory_tidy(&w.mem));
	assert_false(memory_in_pool(&w.mem, 0, gfn(20)));
	assert_true(holds(&w, 0, 20, 200));
	assert_int_equal(w.mem.remap.boundaries, 2);
	assert_int_equal(mappings_within(&w, 0), 2);
	write_one(&w, 9, 201);
	assert_true(memory_tidy(&w.mem));
	assert_true(memory_in_pool(&w.mem, 0, gfn(9)));
	write_one(&w, 8, 202);
	write_one(&w, 10, 203);
	assert_true(memory_tidy(&w.mem));
	assert_true(memory_tidy(&w.mem));
	assert_false(memory_tidy(&w.mem));
	for (uint64_t g = 8; g < 11; g++) {
		static const uint8_t now[] = {202, 201, 203};

		assert_false(memory_in_pool(&w.mem, 0, gfn(g)));
		assert_true(holds(&w, 0, g, now[g - 8]));
		memory_frame_free(&w.mem, (uint32_t)g); /* nobody maps it: nothing comes back */
		assert_true(holds(&w, 0, g, now[g - 8]));
	}
	assert_int_equal(mappings_within(&w, 0), 0);
	assert_int_equal(w.mem.remap.boundaries, 0);
	assert_int_equal(w.mem.pool.made_whole, 2);
	finish(&w);
}

/* A copied page that leaves memory takes its own content along, and what it was shared with stays behind. */
static void copied_pages_leave(void **state)
{
	stage_t s = stage(mm_read_stages());
	struct world w;

	(void)state;
	make(&w);
	assert_int_equal(share(&w, 0, 8, 3, 8, true), 3);
	write_one(&w, 9, 99);
	assert_int_equal(memory_withdraw(&w.mem, 0, gfn(9), s), 0);
	assert_false(memory_in_pool(&w.mem, 0, gfn(9)));
	assert_int_equal(memory_stage(&w.mem, s)[5], 99);
	assert_true(memory_tidy(&w.mem)); /* it is gone */
	assert_int_equal(memory_map(&w.mem, 0, gfn(9), memory_stage(&w.mem, s), false), 0);
	assert_true(holds(&w, 0, 8, 9) && holds(&w, 0, 9, 99) && holds(&w, 0, 10, 11));
	assert_int_equal(memory_discard(&w.mem, 0, gfn(7), 5), 0);
	assert_int_equal(w.mem.remap.boundaries, 0);
	assert_in_range(mappings_within(&w, 0), 0, 2); /* page 9 was filled while it stood alone */
	for (uint64_t g = 7; g < 12; g++)
		assert_int_equal(memory_map(&w.mem, 0, gfn(g), NULL, false), 0);
	assert_true(holds(&w, 0, 8, 0) && holds(&w, 0, 9, 0) && holds(&w, 0, 12, 13));
	memory_discard_all(&w.mem, 0);
	finish(&w);
}

/* Every other page of a stretch of addresses gets a mapping of its own, until the process may have no more. */
static uint8_t *use_up_mappings(size_t *bytes)
{
	uint8_t *all;
	size_t most = 0;
	FILE *f = fopen("/proc/sys/vm/max_map_count", "re");

	assert_non_null(f);
	assert_int_equal(fscanf(f, "%zu", &most), 1);
	fclose(f);
	if (most > 200000)
		skip();
	*bytes = 2 * most * PAGE_BYTES;
	all = mmap(NULL, *bytes, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	assert_true(all != MAP_FAILED);
	for (size_t at = PAGE_BYTES; at < *bytes; at += 2 * PAGE_BYTES)
		if (mprotect(all + at, PAGE_BYTES, PROT_READ))
			return all;
	fail_msg("no limit");
	return all;
}

/* The kernel gives no mapping more: what would need one fails and changes nothing, what needs none works, and a VM's
 * memory can go. */
static void at_the_kernels_limit(void **state)
{
	stage_t s = stage(mm_read_stages());
	uint8_t *mappings;
	struct world w;
	size_t bytes;

	(void)state;
	make(&w);
	assert_int_equal(share(&w, 0, 8, 16, 8, true), 16);
	assert_int_equal(share(&w, 1, 8, 16, 8, false), 16);
	write_one(&w, 10, 77);
	write_one(&w, 20, 78);
	mappings = use_up_mappings(&bytes);
	assert_true(memory_withdraw(&w.mem, 0, gfn(10), s) < 0);
	assert_true(memory_discard(&w.mem, 0, gfn(12), 1) < 0);
	assert_true(memory_discard(&w.mem, 0, gfn(6), 30) < 0);
	assert_true(share(&w, 0, 30, 1, 30, true) < 0);
	write_one(&w, 14, 79); /* needs none */
	assert_true(memory_tidy(&w.mem));
	for (uint64_t g = 0; g < PAGES; g++) {
		uint8_t byte = g == 10 ? 77 : g == 20 ? 78 : g == 14 ? 79 : (uint8_t)(g + 1);

		if (g < 6 || g >= 36) /* that discard may have left zeros instead */
			assert_true(holds(&w, 0, g, byte));
	}
	memory_discard_all(&w.mem, 1);
	for (uint64_t g = 0; g < PAGES; g++) {
		assert_false(memory_in_pool(&w.mem, 1, gfn(g)));
		assert_int_equal(memory_map(&w.mem, 1, gfn(g), NULL, false), 0);
		assert_true(holds(&w, 1, g, 0));
	}
	munmap(mappings, bytes);
	assert_true(holds(&w, 0, 10, 77) && holds(&w, 0, 12, 13) && holds(&w, 0, 14, 79));
	assert_int_equal(memory_withdraw(&w.mem, 0, gfn(10), s), 0);
	assert_int_equal(memory_stage(&w.mem, s)[0], 77);
	finish(&w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(runs),
		cmocka_unit_test(mappings_spent),
		cmocka_unit_test(hashes),
		cmocka_unit_test(holes_are_paid_for),
		cmocka_unit_test(no_frames),
		cmocka_unit_test(mappings_come_back),
		cmocka_unit_test(copied_pages_leave),
		cmocka_unit_test(at_the_kernels_limit),
	};

	live_need_userfaultfd();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
