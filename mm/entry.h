/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * entry.h: the entry points of mm.h behind the recorder: mm_X() records the call and calls do_X(). Inside mm/ only; who
 * is inside the manager already calls do_X() too.
 */
#ifndef BALLAST_MM_ENTRY_H
#define BALLAST_MM_ENTRY_H

#include "mm/mm.h"

int do_create(const struct mm_config *config, const struct mm_body_ops *ops, void *body,
	      struct mm **out);
void do_destroy(struct mm *m);
int do_vm_add(struct mm *m, uint32_t vm, const struct mm_vm_config *config, uint64_t now_ns);
void do_tax_set(struct mm *m, uint32_t tax_ppm, uint64_t now_ns);
int do_vm_shares_set(struct mm *m, uint32_t vm, uint32_t shares, uint64_t now_ns);
int do_policy_set(struct mm *m, const struct target_policy *policy, uint64_t now_ns);
void do_rebalance_set(struct mm *m, uint64_t rebalance_ns, uint64_t now_ns);
int do_sample_period_set(struct mm *m, uint64_t period_ns, uint64_t now_ns);
int do_vm_min_set(struct mm *m, uint32_t vm, npages_t min_pages, uint64_t now_ns);
void do_vm_said(struct mm *m, uint32_t vm, npages_t free_pages, uint64_t now_ns);
void do_vm_end(struct mm *m, uint32_t vm, uint64_t now_ns);
void do_vm_ran(struct mm *m, uint32_t vm, uint64_t ran_ns);
void do_start(struct mm *m, uint64_t now_ns);
int do_place(struct mm *m, uint32_t vm, gfn_t g, const void *page, bool pin, uint64_t now_ns);
void do_fault(struct mm *m, uint32_t vm, gfn_t g, enum mm_fault_kind kind, uint64_t now_ns);
void do_balloon_driver(struct mm *m, uint32_t vm, bool present, uint64_t now_ns);
uint64_t do_balloon_gave(struct mm *m, uint32_t vm, const gfn_t *pages, uint32_t nr,
			 uint64_t now_ns);
uint64_t do_balloon_took(struct mm *m, uint32_t vm, const gfn_t *pages, uint32_t nr,
			 uint64_t now_ns);
uint64_t do_pages_reported(struct mm *m, uint32_t vm, gfn_t first, uint64_t nr, uint64_t now_ns);
void do_disk_access(struct mm *m, uint32_t vm, const gfn_t *pages, uint32_t nr, bool overwrites,
		    uint64_t now_ns);
int do_trace_page(struct mm *m, uint32_t vm, gfn_t g, uint64_t now_ns);
void do_io_done(struct mm *m, struct mm_io *io, int result, uint64_t now_ns);
void do_vm_doom(struct mm *m, uint32_t vm, uint64_t now_ns);
uint32_t do_reclaim(struct mm *m, uint32_t max_pages, uint64_t now_ns);
uint32_t do_scan(struct mm *m, uint32_t max_pages, uint64_t now_ns, uint64_t *again_ns);
void do_scan_rates(struct mm *m, uint32_t rate_pages, uint32_t vm_rate_pages, uint64_t now_ns);
void do_tick(struct mm *m, uint64_t now_ns);
void do_stop(struct mm *m, uint64_t now_ns);
void do_host_stats(struct mm *m, uint64_t now_ns, struct mm_host_stats *out);
void do_vm_stats(struct mm *m, uint32_t vm, uint64_t now_ns, struct mm_vm_stats *out);
uint32_t do_events_take(struct mm *m, struct mm_event *out, uint32_t max, uint64_t *lost);

/* What is recorded of statistics; play.c compares it. */
#define ENTRY_STATS 16u
void entry_host_values(const struct mm_host_stats *s, uint64_t value[ENTRY_STATS]);
void entry_vm_values(const struct mm_vm_stats *s, uint64_t value[ENTRY_STATS]);
/* An event as a list's entry: ENTRY_EVENT values. */
#define ENTRY_EVENT (3 + MM_EVENT_VALUES)
void entry_event_values(const struct mm_event *e, uint64_t *value);

#endif
