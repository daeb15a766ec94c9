/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * sweep_figures.c: figures out of results, and all of them in one file.
 *
 * The merged files hold nothing that differs from one time to the next by itself, so a sweep that was killed and taken
 * up again ends in the same bytes as one that ran through, as far as its body is deterministic.
 */
#include "cmd/sweep_figures.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cmd/report.h"
#include "cmd/report_file.h"
#include "lib/newfile.h"
#include "lib/words.h"

static const struct sweep_figure scenario_figures[] = {
	{"work_per_second", "vms.work_per_second"},
	{"swap_in", "vms.faults.swap_in"},
	{"paged_out", "vms.paged_out_pages"},
	{"guest_swap_in", "vms.guest.swap_in_pages"},
	{"stalled_seconds", "vms.stalled_seconds"},
	{"saved", "host.share.saved_pages"},
	{NULL, NULL},
};

static const struct sweep_figure trace_figures[] = {
	{"misses", "misses"},           {"miss_ratio", "miss_ratio"},
	{"written", "written"},         {"guest_faults", "guest_faults"},
	{"host_faults", "host_faults"}, {"double_faults", "double_faults"},
	{"io_seconds", "io_seconds"},   {NULL, NULL},
};

static const struct sweep_figure *usual(bool replay)
{
	return replay ? trace_figures : scenario_figures;
}

static const json_t *entry_named(const json_t *list, const char *name, size_t length)
{
	size_t i;
	json_t *entry;

	json_array_foreach(list, i, entry)
	{
		const char *text = json_string_value(json_object_get(entry, "name"));

		if (text && strlen(text) == length && memcmp(text, name, length) == 0)
			return entry;
	}
	return NULL;
}

bool sweep_figure_value(const json_t *at, const char *path, double *out)
{
	size_t length = strcspn(path, ".");
	bool found = false;
	char word[64];

	*out = 0;
	if (json_is_array(at)) {
		const json_t *entry = entry_named(at, path, length);
		size_t i;

		if (entry)
			return path[length] && sweep_figure_value(entry, path + length + 1, out);
		json_array_foreach(at, i, entry)
		{
			double one;

			found = sweep_figure_value(entry, path, &one) || found;
			*out += one;
		}
		return found;
	}
	if (!length || length >= sizeof(word))
		return false;
	memcpy(word, path, length);
	word[length] = '\0';
	at = json_object_get(at, word);
	if (path[length])
		return at && sweep_figure_value(at, path + length + 1, out);
	*out = json_number_value(at);
	return json_is_number(at);
}

char *sweep_figures_usual(bool replay, char *buf, size_t bytes)
{
	struct words words = {0};

	for (const struct sweep_figure *f = usual(replay); f->name; f++)
		words_add(&words, f->name);
	return words_join(&words, buf, bytes);
}

static void figures_choose(struct sweep_figures *f)
{
	const struct sweep_plan *p = f->plan;
	const struct sweep_figure *known = usual(p->body == SWEEP_REPLAY);

	for (; !p->nr_figures && known->name; known++)
		f->figure[f->nr++] = *known;
	for (unsigned i = 0; i < p->nr_figures; i++) {
		const struct sweep_figure *same = known;

		while (same->name && strcmp(same->name, p->figure[i]) != 0)
			same++;
		f->figure[f->nr++] =
			same->name ? *same : (struct sweep_figure){p->figure[i], p->figure[i]};
	}
}

/* Drops the usual figures that no result has; of those that were asked for each must be somewhere. */
static int figures_keep(struct sweep_figures *f, struct error *error)
{
	const struct sweep_plan *p = f->plan;
	unsigned kept = 0, all = f->nr;
	bool keep[SWEEP_FIGURES_MAX] = {false};
	char list[200], quoted[80];

	for (unsigned i = 0; i < p->jobs * all; i++)
		keep[i % all] = keep[i % all] || f->value[i] == f->value[i];
	for (unsigned i = 0; i < all && f->finished; i++) {
		if (!keep[i] && p->nr_figures)
			return error_user(
				error, "figure '%s' is in no result; allowed: %s, or a path in %s",
				words_quote(p->figure[i], quoted, sizeof(quoted)),
				sweep_figures_usual(p->body == SWEEP_REPLAY, list, sizeof(list)),
				p->body == SWEEP_REPLAY ? "replay's JSON" : "summary.json");
		if (keep[i])
			f->figure[kept++] = f->figure[i];
	}
	/* values move to the front, each at or before its old place */
	for (unsigned job = 0, to = 0; job < p->jobs && f->finished; job++)
		for (unsigned i = 0; i < all; i++)
			if (keep[i])
				f->value[to++] = f->value[job * all + i];
	f->nr = f->finished ? kept : f->nr;
	return 0;
}

int sweep_figures_read(const struct sweep_store *s, struct sweep_figures *f, struct error *error)
{
	unsigned jobs = s->plan->jobs;
	int err = 0;

	*f = (struct sweep_figures){.plan = s->plan};
	figures_choose(f);
	f->done = calloc(jobs, sizeof(*f->done));
	f->value = calloc((size_t)jobs * f->nr, sizeof(*f->value));
	if (!f->done || !f->value)
		err = error_host(error, ENOMEM, "%u results", jobs);
	for (unsigned job = 0; job < jobs && !err; job++) {
		json_t *result = NULL;

		err = sweep_store_load(s, job, &result, error);
		if (err && err != -ENOENT)
			break;
		f->done[job] = !err;
		f->finished += !err;
		for (unsigned i = 0; i < f->nr; i++)
			if (err || !sweep_figure_value(result, f->figure[i].path,
						       &f->value[job * f->nr + i]))
				f->value[job * f->nr + i] = __builtin_nan("");
		json_decref(result);
		err = 0;
	}
	if (!err)
		err = figures_keep(f, error);
	if (err)
		sweep_figures_free(f);
	return err;
}

void sweep_figures_free(struct sweep_figures *f)
{
	free(f->done);
	free(f->value);
	*f = (struct sweep_figures){.nr = 0};
}

void sweep_csv_text(FILE *out, const char *text)
{
	if (!strpbrk(text, ",\"\r\n")) {
		fputs(text, out);
		return;
	}
	fputc('"', out);
	for (; *text; text++)
		fprintf(out, *text == '"' ? "\"\"" : "%c", *text);
	fputc('"', out);
}

void sweep_csv_number(FILE *out, double value)
{
	if (value == value)
		fprintf(out, "%.15g", value);
}

static int csv_write(const struct sweep_figures *f, FILE *out)
{
	const struct sweep_plan *p = f->plan;

	errno = 0;
	fputs("job,", out);
	for (unsigned k = 0; k < p->nr_keys; k++) {
		sweep_csv_text(out, p->key[k].name);
		fputc(',', out);
	}
	fputs("seed", out);
	for (unsigned i = 0; i < f->nr; i++) {
		fputc(',', out);
		sweep_csv_text(out, f->figure[i].name);
	}
	fputc('\n', out);
	for (unsigned job = 0; job < p->jobs; job++) {
		char *name = f->done[job] ? sweep_job_name(p, job) : NULL;

		if (!f->done[job])
			continue;
		if (!name)
			return -ENOMEM;
		sweep_csv_text(out, name);
		free(name);
		for (unsigned k = 0; k < p->nr_keys; k++) {
			fputc(',', out);
			sweep_csv_text(out, sweep_job_value(p, job, k));
		}
		fprintf(out, ",%" PRIu64, sweep_job_seed(p, job));
		for (unsigned i = 0; i < f->nr; i++) {
			fputc(',', out);
			sweep_csv_number(out, f->value[job * f->nr + i]);
		}
		fputc('\n', out);
	}
	if (ferror(out)) /* closing tells of the last bytes only */
		return errno ? -errno : -EIO;
	return 0;
}

json_t *sweep_settings_json(const struct sweep_plan *p, unsigned i)
{
	json_t *settings = json_object();

	for (unsigned k = 0; settings && k < p->nr_keys; k++)
		json_object_set_new(settings, p->key[k].name,
				    json_string(sweep_job_value(p, i, k)));
	return settings;
}

json_t *sweep_number_json(double value)
{
	if (value != value)
		return json_null();
	if (value < 9e15 && value > -9e15 && value == (double)(int64_t)value)
		return json_integer((json_int_t)value);
	return json_real(value);
}

static json_t *job_json(const struct sweep_figures *f, unsigned job)
{
	char *name = sweep_job_name(f->plan, job);
	json_t *figures = json_object(), *all = NULL;

	for (unsigned i = 0; figures && i < f->nr; i++)
		json_object_set_new(figures, f->figure[i].name,
				    sweep_number_json(f->value[job * f->nr + i]));
	if (name)
		all = json_pack("{s:s, s:o, s:o, s:o}", "job", name, "settings",
				sweep_settings_json(f->plan, job), "seed",
				report_seed_json(sweep_job_seed(f->plan, job)), "figures",
				json_incref(figures));
	json_decref(figures);
	free(name);
	return all;
}

static json_t *results_json(const struct sweep_figures *f)
{
	const struct sweep_plan *p = f->plan;
	json_t *jobs = json_array();

	for (unsigned job = 0; jobs && job < p->jobs; job++)
		if (f->done[job] && json_array_append_new(jobs, job_json(f, job)) != 0) {
			json_decref(jobs);
			return NULL;
		}
	return json_pack("{s:i, s:s, s:s, s:i, s:o}", "schema", 1, "subject", p->subject, "body",
			 sweep_body_name(p->body), "planned", (int)p->jobs, "jobs", jobs);
}

int sweep_figures_write(const struct sweep_figures *f, const char *dir, struct error *error)
{
	char *path = report_path(dir, "results.csv");
	struct newfile out;
	int closed, err = path ? newfile_open(&out, path) : -ENOMEM;

	if (!err) {
		err = csv_write(f, out.file);
		closed = newfile_close(&out, !err);
		err = err ? err : closed;
	}
	if (err)
		error_host(error, -err, "%s/results.csv", dir);
	free(path);
	return err ? err : report_document_write(dir, "results.json", results_json(f), error);
}
