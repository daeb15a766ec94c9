/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * mm.h: the memory manager: which guest page holds a frame, which waits in swap, and who gives frames up.
 *
 * Host-independent: it decides, a *body* carries out. The live body is KVM and userfaultfd (vmm/), unit tests have a
 * fake one, and the simulated one is in sim/. No clock, no system call, no bytes of guest memory in here.
 *
 * Locking: none inside. The caller holds one lock (the machine lock) around every call, and the manager calls the
 * body with it held. Time is the caller's: now_ns never goes back.
 *
 * The budget: used = resident of all VMs + frames of their caches of compressed pages + the pool of shared frames +
 * frames of VMs being torn down + a fixed in-flight reserve, never more than memory_pages. A fault that finds no frame
 * waits in the manager until page-out makes one.
 *
 * Life of a page: see page.h. Order of reading: mm.h, page.h, fault.c, reclaim.c, io.c, target.c.
 */
#ifndef BALLAST_MM_MM_H
#define BALLAST_MM_MM_H

#include "ballast/types.h"
#include "dedup/scan.h"
#include "mm/event.h"
#include "mm/policy/policy.h"
#include "mm/sink.h"
#include "mm/stats.h"
#include "mm/target.h"
#include "mm/trace.h"

struct mm; /* opaque; owned by the creator, freed by mm_destroy() */

#define MM_VM_NONE       UINT32_MAX
#define MM_CLUSTER_PAGES 32u /* most pages in one swap request */
#define MM_SCAN_MOST     16u /* most pages in one mm_scan() */
#define MM_CACHE_PARTS   4u  /* a frame of a cache of compressed pages holds two or four of them */
#define MM_FLOOR_PAGES \
	64u /* no VM's target is lower: one instruction can need many pages at once */

/* One swap request, made by the manager and handed to the body. The stages hold the pages, slot i goes with stage i. */
struct mm_io {
	slot_t slot; /* first of nr consecutive slots */
	uint32_t nr; /* pages, 1 to MM_CLUSTER_PAGES */
	bool write;  /* stages to slots; else slots to stages */
	bool demand; /* a fault waits for it */
	bool cached; /* a write: of pages that stay in their cache until it is done, in stages that are read into */
	stage_t stage[MM_CLUSTER_PAGES];
	/* the manager's own from here on */
	struct {
		uint32_t vm; /* MM_VM_NONE: its VM ended */
		uint32_t gfn;
	} page[MM_CLUSTER_PAGES];
	struct mm_io *next; /* in the manager's list of idle requests */
	void *body;         /* for the body's use while it has the request */
};

/*
 * What a body supplies. Called with the machine lock held. All return 0 or -errno; on an error nothing was changed.
 * "wakes": everybody asleep on a fault of that page is woken to look again (host-kvm rule 2).
 */
struct mm_body_ops {
	/* Zeroed records for the manager, 16-aligned; vm: whose records they are, or MM_VM_NONE. NULL: no memory. */
	void *(*zalloc)(void *body, uint32_t vm, size_t bytes);
	void (*free)(void *body, uint32_t vm, void *p, size_t bytes);
	/* An absent page gets a frame of zeros; wakes. */
	int (*map_zero)(void *body, uint32_t vm, gfn_t g);
	/* An absent page gets a frame with these bytes (placing a boot image); wakes. */
	int (*map_bytes)(void *body, uint32_t vm, gfn_t g, const void *page);
	/* An absent page gets a frame with the stage's content, the stage keeps its own; protect: the first write must
	 * be announced by mm_fault(MM_FAULT_WRITE_PROTECTED); wakes. */
	int (*map_stage)(void *body, uint32_t vm, gfn_t g, stage_t s, bool protect);
	/* Takes a present page's content to an empty stage, exactly as of one moment; the page becomes absent; wakes.
	 * -EBUSY: not now (pinned by the host). */
	int (*withdraw)(void *body, uint32_t vm, gfn_t g, stage_t s);
	/* Present pages [g, g + nr) become absent, their content is gone; wakes. */
	int (*discard)(void *body, uint32_t vm, gfn_t g, uint32_t nr);
	/* A present page may be written without notice; wakes. */
	int (*unprotect)(void *body, uint32_t vm, gfn_t g);
	/* The page is as it should be: wakes. */
	void (*wake)(void *body, uint32_t vm, gfn_t g);
	/* All of a VM's pages become absent (it ended; nothing runs in it any more). */
	void (*discard_all)(void *body, uint32_t vm);
	/* Is the stage's content all zeros? */
	bool (*stage_is_zero)(void *body, stage_t s);
	/* A hash of the stage's content, to tell whether a page changed; only counters rest on it. May be NULL. */
	uint64_t (*stage_hash)(void *body, stage_t s);
	/* nr consecutive stages are empty from now on. */
	void (*stage_drop)(void *body, stage_t s, uint32_t nr);
	/* Starts the request; mm_io_done() must follow, from another call. An error is reported through mm_io_done too. */
	void (*swap_start)(void *body, struct mm_io *io);
	/* A page of this VM could not be read back (-errno): the VM cannot go on. Must keep its vCPUs out of the guest
	 * from now on; its faults are then served with zeros so that its threads can leave. */
	void (*vm_broken)(void *body, uint32_t vm, int error);
	/* A present page with a frame of its own: the first write from now on is announced by
	 * mm_fault(MM_FAULT_WRITE_PROTECTED); reads go on. */
	int (*protect)(void *body, uint32_t vm, gfn_t g);
	/*
	 * Sharing; may be NULL when it is off. A frame is a page of the pool, by its number in dedup/.
	 */
	/* XXH3-64 of a present page, or anything else that equal pages have in common and others do not. */
	int (*hash)(void *body, uint32_t vm, gfn_t g, uint64_t *hash);
	int (*equal)(void *body, uint32_t vm_a, gfn_t a, uint32_t vm_b, gfn_t b, bool *equal);
	int (*equal_frame)(void *body, uint32_t vm, gfn_t g, uint32_t frame, bool *equal);
	int (*page_is_zero)(void *body, uint32_t vm, gfn_t g, bool *zero);
	/* Present pages [g, g + nr) of their own become mappings of the frames [frame, frame + nr), write-protected and
	 * populated; their own frames are free. fill: the frames are empty and get the pages' content first; else each
	 * page is compared with its frame again under protection. Returns how many do now, from the first on; wakes
	 * those. The others stay as they were, but may be protected. None: -EAGAIN if the first differs, -ENOSPC: the
	 * mapping limit, -ENOMEM: no frame for the pool. */
	int (*share)(void *body, uint32_t vm, gfn_t g, uint32_t nr, uint32_t frame, bool fill);
	/* A present page of its own, all zeros, becomes absent, its frame is free. -EAGAIN if it is not zero any more
	 * once it can no longer be written, -ENOSPC: the mapping limit. wakes. */
	int (*share_zero)(void *body, uint32_t vm, gfn_t g);
	/* An absent page known to be zero: the kernel's zero page is mapped, protected before it can be written. wakes. */
	int (*map_zero_protected)(void *body, uint32_t vm, gfn_t g);
	/* A page that maps a frame gets its own copy of it, before anybody else goes on; it may be written then. wakes.
	 * For a moment it may need the frame that the reserve keeps for copying. */
	int (*break_shared)(void *body, uint32_t vm, gfn_t g);
	/* Nobody maps the frame any more. */
	void (*frame_free)(void *body, uint32_t frame);
	/*
	 * Compression; may be NULL when it is off. A place is a quarter of a page in the cache of the VM, numbered on through
	 * its frames; what is put there fills that quarter or, if it is long, it and the next.
	 */
	/* Compresses a stage's content into the body's own buffer, where it stays until cache_store() or the next
	 * compress(). *bytes: with whatever the body stores beside. -ENOSPC: it would be more than half a page. */
	int (*compress)(void *body, stage_t s, uint32_t *bytes);
	/* What was compressed last goes to that place. It may need a frame, which is free by now. */
	void (*cache_store)(void *body, uint32_t vm, uint32_t place);
	/* As map_stage, with the content of that place, which keeps it. -EIO: it cannot be made out any more. */
	int (*cache_map)(void *body, uint32_t vm, gfn_t g, uint32_t place, bool protect);
	/* The content of that place goes to a stage that is read into. -EIO, as above. */
	int (*cache_read)(void *body, uint32_t vm, uint32_t place, stage_t s);
	/* Within the cache, to a place in another frame that is in use. */
	void (*cache_move)(void *body, uint32_t vm, uint32_t from, uint32_t to);
	/* Nothing is in that frame of the cache any more. */
	void (*cache_free)(void *body, uint32_t vm, uint32_t frame);
	/* The VM's balloon shall hold so many pages; its driver works towards it. */
	void (*balloon_target)(void *body, uint32_t vm, npages_t pages);
	/* mm_reclaim() has work to do. */
	void (*reclaim_wanted)(void *body);
};

struct mm_config {
	npages_t memory_pages;
	npages_t swap_pages;
	const struct policy_ops *pager;
	const struct target_policy *policy; /* who gives memory up; NULL: proportional */
	uint32_t tax_ppm;                   /* of idle memory, at most TARGET_TAX_PPM_MAX */
	uint32_t state_ppm[MM_STATES];      /* high, soft, hard, low: descending; of memory */
	bool states_sliding; /* of mm_min_free_pages(memory) instead; high may be all of it */
	bool balloon;        /* the mechanism may be used */
	bool spare_overwritten; /* a page in swap that a device is about to overwrite whole is not read */
	bool write_zeros;       /* pages of zeros are written to swap as any other, not dropped */
	uint32_t
		ahead_most; /* pages a read from swap, at most MM_CLUSTER_PAGES; 1: no read-ahead; 0: 8 */
	/* Sharing: home pages for all VMs (dedup.h), 0: off; how fast and in which order pages are looked at. */
	uint32_t share_capacity_pages;
	uint32_t share_hash_bits;      /* 0: all; few make false matches happen */
	struct dedup_scan_config scan; /* order, rate_pages, vm_rate_pages */
	/* Pages on their way out that compress to half or less stay in memory, in so much of a VM's size; 0: off. */
	uint32_t compress_ppm;
	/* Sampling of working sets, for policies that use it: pages a period (0: none), the period in running time of
	 * the VM, the gains of the averages. */
	uint32_t sample_pages;
	uint64_t sample_period_ns;
	uint32_t sample_slow_ppm, sample_fast_ppm;
	enum mm_estimator estimator; /* whose result targets are computed from */
	uint64_t
		rebalance_ns; /* targets recomputed at least this often; 0: only when something changes */
	uint64_t seed;
	uint64_t start_ns; /* the time it is made, by the clock of all later now_ns */
	uint32_t max_vms;
	uint32_t most_at_once; /* VMs that run together at most; 0: max_vms */
	npages_t
		promised_pages; /* shared frames leave room for so much of minimums and floors, of VMs to come too */
	npages_t bounce_pages_per_vm; /* what the body keeps for device I/O, part of the reserve */
	struct mm_record_sink record; /* of all calls from now on, in both directions */
};

/* Frames that a VM of that size may have in its cache of compressed pages at the very most. */
uint32_t mm_cache_frames(uint32_t compress_ppm, npages_t pages);

/* Stages the body must provide, all empty at the start: indices [0, mm_stages()). */
uint32_t mm_stages(void);
/* Of these, [0, mm_read_stages()) are read into by swap_start and cache_read; the rest is withdrawn to. */
uint32_t mm_read_stages(void);

/* -EINVAL: no pager, no VMs, too little memory, or thresholds that do not fall or are the same page, high and low;
 * -ENOMEM. ops and body are borrowed. */
int mm_create(const struct mm_config *config, const struct mm_body_ops *ops, void *body,
	      struct mm **out);
void mm_destroy(struct mm *m);
/* No more calls are recorded; the sink has had the last bytes. Without effect if none are. mm_destroy() does it too. */
void mm_record_end(struct mm *m);

struct mm_vm_config {
	npages_t pages; /* configured */
	uint64_t hole_start,
		hole_end; /* gfns that are no memory, [start, end); empty if start == end */
	npages_t min_pages;
	uint32_t shares;
	uint32_t group; /* its pages are shared within the group only */
};

/* ESX 5 and later keep less of a large machine free: 6 % of its first 4 GiB, 4 % up to 12, 2 % up to 28, 1 % beyond. */
npages_t mm_min_free_pages(npages_t memory_pages);
/* The free-memory thresholds of a machine of that size. */
void mm_thresholds(const struct mm_config *config, npages_t memory_pages,
		   npages_t level[MM_STATES]);

/* The least memory the machine needs for its reserve, its high threshold and these minimums and floors; of nr_vms VMs,
 * or most_at_once if that is more. */
npages_t mm_least_memory_pages(const struct mm_config *config, uint32_t nr_vms,
			       npages_t sum_of_least);
npages_t mm_vm_least_pages(const struct mm_vm_config *vm);

struct mm_admission {
	npages_t min_pages;      /* of the VMs together, floors included */
	npages_t overhead_pages; /* with it: what memory must hold */
	npages_t beyond_pages;   /* configured - min: what swap must hold */
	bool memory_fits, swap_fits;
};
/* Do these VMs fit, one after the other? Returns how many do, nr if all; *out: the sums up to the first that does not, it
 * included. A machine without swap promises nothing beyond minimums: swap_pages 0 always fits. Allocates nothing. */
uint32_t mm_admit(const struct mm_config *config, const struct mm_vm_config *vm, uint32_t nr,
		  struct mm_admission *out);

/* vm < max_vms, never used before; at any time, also while others run. -ENOSPC: the minimums and floors of all VMs no
 * longer fit, or most_at_once are there; -EEXIST; -ENOMEM. */
int mm_vm_add(struct mm *m, uint32_t vm, const struct mm_vm_config *config, uint64_t now_ns);

/* Parameters that may change while VMs run; targets follow at once. -EINVAL: no such VM, or no shares. */
void mm_tax_set(struct mm *m, uint32_t tax_ppm, uint64_t now_ns);
int mm_vm_shares_set(struct mm *m, uint32_t vm, uint32_t shares, uint64_t now_ns);
/* Who gives memory up from now on. If the policy goes by estimates, VMs that were not sampled begin to be. -ENOMEM: no
 * records for that; the old policy stays. */
int mm_policy_set(struct mm *m, const struct target_policy *policy, uint64_t now_ns);
/* How often targets are computed at least; 0: only when something changes. */
void mm_rebalance_set(struct mm *m, uint64_t rebalance_ns, uint64_t now_ns);
/* Running time of a period of sampling; also of the periods that run. -EINVAL: 0. */
int mm_sample_period_set(struct mm *m, uint64_t period_ns, uint64_t now_ns);
/* What is never taken from the VM. -EINVAL: no such VM, or more than it is configured with; -ENOSPC: the minimums and
 * floors of all VMs would not fit. */
int mm_vm_min_set(struct mm *m, uint32_t vm, npages_t min_pages, uint64_t now_ns);

/* The VM ended and nothing runs in it: its memory, slots and page records are given back; its counters stay readable. */
void mm_vm_end(struct mm *m, uint32_t vm, uint64_t now_ns);

/* The VM's vCPUs have run for so long, all together, since it was made. Periods of sampling go by this. */
void mm_vm_ran(struct mm *m, uint32_t vm, uint64_t ran_ns);

/* The machine begins to run: sampling begins, times in states and the rebalance period count from now. */
void mm_start(struct mm *m, uint64_t now_ns);

/* Puts a page into a VM that does not run yet; page: PAGE_BYTES bytes or NULL for zeros; pin: never a victim.
 * -ENOMEM: the budget is spent; -EFAULT: no such gfn; -EEXIST: placed before. */
int mm_place(struct mm *m, uint32_t vm, gfn_t g, const void *page, bool pin, uint64_t now_ns);

enum mm_fault_kind {
	MM_FAULT_MISSING,         /* a touch found the page absent */
	MM_FAULT_WRITE_PROTECTED, /* a write found it protected */
};
/* Somebody sleeps on this page, or did: look at its record and do what is right. An event is a hint. */
void mm_fault(struct mm *m, uint32_t vm, gfn_t g, enum mm_fault_kind kind, uint64_t now_ns);

/* A balloon driver came (or went: its balloon is empty then, whatever it held). */
void mm_balloon_driver(struct mm *m, uint32_t vm, bool present, uint64_t now_ns);
/* The guest's driver says how many pages are free in the guest; any figure will do. For policies that go by it. */
void mm_vm_said(struct mm *m, uint32_t vm, npages_t free_pages, uint64_t now_ns);
/* The guest gave pages up, or takes them back. Returns how many made sense; no such page, given up already, not given
 * up, pinned: counted and dropped. Ascending order makes it cheap. */
uint64_t mm_balloon_gave(struct mm *m, uint32_t vm, const gfn_t *pages, uint32_t nr,
			 uint64_t now_ns);
uint64_t mm_balloon_took(struct mm *m, uint32_t vm, const gfn_t *pages, uint32_t nr,
			 uint64_t now_ns);
/* The guest does not need the content of [first, first + nr) any more and keeps the pages (free page reporting).
 * Returns how many made sense. */
uint64_t mm_pages_reported(struct mm *m, uint32_t vm, gfn_t first, uint64_t nr, uint64_t now_ns);

/* A device is about to read these pages for a write to the guest's disk, or to overwrite each as a whole with what it
 * read from there: told before it touches them. What is no page of the VM is passed over. See double.c. */
void mm_disk_access(struct mm *m, uint32_t vm, const gfn_t *pages, uint32_t nr, bool overwrites,
		    uint64_t now_ns);

/* A request is finished; result: 0 or -errno for all of it. io goes back to the manager. */
void mm_io_done(struct mm *m, struct mm_io *io, int result, uint64_t now_ns);

/* Nothing of this VM runs any more but threads that may still wait for its pages: they are served at the cost of its
 * other pages, whose content no longer matters. */
void mm_vm_doom(struct mm *m, uint32_t vm, uint64_t now_ns);

/* Pages out up to max_pages. Returns how many left or started to leave; 0: nothing to do, or nothing possible now. */
uint32_t mm_reclaim(struct mm *m, uint32_t max_pages, uint64_t now_ns);
bool mm_reclaim_needed(const struct mm *m);

/* Looks at pages that are due, at most max_pages (and MM_SCAN_MOST) of them, up to the first that can be shared, and at
 * neighbours that may go with them.
 * Returns how many were due; *again_ns: when the next is, now_ns: it may be due already. */
uint32_t mm_scan(struct mm *m, uint32_t max_pages, uint64_t now_ns, uint64_t *again_ns);
/* How many pages a second, of all VMs and of each, from now on (dedup/scan.h); without effect if sharing is off. */
void mm_scan_rates(struct mm *m, uint32_t rate_pages, uint32_t vm_rate_pages, uint64_t now_ns);

/* Time passes: rebalancing, retries of faults the host refused. Every 10 ms or so. */
void mm_tick(struct mm *m, uint64_t now_ns);

/* The machine stops: waiting faults are served from a part of the reserve kept for this, so that every thread can
 * leave its guest; from now on targets and floors no longer bind. */
void mm_stop(struct mm *m, uint64_t now_ns);

/* No swap request is under way. */
bool mm_idle(const struct mm *m);

/* now_ns: brings time-based figures up to date. */
void mm_host_stats(struct mm *m, uint64_t now_ns, struct mm_host_stats *out);
void mm_vm_stats(struct mm *m, uint32_t vm, uint64_t now_ns, struct mm_vm_stats *out);

/* Moves the oldest events, at most max, to *out. Returns how many. *lost: how many were dropped since the last call,
 * because nobody took them in time. See event.h. */
uint32_t mm_events_take(struct mm *m, struct mm_event *out, uint32_t max, uint64_t *lost);

/* Recomputes every counter, list and index from the page records and compares. On false *why names what is broken.
 * O(pages + slots). For tests and DEBUG builds. */
bool mm_consistent(const struct mm *m, const char **why);

#endif
