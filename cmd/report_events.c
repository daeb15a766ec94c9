/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * report_events.c: what happened: the manager's own events, and what two snapshots show.
 *
 * The manager keeps its decisions and state changes with their time and numbers (mm/event.h); here they get their
 * words, from its table of members. What only the live body knows (guests, swap I/O) is found by comparing counters of
 * two snapshots: its time is that of the sample that shows it, so up to one sampling interval late.
 */
#include "cmd/report.h"
#include "cmd/report_fields.h"

struct compare {
	const struct machine_snapshot *before, *now;
	report_put_fn *put;
	void *ctx;
};

static void put(const struct compare *c, const char *kind, json_t *more)
{
	c->put(c->ctx, c->now->now_ns, kind, more);
}

static void compare_swap(const struct compare *c, bool *is_full)
{
	const struct mm_swap_stats *a = &c->before->host.swap, *b = &c->now->host.swap;
	bool full = b->full_ns > a->full_ns;

	if (full && !*is_full)
		put(c, "swap_full_begin",
		    json_pack("{s:o, s:o}", "used_pages", report_count_json(b->used_pages),
			      "capacity_pages", report_count_json(b->capacity_pages)));
	if (!full && *is_full)
		put(c, "swap_full_end",
		    json_pack("{s:o, s:f}", "used_pages", report_count_json(b->used_pages),
			      "full_seconds", report_seconds(b->full_ns)));
	*is_full = full;
	if (b->errors > a->errors)
		put(c, "swap_error",
		    json_pack("{s:o}", "errors", report_count_json(b->errors - a->errors)));
}

static void compare_vm(const struct compare *c, unsigned i, const char *name)
{
	static const struct vm_live_stats none = {.exit = VM_RUNNING};
	const struct vm_live_stats *a =
		c->before && i < c->before->nr_vms ? machine_snapshot_live(c->before, i) : &none;
	const struct vm_live_stats *b = machine_snapshot_live(c->now, i);

	if (b->boot_ns && !a->boot_ns)
		put(c, "first_step",
		    json_pack("{s:s, s:f}", "vm", name, "boot_ms",
			      report_seconds(b->boot_ns * 1000)));
	if (b->guest.phase != a->guest.phase)
		put(c, "phase",
		    json_pack("{s:s, s:o}", "vm", name, "phase",
			      report_count_json(b->guest.phase)));
	if (b->guest.mail_taken != a->guest.mail_taken)
		put(c, "workload",
		    json_pack("{s:s, s:o, s:o}", "vm", name, "mail",
			      report_count_json(b->guest.mail_taken), "refused",
			      report_count_json(b->guest.mail_refused)));
	if (b->guest.integrity_errors > a->guest.integrity_errors)
		put(c, "integrity_error",
		    json_pack("{s:s, s:o}", "vm", name, "errors",
			      report_count_json(b->guest.integrity_errors -
						a->guest.integrity_errors)));
	if (b->exit != a->exit)
		put(c, "vm_exit",
		    json_pack("{s:s, s:s, s:s, s:o}", "vm", name, "exit", report_exit_name(b->exit),
			      "reason", b->exit_reason, "work_units",
			      report_count_json(b->guest.work_units)));
}

void report_compare(const struct machine_snapshot *before, const struct machine_snapshot *now,
		    bool *swap_is_full, const char *const *names, report_put_fn *put_event,
		    void *ctx)
{
	const struct compare c = {before, now, put_event, ctx};

	if (before) {
		compare_swap(&c, swap_is_full);
	} else {
		*swap_is_full = now->host.swap.full_ns > 0;
	}
	for (unsigned i = 0; i < now->nr_vms; i++)
		compare_vm(&c, i, names[i]);
}

static json_t *member_json(enum mm_event_type type, uint64_t value)
{
	switch (type) {
	case MM_EVENT_NS:
		return json_real(report_seconds(value));
	case MM_EVENT_BOOL:
		return json_boolean(value != 0);
	case MM_EVENT_STATE_NAME:
		return json_string(report_state_names[value]);
	case MM_EVENT_REASON:
		return json_string(mm_balloon_reason_name((enum mm_balloon_reason)value));
	case MM_EVENT_ESTIMATOR:
		return json_string(mm_estimator_name((enum mm_estimator)(value - 1)));
	case MM_EVENT_COUNT:
	case MM_EVENT_COUNT_IF:
	case MM_EVENT_END:
		break;
	}
	return report_count_json(value);
}

json_t *report_told_json(const struct mm_event *e, const char *const *names)
{
	const struct mm_event_member *member = mm_event_info(e->kind)->member;
	json_t *object = json_object();

	if (e->vm != UINT32_MAX)
		json_object_set_new(object, "vm", json_string(names[e->vm]));
	for (unsigned i = 0; i < MM_EVENT_VALUES && member[i].type != MM_EVENT_END; i++)
		if ((member[i].type != MM_EVENT_COUNT_IF && member[i].type != MM_EVENT_ESTIMATOR) ||
		    e->value[i])
			report_set_path(object, member[i].name,
					member_json(member[i].type, e->value[i]));
	return object;
}
