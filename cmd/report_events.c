/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * report_events.c: what happened between two snapshots.
 *
 * Events are found by comparing counters, not announced by the machine: the parts that decide stay free of reporting,
 * and the cost does not grow with what happens. Their time is that of the sample that shows them, so up to one
 * sampling interval late; a state that was entered and left in between is told by its counter.
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

static void compare_states(const struct compare *c)
{
	const struct mm_host_stats *a = &c->before->host, *b = &c->now->host;
	json_t *entered = json_object();
	bool any = a->state != b->state;

	for (int i = 0; i < MM_STATES; i++) {
		if (b->state_entered[i] == a->state_entered[i])
			continue;
		any = true;
		json_object_set_new(entered, report_state_names[i],
				    report_count_json(b->state_entered[i] - a->state_entered[i]));
	}
	if (any)
		put(c, "state",
		    json_pack("{s:s, s:s, s:o, s:o}", "from", report_state_names[a->state], "to",
			      report_state_names[b->state], "entered", entered, "free_pages",
			      report_count_json(b->free_pages)));
	else
		json_decref(entered);
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
	const struct vm_live_stats *a = c->before ? machine_snapshot_live(c->before, i) : &none;
	const struct vm_live_stats *b = machine_snapshot_live(c->now, i);

	if (b->boot_ns && !a->boot_ns)
		put(c, "first_step",
		    json_pack("{s:s, s:f}", "vm", name, "boot_ms",
			      report_seconds(b->boot_ns * 1000)));
	if (b->guest.phase != a->guest.phase)
		put(c, "phase",
		    json_pack("{s:s, s:o}", "vm", name, "phase",
			      report_count_json(b->guest.phase)));
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
		compare_states(&c);
		compare_swap(&c, swap_is_full);
	} else {
		*swap_is_full = now->host.swap.full_ns > 0;
	}
	for (unsigned i = 0; i < now->nr_vms; i++)
		compare_vm(&c, i, names[i]);
}
