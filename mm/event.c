/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * event.c: the kinds of events, and the ring they wait in to be taken.
 *
 * The ring has room for a few seconds of the most that event_tell.c lets happen. If nobody takes them the oldest go and
 * are counted.
 */
#include <string.h>

#include "mm/page.h"

#define RING_A_VM    24u /* most kinds once a second, some seconds of it */
#define RING_MACHINE 64u

static const struct mm_event_info infos[MM_EVENT_KINDS] = {
	[MM_EVENT_STATE] = {"state",
			    {{"from", MM_EVENT_STATE_NAME},
			     {"to", MM_EVENT_STATE_NAME},
			     {"entered.high", MM_EVENT_COUNT_IF},
			     {"entered.soft", MM_EVENT_COUNT_IF},
			     {"entered.hard", MM_EVENT_COUNT_IF},
			     {"entered.low", MM_EVENT_COUNT_IF},
			     {"free_pages", MM_EVENT_COUNT},
			     {"thresholds.high", MM_EVENT_COUNT},
			     {"thresholds.soft", MM_EVENT_COUNT},
			     {"thresholds.hard", MM_EVENT_COUNT},
			     {"thresholds.low", MM_EVENT_COUNT},
			     {"since_seconds", MM_EVENT_NS}}},
	[MM_EVENT_VM_ADDED] = {"vm_added",
			       {{"configured_pages", MM_EVENT_COUNT},
				{"min_pages", MM_EVENT_COUNT},
				{"shares", MM_EVENT_COUNT},
				{"group", MM_EVENT_COUNT},
				{"least_pages", MM_EVENT_COUNT},
				{"target_sum_pages", MM_EVENT_COUNT},
				{"free_pages", MM_EVENT_COUNT}}},
	[MM_EVENT_VM_ENDED] = {"vm_ended",
			       {{"resident_pages", MM_EVENT_COUNT},
				{"shared_pages", MM_EVENT_COUNT},
				{"swapped_pages", MM_EVENT_COUNT},
				{"ballooned_pages", MM_EVENT_COUNT},
				{"free_pages", MM_EVENT_COUNT},
				{"compressed_pages", MM_EVENT_COUNT_IF}}},
	[MM_EVENT_TARGET] = {"target",
			     {{"old_pages", MM_EVENT_COUNT},
			      {"new_pages", MM_EVENT_COUNT},
			      {"configured_pages", MM_EVENT_COUNT},
			      {"min_pages", MM_EVENT_COUNT},
			      {"shares", MM_EVENT_COUNT},
			      {"resident_pages", MM_EVENT_COUNT},
			      {"active_pages", MM_EVENT_COUNT_IF},
			      {"tax_ppm", MM_EVENT_COUNT_IF},
			      {"configured_sum_pages", MM_EVENT_COUNT},
			      {"target_sum_pages", MM_EVENT_COUNT},
			      {"pool_pages", MM_EVENT_COUNT},
			      {"estimator", MM_EVENT_ESTIMATOR}}},
	[MM_EVENT_BALLOON_DRIVER] = {"balloon_driver", {{"present", MM_EVENT_BOOL}}},
	[MM_EVENT_BALLOON_ASKED] = {"balloon_asked",
				    {{"old_pages", MM_EVENT_COUNT},
				     {"new_pages", MM_EVENT_COUNT},
				     {"allowance_pages", MM_EVENT_COUNT},
				     {"ballooned_pages", MM_EVENT_COUNT},
				     {"resident_pages", MM_EVENT_COUNT},
				     {"target_pages", MM_EVENT_COUNT},
				     {"missing_pages", MM_EVENT_COUNT},
				     {"over_sum_pages", MM_EVENT_COUNT},
				     {"spare_pages", MM_EVENT_COUNT},
				     {"state", MM_EVENT_STATE_NAME},
				     {"free_pages", MM_EVENT_COUNT}}},
	[MM_EVENT_BALLOON_MOVED] = {"balloon_moved",
				    {{"gave_pages", MM_EVENT_COUNT},
				     {"took_pages", MM_EVENT_COUNT},
				     {"ballooned_pages", MM_EVENT_COUNT},
				     {"balloon_target_pages", MM_EVENT_COUNT},
				     {"reached", MM_EVENT_BOOL},
				     {"resident_pages", MM_EVENT_COUNT},
				     {"free_pages", MM_EVENT_COUNT}}},
	[MM_EVENT_BALLOON_ABSENT] = {"balloon_absent",
				     {{"still_seconds", MM_EVENT_NS},
				      {"ballooned_pages", MM_EVENT_COUNT},
				      {"balloon_target_pages", MM_EVENT_COUNT},
				      {"reason", MM_EVENT_REASON}}},
	[MM_EVENT_BALLOON_BACK] = {"balloon_back",
				   {{"absent_seconds", MM_EVENT_NS},
				    {"ballooned_pages", MM_EVENT_COUNT},
				    {"balloon_target_pages", MM_EVENT_COUNT}}},
	[MM_EVENT_BALLOON_SIZED] = {"balloon_sized",
				    {{"old_size_pages", MM_EVENT_COUNT},
				     {"new_size_pages", MM_EVENT_COUNT},
				     {"samples", MM_EVENT_COUNT},
				     {"average_size_pages", MM_EVENT_COUNT},
				     {"average_free_pages", MM_EVENT_COUNT},
				     {"average_host_free_pages", MM_EVENT_COUNT},
				     {"least_pages", MM_EVENT_COUNT},
				     {"configured_pages", MM_EVENT_COUNT},
				     {"free_pages", MM_EVENT_COUNT}}},
	[MM_EVENT_PAGED_OUT] = {"paged_out",
				{{"pages", MM_EVENT_COUNT},
				 {"written_pages", MM_EVENT_COUNT},
				 {"clean_pages", MM_EVENT_COUNT},
				 {"zero_pages", MM_EVENT_COUNT},
				 {"state", MM_EVENT_STATE_NAME},
				 {"state_seconds", MM_EVENT_NS},
				 {"resident_pages", MM_EVENT_COUNT},
				 {"target_pages", MM_EVENT_COUNT},
				 {"free_pages", MM_EVENT_COUNT},
				 {"compressed_pages", MM_EVENT_COUNT_IF},
				 {"cache_frames", MM_EVENT_COUNT_IF}}},
	[MM_EVENT_STALL_BEGIN] = {"stall_begin",
				  {{"stalled_seconds", MM_EVENT_NS},
				   {"held_seconds", MM_EVENT_NS},
				   {"in_seconds", MM_EVENT_NS},
				   {"waiting_faults", MM_EVENT_COUNT},
				   {"resident_pages", MM_EVENT_COUNT},
				   {"target_pages", MM_EVENT_COUNT},
				   {"state", MM_EVENT_STATE_NAME},
				   {"free_pages", MM_EVENT_COUNT}}},
	[MM_EVENT_STALL_END] = {"stall_end",
				{{"stalled_seconds", MM_EVENT_NS},
				 {"held_seconds", MM_EVENT_NS},
				 {"in_seconds", MM_EVENT_NS},
				 {"resident_pages", MM_EVENT_COUNT},
				 {"target_pages", MM_EVENT_COUNT},
				 {"state", MM_EVENT_STATE_NAME},
				 {"free_pages", MM_EVENT_COUNT}}},
};

const struct mm_event_info *mm_event_info(enum mm_event_kind kind)
{
	return &infos[kind];
}

const char *mm_balloon_reason_name(enum mm_balloon_reason reason)
{
	static const char *const names[MM_BALLOON_REASONS] = {
		[MM_BALLOON_NOT_LOOKED] = "not_looked",
		[MM_BALLOON_ASKED] = "asked",
		[MM_BALLOON_AT_TARGET] = "at_target",
		[MM_BALLOON_CAP] = "cap",
		[MM_BALLOON_SLOW] = "slow",
		[MM_BALLOON_ABSENT] = "absent",
		[MM_BALLOON_OUT_OF_MEMORY] = "out_of_memory",
		[MM_BALLOON_NO_DRIVER] = "no_driver",
		[MM_BALLOON_SILENT] = "silent",
	};

	return names[reason];
}

static uint32_t ring_size(const struct mm_config *config)
{
	return RING_MACHINE + RING_A_VM * config->max_vms;
}

size_t event_bytes(const struct mm_config *config)
{
	return ring_size(config) * sizeof(struct mm_event);
}

void event_put(struct mm *m, enum mm_event_kind kind, uint32_t vm, uint64_t at_ns,
	       const uint64_t *value, unsigned nr)
{
	uint32_t size = ring_size(&m->config);
	struct mm_event *e;

	if (m->stopping)
		return;
	if (m->nr_event == size) {
		m->event_first = (m->event_first + 1) % size;
		m->nr_event--;
		m->events_lost++;
	}
	e = &m->event[(m->event_first + m->nr_event++) % size];
	*e = (struct mm_event){.at_ns = at_ns, .kind = kind, .vm = vm};
	memcpy(e->value, value, nr * sizeof *value);
}

uint32_t do_events_take(struct mm *m, struct mm_event *out, uint32_t max, uint64_t *lost)
{
	uint32_t size = ring_size(&m->config), nr = m->nr_event < max ? m->nr_event : max;

	for (uint32_t i = 0; i < nr; i++)
		out[i] = m->event[(m->event_first + i) % size];
	m->event_first = (m->event_first + nr) % size;
	m->nr_event -= nr;
	*lost = m->events_lost;
	m->events_lost = 0;
	return nr;
}
