/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * event.h: what the memory manager decided and what changed, with the numbers that led to it.
 *
 * The manager keeps the latest events in a ring; whoever reports takes them out (mm_events_take). How many there can be
 * is limited by design: see event_tell.c. The names of an event's members and what they are stand in a table, so that a
 * report needs no knowledge of the kinds.
 */
#ifndef BALLAST_MM_EVENT_H
#define BALLAST_MM_EVENT_H

#include <stdint.h>

#include "ballast/types.h"

enum mm_event_kind {
	MM_EVENT_STATE,
	MM_EVENT_VM_ADDED,
	MM_EVENT_VM_ENDED,
	MM_EVENT_TARGET,
	MM_EVENT_BALLOON_DRIVER,
	MM_EVENT_BALLOON_ASKED,
	MM_EVENT_BALLOON_MOVED,
	MM_EVENT_BALLOON_ABSENT,
	MM_EVENT_BALLOON_BACK,
	MM_EVENT_BALLOON_SIZED,
	MM_EVENT_PAGED_OUT,
	MM_EVENT_STALL_BEGIN,
	MM_EVENT_STALL_END,
	MM_EVENT_KINDS
};

#define MM_EVENT_VALUES 12u

struct mm_event {
	uint64_t at_ns;
	enum mm_event_kind kind;
	uint32_t vm;                     /* MM_VM_NONE: the machine's */
	uint64_t value[MM_EVENT_VALUES]; /* of the kind's members, in order */
};

enum mm_event_type {
	MM_EVENT_END, /* no more members */
	MM_EVENT_COUNT,
	MM_EVENT_COUNT_IF, /* left out if it is 0 */
	MM_EVENT_NS,
	MM_EVENT_BOOL,
	MM_EVENT_STATE_NAME, /* enum mm_state */
	MM_EVENT_REASON,     /* enum mm_balloon_reason */
	MM_EVENT_ESTIMATOR,  /* enum mm_estimator + 1; left out if it is 0 */
};

struct mm_event_member {
	const char *name; /* with a dot: of an object inside */
	enum mm_event_type type;
};

struct mm_event_info {
	const char *name;
	struct mm_event_member member[MM_EVENT_VALUES + 1];
};
const struct mm_event_info *mm_event_info(enum mm_event_kind kind);

#endif
