/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * compare_cells.c: from figures of jobs to medians and differences, and these as JSON and CSV.
 *
 * What a setting is compared with has the first key's first value and is the same in all else. Runs with the same seed are pairs: what a seed does to both (how the workload falls out) cancels in their difference.
 * Jobs that are missing take their pair with them, nothing else.
 */
#include <errno.h>
#include <stdlib.h>

#include "cmd/compare.h"
#include "cmd/report.h"

/* The figure in the repeat-th job of a combination; NaN: there is none. */
static double value_of(const struct sweep_figures *f, unsigned combination, unsigned repeat,
		       unsigned figure)
{
	unsigned job = repeat * f->plan->combinations + combination;

	return f->value[job * f->nr + figure];
}

/* How many combinations share a value of the first key. */
static unsigned others(const struct sweep_plan *p)
{
	return p->nr_keys ? p->combinations / p->key[0].nr : 1;
}

unsigned compare_reference(const struct sweep_plan *p, unsigned combination)
{
	return combination % others(p);
}

unsigned compare_row(const struct sweep_plan *p, unsigned row)
{
	unsigned values = p->combinations / others(p);

	return row % values * others(p) + row / values;
}

static void cell_make(const struct sweep_figures *f, unsigned combination, unsigned figure,
		      struct compare_cell *out)
{
	unsigned reference = compare_reference(f->plan, combination);
	double own[STATISTICS_NR_MAX], a[STATISTICS_NR_MAX], b[STATISTICS_NR_MAX];
	unsigned nr = 0, pairs = 0;

	for (unsigned r = 0; r < f->plan->repeats; r++) {
		double first = value_of(f, reference, r, figure);
		double value = value_of(f, combination, r, figure);

		if (value != value)
			continue;
		own[nr++] = value;
		if (first != first || combination == reference)
			continue;
		a[pairs] = first;
		b[pairs++] = value;
	}
	*out = (struct compare_cell){.of = {.nr = 0}};
	if (nr)
		statistics_interval(own, nr, &out->of);
	if (pairs)
		statistics_difference(a, b, pairs, &out->difference);
}

int compare_make(const struct sweep_figures *figures, struct compare *out, struct error *error)
{
	const struct sweep_plan *p = figures->plan;

	*out = (struct compare){.figures = figures};
	out->cell = calloc((size_t)p->combinations * figures->nr + 1, sizeof(*out->cell));
	if (!out->cell)
		return error_host(error, ENOMEM, "%u settings", p->combinations);
	for (unsigned c = 0; c < p->combinations; c++)
		for (unsigned i = 0; i < figures->nr; i++)
			cell_make(figures, c, i, &out->cell[c * figures->nr + i]);
	return 0;
}

void compare_free(struct compare *c)
{
	free(c->cell);
	c->cell = NULL;
}

static json_t *interval_json(const struct statistics_interval *i)
{
	return json_pack("{s:i, s:o, s:o, s:o, s:f}", "n", (int)i->nr, "median",
			 sweep_number_json(i->median), "low", sweep_number_json(i->low), "high",
			 sweep_number_json(i->high), "level", i->level);
}

static json_t *cell_json(const struct compare_cell *cell)
{
	const struct statistics_difference *d = &cell->difference;
	json_t *all = interval_json(&cell->of), *difference;

	if (!all || !d->of.nr)
		return all;
	difference = interval_json(&d->of);
	if (difference)
		json_object_set_new(difference, "verdict",
				    json_string(statistics_verdict_name(d->verdict)));
	json_object_set_new(all, "difference", difference);
	return all;
}

json_t *compare_json(const struct compare *c)
{
	const struct sweep_figures *f = c->figures;
	const struct sweep_plan *p = f->plan;
	json_t *settings = json_array();

	for (unsigned row = 0; settings && row < p->combinations; row++) {
		unsigned i = compare_row(p, row);
		json_t *figures = json_object();

		for (unsigned n = 0; n < f->nr; n++) {
			const struct compare_cell *cell = &c->cell[i * f->nr + n];

			json_object_set_new(figures, f->figure[n].name,
					    cell->of.nr ? cell_json(cell) : json_null());
		}
		json_array_append_new(settings,
				      json_pack("{s:o, s:o}", "settings", sweep_settings_json(p, i),
						"figures", figures));
	}
	return json_pack("{s:i, s:s, s:s, s:i, s:o, s:i, s:i, s:o}", "schema", 1, "subject",
			 p->subject, "body", sweep_body_name(p->body), "repeats", (int)p->repeats,
			 "seed", report_seed_json(p->seed), "jobs", (int)p->jobs, "finished",
			 (int)f->finished, "comparison", settings);
}

static void interval_csv(const struct statistics_interval *i, FILE *out)
{
	if (!i->nr) {
		fputs(",,,,,", out);
		return;
	}
	fprintf(out, ",%u,", i->nr);
	sweep_csv_number(out, i->median);
	fputc(',', out);
	sweep_csv_number(out, i->low);
	fputc(',', out);
	sweep_csv_number(out, i->high);
	fprintf(out, ",%.6f", i->level);
}

void compare_csv(const struct compare *c, FILE *out)
{
	const struct sweep_figures *f = c->figures;
	const struct sweep_plan *p = f->plan;

	for (unsigned k = 0; k < p->nr_keys; k++) {
		sweep_csv_text(out, p->key[k].name);
		fputc(',', out);
	}
	fputs("figure,n,median,low,high,level,difference_n,difference_median,difference_low,"
	      "difference_high,difference_level,verdict\n",
	      out);
	for (unsigned i = 0; i < p->combinations * f->nr; i++) {
		unsigned combination = compare_row(p, i / f->nr);
		const struct compare_cell *cell = &c->cell[combination * f->nr + i % f->nr];

		for (unsigned k = 0; k < p->nr_keys; k++) {
			sweep_csv_text(out, sweep_job_value(p, combination, k));
			fputc(',', out);
		}
		sweep_csv_text(out, f->figure[i % f->nr].name);
		interval_csv(&cell->of, out);
		interval_csv(&cell->difference.of, out);
		fputc(',', out);
		if (cell->difference.of.nr)
			sweep_csv_text(out, statistics_verdict_name(cell->difference.verdict));
		fputc('\n', out);
	}
}
