/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * play_entry.c: which entry point a recorded call is of, and with which arguments.
 *
 * Records may be forged: whatever the manager trusts its caller with is checked here.
 */
#include "mm/play_entry.h"

#include <string.h>

#include "mm/entry.h"
#include "mm/page.h"

#define BROKEN (-84) /* -EILSEQ */

#define SANE_SAMPLE_PAGES (1u << 20)

_Static_assert(MM_IOS <= 64, "a bit a request");
_Static_assert(PLAY_EVENTS *ENTRY_EVENT <= MM_SEAM_LIST, "events fit");

static uint64_t all_ops(void)
{
	return (1ull << (MM_SEAM_CALLS - MM_ENTRIES_END)) - 1;
}

/* Ops that a body may be without. */
static uint64_t optional(const struct mm_config *config)
{
	struct mm_body_ops some = {.stage_hash = NULL};
	struct mm_tape all = {.ops = NULL};

	mm_tape_set(&all, UINT64_MAX);
	some.stage_hash = all.table.stage_hash;
	if (!config->share_capacity_pages) {
		some.hash = all.table.hash;
		some.equal = all.table.equal;
		some.equal_frame = all.table.equal_frame;
		some.page_is_zero = all.table.page_is_zero;
		some.share = all.table.share;
		some.share_zero = all.table.share_zero;
		some.map_zero_protected = all.table.map_zero_protected;
		some.break_shared = all.table.break_shared;
		some.frame_free = all.table.frame_free;
	}
	if (!config->compress_ppm) {
		some.compress = all.table.compress;
		some.cache_store = all.table.cache_store;
		some.cache_map = all.table.cache_map;
		some.cache_read = all.table.cache_read;
		some.cache_move = all.table.cache_move;
		some.cache_free = all.table.cache_free;
	}
	return mm_tape_mask(&some);
}

static int create(struct player *p, const struct mm_args *a)
{
	struct mm_config config;
	int result;

	if (p->tape.mm || mm_config_of_values(a->list, a->nr_list, &config) ||
	    config.sample_pages > SANE_SAMPLE_PAGES)
		return BROKEN;
	config.start_ns = a->fixed[0];
	if (p->change)
		p->change->config(p->change->ctx, &config);
	if (p->open_loop)
		config.sample_pages = 0; /* estimates are those of the record */
	if (~a->fixed[1] & ~optional(&config) & all_ops())
		return BROKEN;
	mm_tape_set(&p->tape, a->fixed[1]);
	result = mm_create(&config, &p->tape.table, &p->tape, &p->tape.mm);
	p->fixed[p->result.nr_fixed++] = (uint64_t)(int64_t)result;
	return 0;
}

static int vm_add(struct player *p, uint32_t vm, const struct mm_args *a)
{
	struct mm_vm_config config = {.pages = a->fixed[2],
				      .hole_start = a->fixed[3],
				      .hole_end = a->fixed[4],
				      .min_pages = a->fixed[5],
				      .shares = (uint32_t)a->fixed[6],
				      .group = (uint32_t)a->fixed[7]};

	if (p->change)
		p->change->vm(p->change->ctx, vm, &config);
	return mm_vm_add(p->tape.mm, vm, &config, a->fixed[0]);
}

static int policy_set(struct player *p, const struct mm_args *a)
{
	const struct target_policy *policy;
	char name[64] = "";

	if (a->nr_list >= sizeof name)
		return BROKEN;
	for (uint32_t i = 0; i < a->nr_list; i++)
		name[i] = (char)a->list[i];
	policy = target_find(name);
	if (!policy)
		return BROKEN;
	p->fixed[p->result.nr_fixed++] =
		(uint64_t)(int64_t)mm_policy_set(p->tape.mm, policy, a->fixed[0]);
	return 0;
}

static int io_done(struct player *p, const struct mm_args *a)
{
	struct mm_io *io = mm_io_numbered(p->tape.mm, (uint32_t)a->fixed[1]);

	if (!io || !(p->under_way >> a->fixed[1] & 1) || (int64_t)a->fixed[2] > 0)
		return BROKEN;
	p->under_way &= ~(1ull << a->fixed[1]);
	mm_io_done(p->tape.mm, io, (int)(int64_t)a->fixed[2], a->fixed[0]);
	return 0;
}

static uint64_t pages_told(struct player *p, uint32_t vm, const struct mm_args *a)
{
	gfn_t page[MM_SEAM_LIST];

	for (uint32_t i = 0; i < a->nr_list; i++)
		page[i] = gfn(a->list[i]);
	if (a->call == MM_ENTRY_DISK_ACCESS) {
		mm_disk_access(p->tape.mm, vm, page, a->nr_list, a->fixed[2], a->fixed[0]);
		return 0;
	}
	return a->call == MM_ENTRY_BALLOON_GAVE
		       ? mm_balloon_gave(p->tape.mm, vm, page, a->nr_list, a->fixed[0])
		       : mm_balloon_took(p->tape.mm, vm, page, a->nr_list, a->fixed[0]);
}

static void stats(struct player *p, uint32_t vm, const struct mm_args *a)
{
	struct mm_host_stats host;
	struct mm_vm_stats v;

	if (a->call == MM_ENTRY_HOST_STATS) {
		mm_host_stats(p->tape.mm, a->fixed[0], &host);
		entry_host_values(&host, p->fixed);
	} else {
		mm_vm_stats(p->tape.mm, vm, a->fixed[0], &v);
		entry_vm_values(&v, p->fixed);
	}
	p->result.nr_fixed = ENTRY_STATS;
}

static int events_take(struct player *p, uint64_t max)
{
	if (max > PLAY_EVENTS)
		return BROKEN;
	p->nr_events = mm_events_take(p->tape.mm, p->event, (uint32_t)max, p->fixed);
	p->result.nr_fixed = 1;
	p->result.nr_list = p->nr_events * ENTRY_EVENT;
	for (uint32_t i = 0; i < p->nr_events; i++)
		entry_event_values(&p->event[i], p->list + i * ENTRY_EVENT);
	return 0;
}

/* The number of the VM that the call is about; false: there is no such. */
static bool vm_of(const struct player *p, const struct mm_args *a, uint32_t *vm)
{
	const char *form = mm_seam_info(a->call)->form, *m = strchr(form, 'm');

	*vm = 0;
	if (!m || m >= form + a->nr_fixed)
		return true;
	*vm = (uint32_t)a->fixed[m - form];
	return *vm < p->tape.mm->config.max_vms;
}

int play_enter(struct player *p, const struct mm_args *a)
{
	const uint64_t *f = a->fixed;
	struct mm *m = p->tape.mm;
	uint64_t *result = p->fixed;
	uint32_t vm;

	p->result = (struct mm_args){
		.call = MM_SEAM_RETURN, .entry = a->call, .fixed = p->fixed, .list = p->list};
	p->nr_events = 0;
	if (a->call == MM_ENTRY_CREATE)
		return create(p, a);
	if (!m || !vm_of(p, a, &vm))
		return BROKEN;
#define COUNTED(value) (*result = (uint64_t)(int64_t)(value), p->result.nr_fixed = 1, 0)
#define VOID(call)     (call, 0)
	switch (a->call) {
	case MM_ENTRY_VM_ADD:
		return COUNTED(vm_add(p, vm, a));
	case MM_ENTRY_TAX_SET:
		return VOID(mm_tax_set(m, (uint32_t)f[1], f[0]));
	case MM_ENTRY_VM_SHARES_SET:
		return COUNTED(mm_vm_shares_set(m, vm, (uint32_t)f[2], f[0]));
	case MM_ENTRY_POLICY_SET:
		return policy_set(p, a);
	case MM_ENTRY_REBALANCE_SET:
		return VOID(mm_rebalance_set(m, f[1], f[0]));
	case MM_ENTRY_SAMPLE_PERIOD_SET:
		return COUNTED(mm_sample_period_set(m, f[1], f[0]));
	case MM_ENTRY_VM_MIN_SET:
		return COUNTED(mm_vm_min_set(m, vm, f[2], f[0]));
	case MM_ENTRY_VM_SAID:
		return VOID(mm_vm_said(m, vm, f[2], f[0]));
	case MM_ENTRY_VM_END:
		return VOID(mm_vm_end(m, vm, f[0]));
	case MM_ENTRY_VM_RAN:
		return VOID(mm_vm_ran(m, vm, f[1]));
	case MM_ENTRY_START:
		return VOID(mm_start(m, f[0]));
	case MM_ENTRY_PLACE: /* its bytes are the body's */
		return COUNTED(mm_place(m, vm, gfn(f[2]), f[3] ? p : NULL, f[4], f[0]));
	case MM_ENTRY_FAULT:
		return VOID(mm_fault(m, vm, gfn(f[2]),
				     f[3] ? MM_FAULT_WRITE_PROTECTED : MM_FAULT_MISSING, f[0]));
	case MM_ENTRY_BALLOON_DRIVER:
		return VOID(mm_balloon_driver(m, vm, f[2], f[0]));
	case MM_ENTRY_BALLOON_GAVE:
	case MM_ENTRY_BALLOON_TOOK:
		return COUNTED(pages_told(p, vm, a));
	case MM_ENTRY_DISK_ACCESS:
		return VOID(pages_told(p, vm, a));
	case MM_ENTRY_TRACE_PAGE:
		return COUNTED(mm_trace_page(m, vm, gfn(f[2]), f[0]));
	case MM_ENTRY_PAGES_REPORTED:
		return COUNTED(mm_pages_reported(m, vm, gfn(f[2]), f[3], f[0]));
	case MM_ENTRY_IO_DONE:
		return io_done(p, a);
	case MM_ENTRY_VM_DOOM:
		return VOID(mm_vm_doom(m, vm, f[0]));
	case MM_ENTRY_RECLAIM:
		return COUNTED(mm_reclaim(m, (uint32_t)f[1], f[0]));
	case MM_ENTRY_SCAN:
		result[0] = mm_scan(m, (uint32_t)f[1], f[0], &result[1]);
		p->result.nr_fixed = 2;
		return 0;
	case MM_ENTRY_SCAN_RATES:
		return VOID(mm_scan_rates(m, (uint32_t)f[1], (uint32_t)f[2], f[0]));
	case MM_ENTRY_TICK:
		return VOID(mm_tick(m, f[0]));
	case MM_ENTRY_STOP:
		return VOID(mm_stop(m, f[0]));
	case MM_ENTRY_HOST_STATS:
	case MM_ENTRY_VM_STATS:
		return VOID(stats(p, vm, a));
	case MM_ENTRY_EVENTS_TAKE:
		return events_take(p, f[0]);
	default:
		return BROKEN;
	}
#undef COUNTED
#undef VOID
}
