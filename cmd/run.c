/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * run.c: `ballast run` and `ballast sim`: a scenario on a body (body.h), from its file to its results.
 *
 * Order: everything that can be wrong with the user's input first (options, scenario), then the folder, the machine
 * and its VMs, and only then the result files: a run that never starts leaves the results of an earlier one alone.
 * From the first sample on nothing but a second Ctrl-C keeps the results from being written.
 *
 * The main thread samples once a second of the machine's time, at whole seconds. The last sample is the snapshot taken when
 * the machine stopped, the same that summary.json is made of.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "cmd/body.h"
#include "cmd/commands.h"
#include "cmd/live_table.h"
#include "cmd/page_trace.h"
#include "cmd/plot.h"
#include "cmd/report.h"
#include "cmd/report_dir.h"
#include "cmd/run_machine.h"
#include "cmd/run_options.h"
#include "cmd/run_record.h"
#include "cmd/run_timeline.h"
#include "cmd/stop_signals.h"
#include "lib/jsonl.h"
#include "lib/log.h"

#define SAMPLE_NS NS_PER_S
#define LOOK_NS   (NS_PER_S / 20) /* how often to look whether all guests are done */

struct run {
	struct run_options options;
	struct report_about about;
	struct scenario *scenario; /* owned, as all that follows */
	struct report_dir dir;
	struct body body;
	struct report *report;
	struct live *live;
	struct page_trace trace;
	struct stop_signals *signals;
	struct run_timeline timeline;
	struct run_record record;
	struct machine_snapshot *before; /* the latest sample */
	enum report_end end;
	int signal; /* that ended it */
};

/* What the manager decided since the last time; it happened before until_ns. */
static void take_events(struct run *run, uint64_t until_ns)
{
	struct mm_event events[64];
	uint64_t lost;
	unsigned nr;

	do {
		nr = run->body.ops->events_take(&run->body, events,
						sizeof(events) / sizeof(events[0]), &lost);
		report_told(run->report, events, nr, lost, until_ns);
	} while (nr);
}

/* The same of traced pages, as lines where results may be shown. */
static void take_histories(struct run *run, uint64_t until_ns)
{
	bool shown = !run->options.quiet && !run->options.json;

	page_trace_take(&run->trace, &run->body, until_ns, shown ? stdout : NULL);
}

/* Takes a snapshot as the next sample. A second without memory for one is left out. */
static void sample(struct run *run)
{
	struct machine_snapshot *now;

	take_events(run, UINT64_MAX);
	take_histories(run, UINT64_MAX);
	if (run->body.ops->snapshot(&run->body, &now) != 0) {
		log_warn("no memory for a sample");
		return;
	}
	report_sample(run->report, now);
	if (run->live)
		live_show(run->live, run->before, now);
	free(run->before);
	run->before = now;
}

/* The timeline's next action. What the manager decided before is told before it, and what comes of it behind. */
static void act(struct run *run)
{
	struct run_timeline_done done;
	uint64_t now;

	take_events(run, UINT64_MAX);
	now = run->body.ops->passed_ns(&run->body);
	run_timeline_act(&run->timeline, &done);
	report_event(run->report, now, "timeline", run_timeline_json(&done));
	if (run->live)
		live_note(run->live, now, done.text);
}

/* Samples until the run is over; the first sample is of what is there before any work. */
static void sample_until_end(struct run *run)
{
	const uint64_t duration = run->scenario->duration_ns;
	struct body *body = &run->body;
	uint64_t next = SAMPLE_NS, passed;

	sample(run);
	for (;;) {
		uint64_t until, wait;

		passed = body->ops->passed_ns(body);
		if (passed >= duration)
			break;
		if (passed >= run_timeline_next_ns(&run->timeline)) {
			act(run);
			continue;
		}
		if (passed >= next) {
			sample(run);
			next = body->ops->passed_ns(body) / SAMPLE_NS * SAMPLE_NS + SAMPLE_NS;
			continue;
		}
		until = next < duration ? next : duration;
		if (until > run_timeline_next_ns(&run->timeline))
			until = run_timeline_next_ns(&run->timeline);
		wait = until - passed < LOOK_NS ? until - passed : LOOK_NS;
		run->signal = body->ops->wait(body, wait, run->signals);
		if (run->signal) {
			run->end = REPORT_END_STOP;
			return;
		}
		if (body->ops->idle(body) && !run_timeline_adds(&run->timeline)) {
			run->end = REPORT_END_IDLE;
			return;
		}
	}
	run->end = REPORT_END_TIME;
}

static void show_begin(struct run *run)
{
	/* No table between lines that go up. */
	if (!run->options.quiet)
		run->live = live_begin(run->trace.nr ? LIVE_LINES : live_mode_of(STDERR_FILENO),
				       stderr, run->scenario);
}

static void show_end(struct run *run)
{
	bool summary_follows = !run->options.json && isatty(STDOUT_FILENO);

	live_end(run->live, summary_follows);
	run->live = NULL;
	if (run->signal && !run->options.quiet)
		fprintf(stderr, "stopping (%s; once more: at once)\n",
			stop_signals_name(run->signal));
}

static int print_summary(struct run *run, json_t *summary, struct error *error)
{
	int err = 0;

	if (run->options.json) {
		err = jsonl_pretty(stdout, json_incref(summary));
		/* What standard output could not take main reports. */
		return err == -ENOMEM ? error_host(error, ENOMEM, "summary") : 0;
	}
	if (run->options.quiet)
		return 0;
	if (run->signal)
		printf("stopped by %s after %.1f s\n", stop_signals_name(run->signal),
		       (double)run->before->now_ns / 1e9);
	report_text(stdout, &run->about, run->before, run->end, run->dir.path);
	fflush(stdout); /* whatever taking the machine down brings */
	return 0;
}

static int finish(struct run *run, struct error *error)
{
	struct machine_snapshot *last;
	struct error print_error;
	json_t *summary = NULL;
	int err, second;

	run->body.ops->stop(&run->body);
	if (run->record.path)
		run->body.ops->record_end(&run->body);
	run_record_end(&run->record);
	if (run->body.ops->snapshot(&run->body, &last) != 0)
		return error_host(error, ENOMEM, "the final figures; samples.csv has the others");
	take_events(run, last->now_ns);
	take_histories(run, last->now_ns);
	report_sample(run->report, last);
	free(run->before);
	run->before = last;
	report_event(run->report, last->now_ns, "end",
		     json_pack("{s:s}", "reason", report_end_name(run->end)));
	run->about.record = run_record_json(&run->record);
	err = report_close(run->report, last, run->end, &summary, error);
	run->report = NULL;
	second = page_trace_end(&run->trace, &print_error);
	if (second && !err) {
		*error = print_error;
		err = second;
	}
	second = print_summary(run, summary, &print_error);
	json_decref(summary);
	if (!second)
		second = run_record_verdict(&run->record, &print_error);
	if (second && !err) {
		*error = print_error;
		err = second;
	}
	return err;
}

static int execute(struct run *run, struct error *error)
{
	struct mm_record_sink sink;
	int err = run_machine_admit(run->scenario, error);

	if (!err)
		err = report_dir_make(run->options.dir, run->scenario->name, time(NULL), &run->dir,
				      error);
	if (!err)
		err = stop_signals_begin(&run->signals, error);
	if (!err)
		err = run_record_open(&run->record, &run->options, &run->about, error);
	if (!err)
		err = run->body.ops->make(&run->body, run->scenario, &run->options, run->dir.path,
					  run_record_sink(&run->record, &sink), error);
	if (!err)
		err = run_record_begin(&run->record, error);
	if (!err) {
		run->about.facts = run->body.facts;
		err = report_open(run->dir.path, &run->about, &run->report, error);
	}
	if (!err)
		err = page_trace_begin(&run->trace, &run->body, run->dir.path, error);
	if (!err) {
		report_event(run->report, 0, "start",
			     json_pack("{s:i}", "vms",
				       (int)(run->scenario->nr_vms - run->scenario->nr_later)));
		run_timeline_begin(&run->timeline, run->scenario, &run->body);
		err = run->body.ops->start(&run->body, error);
	}
	if (err)
		return err;
	show_begin(run);
	sample_until_end(run);
	show_end(run);
	return finish(run, error);
}

/* After the machine is gone: it starts a program. No gnuplot is no failure, one that fails is. */
static int draw(struct run *run, struct error *error)
{
	int err = plot_run(run->dir.path, run->scenario, error);

	if (err == -ENOENT) {
		log_warn("no picture: %s", error->text);
		return 0;
	}
	if (!err && !run->options.quiet && !run->options.json)
		printf("picture: %s/%s\n", run->dir.path, PLOT_PNG);
	return err;
}

static bool guests_failed(const struct machine_snapshot *last)
{
	struct report_totals t;

	report_totals(last, &t);
	return t.crashed || t.integrity_errors;
}

static json_t *command_words(int argc, char **argv)
{
	json_t *words = json_array();

	json_array_append_new(words, json_string("ballast"));
	for (int i = 0; i < argc; i++) {
		json_t *word = json_string(argv[i]);

		/* Bytes that are no text have no place in JSON. */
		json_array_append_new(words, word ? word : json_null());
	}
	return words;
}

static int run_scenario(struct run *run, struct error *error)
{
	bool ran;
	int err;

	run->about.scenario = run->scenario;
	run->about.scenario_path = run->options.scenario_path;
	run->about.body = run->body.ops->name;
	err = execute(run, error);
	ran = !run->report && run->before;
	live_end(run->live, false);
	run->body.ops->destroy(&run->body);
	run_record_free(&run->record);
	if (run->report)
		report_close(run->report, NULL, run->end, NULL, error);
	if (!ran && run->dir.path)
		report_dir_undo(&run->dir);
	if (ran && run->options.plot) {
		struct error plot_error;
		int plot_err = draw(run, err ? &plot_error : error);

		err = err ? err : plot_err;
	}
	stop_signals_end(run->signals);
	return err;
}

static int run_on(const struct body_ops *body, int argc, char **argv)
{
	struct run run = {.body = {.ops = body}, .dir = {.path = NULL}};
	struct error error;
	int err, status = COMMAND_DONE;

	/* Before options are read: that moves the words about. */
	run.about.command = command_words(argc, argv);
	err = run_options_read(argc, argv, &run.options, &error);
	if (err > 0)
		goto out;
	if (!err)
		err = run_options_load(&run.options, &run.scenario, &error);
	if (!err)
		err = page_trace_read(&run.trace, run.options.trace_pages.item,
				      run.options.trace_pages.nr, run.scenario, &error);
	if (!err)
		err = run_scenario(&run, &error);
	if (err)
		status = command_fail(&error);
	else if (guests_failed(run.before))
		status = COMMAND_GUEST;
out:
	page_trace_end(&run.trace, &error); /* of a run that came to nothing */
	free(run.before);
	report_dir_free(&run.dir);
	scenario_free(run.scenario);
	json_decref(run.about.command);
	json_decref(run.about.record);
	return status;
}

int cmd_run(int argc, char **argv)
{
	return run_on(&body_kvm, argc, argv);
}

int cmd_sim(int argc, char **argv)
{
	return run_on(&body_sim, argc, argv);
}
