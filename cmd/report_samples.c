/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * report_samples.c: samples.csv, the figures over time.
 *
 * One line a VM and one of the host for each sample, in this order, so that line k of any sample is the same VM. The
 * columns are t_seconds, vm, then those of a VM, then those of the host; a line leaves the other's columns empty. No
 * field holds a comma, a quote or a line end: names are [a-z0-9-], the rest is numbers and words of this program.
 */
#include <inttypes.h>
#include <stdlib.h>

#include "cmd/report_fields.h"

static void header_of(const struct report_field *table, FILE *out)
{
	for (const struct report_field *f = table; f->name; f++)
		if (!f->summary_only)
			fprintf(out, ",%s", f->name);
}

void report_csv_header(FILE *out)
{
	fputs("t_seconds,vm", out);
	header_of(report_vm_fields, out);
	header_of(report_host_fields, out);
	fputc('\n', out);
}

static void print_value(FILE *out, const struct report_value *v)
{
	switch (v->kind) {
	case VALUE_COUNT:
		fprintf(out, ",%" PRIu64, v->count);
		break;
	case VALUE_REAL:
		fprintf(out, ",%.3f", v->real);
		break;
	case VALUE_TEXT:
		fprintf(out, ",%s", v->text);
		break;
	case VALUE_NONE:
		fputc(',', out);
		break;
	}
}

/* row NULL: as many empty fields. */
static void fields_of(const struct report_field *table, const struct report_row *row, FILE *out)
{
	const struct report_value empty = {.kind = VALUE_NONE};

	for (const struct report_field *f = table; f->name; f++) {
		struct report_value v = row ? report_field_value(f, row) : empty;

		if (!f->summary_only)
			print_value(out, &v);
	}
}

/* A line of a VM's; i: its index in now. */
static void vm_line(FILE *out, double t_seconds, const char *name,
		    const struct machine_snapshot *now, unsigned i)
{
	const struct report_row row = {name, now, i};

	fprintf(out, "%.3f,%s", t_seconds, name);
	fields_of(report_vm_fields, &row, out);
	fields_of(report_host_fields, NULL, out);
	fputc('\n', out);
}

/* VMs that are still to come: zeros, so that every sample has the same lines. */
static void absent_lines(FILE *out, double t_seconds, const char *const *names, unsigned nr)
{
	struct machine_snapshot *none = calloc(1, sizeof(*none) + sizeof(struct mm_vm_stats) +
							  sizeof(struct vm_live_stats));
	struct vm_live_stats *live;

	if (!none)
		return;
	none->nr_vms = 1;
	live = (struct vm_live_stats *)(void *)&none->vm[1];
	live->exit = VM_ABSENT;
	for (unsigned i = 0; i < nr; i++)
		vm_line(out, t_seconds, names[i], none, 0);
	free(none);
}

void report_csv_sample(FILE *out, const struct machine_snapshot *now, const char *const *names,
		       unsigned nr_names)
{
	const struct report_row host = {.now = now};

	for (unsigned i = 0; i < now->nr_vms; i++)
		vm_line(out, report_seconds(now->now_ns), names[i], now, i);
	if (nr_names > now->nr_vms)
		absent_lines(out, report_seconds(now->now_ns), names + now->nr_vms,
			     nr_names - now->nr_vms);
	fprintf(out, "%.3f,", report_seconds(now->now_ns));
	fields_of(report_vm_fields, NULL, out);
	fields_of(report_host_fields, &host, out);
	fputc('\n', out);
}
