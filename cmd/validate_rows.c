/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * validate_rows.c: which figures of two summaries are compared, and how.
 *
 * A live run is never twice the same, so its figure is the median of its runs, beside the least and the most. A relative
 * error means nothing where there is next to nothing: such rows are shown and not judged.
 */
#include <math.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "cmd/validate.h"
#include "lib/table.h"

#define NOTHING_BELOW 200.0 /* pages or events: a thousandth of a small machine */
#define LIMIT         0.10

static const struct {
	const char *name, *path;
} figures[] = {
	{"paged out", "vms.paged_out_pages"},
	{"written to swap", "host.swap.written_pages"},
	{"read from swap", "host.swap.read_pages"},
	{"in swap at the end", "vms.swapped_pages"},
	{"shared at the end", "host.share.shared_pages"},
	{"saved at the end", "host.share.saved_pages"},
	{"ballooned at the end", "vms.ballooned_pages"},
	{"given up by balloons", "vms.balloon.inflated_pages"},
	{"resident at the end", "vms.resident_pages"},
	{"faults, zero", "vms.faults.zero"},
	{"faults, swap in", "vms.faults.swap_in"},
	{"faults, copy on write", "vms.faults.cow"},
	{"faults, first write", "vms.faults.write_protected"},
	{"faults, sampled", "vms.faults.sampled"},
	{"guest faults", "vms.guest.faults"},
	{"guest swap in", "vms.guest.swap_in_pages"},
	{"guest swap out", "vms.guest.swap_out_pages"},
	{"work", "vms.work_units"},
};

unsigned validate_rows(void)
{
	return sizeof(figures) / sizeof(figures[0]);
}

static double at_path(const json_t *object, const char *path)
{
	char name[40];
	const char *dot = strchr(path, '.');

	if (!dot)
		return json_number_value(json_object_get(object, path));
	snprintf(name, sizeof(name), "%.*s", (int)(dot - path), path);
	return at_path(json_object_get(object, name), dot + 1);
}

static double figure(const json_t *summary, const char *path)
{
	double sum = 0;
	size_t i;
	json_t *vm;

	if (strncmp(path, "vms.", 4) != 0)
		return at_path(summary, path);
	json_array_foreach(json_object_get(summary, "vms"), i, vm) sum += at_path(vm, path + 4);
	return sum;
}

static int by_value(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

void validate_row(unsigned i, json_t *const *live, unsigned nr_live, const json_t *sim,
		  struct validate_row *out)
{
	double value[VALIDATE_RUNS];

	for (unsigned k = 0; k < nr_live; k++)
		value[k] = figure(live[k], figures[i].path);
	qsort(value, nr_live, sizeof(value[0]), by_value);
	*out = (struct validate_row){
		.name = figures[i].name,
		.path = figures[i].path,
		.live = nr_live % 2 ? value[nr_live / 2]
				    : (value[nr_live / 2 - 1] + value[nr_live / 2]) / 2,
		.least = value[0],
		.most = value[nr_live - 1],
		.sim = figure(sim, figures[i].path),
	};
	out->comparable = out->live >= NOTHING_BELOW;
	if (out->comparable)
		out->error = (out->sim - out->live) / out->live;
}

void validate_print(FILE *out, json_t *const *live, unsigned nr_live, const json_t *sim)
{
	static const struct table_column columns[] = {
		{"figure", false}, {"live", true},  {"least", true}, {"most", true},
		{"sim", true},     {"error", true}, {"", false}};
	struct table *t = table_create(columns, sizeof(columns) / sizeof(columns[0]));
	unsigned judged = 0, within = 0;

	for (unsigned i = 0; t && i < validate_rows(); i++) {
		struct validate_row r;

		validate_row(i, live, nr_live, sim, &r);
		table_cell(t, "%s", r.name);
		table_cell(t, "%.0f", r.live);
		table_cell(t, "%.0f", r.least);
		table_cell(t, "%.0f", r.most);
		table_cell(t, "%.0f", r.sim);
		if (r.comparable)
			table_cell(t, "%+.1f %%", r.error * 100);
		else
			table_cell(t, "-");
		table_cell(t, "%s", r.comparable && fabs(r.error) > LIMIT ? "beyond 10 %" : "");
		judged += r.comparable;
		within += r.comparable && fabs(r.error) <= LIMIT;
	}
	if (t)
		table_print(t, out);
	table_destroy(t);
	fprintf(out, "\n%u of %u figures within 10 %% of the median of %u live run%s\n", within,
		judged, nr_live, nr_live > 1 ? "s" : "");
}

json_t *validate_json(json_t *const *live, unsigned nr_live, const json_t *sim)
{
	json_t *rows = json_array();

	for (unsigned i = 0; i < validate_rows(); i++) {
		struct validate_row r;

		validate_row(i, live, nr_live, sim, &r);
		json_array_append_new(
			rows, json_pack("{s:s, s:s, s:f, s:f, s:f, s:f, s:o}", "figure", r.name,
					"path", r.path, "live", r.live, "live_least", r.least,
					"live_most", r.most, "sim", r.sim, "relative_error",
					r.comparable ? json_real(r.error) : json_null()));
	}
	return json_pack("{s:i, s:i, s:o}", "schema", 1, "live_runs", (int)nr_live, "figures",
			 rows);
}
