/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * report_fields.h: every figure of a machine and of a VM, under the one name it has in all outputs.
 *
 * Two tables of names drive summary.json and samples.csv, so that a name cannot mean two things or exist in one file
 * only. A name with a dot is a member of an object in JSON and a column with a dot in CSV. docs/output.md says what
 * each one means; a test holds it against these tables.
 */
#ifndef BALLAST_CMD_REPORT_FIELDS_H
#define BALLAST_CMD_REPORT_FIELDS_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "vmm/machine.h"

/* What a row of figures is taken from: a VM's row, or with name NULL the host's. */
struct report_row {
	const char *name;
	const struct machine_snapshot *now;
	unsigned vm; /* index in now */
};

enum report_value_kind {
	VALUE_COUNT,
	VALUE_REAL,
	VALUE_TEXT,
	VALUE_NONE, /* nothing measures it (yet): null in JSON, empty in CSV */
};

struct report_value {
	enum report_value_kind kind;
	uint64_t count;
	double real;      /* rounded to milli */
	const char *text; /* borrowed from the row */
};

enum report_from { FROM_HOST, FROM_KERNEL, FROM_VM, FROM_LIVE, FROM_ROW };
enum report_type {
	TYPE_COUNT64,
	TYPE_COUNT32,
	TYPE_SECONDS, /* ns in the snapshot */
	TYPE_NAME,
	TYPE_STATE,
	TYPE_EXIT,
	TYPE_REASON,
	TYPE_PER_SECOND,
	TYPE_BOOT_MS,
	TYPE_BOOL,           /* 0 or 1 */
	TYPE_BALLOON_REASON, /* enum mm_balloon_reason */
	TYPE_ACTIVE,         /* pages, none if the policy estimates nothing */
	TYPE_ESTIMATOR,      /* enum mm_estimator, the same */
	TYPE_TAG,       /* struct vm_balloon_stat: the guest's word, none if it has not said it */
	TYPE_TAG_PAGES, /* the same; bytes in the snapshot */
	TYPE_TAG_AGE,   /* the same; how long ago it was said */
};

struct report_field {
	const char *name; /* NULL: the end of the table */
	enum report_type type;
	enum report_from from;
	size_t offset;
	bool summary_only; /* samples do not have it */
};

extern const struct report_field report_vm_fields[], report_host_fields[];

struct report_value report_field_value(const struct report_field *f, const struct report_row *row);

/* The row as a JSON object, nested by the dots. NULL: no memory. Owned by the caller. */
json_t *report_row_json(const struct report_field *table, const struct report_row *row);

/* samples.csv: the header line, then for each sample a line a VM and one of the host. */
void report_csv_header(FILE *out);
/* names[i] is VM i's; there may be more names than VMs so far. */
void report_csv_sample(FILE *out, const struct machine_snapshot *now, const char *const *names,
		       unsigned nr_names);

/* object[a][b] = value for "a.b"; value is transferred. 0, or -1 without memory. */
int report_set_path(json_t *object, const char *path, json_t *value);

/* ns as seconds, rounded to milliseconds. */
double report_seconds(uint64_t ns);
/* A count that fits JSON's signed 64 bits: larger ones (only a lying guest has them) are cut. */
json_t *report_count_json(uint64_t n);

extern const char *const report_state_names[MM_STATES];
const char *report_exit_name(enum vm_exit exit);

#endif
