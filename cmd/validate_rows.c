/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * validate_rows.c: which figures of two summaries are compared, and how.
 *
 * A live run is never twice the same, so its figure is the median of its runs, beside the least and the most. A relative
 * error means nothing where there is next to nothing: such rows are shown and not judged, unless only one of the bodies
 * has next to nothing, which is an error whatever it is divided by.
 */
#include <math.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "cmd/sweep_figures.h"
#include "cmd/validate.h"
#include "lib/table.h"
#include "lib/words.h"

#define NOTHING_BELOW 200.0 /* pages or events: a thousandth of a small machine */

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
	{"guest file reads", "vms.guest.file_read_pages"},
	{"guest file writes", "vms.guest.file_write_pages"},
	{"guest file cache", "vms.guest.file_cached_pages"},
	{"work", "vms.work_units"},
};

void validate_figures_usual(struct validate_figures *f, double limit)
{
	*f = (struct validate_figures){.nr = sizeof(figures) / sizeof(figures[0]), .limit = limit};
	for (unsigned i = 0; i < f->nr; i++) {
		f->figure[i].name = figures[i].name;
		f->figure[i].path = figures[i].path;
		f->figure[i].judged = true;
	}
}

int validate_figures_choose(struct validate_figures *f, char *list, struct error *error)
{
	char *rest = list;

	for (unsigned i = 0; i < f->nr; i++)
		f->figure[i].judged = false;
	f->chosen = true;
	while (rest) {
		const char *path = strsep(&rest, ",");
		unsigned i = 0;

		while (i < f->nr && strcmp(f->figure[i].path, path) != 0)
			i++;
		if (i == VALIDATE_FIGURES)
			return error_user(error, "too many figures; allowed: %u in all",
					  VALIDATE_FIGURES);
		if (i == f->nr) {
			f->figure[i].name = f->figure[i].path = path;
			f->nr++;
		}
		f->figure[i].judged = true;
	}
	return 0;
}

int validate_figures_check(const struct validate_figures *f, const json_t *summary,
			   struct error *error)
{
	char quoted[80];
	double value;

	for (unsigned i = sizeof(figures) / sizeof(figures[0]); i < f->nr; i++)
		if (!sweep_figure_value(summary, f->figure[i].path, &value))
			return error_user(
				error,
				"'%s' is no number of summary.json; allowed: paths like "
				"vms.faults.zero, vms.NAME.resident_pages, host.swap.read_pages",
				words_quote(f->figure[i].path, quoted, sizeof(quoted)));
	return 0;
}

/* What a summary does not have is 0: a machine without sharing has shared nothing. */
static double figure(const json_t *summary, const char *path)
{
	double value;

	return sweep_figure_value(summary, path, &value) ? value : 0;
}

static int by_value(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

static enum validate_verdict judge(const struct validate_figures *f, unsigned i,
				   const struct validate_row *r)
{
	if (!f->figure[i].judged)
		return VALIDATE_SHOWN;
	if (!r->comparable)
		return f->chosen ? VALIDATE_NOTHING : VALIDATE_SHOWN;
	return fabs(r->error) > f->limit ? VALIDATE_BEYOND : VALIDATE_WITHIN;
}

void validate_row(const struct validate_figures *f, unsigned i, json_t *const *live,
		  unsigned nr_live, const json_t *sim, struct validate_row *out)
{
	double value[VALIDATE_RUNS];

	for (unsigned k = 0; k < nr_live; k++)
		value[k] = figure(live[k], f->figure[i].path);
	qsort(value, nr_live, sizeof(value[0]), by_value);
	*out = (struct validate_row){
		.name = f->figure[i].name,
		.path = f->figure[i].path,
		.live = nr_live % 2 ? value[nr_live / 2]
				    : (value[nr_live / 2 - 1] + value[nr_live / 2]) / 2,
		.least = value[0],
		.most = value[nr_live - 1],
		.sim = figure(sim, f->figure[i].path),
	};
	out->comparable = out->live >= NOTHING_BELOW || out->sim >= out->live + NOTHING_BELOW;
	if (out->comparable)
		out->error = (out->sim - out->live) /
			     (out->live > NOTHING_BELOW ? out->live : NOTHING_BELOW);
	out->verdict = judge(f, i, out);
}

static void print_row(struct table *t, const struct validate_row *r, double limit)
{
	table_cell(t, "%s", r->name);
	table_cell(t, "%.0f", r->live);
	table_cell(t, "%.0f", r->least);
	table_cell(t, "%.0f", r->most);
	table_cell(t, "%.0f", r->sim);
	if (r->comparable)
		table_cell(t, "%+.1f %%", r->error * 100);
	else
		table_cell(t, "-");
	if (r->verdict == VALIDATE_BEYOND)
		table_cell(t, "beyond %g %%", limit * 100);
	else
		table_cell(t, "%s", r->verdict == VALIDATE_NOTHING ? "nothing to judge" : "");
}

void validate_print(FILE *out, const struct validate_figures *f, json_t *const *live,
		    unsigned nr_live, const json_t *sim, unsigned *failed)
{
	static const struct table_column columns[] = {
		{"figure", false}, {"live", true},  {"least", true}, {"most", true},
		{"sim", true},     {"error", true}, {"", false}};
	struct table *t = table_create(columns, sizeof(columns) / sizeof(columns[0]));
	unsigned within = 0;

	*failed = 0;
	for (unsigned i = 0; i < f->nr; i++) {
		struct validate_row r;

		validate_row(f, i, live, nr_live, sim, &r);
		if (t)
			print_row(t, &r, f->limit);
		within += r.verdict == VALIDATE_WITHIN;
		*failed += r.verdict >= VALIDATE_BEYOND;
	}
	if (t)
		table_print(t, out);
	table_destroy(t);
	fprintf(out, "\n%u of %u figures%s within %g %% of the median of %u live run%s\n", within,
		within + *failed, f->chosen ? " judged" : "", f->limit * 100, nr_live,
		nr_live > 1 ? "s" : "");
}

json_t *validate_json(const struct validate_figures *f, json_t *const *live, unsigned nr_live,
		      const json_t *sim, unsigned *failed)
{
	static const char *const verdicts[] = {"shown", "within", "beyond", "nothing"};
	json_t *rows = json_array();

	*failed = 0;
	for (unsigned i = 0; i < f->nr; i++) {
		struct validate_row r;

		validate_row(f, i, live, nr_live, sim, &r);
		*failed += r.verdict >= VALIDATE_BEYOND;
		json_array_append_new(rows,
				      json_pack("{s:s, s:s, s:f, s:f, s:f, s:f, s:o, s:s}",
						"figure", r.name, "path", r.path, "live", r.live,
						"live_least", r.least, "live_most", r.most, "sim",
						r.sim, "relative_error",
						r.comparable ? json_real(r.error) : json_null(),
						"verdict", verdicts[r.verdict]));
	}
	return json_pack("{s:i, s:i, s:f, s:i, s:o}", "schema", 1, "live_runs", (int)nr_live,
			 "tolerance", f->limit, "failed", (int)*failed, "figures", rows);
}
