/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * page.h: the record of a guest page, and the manager's structures. Inside mm/ only.
 *
 * One record a page, 8 bytes. A page is in one of these states; page_move() makes every transition, counts it and
 * refuses any that the table in page.c does not list:
 *
 *   untouched  no frame, reads as zero
 *   resident   a frame of its own, mapped. With a slot: clean, and write-protected, so that the slot stays true
 *   sampled    a frame of its own, content aside in a stage: a touch brings it back and shows that it is used. Either
 *              the pager put it on probation, or it is in the sample of the working set (PAGE_WATCHED)
 *   leaving    the same, and being written to its slot. A touch maps a copy of the stage at once
 *   swapped    no frame. With a slot: content is there; without: all zeros
 *   arriving   a frame is set aside, its slot is being read, somebody waits
 *   ballooned  given up by the guest, no frame; a touch gives a zero page (a pop), a deflation makes it untouched
 *   shared     maps a frame of the pool, or, with PAGE_ZERO, holds zeros and needs none; charged to nobody; a write
 *              takes a frame first (a break)
 *   compressed in the VM's cache: a half or a quarter of a cache frame holds its content: compress.c
 *
 * A slot belongs to one page. While it is being written it is *busy*: a page that was touched meanwhile keeps it as a
 * clean page does, but may neither be dropped nor read from it until the write is done (host-kvm rule 12).
 *
 * Frames: a VM is charged one for each resident, sampled, leaving and arriving page, and one for each frame of its cache.
 * What the mechanisms need beside (read buffers, read-ahead, the stage of a page that came back while it was being
 * written, one page for copying, two for compressing) is limited by tickets and paid for once, by the reserve; so
 * used = charged + orphans + pool + reserve, always.
 */
#ifndef BALLAST_MM_PAGE_H
#define BALLAST_MM_PAGE_H

#include "dedup/dedup.h"
#include "dedup/scan.h"
#include "mm/compress.h"
#include "mm/entry.h"
#include "mm/event.h"
#include "mm/mm.h"
#include "mm/said.h"
#include "mm/sample.h"

enum page_state {
	PAGE_UNTOUCHED,
	PAGE_RESIDENT,
	PAGE_SAMPLED,
	PAGE_LEAVING,
	PAGE_SWAPPED,
	PAGE_ARRIVING,
	PAGE_BALLOONED,
	PAGE_SHARED,
	PAGE_COMPRESSED,
	PAGE_STATES,
};

#define PAGE_HAS_SLOT  0x01u
#define PAGE_PROTECTED 0x02u /* a write will be announced */
#define PAGE_WAITING   0x04u /* in its VM's queue of waiting faults */
#define PAGE_PINNED    0x08u /* never a victim */
#define PAGE_ZERO \
	0x20u /* shared, all zeros: no frame. PAGE_PROTECTED: the kernel's zero page is mapped */
#define PAGE_WATCHED 0x40u /* in the sample of this period, and not touched (or written) since */
#define PAGE_AHEAD   0x10u /* swapped, content read ahead or being read ahead */

struct page {
	uint32_t slot;  /* if PAGE_HAS_SLOT; compressed: its place in the cache */
	uint16_t stage; /* sampled, leaving; swapped or compressed: when it left (refault.c) */
	uint8_t state;
	uint8_t flags;
};
_Static_assert(sizeof(struct page) == 8, "one record a page, 8 bytes");

#define MM_GUARD_PAGES  32u  /* the last pages brought in are no victims (host-kvm rule 12) */
#define MM_WAITING      64u  /* waiting faults a VM; more are told to try again */
#define MM_PROBATION    64u  /* most sampled pages a VM */
#define MM_IOS          24u  /* requests in flight */
#define MM_READ_STAGES  128u /* read buffers and read-ahead */
#define MM_AHEAD_PAGES  64u  /* read-ahead kept */
#define MM_EXTRA_STAGES 31u  /* pages touched while being written */
#define MM_COPY_PAGES   1u   /* the copying way of withdraw, the window of map_stage */
#define MM_STOP_PAGES   32u  /* to let waiting threads leave when the machine stops */
#define MM_COMPRESS_PAGES \
	2u /* with compression: a page on its way in or out, and what it was compressed to */
#define MM_CACHE_OUT     64u /* read buffers that hold pages being written out of a cache */
#define MM_READS_KEPT    2u  /* requests that writes leave to faults */
#define MM_STAGES        8192u
#define MM_SAMPLED_LIMIT 6144u /* sampled pages of all VMs */

#define MM_RESERVE_PAGES (MM_READ_STAGES + MM_EXTRA_STAGES + MM_COPY_PAGES + MM_STOP_PAGES)

_Static_assert(MM_SAMPLED_LIMIT + MM_IOS * MM_CLUSTER_PAGES + MM_READ_STAGES <= MM_STAGES,
	       "stages suffice");
_Static_assert(MM_GUARD_PAGES + 16 < MM_FLOOR_PAGES,
	       "the floor leaves victims beside the guarded pages");

/* A page on probation: sampled in the order of the entries; stale when the page came back. */
struct probation {
	uint32_t gfn;
	uint16_t stage;
};

/* What the manager knows of a VM's balloon: see balloon.c. */
struct mm_balloon {
	bool driver; /* a driver is there */
	bool absent; /* it did not move for BALLOON_PATIENCE_NS while it should: counts as none until it does */
	npages_t target; /* what the driver was last told */
	uint64_t
		moved_ns; /* when it last gave or took a page, or reached its target, or got a new one */
	uint64_t inflated, deflated, bad, absences;
	bool out_of_memory; /* it took pages back while it should have given some, and gave none since */
	enum mm_balloon_reason last;
	uint64_t reason[MM_BALLOON_REASONS];
	/* what the last change of the target was made of, for events */
	npages_t missing, spare, over_sum;
};

/* What events have told of a VM: see event_tell.c. */
struct mm_told {
	bool in_use, driver, absent, stalled;
	npages_t target, balloon_target;
	uint64_t inflated, deflated, paging[MM_PAGING_WAYS];
	uint64_t target_next_ns, asked_next_ns, moved_next_ns, paged_next_ns,
		sized_next_ns;                                 /* not before */
	uint64_t window_ns, window_stalled_ns, window_held_ns; /* the stall window's begin */
	uint64_t stall_ns, stall_stalled_ns, stall_held_ns;    /* the told stall's begin */
	uint64_t absent_ns;
};

struct mm_vm {
	bool in_use, ended, doomed, broken;
	struct mm_vm_config config;
	uint32_t nr_gfns; /* records, the hole included */
	struct page *page;
	void *policy;
	struct rng rng;
	npages_t count[PAGE_STATES]; /* the hole is not counted */
	npages_t pinned;
	npages_t target;
	npages_t active;                /* the estimate that target was computed from */
	uint32_t guard[MM_GUARD_PAGES]; /* ring of gfns, UINT32_MAX: none */
	uint32_t guard_next;
	uint32_t waiting[MM_WAITING]; /* ring of gfns, oldest at waiting_first */
	uint32_t waiting_first, nr_waiting;
	struct probation probation[MM_PROBATION]; /* ring */
	uint32_t probation_first, nr_probation;
	uint32_t ahead_window;             /* slots read together, 1: none */
	uint32_t ahead_hits, ahead_wasted; /* since the window was last judged */
	uint32_t ahead_probe;              /* demand reads since read-ahead was given up */
	struct mm_balloon balloon;
	struct mm_sample sample;
	struct mm_said said;
	struct mm_refault refault;
	struct mm_cache cache;
	uint64_t faults_zero, faults_swap_in, faults_sampled, faults_wp, faults_stale;
	uint32_t home;        /* its first home page; DEDUP_NONE: it does not share */
	npages_t zero_pages;  /* of the shared ones */
	npages_t home_frames; /* of the pool, named by pages of this VM */
	uint64_t faults_cow, shared_before_swap;
	uint64_t share_reason[MM_SHARE_REASONS];
	uint64_t faults_pop, reported;
	uint64_t paged_out, out_of_swap, stalled_ns, held_ns, body_errors;
	uint64_t paging[MM_PAGING_REASONS];
	uint32_t *
		left; /* by gfn: hash of what was written to swap last; 0: not known; NULL: no swap */
	struct mm_double_stats twice;
	struct mm_told told;
};

/* In mm_io.page[].vm of a write: its VM ended after the page had come back, so the stage still has its ticket. */
#define IO_CAME_BACK (UINT32_MAX - 1)

struct slot_owner {  /* zero: free */
	uint32_t vm; /* vmid + 1, or SLOT_DROPPED or SLOT_BAD; SLOT_BUSY set while it is written */
	uint32_t gfn;
};
#define SLOT_BUSY    0x80000000u
#define SLOT_DROPPED 0x7ffffffeu /* busy and nobody's: free when written */
#define SLOT_BAD     0x7fffffffu /* the host could not write it: never used again */

struct ahead {
	uint32_t vm, gfn;
	uint16_t stage;
};

/* A page that the scanner looks at, and what was read of it: true a moment ago. */
struct mm_look {
	struct mm_vm *v;
	uint32_t g;
	int error; /* of reading */
	bool zero;
	uint64_t hash; /* unless zero */
};

struct mm {
	struct mm_config config;
	const struct mm_body_ops *ops;
	void *body;
	struct mm_record *record; /* NULL: nobody records; entry.c */
	const struct mm
		*estimates_of; /* NULL: its own; else active pages are that manager's (what_if.c) */
	uint64_t now_ns, rebalanced_ns;
	uint64_t gave_back_ns; /* when balloons were last given memory back */
	struct mm_vm *vm;      /* max_vms */
	uint32_t nr_vms;       /* added and not ended */
	uint32_t top_vm;       /* highest vmid added, plus 1 */
	npages_t charged;      /* of all VMs */
	npages_t orphans;      /* frames of ended VMs that are still being written */
	npages_t reserve;
	npages_t peak_used;
	npages_t leaving; /* charged frames that will be free when their write is done */
	npages_t level_pages[MM_STATES]; /* the free-memory thresholds */
	enum mm_state state;
	uint64_t state_ns[MM_STATES], state_entered[MM_STATES];
	uint64_t reclaimed[MM_STATES][MM_RECLAIMERS];
	uint64_t state_since_ns;
	npages_t state_free; /* free pages when it was entered */
	struct {
		enum mm_state state;
		uint64_t entered[MM_STATES], next_ns;
	} told;
	struct mm_event *event; /* ring, oldest at event_first */
	uint32_t event_first, nr_event;
	uint64_t events_lost;
	bool started, stopping;
	struct mm_said_host said;
	uint32_t sample_next; /* VM looked at first */
	uint32_t nr_waiting;  /* faults, all VMs */
	uint64_t metadata_bytes;
	/* swap slots */
	struct slot_owner *owner;
	uint64_t *slot_map; /* a bit a slot, set: not free */
	uint32_t slot_hand, take_back_hand;
	npages_t slots_used, slots_bad;
	bool swap_full; /* the last wish for a slot was not met and none was freed since */
	struct mm_swap_stats swap;
	/* stages */
	uint64_t stage_map[MM_STAGES / 64];  /* set: in use */
	uint32_t stage_hand[2], stages_used; /* hands: for withdrawing, for reading */
	uint32_t read_stages, extra_stages;  /* tickets in use */
	npages_t sampled;
	struct ahead ahead[MM_AHEAD_PAGES]; /* ring, oldest at ahead_first */
	uint32_t ahead_first, nr_ahead;
	struct mm_io io[MM_IOS];
	/* sharing; dedup is NULL if it is off */
	struct dedup *dedup;
	struct dedup_scan *scan;
	struct mm_look look[MM_SCAN_MOST]; /* read; from next_look on still to be shared */
	uint32_t next_look, nr_looks;
	npages_t pool;               /* distinct frames, part of used */
	npages_t zero_pages;         /* shared without a frame */
	npages_t targets_pool;       /* pool when targets were last computed */
	struct target_vm *target_vm; /* max_vms, for mm_targets() only, as is */
	void *target_scratch;
	struct mm_share_stats share;
	struct mm_io *io_idle;
	uint32_t nr_io_idle;
	/* Single pages' histories: trace.c. */
	enum mm_call call; /* what the manager was called for */
	enum mm_why why;   /* of the next page_move(), which takes it */
	uint32_t why_detail;
	struct mm_trace *trace; /* NULL: nobody traces */
};

/* page.c */
static inline bool page_exists(const struct mm_vm *v, uint64_t g)
{
	return g < v->nr_gfns && !(g >= v->config.hole_start && g < v->config.hole_end);
}
void page_move(struct mm *m, struct mm_vm *v, uint32_t g, enum page_state to);
/* m->charged changed: the peak, and that the budget is never exceeded. */
void page_budget(struct mm *m);
bool page_move_is_legal(enum page_state from, enum page_state to);
/* A page that was just mapped: into the policy's order and under guard. */
void page_brought_in(struct mm *m, struct mm_vm *v, uint32_t g);
void page_guard(struct mm_vm *v, uint32_t g);
bool page_guarded(const struct mm_vm *v, uint32_t g);
void *mm_zalloc(struct mm *m, uint32_t vm, size_t bytes);
void mm_free(struct mm *m, uint32_t vm, void *p, size_t bytes);

static inline npages_t vm_resident(const struct mm_vm *v)
{
	return v->count[PAGE_RESIDENT] + v->count[PAGE_SAMPLED] + v->count[PAGE_LEAVING] +
	       v->count[PAGE_ARRIVING];
}
static inline npages_t vm_charged(const struct mm_vm *v)
{
	return vm_resident(v) + v->cache.frames;
}
static inline npages_t mm_used(const struct mm *m)
{
	return m->charged + m->orphans + m->pool + m->reserve;
}
static inline npages_t mm_free_pages(const struct mm *m)
{
	return m->config.memory_pages - mm_used(m);
}
static inline bool vm_takes_part(const struct mm_vm *v)
{
	return v->in_use && !v->ended;
}
static inline uint32_t vm_id(const struct mm *m, const struct mm_vm *v)
{
	return (uint32_t)(v - m->vm);
}

/* state.c: every entry point begins with mm_enter and ends with mm_leave. */
void mm_enter(struct mm *m, uint64_t now_ns);
void mm_leave(struct mm *m);
void mm_levels_init(struct mm *m);
/* What freed frames, if there are more free than when so many were used. */
void mm_reclaimed(struct mm *m, enum mm_reclaimer by, npages_t used_before);
/* State low, the VM above its target, and the pager able to change that: its faults wait. */
bool vm_held(const struct mm *m, const struct mm_vm *v);

/* target.c */
int targets_init(struct mm *m);
void targets_free(struct mm *m);
void mm_targets(struct mm *m);
bool targets_due(const struct mm *m); /* at a tick */
npages_t mm_target_sum(const struct mm *m);
npages_t mm_reserve_pages(const struct mm_config *config);
/* Do the least of all VMs but this one (or NULL) and of with fit into what targets may sum to? */
bool mm_least_fits(const struct mm *m, const struct mm_vm *but, const struct mm_vm_config *with);

/* event.c, event_tell.c */
size_t event_bytes(const struct mm_config *config);
void event_put(struct mm *m, enum mm_event_kind kind, uint32_t vm, uint64_t at_ns,
	       const uint64_t *value, unsigned nr);
void event_vm_added(struct mm *m, struct mm_vm *v);
/* The policy looked at the guest's size; told if it wants another. */
void event_sized(struct mm *m, struct mm_vm *v, const struct target_vm *t,
		 const struct target_request *request);
void event_vm_ended(struct mm *m, struct mm_vm *v); /* before its counts change */
void events_tell(struct mm *m, bool all); /* what changed; all: without waiting for the period */

/* share.c */
int share_init(struct mm *m);
void share_free(struct mm *m);
void share_stats(const struct mm *m, struct mm_share_stats *out);
bool share_is_sound(const struct mm *m, npages_t shared, npages_t zero, const char **why);
void share_vm_added(struct mm *m, uint32_t vm);
void share_vm_ended(struct mm *m, uint32_t vm);
void share_page_left(struct mm *m, struct mm_vm *v,
		     uint32_t g); /* its content is in memory no more, or changed owner */
bool share_break(struct mm *m, struct mm_vm *v, uint32_t g); /* false: must wait for a frame */
void share_let_go(struct mm *m, struct mm_vm *v,
		  uint32_t g); /* a shared page is about to be given up */
bool share_fault(struct mm *m, struct mm_vm *v, uint32_t g, bool write);
void share_put(struct mm *m, uint32_t frame); /* one page less shares it */
/* Does the page share a frame with nobody any more, and is it not being waited for? */
bool share_is_lone(const struct mm *m, const struct mm_vm *v, uint32_t g);
/* Such a page gets the frame as its own. False: the body could not. */
bool share_charge_lone(struct mm *m, struct mm_vm *v, uint32_t g);
npages_t share_pool_room(const struct mm *m); /* frames that the pool may have more */

/* share_try.c */
/* The VM and gfn of a home page that may be looked at now: resident, not pinned, waited for or being written; or NULL. */
struct mm_vm *share_page_of(struct mm *m, uint32_t home, gfn_t *g);
/* struct dedup_ops.hash: -EBUSY if it may not be looked at. ctx: the struct mm. */
int share_hash(void *ctx, uint32_t home, uint64_t *hash);
/* Shares the page, alone, or with its neighbours if that helps. Returns how many pages *why is said of. */
uint32_t share_try(struct mm *m, const struct mm_look *l, bool alone, enum dedup_reason *why);

/* share_scan.c */
#define SHARE_RUN_PAGES 32u /* a call of the body, which must not take long */
bool share_before_swap(struct mm *m, struct mm_vm *v, uint32_t g);

/* probation.c */
void probation_begin(struct mm_vm *v, uint32_t g); /* sampled, and there is room for it */
bool probation_end(struct mm_vm *v, uint32_t *g);  /* the oldest, untouched since; false: none */
bool page_on_probation(const struct mm_vm *v, uint32_t g);

/* balloon.c */
bool balloon_works(const struct mm *m,
		   const struct mm_vm *v); /* there, not known to be stuck, and it can be asked */
void balloon_aim(struct mm *m);            /* new targets, if the state asks for them */
void balloon_forget(struct mm *m, struct mm_vm *v); /* the VM ended */
/* The guest shall have so many pages, says a policy that sets balloons itself. */
void balloon_size(struct mm *m, struct mm_vm *v, npages_t pages);

/* fault.c */
bool frame_take(struct mm *m,
		struct mm_vm *v); /* may v take a frame? makes one free for a doomed VM */
void fault_wait(struct mm *m, struct mm_vm *v, uint32_t g);
void fault_serve_waiting(struct mm *m);

#include "mm/swap.h"

#endif
