/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * mm_world.h: a memory manager on a fake body, for unit tests: make it, add VMs, touch pages, look.
 *
 * Every step ends with fake_body_check(), so a test fails at the call that broke something. Nothing happens by itself:
 * requests end, time passes and pages leave only when the test says so.
 *
 * The usual machine has 10000 pages: reserve 192 (128 read buffers, 31 pages touched while written, 1 for copying, 32
 * for stopping), thresholds 600, 400, 200, 100, so targets sum to 10000 - 192 - 600 = 9208.
 */
#ifndef BALLAST_TESTS_MM_WORLD_H
#define BALLAST_TESTS_MM_WORLD_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "tests/support/fake_body.h"
#include "tests/support/recorded.h"

struct mm_world {
	struct fake_body body;
	struct mm *mm;
	uint32_t nr_vms;
};

struct mm_world_options {
	npages_t memory;    /* 0: 10000 */
	npages_t swap;      /* 0: 20000 */
	const char *pager;  /* NULL: fifo */
	const char *policy; /* NULL: proportional */
	uint32_t tax_ppm;
	bool balloon;
	uint32_t sample_pages; /* a period of 1 s of running time; gains 25 and 75 % */
	enum mm_estimator estimator;
	uint32_t ppm[MM_STATES]; /* ppm[0] == 0: 6, 4, 2, 1 % */
	npages_t bounce_pages;   /* a VM, for FAKE_VMS VMs */
	uint64_t rebalance_ns;
	bool spare_overwritten, write_zeros;
	uint32_t ahead_most;
	uint32_t compress_ppm; /* with it the reserve is 194 pages and targets sum to 2 less */
	bool no_swap;
	struct recorded *record; /* NULL: none */
};

struct mm_config world_config(const struct mm_world_options *options);
struct mm_world *world_make(struct mm_world_options options);
void world_free(struct mm_world *w);

/* The next vmid; the VM must fit. */
uint32_t world_add(struct mm_world *w, npages_t pages, npages_t min_pages);

/* A content that is not zero and no other page has. */
uint64_t world_stamp(uint32_t vm, uint64_t g);

/* The page's record. */
const struct page *world_page(const struct mm_world *w, uint32_t vm, uint64_t g);
enum page_state world_state(const struct mm_world *w, uint32_t vm, uint64_t g);
/* Slot of a page that has one. */
uint32_t world_slot(const struct mm_world *w, uint32_t vm, uint64_t g);
const struct fake_page *world_guest(const struct mm_world *w, uint32_t vm, uint64_t g);

/* One fault event, whatever the page is like. */
void world_event(struct mm_world *w, uint32_t vm, uint64_t g, enum mm_fault_kind kind);
/* A thread's touch: faults if it must. True: done; false: the thread sleeps. */
bool world_read(struct mm_world *w, uint32_t vm, uint64_t g);
bool world_write(struct mm_world *w, uint32_t vm, uint64_t g, uint64_t content);

/* Reads page g, however long it takes; it must hold its stamp. */
void world_must_read(struct mm_world *w, uint32_t vm, uint64_t g);

/* Writes each page's stamp, or zeros, in order; all must be served at once. [from, to) */
void world_fill(struct mm_world *w, uint32_t vm, uint64_t from, uint64_t to);
void world_fill_zero(struct mm_world *w, uint32_t vm, uint64_t from, uint64_t to);

uint32_t world_reclaim(struct mm_world *w, uint32_t max_pages);
void world_tick(struct mm_world *w);
/* The oldest request under way ends; world_finish_all: all that are under way, and what they start. */
void world_finish(struct mm_world *w);
void world_finish_all(struct mm_world *w);
/* Pages [from, to) of a VM that is over its target by as many leave, oldest first, to slots. Pager fifo. */
void world_page_out(struct mm_world *w, uint32_t vm, uint64_t from, uint64_t to);

struct mm_vm_stats world_vm(struct mm_world *w, uint32_t vm);
struct mm_host_stats world_host(struct mm_world *w);

#endif
