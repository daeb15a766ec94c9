/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * run_record.c: the record of a run, from its option to what the summary says of it.
 */
#include "cmd/run_record.h"

#include <errno.h>
#include <string.h>
#include <time.h>

#include "cmd/human.h"
#include "cmd/report_fields.h"

static json_t *head_json(const struct run_options *o, const struct report_about *about)
{
	json_t *vms = json_array(), *sets = json_array();

	for (unsigned i = 0; i < about->scenario->nr_vms; i++)
		json_array_append_new(vms, json_string(about->scenario->vms[i].name));
	for (unsigned i = 0; i < o->sets.nr; i++)
		json_array_append_new(sets, json_string(o->sets.item[i]));
	return json_pack("{s:i, s:o, s:o, s:o}", "schema", 1, "vms", vms, "sets", sets, "manifest",
			 report_manifest(about, (long long)time(NULL), 0));
}

int run_record_open(struct run_record *r, const struct run_options *options,
		    const struct report_about *about, struct error *error)
{
	r->path = options->record;
	return r->path ? record_writer_open(r->path, head_json(options, about), &r->writer, error)
		       : 0;
}

const struct mm_record_sink *run_record_sink(const struct run_record *r,
					     struct mm_record_sink *sink)
{
	if (!r->writer)
		return NULL;
	*sink = record_writer_sink(r->writer);
	return sink;
}

int run_record_begin(struct run_record *r, struct error *error)
{
	return r->writer ? record_writer_begin(r->writer, error) : 0;
}

void run_record_end(struct run_record *r)
{
	if (!r->writer)
		return;
	record_writer_close(r->writer, &r->written);
	r->writer = NULL;
	r->ended = true;
}

json_t *run_record_json(const struct run_record *r)
{
	const struct record_written *w = &r->written;

	if (!r->ended)
		return json_null();
	return json_pack("{s:s, s:b, s:o, s:o, s:o}", "file", r->path, "complete", !w->lost_bytes,
			 "bytes", report_count_json(w->file_bytes), "stream_bytes",
			 report_count_json(w->stream_bytes), "until_seconds",
			 w->lost_bytes ? json_real(report_seconds((uint64_t)(w->until_s * 1e9)))
				       : json_null());
}

int run_record_verdict(const struct run_record *r, struct error *error)
{
	const struct record_written *w = &r->written;

	if (!r->ended || !w->lost_bytes)
		return 0;
	return error_host(error, w->errnum,
			  "%s: the record ends after %.1f s, at byte %llu; %s of "
			  "it are lost",
			  r->path, w->until_s, (unsigned long long)w->file_bytes,
			  human_bytes(w->lost_bytes).text);
}

void run_record_free(struct run_record *r)
{
	record_writer_close(r->writer, NULL);
	r->writer = NULL;
}
