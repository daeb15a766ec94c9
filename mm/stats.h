/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * stats.h: what the memory manager counts, in pages and nanoseconds; the names are those of summary.json.
 */
#ifndef BALLAST_MM_STATS_H
#define BALLAST_MM_STATS_H

#include <stdint.h>

#include "ballast/types.h"

/* Free-memory states (ESX 2002), from plenty to none. */
enum mm_state { MM_HIGH, MM_SOFT, MM_HARD, MM_LOW };
#define MM_STATES 4

/* What made frames free: of pages, by what took them from their VM. */
enum mm_reclaimer {
	MM_BY_BALLOON,
	MM_BY_REPORT, /* free page reporting */
	MM_BY_PAGER,  /* pages that left, written or not; the frame may be free a little later */
	MM_BY_SHARING,
	MM_RECLAIMERS
};

struct mm_swap_stats {
	npages_t capacity_pages;
	npages_t
		used_pages; /* slots in use: swapped pages, and clean resident pages that keep theirs */
	uint64_t written_pages;
	uint64_t read_pages;      /* read from the swap file, read-ahead included */
	uint64_t read_ahead_hits; /* pages served from read-ahead, without I/O */
	uint64_t clean_drops;     /* paged out without writing: the slot still held the content */
	uint64_t zero_drops;      /* paged out without a slot: all zeros */
	uint64_t
		slots_taken_back; /* slots of clean resident pages reused because swap was nearly full */
	uint64_t errors;          /* reads and writes that failed */
	uint64_t full_ns;         /* time with a fault waiting and no slot to be had */
};

/* Why a page that was looked at is shared now, or not: enum dedup_reason, in its order. */
#define MM_SHARE_REASONS 14

/*
 * What came of the manager's wish that a balloon grow, counted once a look: while memory is short, each VM is looked at
 * every tick. What came of the last look stands in the statistics as well.
 */
enum mm_balloon_reason {
	MM_BALLOON_NOT_LOOKED,    /* never yet: memory was not short */
	MM_BALLOON_ASKED,         /* its target was raised */
	MM_BALLOON_AT_TARGET,     /* not: the VM has no more than it should have */
	MM_BALLOON_CAP,           /* not: it holds all it may */
	MM_BALLOON_SLOW,          /* not: the guest still works on what it was asked for */
	MM_BALLOON_ABSENT,        /* not: and has not moved for so long that it counts as absent */
	MM_BALLOON_OUT_OF_MEMORY, /* not: the guest took pages back that it should have given */
	MM_BALLOON_NO_DRIVER,     /* not: nobody to ask */
	MM_BALLOON_SILENT, /* not: the policy goes by what the guest says, and it says nothing */
	MM_BALLOON_REASONS
};
const char *mm_balloon_reason_name(enum mm_balloon_reason reason); /* "at_target" */

/* What came of the pager's wish to take pages. The first four are pages that left, then VMs and pages it passed by. */
enum mm_paging_reason {
	MM_PAGING_WRITTEN,    /* to a slot */
	MM_PAGING_CLEAN,      /* its slot still held the content */
	MM_PAGING_ZERO,       /* all zeros: without a slot */
	MM_PAGING_COMPRESSED, /* into the VM's cache */
#define MM_PAGING_WAYS 4
	/* once a look at a VM */
	MM_PAGING_AT_TARGET,     /* it has no more than it should have */
	MM_PAGING_AT_FLOOR,      /* the same, and its target is the least a VM may have */
	MM_PAGING_BALLOON_FIRST, /* state soft, and its balloon works */
	MM_PAGING_DISK_BUSY,     /* as many requests under way as there may be */
	/* once a look at a page */
	MM_PAGING_PINNED,
	MM_PAGING_WAITED_FOR, /* somebody sleeps on it */
	MM_PAGING_JUST_IN,    /* one of the last that were brought in */
	MM_PAGING_IN_FLIGHT,  /* it, or its slot, is being written */
	MM_PAGING_SWAP_FULL,  /* no slot for it */
	MM_PAGING_REFUSED,    /* by the body */
	MM_PAGING_REASONS
};

/* How the pages that a VM uses are estimated: sample.c, sample_write.c, refault.c. */
enum mm_estimator {
	MM_ESTIMATE_TOUCH,   /* a sample of pages, any touch counts (ESX) */
	MM_ESTIMATE_WRITE,   /* the same, only writes count */
	MM_ESTIMATE_REFAULT, /* what was paged out and came back */
	MM_ESTIMATORS
};
const char *mm_estimator_name(enum mm_estimator estimator); /* "touch" */

struct mm_share_stats {
	uint64_t passed_pages;  /* that the scanner came past, looked at or not worth a look */
	uint64_t scanned_pages; /* looked at: hashed, or found to be zeros */
	uint64_t hashed_pages;
	npages_t hints;
	npages_t shared_frames; /* of the pool */
	npages_t shared_pages;  /* mapped to them, and zero pages */
	npages_t saved_pages;   /* shared - distinct frames */
	npages_t zero_pages;
	uint64_t matches; /* pages that came to share */
	uint64_t stale_hints, false_matches;
	uint64_t cow_breaks;
	uint64_t reason[MM_SHARE_REASONS];
};

/* The guest's pager and the host's against each other, in pages, ever: double.c. */
struct mm_double_stats {
	uint64_t guest_out_of_swapped; /* written to the guest's disk, and in swap at that moment */
	uint64_t guest_in_of_swapped;  /* overwritten whole by a disk read, and in swap */
	uint64_t overwrite_reads;      /* of them: read from swap all the same */
	uint64_t overwrite_reads_spared;   /* of them: not read, because the host knew */
	uint64_t swapped_while_guest_free; /* in swap when the guest told that it was free */
	uint64_t ballooned_from_swapped;   /* in swap when the guest gave it up */
	uint64_t zero_writebacks;          /* paged out as changed, and all zeros */
	uint64_t
		identical_writebacks; /* written to swap with what was written there the last time */
};

/* The cache of compressed pages, of one VM or of all. */
struct mm_compress_stats {
	npages_t limit_frames;   /* that it may have now */
	npages_t frames;         /* that it has: part of used, charged to its VM */
	npages_t pages;          /* compressed into them */
	npages_t quarters;       /* of these: to a quarter of a page */
	uint64_t stored_pages;   /* that came into it, ever */
	uint64_t stored_bytes;   /* what they were compressed to, together */
	uint64_t loaded_pages;   /* that a fault brought back */
	uint64_t rejected_pages; /* that did not compress to half, or could not be tried */
	uint64_t no_room_pages;  /* that did, and found it full */
	uint64_t written_pages;  /* the oldest, written to swap */
	uint64_t clean_pages;    /* the oldest, whose slot still held the content */
	uint64_t moved_pages;    /* within it, to empty a frame */
};

struct mm_host_stats {
	npages_t memory_pages;
	npages_t
		reserve_pages; /* in flight: read-ahead, bounce and staging copies; always counted as used */
	npages_t used_pages; /* resident of all VMs + pool + compressed caches + reserve */
	npages_t peak_used_pages;
	npages_t free_pages;
	uint64_t metadata_bytes;
	enum mm_state state;
	uint64_t state_ns[MM_STATES];
	uint64_t state_entered[MM_STATES];
	uint64_t reclaimed[MM_STATES][MM_RECLAIMERS]; /* frames, by the state at that moment */
	npages_t pool_pages; /* frames that shared pages map, part of used */
	struct mm_swap_stats swap;
	struct mm_share_stats share;
	struct mm_compress_stats compress;
};

struct mm_vm_stats {
	vmid_t vm;
	npages_t configured_pages, min_pages;
	uint32_t shares;
	npages_t target_pages;
	bool active_known;     /* the policy uses an estimate */
	npages_t active_pages; /* it: the one that target_pages was computed from */
	uint64_t sample_periods;
	uint32_t sample_drawn, sample_touched; /* of the running period */
	uint32_t sample_last_ppm, sample_slow_ppm,
		sample_fast_ppm;     /* f of the last period, averages */
	enum mm_estimator estimator; /* that active_pages is of */
	/* What refaults say, whatever the estimator is: refault.c. */
	uint64_t refaults;       /* pages that came back from swap, ever */
	npages_t refault_beyond; /* used beyond what was resident, in the last period */
	npages_t refault_pages;  /* the estimate now */
	npages_t resident_pages, swapped_pages, untouched_pages, ballooned_pages; /* = configured */
	npages_t compressed_pages; /* part of the sum */
	npages_t shared_pages;     /* zero pages included; part of the sum */
	npages_t shared_zero_pages;
	npages_t saved_pages; /* shared, less the frames that are named by pages of this VM */
	npages_t balloon_target_pages;
	npages_t sampled_pages, leaving_pages, pinned_pages; /* of the resident ones */
	npages_t waiting_faults;                             /* now */
	uint64_t faults_zero;                                /* served with a zeroed frame */
	uint64_t faults_swap_in;      /* served from swap, read-ahead or the write buffer */
	uint64_t faults_decompressed; /* served from the cache of compressed pages */
	uint64_t faults_sampled;      /* touches of sampled pages */
	uint64_t faults_wp;           /* first write to a clean page */
	uint64_t faults_stale;        /* nothing to do any more */
	uint64_t faults_cow;          /* first writes to shared pages */
	uint64_t shared_before_swap;
	uint64_t faults_pop; /* touches of ballooned pages */
	bool balloon_driver, balloon_absent;
	uint64_t balloon_absences;           /* how often it came to count as absent */
	enum mm_balloon_reason balloon_last; /* what came of the last look */
	uint64_t balloon_reason[MM_BALLOON_REASONS];
	uint64_t paging_reason[MM_PAGING_REASONS];
	uint64_t share_reason[MM_SHARE_REASONS];     /* of looks at pages of this VM */
	uint64_t balloon_inflated, balloon_deflated; /* pages, ever */
	uint64_t balloon_bad;                        /* frame numbers that made no sense, dropped */
	struct mm_double_stats double_paging;
	uint64_t reported_pages;  /* given back by free page reporting */
	uint64_t paged_out_pages; /* left memory by the host pager, written or not */
	uint64_t out_of_swap;     /* attempts to page out given up for want of a slot */
	uint64_t stalled_ns;      /* time in which a fault of this VM waited for a frame */
	uint64_t held_ns;         /* of it: because the state was low and the VM above its target */
	struct mm_compress_stats compress;
	uint64_t body_errors; /* calls into the body that failed and were taken back or retried */
};

#endif
