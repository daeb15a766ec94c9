/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * trace.h: the history of single pages: every change of state, and the decision behind it.
 *
 * Some pages are chosen by mm_trace_page(); from then on each of their changes is an event, and so is what concerns them
 * without changing their state (a note: from and to are the same). An event has the cause, what the manager was called
 * for when it happened, and a number that belongs to the cause. Names and words stand in tables, so that a report needs
 * no knowledge of the causes. Nothing is traced unless asked for, and then it costs one look.
 */
#ifndef BALLAST_MM_TRACE_H
#define BALLAST_MM_TRACE_H

#include "ballast/types.h"

#define MM_TRACED_PAGES 16u

/* What the manager was called for. */
enum mm_call {
	MM_CALL_OTHER,
	MM_CALL_FAULT,
	MM_CALL_WRITE_FAULT,
	MM_CALL_WAITING, /* a fault that had waited was served */
	MM_CALL_RECLAIM,
	MM_CALL_IO_DONE,
	MM_CALL_BALLOON,
	MM_CALL_REPORT,
	MM_CALL_DISK,
	MM_CALL_SCAN,
	MM_CALL_TICK,
	MM_CALL_PLACE,
	MM_CALL_VM_END,
	MM_CALLS
};

enum mm_why {
	MM_WHY_NONE, /* nobody said */
	/* touched */
	MM_WHY_FIRST_TOUCH,
	MM_WHY_POPPED,
	MM_WHY_ZERO_IN,
	MM_WHY_READ_BEGINS,
	MM_WHY_READ_AWAITED,
	MM_WHY_AHEAD_USED,
	MM_WHY_CAUGHT_LEAVING,
	MM_WHY_CAUGHT_WITHDRAWN,
	MM_WHY_WAITS,
	MM_WHY_FIRST_WRITE,
	/* read and written */
	MM_WHY_READ,
	MM_WHY_READ_LOST,
	MM_WHY_READ_AGAIN,
	MM_WHY_MAP_REFUSED,
	MM_WHY_WRITTEN,
	MM_WHY_WRITE_FAILED,
	MM_WHY_AHEAD_BEGINS,
	MM_WHY_AHEAD_KEPT,
	MM_WHY_AHEAD_DROPPED,
	MM_WHY_SLOT_TAKEN_BACK,
	/* the cache of compressed pages */
	MM_WHY_DECOMPRESSED,
	MM_WHY_CACHE_WRITTEN,
	MM_WHY_CACHE_CLEAN,
	/* the pager */
	MM_WHY_PASSED_BY,
	MM_WHY_PROBATION,
	MM_WHY_OUT_CLEAN,
	MM_WHY_OUT_ZERO,
	MM_WHY_OUT_WRITE,
	MM_WHY_OUT_COMPRESS,
	MM_WHY_COMPRESS_IN_VAIN,
	/* the sample */
	MM_WHY_SAMPLE_DRAWN,
	MM_WHY_SAMPLE_WATCHED,
	MM_WHY_SAMPLE_OVER,
	MM_WHY_SAMPLE_NAMED,
	/* sharing */
	MM_WHY_SHARED,
	MM_WHY_SHARED_ZERO,
	MM_WHY_SHARE_BROKEN,
	MM_WHY_ZERO_BROKEN,
	MM_WHY_SHARE_LONE,
	/* the guest's word */
	MM_WHY_BALLOONED,
	MM_WHY_DEFLATED,
	MM_WHY_BALLOON_RESET,
	MM_WHY_REPORTED,
	MM_WHY_DISK_READS,
	MM_WHY_DISK_OVERWRITES,
	MM_WHY_DISK_SPARED,
	/* the VM's life */
	MM_WHY_TRACED,
	MM_WHY_PLACED,
	MM_WHY_SACRIFICED,
	MM_WHY_VM_ENDED,
	MM_WHYS
};

#define MM_NO_SLOT UINT32_MAX

struct mm_page_event {
	uint64_t at_ns;
	uint32_t vm, gfn;
	uint8_t from, to; /* states, for mm_page_state_name() */
	uint8_t why;      /* enum mm_why */
	uint8_t call;     /* enum mm_call */
	uint32_t slot;    /* that it has, or MM_NO_SLOT */
	uint32_t detail;  /* what it is: mm_why_info() */
};

struct mm_why_info {
	const char *name;   /* "first_touch" */
	const char *words;  /* for people */
	const char *detail; /* name of the number that goes with it; NULL: none */
	bool by_policy;     /* it is the pager's policy that chose the page */
};

const char *mm_page_state_name(unsigned state);
const char *mm_call_name(enum mm_call call); /* "reclaim" */
const struct mm_why_info *mm_why_info(enum mm_why why);
/* Of MM_WHY_PASSED_BY's number: "just_in". */
const char *mm_paging_reason_name(uint32_t reason);

struct mm;

/*
 * Traces that page from now on; of a VM that is not there yet from its beginning. -EFAULT: the VM has no such page;
 * -EINVAL: there cannot be such a VM; -ENOSPC: MM_TRACED_PAGES are traced; -ENOMEM. One that is traced already: 0.
 */
int mm_trace_page(struct mm *m, uint32_t vm, gfn_t g, uint64_t now_ns);

/* Moves the oldest events of traced pages, at most max, to *out. Returns how many. *lost: how many were dropped since
 * the last call because nobody took them in time. */
uint32_t mm_page_events_take(struct mm *m, struct mm_page_event *out, uint32_t max, uint64_t *lost);

#endif
