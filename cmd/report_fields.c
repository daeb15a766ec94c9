/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * report_fields.c: from a field's description to its value in a snapshot, and to JSON.
 *
 * A field says where its number lies (which struct of the snapshot, at which offset) and what it is; report_tables.c
 * has them all. NONE: the quantity exists but nothing measures it yet; 0 would be a lie, so it is null. What only a guest
 * can say is null, too, until it has said it.
 */
#include "cmd/report_fields.h"

#include <string.h>

const char *const report_state_names[MM_STATES] = {"high", "soft", "hard", "low"};

const char *report_exit_name(enum vm_exit exit)
{
	switch (exit) {
	case VM_RUNNING:
		return "running";
	case VM_HALTED:
		return "halted";
	case VM_REMOVED:
		return "removed";
	case VM_ABSENT:
		return "absent";
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

/* What a guest's balloon driver said of its memory, if it did. */
static struct report_value said(enum report_type type, const char *at)
{
	struct vm_balloon_stat stat;

	memcpy(&stat, at, sizeof(stat));
	if (!stat.known)
		return (struct report_value){.kind = VALUE_NONE};
	if (type == TYPE_TAG_AGE)
		return (struct report_value){.kind = VALUE_REAL,
					     .real = report_seconds(stat.age_ns)};
	return (struct report_value){.kind = VALUE_COUNT,
				     .count = type == TYPE_TAG ? stat.value
							       : stat.value >> PAGE_SHIFT_BITS};
}

static struct report_value balloon_reason(const char *at)
{
	enum mm_balloon_reason reason;

	memcpy(&reason, at, sizeof(reason));
	if (reason == MM_BALLOON_NOT_LOOKED)
		return (struct report_value){.kind = VALUE_NONE};
	return (struct report_value){.kind = VALUE_TEXT, .text = mm_balloon_reason_name(reason)};
}

static struct report_value estimator(const char *at, const struct report_row *row)
{
	enum mm_estimator which;

	memcpy(&which, at, sizeof(which));
	if (!row->now->vm[row->vm].active_known)
		return (struct report_value){.kind = VALUE_NONE};
	return (struct report_value){.kind = VALUE_TEXT, .text = mm_estimator_name(which)};
}

struct report_value report_field_value(const struct report_field *f, const struct report_row *row)
{
	const char *at = (const char *)field_source(f, row) + f->offset;
	struct report_value v = {.kind = VALUE_COUNT};
	enum vm_exit exit;
	enum mm_state state;
	uint32_t small;
	uint64_t n;
	bool yes;

	if (f->from == FROM_KERNEL && row->now->no_kernel)
		return (struct report_value){.kind = VALUE_NONE};
	switch (f->type) {
	case TYPE_ACTIVE:
		if (!row->now->vm[row->vm].active_known)
			break;
		/* fall through */
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
	case TYPE_BOOL:
		memcpy(&yes, at, sizeof(yes));
		v.count = yes;
		return v;
	case TYPE_BALLOON_REASON:
		return balloon_reason(at);
	case TYPE_ESTIMATOR:
		return estimator(at, row);
	case TYPE_TAG:
	case TYPE_TAG_PAGES:
	case TYPE_TAG_AGE:
		return said(f->type, at);
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

int report_set_path(json_t *object, const char *path, json_t *value)
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
	return report_set_path(inner, dot + 1, value);
}

json_t *report_row_json(const struct report_field *table, const struct report_row *row)
{
	json_t *object = json_object();

	for (const struct report_field *f = table; object && f->name; f++) {
		struct report_value v = report_field_value(f, row);

		if (report_set_path(object, f->name, value_json(&v)) != 0) {
			json_decref(object);
			return NULL;
		}
	}
	return object;
}
