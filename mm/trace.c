/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * trace.c: which pages are traced, their events, and the words for them.
 *
 * page_move() tells every change of state. Its cause is noted by whoever decides, just before, in mm.why: page_move()
 * takes it and leaves none, so a cause never sticks to a later change. What the manager was called for is in mm.call.
 * Both are set whether anybody traces or not: two stores.
 *
 * Events wait in a ring until they are taken. A page that the pager's policy comes past time and again is told once in a
 * row with the same reason, so that a page that nothing happens to fills no ring.
 */
#include "mm/why.h"

#define TRACE_EVENTS 4096u

struct mm_trace {
	struct {
		uint32_t vm, gfn;
		uint8_t why; /* of its last event, and its number */
		uint32_t detail;
	} page[MM_TRACED_PAGES];
	uint32_t nr;
	struct mm_page_event event[TRACE_EVENTS]; /* ring, oldest at first */
	uint32_t first, nr_events;
	uint64_t lost;
};

static const struct mm_why_info infos[MM_WHYS] = {
	[MM_WHY_NONE] = {"unknown", "", NULL, false},
	[MM_WHY_FIRST_TOUCH] = {"first_touch", "touched: gets a frame of zeros", NULL, false},
	[MM_WHY_POPPED] = {"popped", "touched though it is in the balloon: gets a frame of zeros",
			   NULL, false},
	[MM_WHY_ZERO_IN] = {"zero_in", "touched: gets a frame of zeros, which it held", NULL,
			    false},
	[MM_WHY_READ_BEGINS] = {"read_begins", "touched: a read of its slot begins", "pages",
				false},
	[MM_WHY_READ_AWAITED] = {"read_awaited", "touched while it is read ahead: waits for that",
				 NULL, false},
	[MM_WHY_AHEAD_USED] = {"ahead_used", "touched: was read ahead", NULL, false},
	[MM_WHY_CAUGHT_LEAVING] = {"caught_leaving",
				   "touched while it is written: gets a copy, unchanged so far",
				   NULL, false},
	[MM_WHY_CAUGHT_WITHDRAWN] = {"caught_withdrawn", "touched while withdrawn: is in use", NULL,
				     false},
	[MM_WHY_WAITS] = {"waits", "touched: no frame for it now, the fault waits", NULL, false},
	[MM_WHY_FIRST_WRITE] = {"first_write",
				"written for the first time since it came in or was drawn "
				"into a sample: gives its slot up, if it has one",
				NULL, false},
	[MM_WHY_READ] = {"read", "read from its slot", NULL, false},
	[MM_WHY_READ_LOST] = {"read_lost", "could not be read: lost, its guest is stopped", NULL,
			      false},
	[MM_WHY_READ_AGAIN] = {"read_again", "a read of several pages failed: tried again alone",
			       NULL, false},
	[MM_WHY_MAP_REFUSED] = {"map_refused", "read, but the kernel would not map it: waits", NULL,
				false},
	[MM_WHY_WRITTEN] = {"written", "written to its slot: its frame is free", NULL, false},
	[MM_WHY_WRITE_FAILED] = {"write_failed", "could not be written: stays", NULL, false},
	[MM_WHY_AHEAD_BEGINS] = {"ahead_begins", "read ahead, with a neighbour that was touched",
				 "with_gfn", false},
	[MM_WHY_AHEAD_KEPT] = {"ahead_kept", "read ahead: kept aside until it is touched", NULL,
			       false},
	[MM_WHY_AHEAD_DROPPED] = {"ahead_dropped", "read ahead, and not touched: given up", NULL,
				  false},
	[MM_WHY_SLOT_TAKEN_BACK] = {"slot_taken_back", "swap is nearly full: its slot is taken",
				    NULL, false},
	[MM_WHY_DECOMPRESSED] = {"decompressed", "touched: decompressed from its guest's cache",
				 NULL, false},
	[MM_WHY_CACHE_WRITTEN] = {"cache_written",
				  "among the oldest in its guest's cache: written to its slot",
				  NULL, false},
	[MM_WHY_CACHE_CLEAN] = {"cache_clean",
				"the oldest in its guest's cache, and its slot still holds it",
				NULL, false},
	[MM_WHY_PASSED_BY] = {"passed_by", "came to its turn and was left where it is", "reason",
			      true},
	[MM_WHY_PROBATION] = {"probation", "chosen: withdrawn to see whether it is touched",
			      "over_target_pages", true},
	[MM_WHY_OUT_CLEAN] = {"out_clean", "chosen: unchanged, its slot still holds it",
			      "over_target_pages", true},
	[MM_WHY_OUT_ZERO] = {"out_zero", "chosen: all zeros, leaves without a slot",
			     "over_target_pages", true},
	[MM_WHY_OUT_WRITE] = {"out_write", "chosen: a write to its slot begins",
			      "over_target_pages", true},
	[MM_WHY_OUT_COMPRESS] = {"out_compress", "chosen: compressed, stays in its guest's cache",
				 "over_target_pages", true},
	[MM_WHY_COMPRESS_IN_VAIN] = {"compress_in_vain",
				     "chosen, and it did not compress: mapped again, there is no "
				     "slot for it",
				     NULL, true},
	[MM_WHY_SAMPLE_DRAWN] = {"sample_drawn", "drawn into the sample: withdrawn", NULL, false},
	[MM_WHY_SAMPLE_WATCHED] = {"sample_watched", "drawn into the sample as it is", NULL, false},
	[MM_WHY_SAMPLE_OVER] = {"sample_over",
				"not touched until the sampling period was over: mapped again",
				NULL, false},
	[MM_WHY_SAMPLE_NAMED] = {"sample_named",
				 "chosen while in the sample: mapped again, to "
				 "leave as any other",
				 NULL, true},
	[MM_WHY_SHARED] = {"shared", "found equal to others: shares their frame", "frame", false},
	[MM_WHY_SHARED_ZERO] = {"shared_zero", "found to be all zeros: shared without a frame",
				NULL, false},
	[MM_WHY_SHARE_BROKEN] = {"share_broken", "written: gets a copy of the frame it shared",
				 "frame", false},
	[MM_WHY_ZERO_BROKEN] = {"zero_broken", "written: gets a frame of zeros", NULL, false},
	[MM_WHY_SHARE_LONE] = {"share_lone", "last on the frame it shared: gets it as its own",
			       "frame", false},
	[MM_WHY_BALLOONED] = {"ballooned", "given up by the guest's balloon driver", NULL, false},
	[MM_WHY_DEFLATED] = {"deflated", "taken back by the guest's balloon driver", NULL, false},
	[MM_WHY_BALLOON_RESET] = {"balloon_reset", "the balloon's driver went or began anew", NULL,
				  false},
	[MM_WHY_REPORTED] = {"reported", "the guest said that it is free", NULL, false},
	[MM_WHY_DISK_READS] = {"disk_reads",
			       "the guest's disk is about to read it for a write: it has to come "
			       "in for that",
			       NULL, false},
	[MM_WHY_DISK_OVERWRITES] = {"disk_overwrites",
				    "the guest's disk is about to overwrite it whole", NULL, false},
	[MM_WHY_DISK_SPARED] = {"disk_spared",
				"the guest's disk is about to overwrite it whole: what it held is "
				"given up",
				NULL, false},
	[MM_WHY_TRACED] = {"traced", "its history begins", NULL, false},
	[MM_WHY_PLACED] = {"placed", "put there before the guest began", NULL, false},
	[MM_WHY_SACRIFICED] = {"sacrificed",
			       "its guest has ended: makes room for a thread that "
			       "must leave",
			       NULL, true},
	[MM_WHY_VM_ENDED] = {"vm_ended", "its guest has ended", NULL, false},
};

const struct mm_why_info *mm_why_info(enum mm_why why)
{
	return &infos[why];
}

const char *mm_page_state_name(unsigned state)
{
	static const char *const names[PAGE_STATES] = {
		[PAGE_UNTOUCHED] = "untouched",   [PAGE_RESIDENT] = "resident",
		[PAGE_SAMPLED] = "sampled",       [PAGE_LEAVING] = "leaving",
		[PAGE_SWAPPED] = "swapped",       [PAGE_ARRIVING] = "arriving",
		[PAGE_BALLOONED] = "ballooned",   [PAGE_SHARED] = "shared",
		[PAGE_COMPRESSED] = "compressed",
	};

	return names[state];
}

const char *mm_call_name(enum mm_call call)
{
	static const char *const names[MM_CALLS] = {
		[MM_CALL_OTHER] = "other",       [MM_CALL_FAULT] = "fault",
		[MM_CALL_WRITE_FAULT] = "write", [MM_CALL_WAITING] = "waiting_fault",
		[MM_CALL_RECLAIM] = "reclaim",   [MM_CALL_IO_DONE] = "io_done",
		[MM_CALL_BALLOON] = "balloon",   [MM_CALL_REPORT] = "report",
		[MM_CALL_DISK] = "disk",         [MM_CALL_SCAN] = "scan",
		[MM_CALL_TICK] = "tick",         [MM_CALL_PLACE] = "place",
		[MM_CALL_VM_END] = "vm_end",
	};

	return names[call];
}

const char *mm_paging_reason_name(uint32_t reason)
{
	static const char *const names[MM_PAGING_REASONS] = {
		[MM_PAGING_WRITTEN] = "written",
		[MM_PAGING_CLEAN] = "clean",
		[MM_PAGING_ZERO] = "zero",
		[MM_PAGING_COMPRESSED] = "compressed",
		[MM_PAGING_AT_TARGET] = "at_target",
		[MM_PAGING_AT_FLOOR] = "at_floor",
		[MM_PAGING_BALLOON_FIRST] = "balloon_first",
		[MM_PAGING_DISK_BUSY] = "disk_busy",
		[MM_PAGING_PINNED] = "pinned",
		[MM_PAGING_WAITED_FOR] = "waited_for",
		[MM_PAGING_JUST_IN] = "just_in",
		[MM_PAGING_IN_FLIGHT] = "in_flight",
		[MM_PAGING_SWAP_FULL] = "swap_full",
		[MM_PAGING_REFUSED] = "refused",
	};

	return names[reason];
}

static bool find(const struct mm_trace *t, uint32_t vm, uint64_t g, uint32_t *i)
{
	for (*i = 0; *i < t->nr; ++*i)
		if (t->page[*i].vm == vm && t->page[*i].gfn == g)
			return true;
	return false;
}

void page_trace_put(struct mm *m, const struct mm_vm *v, uint32_t g, enum page_state from,
		    enum mm_why why, uint32_t detail)
{
	struct mm_trace *t = m->trace;
	const struct page *p = &v->page[g];
	uint32_t i;

	if (!find(t, vm_id(m, v), g, &i) ||
	    (why == MM_WHY_PASSED_BY && t->page[i].why == why && t->page[i].detail == detail))
		return;
	t->page[i].why = (uint8_t)why;
	t->page[i].detail = detail;
	if (t->nr_events == TRACE_EVENTS) {
		t->first = (t->first + 1) % TRACE_EVENTS;
		t->nr_events--;
		t->lost++;
	}
	t->event[(t->first + t->nr_events++) % TRACE_EVENTS] = (struct mm_page_event){
		.at_ns = m->now_ns,
		.vm = vm_id(m, v),
		.gfn = g,
		.from = (uint8_t)from,
		.to = p->state,
		.why = (uint8_t)why,
		.call = (uint8_t)m->call,
		.slot = p->flags & PAGE_HAS_SLOT ? p->slot : MM_NO_SLOT,
		.detail = detail,
	};
}

int do_trace_page(struct mm *m, uint32_t vm, gfn_t g, uint64_t now_ns)
{
	uint32_t i;

	if (vm >= m->config.max_vms || g.v >= UINT32_MAX)
		return -22;
	if (m->vm[vm].in_use && !page_exists(&m->vm[vm], g.v))
		return -14;
	if (!m->trace)
		m->trace = mm_zalloc(m, MM_VM_NONE, sizeof *m->trace);
	if (!m->trace)
		return -12;
	if (find(m->trace, vm, g.v, &i))
		return 0;
	if (i == MM_TRACED_PAGES)
		return -28;
	mm_enter(m, now_ns);
	m->trace->page[i].vm = vm;
	m->trace->page[i].gfn = (uint32_t)g.v;
	m->trace->nr++;
	if (m->vm[vm].in_use)
		page_note(m, &m->vm[vm], (uint32_t)g.v, MM_WHY_TRACED, 0);
	mm_leave(m);
	return 0;
}

uint32_t mm_page_events_take(struct mm *m, struct mm_page_event *out, uint32_t max, uint64_t *lost)
{
	struct mm_trace *t = m->trace;
	uint32_t nr;

	*lost = 0;
	if (!t)
		return 0;
	nr = t->nr_events < max ? t->nr_events : max;
	for (uint32_t i = 0; i < nr; i++)
		out[i] = t->event[(t->first + i) % TRACE_EVENTS];
	t->first = (t->first + nr) % TRACE_EVENTS;
	t->nr_events -= nr;
	*lost = t->lost;
	t->lost = 0;
	return nr;
}

void page_trace_free(struct mm *m)
{
	mm_free(m, MM_VM_NONE, m->trace, sizeof *m->trace);
	m->trace = NULL;
}
