/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * balloon.h: a guest's balloon driver, apart from the guest and from the way to the host.
 *
 * The host sets a target, absolute, in pages. The driver takes pages from the guest's allocator and tells the host, or
 * tells the host and frees them, until it holds that many, but never more than a cap. How fast follows the guest: taking
 * free pages is limited only so that the guest is not kept busy; once taking a page means making room for it, the rate
 * grows by a step a cycle while that goes well and is halved when it does not. A guest that runs out of memory
 * gets pages back (balloon_oom) and is left alone for a while.
 *
 * The body (a lab guest, a kernel module, a simulated guest, a test) gives a table of functions and calls balloon_run()
 * whenever it said it wants to run, and after a new target. Pages are pages of 4 KiB. Nothing here touches their content.
 * Freestanding; not reentrant; time comes from the body.
 *
 * Figures of the usual rates: VMware's driver for Linux (drivers/misc/vmw_balloon.c, 1.2.1), per cycle, with cycles of
 * 100 ms instead of 1 s, and 2^20 instead of 16384 pages where nobody is kept waiting: the guest's own work goes on after
 * each slice, and a cycle of that many is more than hosts manage. Its later versions have no limit.
 */
#ifndef BALLAST_BALLOON_DRIVER_BALLOON_H
#define BALLAST_BALLOON_DRIVER_BALLOON_H

#include "ballast/guest_abi.h"
#include "ballast/types.h"

/* Pages told to the host at once, at most. What is most of the cost when pages are free is the telling; when room must be
 * made for each page, a batch is as long as the guest is kept from its own work. */
#define BALLOON_BATCH      1024u
#define BALLOON_HARD_BATCH 256u

struct balloon_config {
	npages_t memory_pages; /* of the guest */
	uint32_t cap_ppm;      /* of memory_pages: the balloon gets no larger */
	uint64_t cycle_ns;
	uint64_t slice_ns;         /* balloon_run() returns after this long, or one batch */
	uint32_t easy_pages;       /* taken in a cycle while there are free ones */
	uint32_t get_min, get_max; /* .. when room must be made for them: between these, */
	uint32_t get_step;         /* more by this each time it went well */
	uint32_t slow_cycles; /* so many cycles are slow after one in which free pages ran out */
	uint32_t put_min, put_max; /* given back in a cycle */
	uint32_t put_step;
	uint32_t oom_pages; /* given back when the guest runs out of memory */
	uint32_t hold_min,
		hold_max; /* cycles without inflating after that; doubled each time up to the latter */
};

/* The usual figures, for a guest of that size. */
struct balloon_config balloon_config_usual(npages_t memory_pages);

/* The body. ctx as given to balloon_init(). All required; called from within the functions below only. */
struct balloon_ops {
	/*
	 * A page of the guest for the balloon, pinned. easy: only if there is a free one; else room may be made. The body keeps
	 * link with the page. False: there is none; *out may be anything.
	 */
	bool (*page_get)(void *ctx, bool easy, uint32_t link, gfn_t *out);
	uint32_t (*page_link)(void *ctx, gfn_t page);
	void (*page_put)(void *ctx, gfn_t page); /* the page is free again */
	/*
	 * pfn[0, nr) were given up, or are wanted back; returns when the host knows. 0 or -errno: it does not; pages are
	 * as before then.
	 */
	int (*tell)(void *ctx, bool inflate, const uint32_t *pfn, uint32_t nr);
	uint64_t (*now_ns)(void *ctx);
};

struct balloon_stats {
	uint64_t cycles; /* in which something was to be done */
	uint64_t inflated_pages, deflated_pages;
	uint64_t inflate_batches, deflate_batches;
	uint64_t easy_failed, hard_failed; /* no free page; no room could be made */
	uint64_t oom_calls, oom_pages;
	uint64_t resets, reset_pages; /* given up by the driver without telling */
	uint64_t errors;              /* batches the host did not get */
	/*
	 * Why work stopped: goal reached (REACHED, CAPPED), or what kept it from going on in this cycle (SLOW, NO_MEMORY,
	 * FAILED); each at most once a cycle and target.
	 */
	uint64_t ends[GUEST_BALLOON_STATES];
};

struct balloon {
	struct balloon_config config;
	const struct balloon_ops *ops;
	void *ctx;
	enum guest_balloon_state state;
	bool runs, deflate_on_oom;
	bool settled; /* at its goal, and that was counted */
	npages_t size, target, cap;
	uint32_t first; /* the page taken last; each links to the one before; 0: none */
	uint32_t rate_get, rate_put;
	uint32_t slow, hold, hold_next; /* cycles */

	/* the cycle */
	uint64_t cycle_end_ns;
	npages_t got, put;
	bool hard;               /* free pages ran out */
	bool get_over, put_over; /* no more of it in this cycle */
	bool get_failed, put_failed;

	struct balloon_stats stats;
	uint32_t pfn[BALLOON_BATCH];
};

/* config: copied. cap_ppm at most PPM, cycle_ns > 0, 0 < minima <= maxima. ops: borrowed for the balloon's life. */
void balloon_init(struct balloon *b, const struct balloon_config *config,
		  const struct balloon_ops *ops, void *ctx);

/* The way to the host is open. deflate_on_oom: the host agreed to it. Target 0 until one is set. */
void balloon_start(struct balloon *b, bool deflate_on_oom);

void balloon_set_target(struct balloon *b, npages_t pages);

/* Goes on for a slice. When to call again: at once (a time not later than now), later, or UINT64_MAX: after a new target. */
uint64_t balloon_run(struct balloon *b);

/*
 * The guest is out of memory: gives pages back. How many; 0: none, because there are none, the host did not agree or does
 * not listen. Not from within the body's functions.
 */
npages_t balloon_oom(struct balloon *b);

/* The host forgot, or is gone: all pages are freed without telling. balloon_start() follows if it is there again. */
void balloon_reset(struct balloon *b);

/* Recounts. O(size). For tests. */
bool balloon_consistent(const struct balloon *b);

#endif
