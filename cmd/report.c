/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * report.c: the four result files of a run, from its first sample to its end.
 *
 * Samples and events are written as they come, each batch as a whole, so that a killed run keeps all but its last
 * second. A write that fails is not the guests' problem: it is counted, the run goes on to its orderly end, and the
 * end says which file lost what. summary.json of an earlier run in the folder is removed at the start: a folder with
 * a summary holds a run that ended.
 */
#include "cmd/report.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "cmd/human.h"
#include "cmd/plot.h"
#include "cmd/report_fields.h"
#include "lib/jsonl.h"

struct report {
	const struct report_about *about;
	char *dir;          /* owned */
	const char **names; /* owned, of the scenario's VMs; the strings are the scenario's */
	struct report_log samples, events;
	const struct machine_snapshot *before; /* borrowed; NULL: no sample yet */
	bool swap_is_full;
	long long started;
};

static void report_free(struct report *r)
{
	report_log_close(&r->samples);
	report_log_close(&r->events);
	free(r->names);
	free(r->dir);
	free(r);
}

/* Text is built in memory and appended as a whole. */
struct batch {
	char *text;
	size_t bytes;
	FILE *out; /* NULL: no memory */
	bool failed;
};

static void batch_open(struct batch *b)
{
	*b = (struct batch){.text = NULL};
	b->out = open_memstream(&b->text, &b->bytes);
	b->failed = !b->out;
}

static void batch_append(struct batch *b, struct report_log *log)
{
	if (b->out && fclose(b->out) != 0)
		b->failed = true;
	report_log_append(log, b->failed ? NULL : b->text, b->bytes);
	free(b->text);
}

static void remove_old(const char *dir)
{
	static const char *const names[] = {"summary.json", PLOT_SCRIPT, PLOT_PNG, PLOT_SVG, NULL};

	for (int i = 0; names[i]; i++) {
		char *path = report_path(dir, names[i]);

		if (path)
			unlink(path);
		free(path);
	}
}

int report_open(const char *dir, const struct report_about *about, struct report **out,
		struct error *error)
{
	unsigned nr_vms = about->scenario->nr_vms;
	struct report *r = calloc(1, sizeof(*r));
	struct batch header;
	int err;

	*out = NULL;
	if (!r)
		return error_host(error, ENOMEM, "report");
	r->samples.fd = r->events.fd = -1;
	r->about = about;
	r->started = (long long)time(NULL);
	r->dir = strdup(dir);
	r->names = calloc(nr_vms, sizeof(*r->names));
	err = r->dir && r->names ? 0 : error_host(error, ENOMEM, "report");
	for (unsigned i = 0; i < nr_vms && !err; i++)
		r->names[i] = about->scenario->vms[i].name;
	if (!err)
		err = report_log_open(&r->samples, dir, "samples.csv", error);
	if (!err)
		err = report_log_open(&r->events, dir, "events.jsonl", error);
	if (!err) {
		remove_old(dir);
		err = report_document_write(dir, "manifest.json",
					    report_manifest(about, r->started, 0), error);
	}
	if (err) {
		report_free(r);
		return err;
	}
	batch_open(&header);
	if (header.out)
		report_csv_header(header.out);
	batch_append(&header, &r->samples);
	*out = r;
	return 0;
}

void report_event(struct report *r, uint64_t now_ns, const char *kind, json_t *more)
{
	json_t *event = json_pack("{s:f, s:s}", "t_seconds", report_seconds(now_ns), "kind", kind);
	struct batch line;

	if (more && event && json_object_update(event, more) != 0) {
		json_decref(event);
		event = NULL;
	}
	json_decref(more);
	batch_open(&line);
	if (!line.out)
		json_decref(event);
	else if (jsonl_write(line.out, event) != 0)
		line.failed = true;
	batch_append(&line, &r->events);
}

static void put_event(void *ctx, uint64_t now_ns, const char *kind, json_t *more)
{
	report_event(ctx, now_ns, kind, more);
}

void report_told(struct report *r, const struct mm_event *events, unsigned nr, uint64_t lost,
		 uint64_t until_ns)
{
	if (lost)
		report_event(r, nr ? events[0].at_ns : until_ns, "events_lost",
			     json_pack("{s:o}", "events", report_count_json(lost)));
	for (unsigned i = 0; i < nr; i++)
		report_event(r, events[i].at_ns < until_ns ? events[i].at_ns : until_ns,
			     mm_event_info(events[i].kind)->name,
			     report_told_json(&events[i], r->names));
}

void report_sample(struct report *r, const struct machine_snapshot *now)
{
	struct batch rows;

	batch_open(&rows);
	if (rows.out)
		report_csv_sample(rows.out, now, r->names, r->about->scenario->nr_vms);
	batch_append(&rows, &r->samples);
	report_compare(r->before, now, &r->swap_is_full, r->names, put_event, r);
	r->before = now;
}

/* Adds what a log lost to the error. */
static int log_verdict(const struct report_log *log, const char *one, const char *many, int err,
		       struct error *error)
{
	struct error earlier = *error;

	if (!log->lost)
		return err;
	error_host(error, log->errnum, "%s: %s lost", log->path,
		   human_some(log->lost, one, many).text);
	if (!err)
		return -log->errnum;
	error_prefix(error, "%.250s; ", earlier.text);
	return err;
}

int report_close(struct report *r, const struct machine_snapshot *last, enum report_end end,
		 json_t **summary_out, struct error *error)
{
	json_t *summary = NULL;
	struct error other;
	int err = 0, second;

	if (summary_out)
		*summary_out = NULL;
	if (!last) {
		report_free(r);
		return 0;
	}
	*error = (struct error){.user = false};
	summary = report_summary(r->about, last, end);
	err = report_document_write(r->dir, "summary.json", json_incref(summary), error);
	if (err)
		error_prefix(error, "summary not written: ");
	second = report_document_write(r->dir, "manifest.json",
				       report_manifest(r->about, r->started, (long long)time(NULL)),
				       &other);
	if (second) {
		error_prefix(&other, "not completed: ");
		if (err)
			error_prefix(&other, "%.250s; ", error->text);
		*error = other;
		err = err ? err : second;
	}
	err = log_verdict(&r->samples, "sample", "samples", err, error);
	err = log_verdict(&r->events, "event", "events", err, error);
	if (summary_out)
		*summary_out = summary;
	else
		json_decref(summary);
	report_free(r);
	return err;
}
