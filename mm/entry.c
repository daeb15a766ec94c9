/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * entry.c: the manager's entry points, recorded on their way in and out if somebody records, else passed on for the
 * price of a branch.
 */
#include "mm/entry.h"

#include <string.h>

#include "mm/page.h"
#include "mm/record.h"
#include "mm/tape.h"

#define RECORDED(m)   __builtin_expect((m)->record != NULL, 0)
#define NR_OF(values) ((unsigned)(sizeof(values) / sizeof((values)[0])))

#define ENTER(r, ENTRY, ...)                                                        \
	record_enter(r, &(struct mm_args){.call = MM_ENTRY_##ENTRY,                 \
					  .fixed = (const uint64_t[]){__VA_ARGS__}, \
					  .nr_fixed = NR_OF(((const uint64_t[]){__VA_ARGS__}))})

static void returns(struct mm_record *r, const uint64_t *value, unsigned nr)
{
	record_return(r, &(struct mm_args){.fixed = value, .nr_fixed = nr});
}

#define ENTRY_VOID(ENTRY, name, parameters, pass, ...)        \
	void mm_##name parameters                             \
	{                                                     \
		if (RECORDED(m))                              \
			ENTER(m->record, ENTRY, __VA_ARGS__); \
		do_##name pass;                               \
		if (RECORDED(m))                              \
			returns(m->record, NULL, 0);          \
	}

#define ENTRY_RESULT(ENTRY, type, name, parameters, pass, ...)                         \
	type mm_##name parameters                                                      \
	{                                                                              \
		type result;                                                           \
                                                                                       \
		if (RECORDED(m))                                                       \
			ENTER(m->record, ENTRY, __VA_ARGS__);                          \
		result = do_##name pass;                                               \
		if (RECORDED(m))                                                       \
			returns(m->record, &(uint64_t){(uint64_t)(int64_t)result}, 1); \
		return result;                                                         \
	}

ENTRY_RESULT(VM_ADD, int, vm_add,
	     (struct mm * m, uint32_t vm, const struct mm_vm_config *config, uint64_t now_ns),
	     (m, vm, config, now_ns), now_ns, vm, config->pages, config->hole_start,
	     config->hole_end, config->min_pages, config->shares, config->group)
ENTRY_VOID(TAX_SET, tax_set, (struct mm * m, uint32_t tax_ppm, uint64_t now_ns),
	   (m, tax_ppm, now_ns), now_ns, tax_ppm)
ENTRY_RESULT(VM_SHARES_SET, int, vm_shares_set,
	     (struct mm * m, uint32_t vm, uint32_t shares, uint64_t now_ns),
	     (m, vm, shares, now_ns), now_ns, vm, shares)
ENTRY_VOID(REBALANCE_SET, rebalance_set, (struct mm * m, uint64_t rebalance_ns, uint64_t now_ns),
	   (m, rebalance_ns, now_ns), now_ns, rebalance_ns)
ENTRY_RESULT(SAMPLE_PERIOD_SET, int, sample_period_set,
	     (struct mm * m, uint64_t period_ns, uint64_t now_ns), (m, period_ns, now_ns), now_ns,
	     period_ns)
ENTRY_RESULT(VM_MIN_SET, int, vm_min_set,
	     (struct mm * m, uint32_t vm, npages_t min_pages, uint64_t now_ns),
	     (m, vm, min_pages, now_ns), now_ns, vm, min_pages)
ENTRY_VOID(VM_SAID, vm_said, (struct mm * m, uint32_t vm, npages_t free_pages, uint64_t now_ns),
	   (m, vm, free_pages, now_ns), now_ns, vm, free_pages)
ENTRY_VOID(VM_END, vm_end, (struct mm * m, uint32_t vm, uint64_t now_ns), (m, vm, now_ns), now_ns,
	   vm)
ENTRY_VOID(VM_RAN, vm_ran, (struct mm * m, uint32_t vm, uint64_t ran_ns), (m, vm, ran_ns), vm,
	   ran_ns)
ENTRY_VOID(START, start, (struct mm * m, uint64_t now_ns), (m, now_ns), now_ns)
ENTRY_RESULT(PLACE, int, place,
	     (struct mm * m, uint32_t vm, gfn_t g, const void *page, bool pin, uint64_t now_ns),
	     (m, vm, g, page, pin, now_ns), now_ns, vm, g.v, page != NULL, pin)
ENTRY_VOID(FAULT, fault,
	   (struct mm * m, uint32_t vm, gfn_t g, enum mm_fault_kind kind, uint64_t now_ns),
	   (m, vm, g, kind, now_ns), now_ns, vm, g.v, kind == MM_FAULT_WRITE_PROTECTED)
ENTRY_VOID(BALLOON_DRIVER, balloon_driver,
	   (struct mm * m, uint32_t vm, bool present, uint64_t now_ns), (m, vm, present, now_ns),
	   now_ns, vm, present)
ENTRY_RESULT(PAGES_REPORTED, uint64_t, pages_reported,
	     (struct mm * m, uint32_t vm, gfn_t first, uint64_t nr, uint64_t now_ns),
	     (m, vm, first, nr, now_ns), now_ns, vm, first.v, nr)
ENTRY_VOID(IO_DONE, io_done, (struct mm * m, struct mm_io *io, int result, uint64_t now_ns),
	   (m, io, result, now_ns), now_ns, mm_io_number(m, io), (uint64_t)(int64_t)result)
ENTRY_VOID(VM_DOOM, vm_doom, (struct mm * m, uint32_t vm, uint64_t now_ns), (m, vm, now_ns), now_ns,
	   vm)
ENTRY_RESULT(RECLAIM, uint32_t, reclaim, (struct mm * m, uint32_t max_pages, uint64_t now_ns),
	     (m, max_pages, now_ns), now_ns, max_pages)
ENTRY_VOID(SCAN_RATES, scan_rates,
	   (struct mm * m, uint32_t rate_pages, uint32_t vm_rate_pages, uint64_t now_ns),
	   (m, rate_pages, vm_rate_pages, now_ns), now_ns, rate_pages, vm_rate_pages)
ENTRY_RESULT(TRACE_PAGE, int, trace_page, (struct mm * m, uint32_t vm, gfn_t g, uint64_t now_ns),
	     (m, vm, g, now_ns), now_ns, vm, g.v)
ENTRY_VOID(TICK, tick, (struct mm * m, uint64_t now_ns), (m, now_ns), now_ns)
ENTRY_VOID(STOP, stop, (struct mm * m, uint64_t now_ns), (m, now_ns), now_ns)

/* Those whose arguments or results are more than numbers. */

int mm_create(const struct mm_config *config, const struct mm_body_ops *ops, void *body,
	      struct mm **out)
{
	const uint64_t fixed[] = {config->start_ns, mm_tape_mask(ops)};
	uint64_t value[MM_CONFIG_VALUES];
	struct mm_record *r;
	int result;

	*out = NULL;
	if (!config->record.put)
		return do_create(config, ops, body, out);
	r = record_make(&config->record, ops, body);
	if (!r)
		return -12;
	record_enter(r, &(struct mm_args){.call = MM_ENTRY_CREATE,
					  .fixed = fixed,
					  .nr_fixed = 2,
					  .list = value,
					  .nr_list = mm_config_values(config, value)});
	result = do_create(config, &record_tape(r)->table, record_tape(r), out);
	returns(r, &(uint64_t){(uint64_t)(int64_t)result}, 1);
	if (result) {
		record_end(r);
		return result;
	}
	record_tape(r)->mm = *out;
	(*out)->record = r;
	return 0;
}

void mm_record_end(struct mm *m)
{
	struct mm_record *r = m->record;

	if (!r)
		return;
	m->record = NULL;
	m->ops = record_tape(r)->ops;
	m->body = record_tape(r)->body;
	record_end(r);
}

void mm_destroy(struct mm *m)
{
	if (m)
		mm_record_end(m);
	do_destroy(m);
}

int mm_policy_set(struct mm *m, const struct target_policy *policy, uint64_t now_ns)
{
	uint64_t name[64];
	int result;

	if (RECORDED(m))
		record_enter(m->record,
			     &(struct mm_args){.call = MM_ENTRY_POLICY_SET,
					       .fixed = &now_ns,
					       .nr_fixed = 1,
					       .list = name,
					       .nr_list = mm_name_values(policy->name, name)});
	result = do_policy_set(m, policy, now_ns);
	if (RECORDED(m))
		returns(m->record, &(uint64_t){(uint64_t)(int64_t)result}, 1);
	return result;
}

static void enter_pages(struct mm *m, unsigned call, uint32_t vm, const gfn_t *pages, uint32_t nr,
			uint64_t now_ns)
{
	record_enter(m->record, &(struct mm_args){.call = call,
						  .fixed = (const uint64_t[]){now_ns, vm},
						  .nr_fixed = 2,
						  .list = nr ? &pages->v : NULL,
						  .nr_list = nr});
}

#define ENTRY_PAGES(ENTRY, name)                                                       \
	uint64_t mm_##name(struct mm *m, uint32_t vm, const gfn_t *pages, uint32_t nr, \
			   uint64_t now_ns)                                            \
	{                                                                              \
		uint64_t result;                                                       \
                                                                                       \
		if (RECORDED(m))                                                       \
			enter_pages(m, MM_ENTRY_##ENTRY, vm, pages, nr, now_ns);       \
		result = do_##name(m, vm, pages, nr, now_ns);                          \
		if (RECORDED(m))                                                       \
			returns(m->record, &result, 1);                                \
		return result;                                                         \
	}

ENTRY_PAGES(BALLOON_GAVE, balloon_gave)
ENTRY_PAGES(BALLOON_TOOK, balloon_took)

void mm_disk_access(struct mm *m, uint32_t vm, const gfn_t *pages, uint32_t nr, bool overwrites,
		    uint64_t now_ns)
{
	if (RECORDED(m))
		record_enter(m->record,
			     &(struct mm_args){.call = MM_ENTRY_DISK_ACCESS,
					       .fixed = (const uint64_t[]){now_ns, vm, overwrites},
					       .nr_fixed = 3,
					       .list = nr ? &pages->v : NULL,
					       .nr_list = nr});
	do_disk_access(m, vm, pages, nr, overwrites, now_ns);
	if (RECORDED(m))
		returns(m->record, NULL, 0);
}

uint32_t mm_scan(struct mm *m, uint32_t max_pages, uint64_t now_ns, uint64_t *again_ns)
{
	uint32_t looked;

	if (RECORDED(m))
		ENTER(m->record, SCAN, now_ns, max_pages);
	looked = do_scan(m, max_pages, now_ns, again_ns);
	if (RECORDED(m))
		returns(m->record, (uint64_t[]){looked, *again_ns}, 2);
	return looked;
}

void entry_host_values(const struct mm_host_stats *s, uint64_t value[ENTRY_STATS])
{
	const uint64_t v[ENTRY_STATS] = {s->used_pages,
					 s->peak_used_pages,
					 s->free_pages,
					 s->metadata_bytes,
					 s->state,
					 s->pool_pages,
					 s->swap.used_pages,
					 s->swap.written_pages,
					 s->swap.read_pages,
					 s->swap.clean_drops,
					 s->swap.zero_drops,
					 s->swap.errors,
					 s->share.scanned_pages,
					 s->share.shared_pages,
					 s->share.matches,
					 s->share.cow_breaks};

	memcpy(value, v, sizeof v);
}

void entry_vm_values(const struct mm_vm_stats *s, uint64_t value[ENTRY_STATS])
{
	const uint64_t v[ENTRY_STATS] = {
		s->target_pages, s->active_pages,    s->resident_pages,       s->swapped_pages,
		s->shared_pages, s->ballooned_pages, s->balloon_target_pages, s->untouched_pages,
		s->faults_zero,  s->faults_swap_in,  s->faults_sampled,       s->faults_cow,
		s->faults_pop,   s->paged_out_pages, s->stalled_ns,           s->body_errors};

	memcpy(value, v, sizeof v);
}

void entry_event_values(const struct mm_event *e, uint64_t *value)
{
	value[0] = e->kind;
	value[1] = e->vm;
	value[2] = e->at_ns;
	memcpy(value + 3, e->value, sizeof e->value);
}

void mm_host_stats(struct mm *m, uint64_t now_ns, struct mm_host_stats *out)
{
	uint64_t value[ENTRY_STATS];

	if (RECORDED(m))
		ENTER(m->record, HOST_STATS, now_ns);
	do_host_stats(m, now_ns, out);
	if (!RECORDED(m))
		return;
	entry_host_values(out, value);
	returns(m->record, value, ENTRY_STATS);
}

void mm_vm_stats(struct mm *m, uint32_t vm, uint64_t now_ns, struct mm_vm_stats *out)
{
	uint64_t value[ENTRY_STATS];

	if (RECORDED(m))
		ENTER(m->record, VM_STATS, now_ns, vm);
	do_vm_stats(m, vm, now_ns, out);
	if (!RECORDED(m))
		return;
	entry_vm_values(out, value);
	returns(m->record, value, ENTRY_STATS);
}

uint32_t mm_events_take(struct mm *m, struct mm_event *out, uint32_t max, uint64_t *lost)
{
	uint64_t value[ENTRY_EVENT * 64];
	uint32_t nr;

	if (!RECORDED(m))
		return do_events_take(m, out, max, lost);
	max = max < 64 ? max : 64; /* the rest by another call */
	ENTER(m->record, EVENTS_TAKE, max);
	nr = do_events_take(m, out, max, lost);
	for (uint32_t i = 0; i < nr; i++)
		entry_event_values(&out[i], value + i * ENTRY_EVENT);
	record_return(m->record, &(struct mm_args){.fixed = lost,
						   .nr_fixed = 1,
						   .list = value,
						   .nr_list = nr * ENTRY_EVENT});
	return nr;
}
