/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * trace_convert.c: `ballast trace convert`: a trace in another format, as a stream: no more memory than a block.
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
#include "sim/trace_write.h"

struct convert_options {
	struct trace_arguments trace;
	const char *to;
};

static const struct option_def options[] = {
	TRACE_OPTIONS(struct convert_options),
	{0, "to", "F", "ballast, oracle, text or csv (default: by OUT's ending, else ballast)",
	 OPTION_TEXT, offsetof(struct convert_options, to), NULL, 0, 0},
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
	"field is written as \"none\".\n" TRACE_OPTIONS_TEXT,
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

static void tell_lost(const struct trace_reader *r, const struct trace_writer *w)
{
	const char *to = trace_writer_format(w);
	unsigned lost = r->has & ~kept(to);

	if (lost)
		log_warn("format %s has no place for%s%s%s%s: left out", to,
			 lost & TRACE_WRITES ? " writes" : "", lost & TRACE_TIMES ? " times" : "",
			 lost & TRACE_VMS ? " VMs" : "", lost & TRACE_HASHES ? " hashes" : "");
	if (r->thinning != TRACE_WHOLE && strcmp(to, "ballast") != 0)
		log_warn("the trace was thinned, and format %s cannot say so", to);
}

/* What is known of the trace after its first batch decides the columns. */
static int convert(struct trace_reader *r, struct trace_batch *b, const struct convert_options *o,
		   const char *out, struct cmd_watch *watch, struct error *error)
{
	struct trace_writer *w = NULL;
	int more, err = 0;

	for (more = trace_reader_next(r, b, error); more > 0 && !err;) {
		if (!w) {
			const struct trace_write_options how = {.format = o->to,
								.has = r->has,
								.thinning = r->thinning,
								.thinning_pages =
									r->thinning_pages};

			err = trace_writer_open(&w, out, &how, error);
			if (err)
				return err;
			tell_lost(r, w);
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

int cmd_trace_convert(int argc, char **argv)
{
	struct convert_options o = {.to = NULL};
	struct trace_reader *r = malloc(sizeof(*r));
	struct trace_batch *b = malloc(sizeof(*b));
	struct trace_options how;
	struct cmd_watch watch;
	struct error error;
	unsigned operands = 0;
	int result = options_parse(&table, argc, argv, &o, &operands, &error);

	if (result || !r || !b) {
		free(r);
		free(b);
		if (!result)
			result = error_host(&error, ENOMEM, "trace convert");
		return result < 0 ? command_fail(&error) : COMMAND_DONE;
	}
	how = trace_options_of(&o.trace, TRACE_WRITES | TRACE_TIMES | TRACE_VMS | TRACE_HASHES,
			       NULL);
	result = cmd_watch_begin(&watch, &error);
	if (!result) {
		result = trace_reader_open(r, argv[1], &how, &error);
		if (!result) {
			result = convert(r, b, &o, argv[2], &watch, &error);
			trace_reader_close(r);
		}
		if (result == -ECANCELED)
			error_user(&error, "trace convert: stopped by %s; %s is removed",
				   cmd_watch_signal(&watch), argv[2]);
		cmd_watch_end(&watch);
	}
	free(r);
	free(b);
	return result ? command_fail(&error) : COMMAND_DONE;
}
