/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * dedup.h: content-hash page sharing: which guest pages hold the same bytes, and may share one frame.
 *
 * Host-independent, and it never sees a byte: it works on 64-bit hashes that the caller gives, and asks the caller to
 * compare. ESX's scheme (Waldspurger, OSDI 2002, section 4): a scanned page that matches nothing leaves a *hint* and
 * stays writable; when a later page has the same hash, the hinted page is hashed again, compared, and only then are
 * both made copies of one *frame*.
 *
 * Home pages. Every guest page of the machine has a number, its home page: each VM has a range of them,
 * [base, base + gfns), from dedup_vm_add(). A frame is named by the home page that it was made from, so a pool of
 * frames that is laid out by number has neighbours next to each other and one mapping covers them. The number stays
 * with the frame until its count is 0, whatever becomes of the page or of its VM; meanwhile the page itself can hold
 * other content, but not leave a hint.
 *
 * Groups: pages of VMs of different groups never match.
 *
 * Memory: 16 bytes a home page and at most 4 a page of machine memory, given by the caller as zeros and touched only
 * where it is used. Locking: none inside; the caller holds one lock (mm: the machine lock) around every call.
 * Every call but those that say otherwise costs O(pages with that hash's bucket), about 1, + O(log VMs).
 */
#ifndef BALLAST_DEDUP_DEDUP_H
#define BALLAST_DEDUP_DEDUP_H

#include "ballast/types.h"

struct dedup; /* opaque; its memory is the caller's */

#define DEDUP_NONE     UINT32_MAX
#define DEDUP_ALIGN    16u /* of the memory given */
#define DEDUP_TRIES    8u  /* stale hints dropped by one dedup_try() before it gives up looking */
#define DEDUP_BIG_FROM 65535u /* counts from here on stand in the overflow table */

struct dedup_config {
	uint32_t
		capacity_pages; /* home pages, below UINT32_MAX; those of ended VMs' frames included */
	npages_t memory_pages; /* of the machine: sizes the hash table */
	uint32_t max_ranges;   /* VMs, and ended VMs whose frames live on */
	unsigned
		hash_bits; /* so many low bits of each hash count, 0: all 64. Few: false matches happen */
	bool damp; /* a page that changed since its last hint is not shared before it rests for a pass */
};

struct dedup_stats {
	/* now */
	npages_t hints, frames;
	npages_t lone_frames; /* frames with one page left */
	npages_t references;  /* pages sharing a frame; references - frames are saved */
	npages_t ineligible;
	uint32_t ranges, ended_ranges; /* all, and of these: of ended VMs */
	/* ever */
	uint64_t stale_hints, false_matches;
	uint64_t overflowed_counts; /* times that a count went over to the overflow table */
	uint64_t hints_refused, ineligible_refused; /* the page's number was in use by a frame */
};

/* Bytes for that machine. O(1). */
size_t dedup_bytes(const struct dedup_config *config);
/* mem: dedup_bytes() zeros, DEDUP_ALIGN-aligned, borrowed until the last call; it becomes the struct dedup.
 * 0, or -EINVAL: a field is out of range. O(1): touches the first bytes only. */
int dedup_init(void *mem, const struct dedup_config *config);

/* A VM's home pages: its base, or DEDUP_NONE: no run of gfns numbers or no range is free (it then cannot share).
 * vm: any value but DEDUP_NONE that no VM added and not removed has. O(ranges). */
uint32_t dedup_vm_add(struct dedup *d, uint32_t vm, uint32_t gfns, uint32_t group);
/* The VM ended: forgets its hints. Its range is free again when no frame is named by a page of it; references that its
 * pages hold are the caller's to put, before or after. O(gfns). */
void dedup_vm_remove(struct dedup *d, uint32_t vm);
/* Whose page that is. False: its VM ended; the outputs are then DEDUP_NONE and 0. */
bool dedup_page_where(const struct dedup *d, uint32_t page, uint32_t *vm, gfn_t *g);

struct dedup_match {
	uint32_t page; /* a frame's name, or the hinted page; DEDUP_NONE: no match */
	bool is_frame;
	bool other_group; /* if no match: a page or frame of another group has that hash (stale or not) */
};
/* What page, with that hash, could share: a frame of its group, else a hinted page of it other than itself. */
struct dedup_match dedup_find(const struct dedup *d, uint32_t page, uint64_t hash);

/* dedup_find() will soon be called with that hash: brings what it looks at near, in two steps, the second when the
 * first has had time to arrive. Changes nothing. */
void dedup_expect(const struct dedup *d, uint64_t hash);
void dedup_expect_chain(const struct dedup *d, uint64_t hash);

/* This very page had that hash when it was looked at; replaces its older hint. False: its number names a frame; it has
 * no hint then, counted. */
bool dedup_hint_set(struct dedup *d, uint32_t page, uint64_t hash);
/* Does the page have a hint? hash (may be NULL): what it says, else 0. O(1). */
bool dedup_hint_has(const struct dedup *d, uint32_t page, uint64_t *hash);
/* To be called when a page leaves memory; without a hint nothing happens. */
void dedup_hint_drop(struct dedup *d, uint32_t page);
/* The same, counted: the page was found to have changed since. */
void dedup_hint_stale(struct dedup *d, uint32_t page);

/* The page has no frame's content though its hash says so: it is not tried again while it has that hash. Drops its
 * hint; counted as a false match. Without effect, counted, if its number names a frame. */
void dedup_ineligible_set(struct dedup *d, uint32_t page, uint64_t hash);
/* Its content may have changed; dedup_try() sees that itself if the hash did. */
void dedup_ineligible_clear(struct dedup *d, uint32_t page);
bool dedup_ineligible(const struct dedup *d, uint32_t page, uint64_t hash);

/* The page's number names a frame from now on, with that hash and nobody sharing it yet: dedup_frame_get() must follow.
 * Drops the page's hint. False, nothing changed: it names one already. */
bool dedup_share_begin(struct dedup *d, uint32_t page, uint64_t hash);
/* One page more, one less shares the frame: the count after that. At 0 the number is free; the caller frees the memory
 * before its next call. A page holds one reference at most. */
uint32_t dedup_frame_get(struct dedup *d, uint32_t frame);
uint32_t dedup_frame_put(struct dedup *d, uint32_t frame);
/* 0: that number names no frame. */
uint32_t dedup_frame_count(const struct dedup *d, uint32_t frame);

/* What became of a page that was looked at. The first three are good news. The order is that of reports. */
enum dedup_reason {
	DEDUP_SHARED,     /* with a frame that there was */
	DEDUP_SHARED_NEW, /* with another page, both share a new frame */
	DEDUP_ZERO,       /* all zeros: the caller's, needs no frame */
	DEDUP_HINTED,     /* matches nothing, first look */
	DEDUP_UNIQUE,     /* matches nothing, unchanged since its last look */
	DEDUP_VOLATILE,   /* changed since its last look, or while being looked at */
	DEDUP_OTHER_GROUP, /* matches nothing in its group; in another its hash is known (not compared) */
	DEDUP_HOME_TAKEN,  /* matches nothing, and can leave no hint: its number names a frame */
	DEDUP_FALSE_MATCH, /* same hash, other bytes: ineligible from now on */
	DEDUP_INELIGIBLE,  /* since an earlier false match */
	DEDUP_NO_MAPPING,  /* the body: mapping limit */
	DEDUP_NO_FRAME,    /* the body: no frame for the pool */
	DEDUP_BUSY,        /* the body: cannot now (pinned, not resident): also the caller's */
	DEDUP_FAILED,      /* the body: any other error */
	DEDUP_REASONS,
};
/* As in reports: "shared", "no-mapping". */
const char *dedup_reason_name(enum dedup_reason reason);

/*
 * What the caller supplies; all required, all called from within dedup_try(). All return 0 or -errno and have changed
 * nothing then: -EAGAIN the content changed meanwhile, -ENOSPC mapping limit, -ENOMEM no frame, -EBUSY not now. They
 * may drop hints of pages; other calls into the table are not allowed.
 */
struct dedup_ops {
	/* The page's hash now. Any error: it is not there to be shared, its hint is stale. */
	int (*hash)(void *ctx, uint32_t page, uint64_t *hash);
	/* Byte for byte the same? */
	int (*equal)(void *ctx, uint32_t page, uint32_t other_page, bool *same);
	int (*equal_frame)(void *ctx, uint32_t page, uint32_t frame, bool *same);
	/* The frame gets the content of its home page, and that page shares it. Should fail unless a second page can
	 * follow at once (mappings, frames). */
	int (*share_first)(void *ctx, uint32_t frame);
	/* The page shares that frame; fails with -EAGAIN if, once it can no longer be written, it differs from it. */
	int (*share)(void *ctx, uint32_t page, uint32_t frame);
};

/*
 * A page was looked at, is not shared and has that hash (and is not all zeros): shares it, or says why not. References
 * are counted here: after DEDUP_SHARED and DEDUP_SHARED_NEW each page that ops mapped holds one. If the second of a new
 * pair fails, the first stays alone on its frame (lone_frames), where the next match finds it.
 */
enum dedup_reason dedup_try(struct dedup *d, const struct dedup_ops *ops, void *ctx, uint32_t page,
			    uint64_t hash);

struct dedup_stats dedup_stats(const struct dedup *d);
/* Recomputes everything from the entries. False: *why says what is wrong. O(capacity). For tests. */
bool dedup_consistent(const struct dedup *d, const char **why);

#endif
