/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * mm_replay.c: `ballast mm-replay`: a record of the memory manager, played back without KVM to the same code.
 *
 * As it was, it must decide the same, call by call: exit 3 names the first that is not. With --set it tells what would
 * have been decided (mm/what_if.c says how far that can be believed).
 */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "cmd/commands.h"
#include "cmd/human.h"
#include "cmd/mm_replay.h"
#include "cmd/report.h"
#include "cmd/report_fields.h"
#include "cmd/stop_signals.h"
#include "lib/jsonl.h"
#include "lib/log.h"

#define NAMES       (1u << 14) /* VMs that a manager can have */
#define PROGRESS_NS (NS_PER_S / 4)
#define LOOK_STEPS  4096u /* between looks at the clock */

struct replay_options {
	struct option_list sets;
	struct option_number until;
	bool events, keep_going, json, quiet;
};

static const struct option_def options[] = {
	{0, "set", "KEY=VALUE", "what if a parameter were another: host.tax, vms.NAME.shares",
	 OPTION_LIST, offsetof(struct replay_options, sets), NULL, 0, 0},
	{0, "until", "S", "stop there, in seconds of the run", OPTION_NUMBER,
	 offsetof(struct replay_options, until), &parse_seconds, 1, 30ull * 24 * 3600 * NS_PER_S},
	{0, "events", NULL, "print each decision, a JSON object a line, as in events.jsonl",
	 OPTION_FLAG, offsetof(struct replay_options, events), NULL, 0, 0},
	{0, "keep-going", NULL, "play a record that is broken or cut off as far as it can be read",
	 OPTION_FLAG, offsetof(struct replay_options, keep_going), NULL, 0, 0},
	{'q', "quiet", NULL, "show no progress", OPTION_FLAG,
	 offsetof(struct replay_options, quiet), NULL, 0, 0},
	{'j', "json", NULL, "print the result as one JSON object", OPTION_FLAG,
	 offsetof(struct replay_options, json), NULL, 0, 0},
	{.name = NULL},
};

static const struct option_table table = {
	"mm-replay",
	"play a record of the memory manager back, without KVM",
	"FILE",
	1,
	1,
	options,
	"FILE is what `ballast run --record FILE` made. The manager is told the same again and\n"
	"must decide the same, to the last call: else the exit status is 3, and the first\n"
	"difference is told. With --set it is told the same, and may decide something else:\n"
	"targets and pages out are printed beside the recorded ones. Allowed there: host.tax,\n"
	"policy, pager, states, memory, rebalance, share.*, vms.NAME.shares and vms.NAME.min;\n"
	"what guests do stays as recorded. docs/memory-manager.md says what that is worth.\n"
	"With --events the result goes to standard error, or with --json it is the last line."};

struct replay {
	struct replay_options options;
	const char *path;
	struct record_reader *reader; /* owned, as all that follows */
	struct replay_change *change;
	struct mm_play_change play_change;
	struct mm_play *play;
	struct replay_compare *compare;
	struct stop_signals *signals;
	int signal; /* that stopped it; 0: none */
	char *name[NAMES];
	enum mm_play_state state;
	uint64_t began_ns, shown_ns;
};

static uint64_t clock_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * NS_PER_S + (uint64_t)t.tv_nsec;
}

static const char *vm_name(void *ctx, uint32_t vm)
{
	struct replay *r = ctx;
	const json_t *vms = json_object_get(record_reader_head(r->reader), "vms");
	const char *told = json_string_value(json_array_get(vms, vm));

	if (vm >= NAMES)
		return "?";
	if (!r->name[vm] &&
	    (told ? asprintf(&r->name[vm], "%s", told) : asprintf(&r->name[vm], "vm-%u", vm)) < 0)
		r->name[vm] = NULL;
	return r->name[vm] ? r->name[vm] : "?";
}

static void print_event(void *ctx, enum mm_play_which which, const struct mm_event *e)
{
	struct replay *r = ctx;
	const struct mm_play_status *s = mm_play_status(r->play);
	uint64_t t = e->at_ns > s->start_ns ? e->at_ns - s->start_ns : 0;
	static const char *const whose[] = {"record", "same", "what_if"};
	json_t *event = json_pack("{s:f, s:s}", "t_seconds", report_seconds(t), "kind",
				  mm_event_info(e->kind)->name);
	json_t *more;

	vm_name(r, e->vm);
	more = report_told_json(e, (const char *const *)r->name);
	if (r->change)
		json_object_set_new(event, "of", json_string(whose[which]));
	json_object_update(event, more);
	json_decref(more);
	jsonl_write(stdout, event);
}

/* Records of a program with other calls mean something else. */
static int check_calls(struct replay *r, struct error *error)
{
	json_t *head = record_reader_head(r->reader), *manifest = json_object_get(head, "manifest");
	const char *theirs = json_string_value(json_object_get(head, "calls"));
	const char *revision = json_string_value(json_object_get(manifest, "revision"));
	char ours[8192];

	mm_seam_text(ours, sizeof(ours));
	if (theirs && strcmp(theirs, ours) == 0)
		return 0;
	return error_user(
		error,
		"%s: was made by another version of the program (%.40s), whose manager has "
		"other calls; allowed: records of this one",
		r->path, revision ? revision : "unknown");
}

static void show_progress(struct replay *r)
{
	uint64_t now = clock_ns();

	if (now - r->shown_ns < PROGRESS_NS)
		return;
	r->shown_ns = now;
	if (r->options.quiet || !isatty(STDERR_FILENO))
		return;
	const struct mm_play_status *s = mm_play_status(r->play);
	fprintf(stderr, "\r%.1f s of the run, %s calls ",
		s->now_ns > s->start_ns ? (double)(s->now_ns - s->start_ns) / 1e9 : 0,
		human_count(s->calls).text);
}

static bool until_reached(const struct replay *r)
{
	const struct mm_play_status *s = mm_play_status(r->play);

	return r->options.until.given && s->of[MM_ENTRY_START] &&
	       s->now_ns >= s->start_ns + r->options.until.value;
}

static double run_seconds(const struct mm_play_status *s)
{
	return s->now_ns > s->start_ns ? report_seconds(s->now_ns - s->start_ns) : 0;
}

static int play(struct replay *r, struct error *error)
{
	struct mm_play_listener listener = {.event = r->options.events ? print_event : NULL,
					    .ctx = r};
	struct mm_record_source source = record_reader_source(r->reader);
	int err = mm_play_make(&source, r->change ? &r->play_change : NULL, &listener, &r->play);

	r->began_ns = r->shown_ns = clock_ns();
	for (uint64_t step = 1; !err && r->state == MM_PLAY_GOES_ON; step++) {
		r->state = mm_play_step(r->play);
		if (r->compare)
			err = replay_compare_look(r->compare, r->play);
		if (step % LOOK_STEPS == 0) {
			show_progress(r);
			r->signal = stop_signals_wait(r->signals, 0);
		}
		if (until_reached(r) || r->signal)
			break;
	}
	if (r->shown_ns != r->began_ns && !r->options.quiet && isatty(STDERR_FILENO))
		fprintf(stderr, "\r%40s\r", "");
	if (r->state == MM_PLAY_MEMORY)
		err = -ENOMEM;
	if (r->signal)
		return -ECANCELED;
	return err ? error_host(error, -err, "replay") : 0;
}

/* The record itself: whole to its end? */
static int verdict(struct replay *r, struct error *error)
{
	const struct mm_play_status *s = mm_play_status(r->play);
	struct mm_record_source source = record_reader_source(r->reader);
	unsigned long long at = record_reader_offset(r->reader);
	const uint8_t *bytes;
	int err;

	if (r->state == MM_PLAY_DIFFERS || r->state == MM_PLAY_GOES_ON)
		return 0;
	if (r->state == MM_PLAY_BROKEN)
		return error_user(error,
				  "%s: byte %llu: in the block that begins here, call %" PRIu64
				  " makes no sense (byte %" PRIu64 " of the stream)",
				  r->path, at, s->calls, s->read_bytes);
	if (r->state == MM_PLAY_DONE && source.more(source.ctx, &bytes))
		return error_user(error, "%s: byte %llu: more stands behind the record's end",
				  r->path, (unsigned long long)record_reader_offset(r->reader));
	err = record_reader_verdict(r->reader, error);
	if (err || r->state == MM_PLAY_DONE)
		return err;
	return error_user(error,
			  "%s: byte %llu: the record is cut off, after %" PRIu64
			  " calls; --keep-going plays what there is",
			  r->path, (unsigned long long)record_reader_offset(r->reader), s->calls);
}

static void print_text(struct replay *r, bool cut)
{
	const struct mm_play_status *s = mm_play_status(r->play);
	FILE *out = r->options.events ? stderr : stdout; /* JSON lines stay among themselves */
	double took = (double)(clock_ns() - r->began_ns) / 1e9;

	if (r->state == MM_PLAY_DIFFERS) {
		fprintf(out,
			"differs: call %" PRIu64 ", %s, at %.6f s of the run\n"
			"  the record has  %s\n"
			"  the manager     %s\n",
			s->at_call, s->within,
			s->now_ns > s->start_ns ? (double)(s->now_ns - s->start_ns) / 1e9 : 0,
			s->expected, s->came);
		return;
	}
	if (r->change) {
		fprintf(out, "what if:");
		for (unsigned i = 0; i < r->options.sets.nr; i++)
			fprintf(out, " %s", r->options.sets.item[i]);
		fprintf(out, "\n\n");
		replay_compare_print(r->compare, out);
		if (replay_change_lacks_estimates(r->change))
			fprintf(out, "The recorded policy estimates no working sets: all memory "
				     "counts as active.\n");
		fputc('\n', out);
	}
	fprintf(out,
		"identical%s: %s to the manager, %s to its body, %.1f s of the run in %.2f s\n",
		r->change                     ? " as recorded"
		: cut                         ? " as far as it can be read"
		: r->state == MM_PLAY_GOES_ON ? " until then"
					      : "",
		human_some(s->calls, "call", "calls").text,
		human_some(s->ops, "call", "calls").text, run_seconds(s), took);
}

static int print_json(struct replay *r, bool cut, struct error *error)
{
	const struct mm_play_status *s = mm_play_status(r->play);
	json_t *calls = json_object(), *all;

	for (unsigned i = 0; i < MM_SEAM_CALLS; i++)
		if (s->of[i])
			json_object_set_new(calls, mm_seam_info(i)->name,
					    report_count_json(s->of[i]));
	all = json_pack("{s:i, s:s, s:s, s:b, s:f, s:o, s:o, s:o}", "schema", 1, "record", r->path,
			"result", r->state == MM_PLAY_DIFFERS ? "differs" : "identical", "whole",
			!cut && r->state == MM_PLAY_DONE, "seconds", run_seconds(s), "calls",
			report_count_json(s->calls), "body_calls", report_count_json(s->ops),
			"calls_by_name", calls);
	if (r->state == MM_PLAY_DIFFERS)
		json_object_set_new(all, "difference",
				    json_pack("{s:o, s:s, s:s, s:s}", "call",
					      report_count_json(s->at_call), "within", s->within,
					      "expected", s->expected, "came", s->came));
	if (r->compare)
		json_object_set_new(all, "what_if", replay_compare_json(r->compare));
	if (!all || jsonl_write(stdout, all) == -ENOMEM)
		return error_host(error, ENOMEM, "replay");
	return 0;
}

static int replay(struct replay *r, struct error *error)
{
	int err = record_reader_open(r->path, &r->reader, error), broken;
	bool cut = false;

	if (!err)
		err = check_calls(r, error);
	if (!err && r->options.sets.nr) {
		err = replay_change_make(record_reader_head(r->reader), &r->options.sets,
					 &r->change, error);
		r->compare = err ? NULL : replay_compare_make(vm_name, r);
		if (!err && !r->compare)
			err = error_host(error, ENOMEM, "replay");
	}
	if (err)
		return err;
	if (r->change)
		r->play_change = replay_change_of(r->change);
	err = stop_signals_begin(&r->signals, error);
	if (err)
		return err;
	err = play(r, error);
	stop_signals_end(r->signals);
	if (err)
		return err;
	broken = verdict(r, error);
	if (broken && !r->options.keep_going)
		return broken;
	cut = broken != 0;
	if (cut)
		log_warn("%s", error->text);
	if (r->options.json)
		return print_json(r, cut, error);
	print_text(r, cut);
	return 0;
}

static int tell_stopped(const struct replay *r)
{
	fflush(stdout);
	fprintf(stderr, "ballast: stopped by %s at %.1f s of the run\n",
		stop_signals_name(r->signal), run_seconds(mm_play_status(r->play)));
	return 128 + r->signal;
}

int cmd_mm_replay(int argc, char **argv)
{
	struct replay *r = calloc(1, sizeof(*r));
	struct error error;
	unsigned operands;
	int err, status;

	if (!r) {
		error_host(&error, ENOMEM, "replay");
		return command_fail(&error);
	}
	err = options_parse(&table, argc, argv, &r->options, &operands, &error);
	r->path = argv[1];
	if (!err)
		err = replay(r, &error);
	status = err == -ECANCELED             ? tell_stopped(r)
		 : err < 0                     ? command_fail(&error)
		 : r->state == MM_PLAY_DIFFERS ? COMMAND_GUEST
					       : COMMAND_DONE;
	mm_play_destroy(r->play);
	replay_compare_free(r->compare);
	replay_change_free(r->change);
	record_reader_close(r->reader);
	for (unsigned i = 0; i < NAMES; i++)
		free(r->name[i]);
	free(r);
	return status;
}
