/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * policy.h: what a page replacement policy is, for all its users: the guest's pager, the host pager and trace replay.
 *
 * A policy orders the resident pages of one memory and names the next to leave. It is one file in this folder and one
 * const table of functions; policy_table lists them all and feeds help texts, scenario checks and tests.
 *
 * Policies are freestanding: they allocate nothing (the user gives bytes(capacity, pages) bytes, 16-aligned), call
 * nothing but memory functions, and know neither time (now_ns is passed in) nor randomness (the rng is the user's and
 * outlives the policy). Pages are numbers in [0, pages). Any call is O(1) amortised unless the policy's file says so.
 *
 * Protocol, held by every user and checked by debug builds of the tests:
 *   inserted(p)   p was not resident and now is
 *   accessed(p)   p is resident and was touched, as far as the user sees touches: every reference in replay; faults,
 *                 samples or reference bits in pagers
 *   victim(&p)    names a resident page that the filter lets go, without removing it; false: there is none. Naming may
 *                 rotate the policy's order (a clock's hand) and, after a refusal, goes on behind the refused page.
 *   removed(p)    p is no longer resident; why tells whether it was evicted (a policy with ghosts remembers it) or
 *                 simply gone
 */
#ifndef BALLAST_MM_POLICY_H
#define BALLAST_MM_POLICY_H

#include "ballast/rng.h"
#include "ballast/types.h"

enum policy_removal {
	POLICY_EVICTED, /* the victim left: keep a ghost, if the policy has ghosts */
	POLICY_GONE,    /* freed, ballooned, shared: forget it */
};

/* What the user lets go, and what else it knows. The functions are called during victim() only. */
struct victim_filter {
	/* May this page leave now (not pinned, not leaving)? NULL: every page may. */
	bool (*may_leave)(void *ctx, uint32_t page);
	/* Test and clear the page's reference bit. NULL: the user has none, accessed() tells it all. */
	bool (*referenced)(void *ctx, uint32_t page);
	void *ctx;
	/* Must this page be written before its frame is free? NULL: not known, all count as clean. */
	bool (*dirty)(void *ctx, uint32_t page);
	/* The page that room is made for, not resident, inserted next. NULL: not known (a pager that reclaims ahead). */
	const uint32_t *incoming;
};

struct policy_ops {
	const char *name;  /* as in scenarios and on command lines */
	const char *paper; /* where it is defined */
	/* The host pager should sample touches for this policy: withdraw a victim first, let it go if nothing touches it. */
	bool wants_samples;
	/* Bytes of state for a memory of capacity pages out of pages possible ones; 1 <= capacity. */
	size_t (*bytes)(uint32_t capacity, uint32_t pages);
	/* mem: owned by the user, bytes() long, any content. rng: borrowed for the policy's life. 0 or -EINVAL. */
	int (*init)(void *mem, uint32_t capacity, uint32_t pages, struct rng *rng);
	void (*inserted)(void *mem, uint32_t page, uint64_t now_ns);
	void (*accessed)(void *mem, uint32_t page, bool write, uint64_t now_ns);
	bool (*victim)(void *mem, const struct victim_filter *filter, uint32_t *page_out);
	void (*removed)(void *mem, uint32_t page, enum policy_removal why);
	void (*resized)(void *mem, uint32_t capacity);
	/* Recomputes what the policy caches; false: it is broken. O(pages). For tests. */
	bool (*consistent)(const void *mem);
	/*
	 * The page will be told soon: a hint to fetch its records from memory, which changes nothing. NULL: none. Replay
	 * gives it, which knows the future.
	 */
	void (*expect)(const void *mem, uint32_t page);
	/*
	 * That many requests one after the other, of a memory that stays full: for a page that is resident, as
	 * accessed(); for another, as victim() without a filter, removed() of the one named, POLICY_EVICTED, and
	 * inserted(). resident: a bit a page, kept. Returns how many were not resident. No victim is named that was not
	 * removed. The same decisions as by those calls; for policies that can do it faster at one go. NULL: none.
	 */
	uint64_t (*replay)(void *mem, const uint32_t *pages, uint32_t nr, uint64_t *resident);
};

/* Every policy, NULL at the end, in the order of help texts. */
extern const struct policy_ops *const policy_table[];

/* The policy of that name, or NULL. */
const struct policy_ops *policy_find(const char *name);

#endif
