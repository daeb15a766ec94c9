/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * trace_convert.c: `ballast trace convert`: a trace in another format, as a stream: no more memory than a block. Only to
 * thin it, all of it is loaded.
 *
 * Ids stay what they are, after the shift. What the new format cannot say (oracle: writes, VMs; text: times, VMs; only
 * ballast has hashes and thinning) is left out, and said so.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "cmd/commands.h"
#include "cmd/trace.h"
#include "cmd/trace_options.h"
#include "cmd/watch.h"
#include "lib/log.h"
#include "sim/big.h"
#include "sim/thin.h"
#include "sim/trace_write.h"

struct convert_options {
	struct trace_arguments trace;
	const char *to;
	struct option_number sad;
};

static const struct option_def options[] = {
	TRACE_OPTIONS(struct convert_options),
	{0, "to", "F", "ballast, oracle, text or csv (default: by OUT's ending, else ballast)",
	 OPTION_TEXT, offsetof(struct convert_options, to), NULL, 0, 0},
	{0, "sad", "K",
	 "leave out what lru and opt do not need in more than K frames (ballast only)",
	 OPTION_NUMBER, offsetof(struct convert_options, sad), &parse_count, 1, TRACE_REQUESTS_MAX},
	{.name = NULL},
};

static const struct option_table table = {
	"trace convert",
	"write a trace in another format",
	"IN OUT",
	2,
	2,
	options,
	"IN is read as its format, found out or given; OUT is written as its ending says\n"
	"(.btrace, .oracle, .txt, .csv), or as --to does. The oracle format's next-access\n"
	"field is written as \"none\". --sad makes it shorter (safely allowed drop, Kaplan et al.\n"
	"1999) and says so in OUT; replay then refuses what would be wrong on "
	"it.\n" TRACE_OPTIONS_TEXT,
};

/* What of the trace each format has a place for. */
static unsigned kept(const char *format)
{
	if (strcmp(format, "ballast") == 0)
		return TRACE_WRITES | TRACE_TIMES | TRACE_VMS | TRACE_HASHES;
	if (strcmp(format, "csv") == 0)
		return TRACE_WRITES | TRACE_TIMES | TRACE_VMS;
	return strcmp(format, "text") == 0 ? TRACE_WRITES : TRACE_TIMES;
}

void trace_tell_lost(unsigned has, const char *format)
{
	unsigned lost = has & ~kept(format);

	if (lost)
		log_warn("format %s has no place for%s%s%s%s: left out", format,
			 lost & TRACE_WRITES ? " writes" : "", lost & TRACE_TIMES ? " times" : "",
			 lost & TRACE_VMS ? " VMs" : "", lost & TRACE_HASHES ? " hashes" : "");
}

int trace_check_thinned(const char *format, struct error *error)
{
	if (strcmp(format, "ballast") == 0)
		return 0;
	return error_user(error,
			  "format %s cannot say that a trace was thinned; allowed: --to ballast",
			  format);
}

static void tell_lost(const struct trace_reader *r, const char *to)
{
	trace_tell_lost(r->has, to);
	if (r->thinning != TRACE_WHOLE && strcmp(to, "ballast") != 0)
		log_warn("the trace was thinned, and format %s cannot say so", to);
}

/* What is known of the trace after its first batch decides the columns. */
static int convert(struct trace_reader *r, struct trace_batch *b, const struct convert_options *o,
		   const char *out, struct cmd_watch *watch, struct error *error)
{
	/* it stands in the head, which is written before it is known whether the trace is whole */
	uint64_t whole = o->trace.keep_going ? 0 : r->whole_requests;
	struct trace_writer *w = NULL;
	int more, err = 0;

	for (more = trace_reader_next(r, b, error); more > 0 && !err;) {
		if (!w) {
			const struct trace_write_options how = {.format = o->to,
								.has = r->has,
								.thinning = r->thinning,
								.thinning_pages = r->thinning_pages,
								.whole_requests = whole};

			err = trace_writer_open(&w, out, &how, error);
			if (err)
				return err;
			tell_lost(r, trace_write_format(out, o->to));
		}
		err = trace_writer_add(w, b, error);
		sim_watch_tell(&watch->sim, "bytes of the trace", r->source.file_read,
			       r->source.file_bytes);
		if (!err && sim_watch_stopped(&watch->sim))
			err = -ECANCELED;
		if (!err)
			more = trace_reader_next(r, b, error);
	}
	if (!err && more < 0 && w && error->user && o->trace.keep_going)
		log_warn("%s; going on with the %llu requests before", error->text,
			 (unsigned long long)r->requests);
	else if (!err && more < 0)
		err = more;
	if (!err && !w)
		return error_user(error, "%s: the trace has no requests", r->source.path);
	if (w && err)
		trace_writer_close(w, true, NULL);
	else if (w)
		err = trace_writer_close(w, false, error);
	return err;
}

/* The requests that stay, a batch at a time. */
static int write_kept(const struct trace *t, const uint8_t *keep, struct trace_writer *w,
		      struct trace_batch *b, struct error *error)
{
	int err = 0;

	b->nr = 0;
	for (uint32_t i = 0; i < t->requests && !err; i++) {
		if (!keep[i])
			continue;
		b->id[b->nr] = t->id[t->page[i]];
		b->vm[b->nr] = t->vm ? t->vm[t->page[i]] : 0;
		b->write[b->nr] = t->write && t->write[i];
		b->time_ns[b->nr] = t->time_ns ? t->time_ns[i] : 0;
		b->hash[b->nr] = t->hash ? t->hash[i] : 0;
		if (++b->nr == TRACE_BATCH) {
			err = trace_writer_add(w, b, error);
			b->nr = 0;
		}
	}
	return err ? err : trace_writer_add(w, b, error);
}

/* SAD looks at the page's next request, so the whole trace is loaded. */
static int convert_thinned(const char *in, const char *out, const struct convert_options *o,
			   struct trace_batch *b, struct cmd_watch *watch, struct error *error)
{
	const struct trace_options how =
		trace_options_of(&o->trace, TRACE_WRITES | TRACE_TIMES | TRACE_HASHES, &watch->sim);
	struct trace_write_options to = {
		.format = o->to, .thinning = TRACE_SAD, .thinning_pages = (uint32_t)o->sad.value};
	const char *format = trace_write_format(out, o->to);
	struct trace_writer *w = NULL;
	struct trace t;
	uint8_t *keep = NULL;
	int err;

	err = format ? trace_check_thinned(format, error) : 0;
	if (err)
		return err;
	err = trace_load(&t, in, &how, error);
	if (err)
		return err;
	if (*t.broken)
		log_warn("%s; going on with the %u requests before", t.broken, t.requests);
	to.has = t.has;
	to.whole_requests = t.requests;
	if (t.thinning != TRACE_WHOLE)
		err = error_user(error, "%s: the trace was thinned already", in);
	if (!err) {
		err = thin_sad(&t, to.thinning_pages, &watch->sim, &keep);
		if (err == -ENOMEM)
			error_host(error, ENOMEM, "%s", in);
	}
	if (!err)
		err = trace_writer_open(&w, out, &to, error);
	if (!err)
		err = write_kept(&t, keep, w, b, error);
	if (w && err)
		trace_writer_close(w, true, NULL);
	else if (w)
		err = trace_writer_close(w, false, error);
	big_free(keep, t.requests);
	trace_free(&t);
	return err;
}

static int convert_whole(const char *in, const char *out, const struct convert_options *o,
			 struct trace_batch *b, struct cmd_watch *watch, struct error *error)
{
	const struct trace_options how = trace_options_of(
		&o->trace, TRACE_WRITES | TRACE_TIMES | TRACE_VMS | TRACE_HASHES, &watch->sim);
	struct trace_reader *r = malloc(sizeof(*r));
	int err;

	if (!r)
		return error_host(error, ENOMEM, "%s", in);
	err = trace_reader_open(r, in, &how, error);
	if (!err) {
		err = convert(r, b, o, out, watch, error);
		trace_reader_close(r);
	}
	free(r);
	return err;
}

int cmd_trace_convert(int argc, char **argv)
{
	struct convert_options o = {.to = NULL};
	struct trace_batch *b;
	struct cmd_watch watch;
	struct error error;
	unsigned operands = 0;
	int result = options_parse(&table, argc, argv, &o, &operands, &error);
	int status = COMMAND_DONE;

	if (result)
		return result < 0 ? command_fail(&error) : COMMAND_DONE;
	b = malloc(sizeof(*b));
	if (!b) {
		error_host(&error, ENOMEM, "trace convert");
		return command_fail(&error);
	}
	result = cmd_watch_begin(&watch, &error);
	if (!result) {
		if (o.sad.given)
			result = convert_thinned(argv[1], argv[2], &o, b, &watch, &error);
		else
			result = convert_whole(argv[1], argv[2], &o, b, &watch, &error);
		if (result == -ECANCELED)
			status = cmd_watch_stopped(&watch, "; %s was not written", argv[2]);
		cmd_watch_end(&watch);
	}
	if (result && result != -ECANCELED)
		status = command_fail(&error);
	free(b);
	return status;
}
