/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * report_fields.c: every figure of a machine and of a VM, under the one name it has in all outputs.
 *
 * A field says where its number lies (which struct of the snapshot, at which offset) and what it is. Two kinds have no
 * number anywhere. OFF: the mechanism is not built or not switched on, so the true count is 0. NONE: the quantity
 * exists but nothing measures it yet; 0 would be a lie, so it is null.
 *
 * Order within the tables is the contract's; what is added stands behind what it belongs to.
 */
#include "cmd/report_fields.h"

#include <stddef.h>
#include <string.h>

#define HOST(field)   FROM_HOST, offsetof(struct mm_host_stats, field), false
#define KERNEL(field) FROM_KERNEL, offsetof(struct machine_kernel_stats, field), false
#define VM(field)     FROM_VM, offsetof(struct mm_vm_stats, field), false
#define LIVE(field)   FROM_LIVE, offsetof(struct vm_live_stats, field), false
#define ROW           FROM_ROW, 0, false

const char *const report_state_names[MM_STATES] = {"high", "soft", "hard", "low"};

/* clang-format off */
const struct report_field report_vm_fields[] = {
	{"name", TYPE_NAME, FROM_ROW, 0, true}, /* in samples it is the column vm, in front */
	{"vmid", TYPE_COUNT32, VM(vm)},
	{"configured_pages", TYPE_COUNT64, VM(configured_pages)},
	{"min_pages", TYPE_COUNT64, VM(min_pages)},
	{"shares", TYPE_COUNT32, VM(shares)},
	{"target_pages", TYPE_COUNT64, VM(target_pages)},
	{"resident_pages", TYPE_COUNT64, VM(resident_pages)},
	{"sampled_pages", TYPE_COUNT64, VM(sampled_pages)},
	{"leaving_pages", TYPE_COUNT64, VM(leaving_pages)},
	{"pinned_pages", TYPE_COUNT64, VM(pinned_pages)},
	{"shared_pages", TYPE_COUNT64, VM(shared_pages)},
	{"saved_pages", TYPE_COUNT64, VM(saved_pages)},
	{"swapped_pages", TYPE_COUNT64, VM(swapped_pages)},
	{"compressed_pages", TYPE_OFF, ROW},
	{"ballooned_pages", TYPE_COUNT64, VM(ballooned_pages)},
	{"balloon_target_pages", TYPE_COUNT64, VM(balloon_target_pages)},
	{"balloon.inflated_pages", TYPE_COUNT64, VM(balloon_inflated)},
	{"balloon.deflated_pages", TYPE_COUNT64, VM(balloon_deflated)},
	{"balloon.bad", TYPE_COUNT64, VM(balloon_bad)},
	{"balloon.reported_pages", TYPE_COUNT64, VM(reported_pages)},
	{"untouched_pages", TYPE_COUNT64, VM(untouched_pages)},
	{"active_estimate_pages", TYPE_NONE, ROW},
	{"faults.zero", TYPE_COUNT64, VM(faults_zero)},
	{"faults.swap_in", TYPE_COUNT64, VM(faults_swap_in)},
	{"faults.cow", TYPE_COUNT64, VM(faults_cow)},
	{"faults.pop", TYPE_COUNT64, VM(faults_pop)},
	{"faults.sampled", TYPE_COUNT64, VM(faults_sampled)},
	{"faults.write_protected", TYPE_COUNT64, VM(faults_wp)},
	{"faults.stale", TYPE_COUNT64, VM(faults_stale)},
	{"faults.waiting", TYPE_COUNT64, VM(waiting_faults)},
	{"paged_out_pages", TYPE_COUNT64, VM(paged_out_pages)},
	{"share_before_swap_pages", TYPE_COUNT64, VM(shared_before_swap)},
	{"out_of_swap", TYPE_COUNT64, VM(out_of_swap)},
	{"body_errors", TYPE_COUNT64, VM(body_errors)},
	{"stalled_seconds", TYPE_SECONDS, VM(stalled_ns)},
	{"run_seconds", TYPE_SECONDS, LIVE(run_ns)},
	{"boot_ms", TYPE_BOOT_MS, LIVE(boot_ns)},
	{"guest.faults", TYPE_COUNT64, LIVE(guest.faults)},
	{"guest.swap_in_pages", TYPE_COUNT64, LIVE(guest.swap_in_pages)},
	{"guest.swap_out_pages", TYPE_COUNT64, LIVE(guest.swap_out_pages)},
	{"guest.free_pages", TYPE_COUNT64, LIVE(guest.free_pages)},
	{"guest.balloon_pages", TYPE_COUNT64, LIVE(guest.balloon_pages)},
	{"guest.filled_pages", TYPE_COUNT64, LIVE(guest.filled_pages)},
	{"guest.phase", TYPE_COUNT64, LIVE(guest.phase)},
	{"guest.io_errors", TYPE_COUNT64, LIVE(guest.io_errors)},
	{"guest.interrupts", TYPE_COUNT64, LIVE(guest.interrupts)},
	{"guest.idle_seconds", TYPE_SECONDS, LIVE(guest.idle_ns)},
	{"disk.reads", TYPE_COUNT64, LIVE(disk_reads)},
	{"disk.writes", TYPE_COUNT64, LIVE(disk_writes)},
	{"disk.errors", TYPE_COUNT64, LIVE(disk_errors)},
	{"disk.bad_requests", TYPE_COUNT64, LIVE(guest_bad)},
	{"work_units", TYPE_COUNT64, LIVE(guest.work_units)},
	{"work_per_second", TYPE_PER_SECOND, LIVE(guest.work_units)},
	{"integrity_checks", TYPE_COUNT64, LIVE(guest.integrity_checks)},
	{"integrity_errors", TYPE_COUNT64, LIVE(guest.integrity_errors)},
	{"exit", TYPE_EXIT, LIVE(exit)},
	{"exit_reason", TYPE_REASON, FROM_LIVE, offsetof(struct vm_live_stats, exit_reason), true},
	{.name = NULL},
};

const struct report_field report_host_fields[] = {
	{"memory_pages", TYPE_COUNT64, HOST(memory_pages)},
	{"used_pages", TYPE_COUNT64, HOST(used_pages)},
	{"peak_used_pages", TYPE_COUNT64, HOST(peak_used_pages)},
	{"free_pages", TYPE_COUNT64, HOST(free_pages)},
	{"reserve_pages", TYPE_COUNT64, HOST(reserve_pages)},
	{"metadata_bytes", TYPE_COUNT64, HOST(metadata_bytes)},
	{"state", TYPE_STATE, HOST(state)},
	{"state_seconds.high", TYPE_SECONDS, HOST(state_ns[MM_HIGH])},
	{"state_seconds.soft", TYPE_SECONDS, HOST(state_ns[MM_SOFT])},
	{"state_seconds.hard", TYPE_SECONDS, HOST(state_ns[MM_HARD])},
	{"state_seconds.low", TYPE_SECONDS, HOST(state_ns[MM_LOW])},
	{"states_entered.high", TYPE_COUNT64, HOST(state_entered[MM_HIGH])},
	{"states_entered.soft", TYPE_COUNT64, HOST(state_entered[MM_SOFT])},
	{"states_entered.hard", TYPE_COUNT64, HOST(state_entered[MM_HARD])},
	{"states_entered.low", TYPE_COUNT64, HOST(state_entered[MM_LOW])},
	{"pool_pages", TYPE_COUNT64, HOST(pool_pages)},
	{"swap.capacity_pages", TYPE_COUNT64, HOST(swap.capacity_pages)},
	{"swap.used_pages", TYPE_COUNT64, HOST(swap.used_pages)},
	{"swap.written_pages", TYPE_COUNT64, HOST(swap.written_pages)},
	{"swap.read_pages", TYPE_COUNT64, HOST(swap.read_pages)},
	{"swap.read_ahead_hits", TYPE_COUNT64, HOST(swap.read_ahead_hits)},
	{"swap.clean_drops", TYPE_COUNT64, HOST(swap.clean_drops)},
	{"swap.zero_drops", TYPE_COUNT64, HOST(swap.zero_drops)},
	{"swap.slots_taken_back", TYPE_COUNT64, HOST(swap.slots_taken_back)},
	{"swap.errors", TYPE_COUNT64, HOST(swap.errors)},
	{"swap.full_seconds", TYPE_SECONDS, HOST(swap.full_ns)},
	{"share.scanned_pages", TYPE_COUNT64, HOST(share.scanned_pages)},
	{"share.hashed_pages", TYPE_COUNT64, HOST(share.hashed_pages)},
	{"share.hints", TYPE_COUNT64, HOST(share.hints)},
	{"share.shared_frames", TYPE_COUNT64, HOST(share.shared_frames)},
	{"share.shared_pages", TYPE_COUNT64, HOST(share.shared_pages)},
	{"share.saved_pages", TYPE_COUNT64, HOST(share.saved_pages)},
	{"share.zero_pages", TYPE_COUNT64, HOST(share.zero_pages)},
	{"share.matches", TYPE_COUNT64, HOST(share.matches)},
	{"share.stale_hints", TYPE_COUNT64, HOST(share.stale_hints)},
	{"share.false_matches", TYPE_COUNT64, HOST(share.false_matches)},
	{"share.cow_breaks", TYPE_COUNT64, HOST(share.cow_breaks)},
	{"kernel.guest_bytes", TYPE_COUNT64, KERNEL(guest_bytes)},
	{"kernel.guest_bytes_peak", TYPE_COUNT64, KERNEL(guest_bytes_peak)},
	{"kernel.pool_bytes", TYPE_COUNT64, KERNEL(pool_bytes)},
	{"kernel.host_swap_bytes", TYPE_COUNT64, KERNEL(host_swap_bytes)},
	{"kernel.mappings", TYPE_COUNT64, KERNEL(mappings)},
	{"kernel.page_table_bytes", TYPE_COUNT64, KERNEL(page_table_bytes)},
	{.name = NULL},
};
/* clang-format on */

const char *report_exit_name(enum vm_exit exit)
{
	switch (exit) {
	case VM_RUNNING:
		return "running";
	case VM_HALTED:
		return "halted";
	case VM_CRASHED:
		return "crashed";
	}
	return "unknown";
}

double report_seconds(uint64_t ns)
{
	return (double)((ns + NS_PER_S / 2000) / (NS_PER_S / 1000)) / 1000;
}

/* To a thousandth. n may be any lie of a guest's: no step overflows. */
static double per_second(uint64_t n, uint64_t ns)
{
	return ns ? (double)(uint64_t)(((unsigned __int128)n * 1000 * NS_PER_S / ns) & UINT64_MAX) /
			       1000
		  : 0;
}

static const void *field_source(const struct report_field *f, const struct report_row *row)
{
	switch (f->from) {
	case FROM_HOST:
		return &row->now->host;
	case FROM_KERNEL:
		return &row->now->kernel;
	case FROM_VM:
		return &row->now->vm[row->vm];
	case FROM_LIVE:
		return machine_snapshot_live(row->now, row->vm);
	case FROM_ROW:
		break;
	}
	return row;
}

struct report_value report_field_value(const struct report_field *f, const struct report_row *row)
{
	const char *at = (const char *)field_source(f, row) + f->offset;
	struct report_value v = {.kind = VALUE_COUNT};
	enum vm_exit exit;
	enum mm_state state;
	uint32_t small;
	uint64_t n;

	switch (f->type) {
	case TYPE_COUNT64:
		memcpy(&v.count, at, sizeof(v.count));
		return v;
	case TYPE_COUNT32:
		memcpy(&small, at, sizeof(small));
		v.count = small;
		return v;
	case TYPE_SECONDS:
		memcpy(&n, at, sizeof(n));
		return (struct report_value){.kind = VALUE_REAL, .real = report_seconds(n)};
	case TYPE_PER_SECOND:
		memcpy(&n, at, sizeof(n));
		return (struct report_value){.kind = VALUE_REAL,
					     .real = per_second(n, row->now->now_ns)};
	case TYPE_BOOT_MS:
		memcpy(&n, at, sizeof(n));
		if (!n) /* the guest has not got there */
			return (struct report_value){.kind = VALUE_NONE};
		return (struct report_value){.kind = VALUE_REAL, .real = report_seconds(n * 1000)};
	case TYPE_NAME:
		return (struct report_value){.kind = VALUE_TEXT, .text = row->name};
	case TYPE_STATE:
		memcpy(&state, at, sizeof(state));
		return (struct report_value){.kind = VALUE_TEXT, .text = report_state_names[state]};
	case TYPE_EXIT:
		memcpy(&exit, at, sizeof(exit));
		return (struct report_value){.kind = VALUE_TEXT, .text = report_exit_name(exit)};
	case TYPE_REASON:
		return (struct report_value){.kind = *at ? VALUE_TEXT : VALUE_NONE, .text = at};
	case TYPE_OFF:
		return v;
	case TYPE_NONE:
		break;
	}
	return (struct report_value){.kind = VALUE_NONE};
}

json_t *report_count_json(uint64_t n)
{
	return json_integer(n > INT64_MAX ? INT64_MAX : (json_int_t)n);
}

static json_t *value_json(const struct report_value *v)
{
	switch (v->kind) {
	case VALUE_COUNT:
		return report_count_json(v->count);
	case VALUE_REAL:
		return json_real(v->real);
	case VALUE_TEXT:
		return json_string(v->text);
	case VALUE_NONE:
		break;
	}
	return json_null();
}

/* object[a][b] = value for "a.b"; value is transferred. */
static int set_by_path(json_t *object, const char *path, json_t *value)
{
	const char *dot = strchr(path, '.');
	char first[64];
	json_t *inner;

	if (!dot)
		return json_object_set_new(object, path, value);
	snprintf(first, sizeof(first), "%.*s", (int)(dot - path), path);
	inner = json_object_get(object, first);
	if (!inner) {
		inner = json_object();
		if (json_object_set_new(object, first, inner) != 0) {
			json_decref(value);
			return -1;
		}
	}
	return json_object_set_new(inner, dot + 1, value);
}

json_t *report_row_json(const struct report_field *table, const struct report_row *row)
{
	json_t *object = json_object();

	for (const struct report_field *f = table; object && f->name; f++) {
		struct report_value v = report_field_value(f, row);

		if (set_by_path(object, f->name, value_json(&v)) != 0) {
			json_decref(object);
			return NULL;
		}
	}
	return object;
}
