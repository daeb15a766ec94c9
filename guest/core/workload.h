/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * workload.h: what a lab guest does: a seeded sequence of page touches, and what the pages hold (content.h).
 *
 * Pure and freestanding (no floating point, no allocation, memory functions only): the lab guest runs it, the
 * simulator runs it, unit tests run it, and all see the same sequence for the same (spec, seed).
 *
 * A workload is one phase or a schedule of phases. Each phase first *fills*: its pages in order, each written once with
 * its content. Then it *runs*: touches at its rate, each a read or a write of one of its pages. Page numbers are those
 * of the workload, from 0, anew in each phase.
 *
 *   idle     no pages, no touches
 *   toucher  pages 0, 1, .. n-1, over and over: all of them are equally active
 *   scan     ascending and around as well, but from a seeded first page, so that guests that scan are out of step; no
 *            page comes back before all others had their turn
 *   zipf     page of rank r (from 1) with probability proportional to r^-alpha; ranks are dealt to page numbers by a
 *            seeded bijection, so the hot pages are spread over memory and neighbours only by chance
 *   boot     fills all free memory with zeros, then does nothing
 *   fileserver  reads, writes, appends to and deletes files on a data disk: fileserver.h. Its pages are blocks of the disk
 *
 * The sequence knows no time. Its user paces the touches by phase_spec.rate and says when a phase's time is over. The
 * pages drawn do not depend on write_ppm or content: runs that differ only in these touch the same pages. (Of a file server,
 * what is written decides what can be read; the files drawn are the same.)
 */
#ifndef BALLAST_GUEST_WORKLOAD_H
#define BALLAST_GUEST_WORKLOAD_H

#include "ballast/rng.h"
#include "ballast/types.h"
#include "guest/core/content.h"
#include "guest/core/fileserver.h"
#include "guest/core/zipf.h"

#define WORKLOAD_PHASES     8
#define WORKLOAD_TEXT_BYTES 2000u /* any valid spec fits, with its 0 */
#define WORKLOAD_ALPHA_MAX  4000000u
#define WORKLOAD_BLOCKS_MAX (1u << 27) /* of the data disk, in one phase: 512 GiB */

enum workload_kind { WORK_IDLE, WORK_TOUCHER, WORK_ZIPF, WORK_SCAN, WORK_BOOT, WORK_FILESERVER };
#define WORKLOAD_KINDS 6
extern const char *const workload_kind_names[WORKLOAD_KINDS];

struct phase_spec {
	enum workload_kind kind;
	uint32_t
		pages; /* idle, boot, fileserver: 0 (boot takes what is free when it begins); others: >= 1 */
	uint32_t files,
		file_pages;   /* fileserver: how many, their mean size, both >= 1; others: 0 */
	uint32_t write_ppm;   /* share of touches that write, of operations that change a file */
	uint32_t rate;        /* touches a second; 0: unlimited */
	uint32_t alpha_ppm;   /* zipf, fileserver: exponent, 0 (uniform) to 4000000 */
	uint32_t zero_ppm;    /* content: shares of zero pages, */
	uint32_t common_ppm;  /* of pages the same in every guest, */
	uint32_t class_ppm;   /* of pages the same in one class, */
	uint32_t thin_ppm;    /* of private pages that compress; the rest does not. Sum <= PPM */
	uint64_t class_id;    /* which class: content_class_id() of its name */
	uint64_t duration_ns; /* 0: lasts; only the last phase may */
};

struct workload_spec {
	uint32_t nr_phases; /* 1: not phased */
	struct phase_spec phase[WORKLOAD_PHASES];
};

/* Is spec within all the bounds above? 0 or -EINVAL; *phase_out: the first phase that is not (0 if their number). */
int workload_check(const struct workload_spec *spec, uint32_t *phase_out);

/*
 * The text form for the guest's command line, no blanks: phases joined by "+", each KIND[,KEY=NUMBER]..., keys pages,
 * files, size, write, rate, alpha, zero, common, class, thin, id, ns for the fields in order, decimal, 0 where left out:
 *   zipf,pages=20000,write=300000,rate=20000,alpha=900000,ns=5000000000+idle
 *
 * workload_format: the length without the 0, or -EINVAL (spec not valid) or -ENOSPC (buf too small; nothing useful in
 * it, but 0-terminated if size > 0). workload_parse: text[0, length), not necessarily 0-terminated; 0 or -EINVAL with
 * *error_at the offset of what is wrong and *spec zeroed. parse(format(spec)) gives spec again.
 */
int workload_format(const struct workload_spec *spec, char *buf, size_t size);
int workload_parse(const char *text, size_t length, struct workload_spec *spec, size_t *error_at);

enum workload_op {
	STEP_BEGIN, /* a phase begins: call workload_phase_begin() */
	STEP_FILL,  /* give page its content: content_fill(), mark = 0 */
	STEP_TOUCH, /* touch page, writing or not: content_touch(); a block to be written: content_rewrite() */
	STEP_DROP, /* blocks [page, page + blocks) belong to no file any more */
	STEP_WAIT, /* nothing to do until the phase's time is over, if it ever is */
	STEP_PHASE_END, /* free the phase's pages, content not cleared; a STEP_BEGIN or STEP_DONE follows */
	STEP_DONE, /* no more phases, for good */
};

struct workload_step {
	enum workload_op op;
	uint32_t page; /* FILL, TOUCH, DROP; else 0 */
	bool write;    /* TOUCH; else false */
	bool file;     /* page is a block of the data disk, not a page of memory */
	uint32_t
		blocks; /* file: how many follow in this operation; DROP: how many in all; else 0 */
};

/* One running workload. The user gives the memory and reads nothing but through the functions. About 2 KB. */
struct workload {
	const struct workload_spec *spec; /* borrowed */
	uint64_t seed, vm;
	uint32_t phase;         /* index of the current phase; nr_phases: done */
	enum workload_op stage; /* what the next step will be */
	uint32_t pages;         /* of the current phase */
	uint32_t at;            /* next page to fill; then next page in turn */
	struct rng pages_rng, writes_rng;
	struct zipf zipf;
	struct scatter scatter;
	struct content content;
	struct fileserver_file *file; /* [room_files]; borrowed */
	uint32_t room_files;
	struct fileserver server;
};

/* spec: valid (workload_check), borrowed for w's life. seed shapes the touches and private content, vm only the latter.
 * The first step is STEP_BEGIN. */
void workload_init(struct workload *w, const struct workload_spec *spec, uint64_t seed,
		   uint64_t vm);

/*
 * Memory for the files of phases of the kind fileserver; any content, borrowed. After workload_init(); needed if there are
 * such phases. One with more files than that only waits.
 */
void workload_files(struct workload *w, struct fileserver_file *file, uint32_t room_files);

/* Blocks of a data disk that its largest phase needs; 0: none. */
uint32_t workload_blocks(const struct workload_spec *spec);

/* Answers STEP_BEGIN. free_pages: what the guest could allocate now; boot takes that many, others ignore it. */
void workload_phase_begin(struct workload *w, npages_t free_pages);

/* The next step; it is taken as done. O(1) expected; STEP_BEGIN, WAIT and DONE repeat until the user acts. */
struct workload_step workload_next(struct workload *w);

/* The running phase's duration is over, filled or not: the next step is STEP_PHASE_END. Else no effect. */
void workload_phase_over(struct workload *w);

/* Do they touch the same pages: as many phases, of the same kinds, numbers of pages and files, content and times? They may differ in
 * rate, write_ppm and alpha_ppm. */
bool workload_same_pages(const struct workload_spec *a, const struct workload_spec *b);

/* spec, which touches the same pages, takes the place of w's, which may be gone: pages and their ranks stay, the next step
 * is drawn by the new one. spec: as for workload_init(). */
void workload_go_on(struct workload *w, const struct workload_spec *spec);

/* The current phase's spec and content; after STEP_DONE those of the last one. */
const struct phase_spec *workload_phase(const struct workload *w);
const struct content *workload_content(const struct workload *w);

#endif
