/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * compare_print.c: the comparison as a table for people and as a picture.
 *
 * The table says of every difference whether it can be told from noise, so that nobody has to judge that by eye, and
 * then how it was judged. The picture's script holds its data: it can be edited and drawn again without this program.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "cmd/compare.h"
#include "lib/table.h"

struct number {
	char text[32];
};

static struct number number(double value, bool sign)
{
	double size = value < 0 ? -value : value;
	struct number n;

	snprintf(n.text, sizeof(n.text),
		 size >= 1e15   ? sign ? "%+.4g" : "%.4g"
		 : size >= 1000 ? sign ? "%+.0f" : "%.0f"
				: (sign ? "%+.4g" : "%.4g"),
		 value);
	return n;
}

static void interval_cell(struct table *t, const struct statistics_interval *i, bool sign)
{
	if (!i->nr) {
		table_cell(t, "-");
		table_cell(t, " ");
		return;
	}
	table_cell(t, "%s", number(i->median, sign).text);
	if (i->same)
		table_cell(t, "%s", i->nr > 1 ? "always" : " ");
	else
		table_cell(t, "%s to %s", number(i->low, sign).text, number(i->high, sign).text);
}

static void how_to_read(const struct compare *c, FILE *out)
{
	const struct sweep_plan *p = c->figures->plan;
	double level = 0;

	for (unsigned i = 0; i < p->combinations * c->figures->nr; i++)
		if (c->cell[i].of.nr == p->repeats)
			level = c->cell[i].of.level;
	fprintf(out, "\nMedians of %u repeat%s, seed%s %" PRIu64, p->repeats,
		p->repeats > 1 ? "s" : "", p->repeats > 1 ? "s" : "", p->seed);
	if (p->repeats > 1)
		fprintf(out, " to %" PRIu64, p->seed + p->repeats - 1);
	fputs(".", out);
	if (level > 0)
		fprintf(out,
			" The true median is in the interval with %.1f %% probability, however "
			"the\n"
			"noise is distributed (order statistics).",
			level * 100);
	if (p->repeats < STATISTICS_REPEATS_MIN)
		fprintf(out, " For 95 %% it takes --repeat %d or more.", STATISTICS_REPEATS_MIN);
	fputc('\n', out);
	if (p->nr_keys && p->key[0].nr > 1)
		fprintf(out,
			"Differences are from %s=%s, all else equal, between runs with the same "
			"seed;\n"
			"one is within the noise if its interval contains 0 (sign test). Of 20 "
			"that are "
			"noise, one will\nseem to differ.\n",
			p->key[0].name, p->key[0].value[0].text);
}

int compare_print(const struct compare *c, FILE *out)
{
	static const struct table_column columns[] = {
		{"figure", false},    {"setting", false},  {"median", true}, {"interval", false},
		{"difference", true}, {"interval", false}, {"", false}};
	const struct sweep_figures *f = c->figures;
	const struct sweep_plan *p = f->plan;
	struct table *t = table_create(columns, sizeof(columns) / sizeof(columns[0]));
	int err = 0;

	for (unsigned i = 0; t && i < p->combinations * f->nr && !err; i++) {
		unsigned figure = i / p->combinations,
			 combination = compare_row(p, i % p->combinations);
		const struct compare_cell *cell = &c->cell[combination * f->nr + figure];
		char *name = sweep_combination_name(p, combination);

		table_cell(t, "%s", i % p->combinations ? "" : f->figure[figure].name);
		table_cell(t, "%s", name ? name : "");
		interval_cell(t, &cell->of, false);
		interval_cell(t, &cell->difference.of, true);
		table_cell(t, "%s",
			   cell->difference.of.nr
				   ? statistics_verdict_name(cell->difference.verdict)
				   : "");
		err = name ? 0 : -ENOMEM;
		free(name);
	}
	fprintf(out, "%s, %s, %u of %u jobs\n\n", p->subject, sweep_body_name(p->body), f->finished,
		p->jobs);
	if (!t || err || table_print(t, out) < 0)
		err = -ENOMEM;
	table_destroy(t);
	how_to_read(c, out);
	return err;
}

/* In double quotes for gnuplot; what its enhanced text would take for more than a letter is switched off in the script. */
static void gnuplot_text(const char *text, FILE *out)
{
	fputc('"', out);
	for (; *text; text++) {
		if (*text == '"' || *text == '\\')
			fputc('\\', out);
		fputc((unsigned char)*text < ' ' ? ' ' : *text, out);
	}
	fputc('"', out);
}

/* The same in a block of data, where gnuplot knows \\ but no \": a double quote would end the text. */
static void data_text(const char *text, FILE *out)
{
	fputc('"', out);
	for (; *text; text++) {
		if (*text == '\\')
			fputc('\\', out);
		fputc(*text == '"' ? '\'' : (unsigned char)*text < ' ' ? ' ' : *text, out);
	}
	fputc('"', out);
}

/* *longest: of the settings, letters. */
static int plot_data(const struct compare *c, unsigned figure, unsigned *longest, FILE *out)
{
	const struct sweep_figures *f = c->figures;
	const struct sweep_plan *p = f->plan;

	fprintf(out, "$figure%u << EOD\n", figure + 1);
	for (unsigned i = 0; i < p->combinations; i++) {
		unsigned combination = compare_row(p, i);
		const struct statistics_interval *of = &c->cell[combination * f->nr + figure].of;
		char *name = sweep_combination_name(p, combination);

		if (!name)
			return -ENOMEM;
		if (of->nr)
			fprintf(out, "%u %.15g %.15g %.15g ", i + 1, of->median, of->low, of->high);
		else
			fprintf(out, "%u NaN NaN NaN ", i + 1);
		data_text(name, out);
		fputc('\n', out);
		*longest = strlen(name) > *longest ? (unsigned)strlen(name) : *longest;
		free(name);
	}
	fputs("EOD\n", out);
	return 0;
}

static double figure_max(const struct compare *c, unsigned figure)
{
	double max = 0;

	for (unsigned i = 0; i < c->figures->plan->combinations; i++) {
		const struct statistics_interval *of = &c->cell[i * c->figures->nr + figure].of;

		max = of->nr && of->high > max ? of->high : max;
	}
	return max;
}

int compare_plot(const struct compare *c, FILE *out)
{
	const struct sweep_figures *f = c->figures;
	const struct sweep_plan *p = f->plan;
	unsigned longest = 8;
	int err = 0;

	fprintf(out,
		"# Medians and their intervals. Draw it again by\n#   gnuplot " COMPARE_PLOT_SCRIPT
		"\n# Columns: place, median, low, high, setting.\n");
	for (unsigned i = 0; i < f->nr && !err; i++)
		err = plot_data(c, i, &longest, out);
	fprintf(out,
		"set terminal pngcairo noenhanced size 1000,%u font \"sans,10\"\n"
		"set output \"" COMPARE_PLOT_PNG "\"\n"
		"set multiplot layout %u,1 title ",
		50 + f->nr * (80 + 22 * p->combinations), f->nr);
	gnuplot_text(p->subject, out);
	fprintf(out,
		"\nset border 3 lc rgb \"#606060\"\n"
		"set tics nomirror textcolor rgb \"#303030\"\n"
		"set grid xtics ytics lc rgb \"#dddddd\" lw 0.5\n"
		"set yrange [%u.5:0.5]\n"
		"set bars small\n"
		"set lmargin %u\n"
		"set rmargin 4\n"
		"unset key\n",
		p->combinations, longest < 60 ? longest + 4 : 64);
	for (unsigned i = 0; i < f->nr; i++) {
		fprintf(out, "set xrange [0:%s]\nset xlabel ", figure_max(c, i) > 0 ? "*" : "1");
		gnuplot_text(f->figure[i].name, out);
		fprintf(out,
			"\nplot $figure%u using 2:1:3:4:ytic(5) with xerrorbars lw 2 pt 7 ps 1.2 "
			"lc rgb \"#3b6ea5\"\n",
			i + 1);
	}
	fputs("unset multiplot\n", out);
	return err;
}
