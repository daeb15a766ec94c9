/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * trace_record.c: `ballast trace record`: which pages a real program, or a whole machine, touches, as a trace.
 *
 * The program runs inside Debian's qemu-x86_64, or the machine inside qemu-system-x86_64, with a plugin of ours
 * (sim/plugin) that hands references over through shared memory; sim/recorder.c writes them. The emulator gets standard
 * input, output and error as they are, so the program behaves as it would alone; what we have to say goes to standard error
 * when it has ended. Its exit status becomes ours.
 *
 * Signals: Ctrl-C reaches the program too, from the terminal. If it has not ended a moment later (the signal came to us
 * alone, say) it gets it from us. The trace is ended in any case, unless a second signal comes.
 */
#include "cmd/trace.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "ballast/types.h"
#include "cmd/commands.h"
#include "cmd/human.h"
#include "cmd/stop_signals.h"
#include "cmd/trace_emulator.h"
#include "lib/log.h"
#include "lib/options.h"
#include "sim/recorder.h"
#include "sim/trace_write.h"

#define ARGUMENTS_MAX 65536
#define MOMENT_NS     (NS_PER_S / 5) /* before a signal is passed on */
#define NOT_STARTED   127            /* as shells have it */

struct record_options {
	const char *output, *format;
	bool instructions, vm, forks, collapse, quiet;
};

static const struct option_def options[] = {
	{'o', "output", "FILE", "where to write the trace; needed", OPTION_TEXT,
	 offsetof(struct record_options, output), NULL, 0, 0},
	{0, "to", "F", "ballast, oracle, text or csv (default: by FILE's ending, else ballast)",
	 OPTION_TEXT, offsetof(struct record_options, format), NULL, 0, 0},
	{0, "instructions", NULL, "also the pages of instructions, once a block of them",
	 OPTION_FLAG, offsetof(struct record_options, instructions), NULL, 0, 0},
	{'f', "forks", NULL, "also processes it forks, each with a VM number of its own",
	 OPTION_FLAG, offsetof(struct record_options, forks), NULL, 0, 0},
	{0, "vm", NULL, "a whole machine: COMMAND is what qemu-system-x86_64 is started with",
	 OPTION_FLAG, offsetof(struct record_options, vm), NULL, 0, 0},
	{0, "collapse", NULL, "of requests to the same page in a row keep one; only lru is exact",
	 OPTION_FLAG, offsetof(struct record_options, collapse), NULL, 0, 0},
	{'q', "quiet", NULL, "do not tell what was recorded", OPTION_FLAG,
	 offsetof(struct record_options, quiet), NULL, 0, 0},
	{.name = NULL},
};

static const struct option_table table = {
	"trace record",
	"record the pages that a program touches",
	"-- COMMAND [ARGUMENT..]",
	1,
	ARGUMENTS_MAX,
	options,
	"Runs COMMAND inside qemu-x86_64 (Debian: qemu-user) and writes every read and write\n"
	"of memory, one request a page, as a trace; ids are virtual page numbers of 4 KiB.\n"
	"Threads are recorded. What it starts with exec runs unrecorded. The exit status is\n"
	"COMMAND's, 128 + N if signal N killed it; 1 or 2 with a message if recording failed.\n"
	"--vm: COMMAND is the options of qemu-system-x86_64 (-m 128 -kernel ..); ids are the\n"
	"machine's physical page numbers. docs/replay.md has examples.\n",
};

/* How the emulator ended: its wait status, and how long it took. */
struct child {
	pid_t pid;
	int status;
	uint64_t began_ns, ns;
};

static uint64_t clock_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * NS_PER_S + (uint64_t)now.tv_nsec;
}

/* In the child: as if started from a shell, but that it does not outlive us. */
static void become(char **command, int plugin, int ring, const sigset_t *signals)
{
	sigprocmask(SIG_SETMASK, signals, NULL);
	signal(SIGXFSZ, SIG_DFL); /* main ignores these */
	signal(SIGPIPE, SIG_DFL);
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (fcntl(plugin, F_SETFD, 0) == 0 && fcntl(ring, F_SETFD, 0) == 0)
		execv(command[0], command);
	_exit(NOT_STARTED);
}

/* Listens until it has ended. The trace's failure is told at once: the program goes on, for who knows how long. */
static void listen(struct recorder *r, struct child *c, struct stop_signals *signals)
{
	uint64_t signal_ns = 0;
	struct error error;

	for (unsigned i = 0; waitpid(c->pid, &c->status, WNOHANG) == 0; i++) {
		int got = recorder_take(r, &error), number;

		if (got < 0)
			log_warn("%s; recording is over, the program goes on", error.text);
		number = got > 0 && i % 64 ? 0 : stop_signals_wait(signals, 0);
		if (number && !signal_ns)
			signal_ns = clock_ns();
		if (number && signal_ns != UINT64_MAX && clock_ns() - signal_ns > MOMENT_NS) {
			kill(c->pid, number);
			signal_ns = UINT64_MAX;
		}
	}
	c->ns = clock_ns() - c->began_ns;
}

static void tell(const char *path, const struct recorded *s, const struct child *c)
{
	double seconds = (double)c->ns / 1e9;

	fprintf(stderr, "ballast: %s: %s references", path, human_grouped(s->references).text);
	if (s->references)
		fprintf(stderr, ", %.1f %% writes",
			100.0 * (double)s->writes / (double)s->references);
	if (s->requests != s->references)
		fprintf(stderr, ", kept %s", human_grouped(s->requests).text);
	fprintf(stderr, "; %.2f s, %.1f M/s; ", seconds, (double)s->references / seconds / 1e6);
	if (WIFSIGNALED(c->status))
		fprintf(stderr, "the command was ended by signal %d\n", WTERMSIG(c->status));
	else
		fprintf(stderr, "the command's exit status was %d\n", WEXITSTATUS(c->status));
	if (s->processes > 1)
		fprintf(stderr, "ballast: %s: %u processes\n", path, s->processes);
}

static void warn(const char *path, const struct recorded *s)
{
	if (s->unfollowed)
		log_warn("%s: %u forked processes are not in it (--forks records them)", path,
			 s->unfollowed);
	if (s->programs)
		log_warn("%s: %u programs were started by exec; they are not in it", path,
			 s->programs);
	if (s->lost)
		log_warn("%s: %" PRIu64 " references are not in it: too many threads", path,
			 s->lost);
}

/* The emulator ended before it loaded the plugin. With --vm its options are the user's; it has said what is wrong. */
static int tell_unattached(const char *emulator, const struct record_options *o,
			   const struct child *c, struct error *error)
{
	int status = WIFEXITED(c->status) ? WEXITSTATUS(c->status) : 0;

	if (o->vm && status && status != NOT_STARTED)
		return error_user(error,
				  "trace record --vm: %s ended with status %d before it ran a "
				  "machine; allowed: its options",
				  emulator, status);
	return error_host(error, ENOEXEC, "%s does not load the plugin", emulator);
}

static int record(char **command, int plugin, struct recorder *r, const struct record_options *o,
		  struct child *c, struct error *error)
{
	struct stop_signals *signals = NULL;
	struct recorded stats;
	sigset_t before;
	int err;

	sigprocmask(SIG_SETMASK, NULL, &before);
	err = stop_signals_begin(&signals, error);
	if (err)
		goto out;
	fflush(NULL);
	c->began_ns = clock_ns();
	c->pid = fork();
	if (c->pid == 0)
		become(command, plugin, recorder_fd(r), &before);
	if (c->pid < 0)
		err = error_host(error, errno, "trace record: fork");
	else
		listen(r, c, signals);
out:
	if (err) {
		recorder_free(r);
	} else {
		err = recorder_end(r, &stats, error);
		if (!err && !stats.attached)
			err = tell_unattached(command[0], o, c, error);
		if (!o->quiet && stats.attached)
			tell(o->output, &stats, c);
		warn(o->output, &stats);
	}
	stop_signals_end(signals);
	return err;
}

int cmd_trace_record(int argc, char **argv)
{
	struct record_options o = {.output = NULL};
	struct recorder_options how;
	struct recorder *r = NULL;
	struct child child = {.pid = -1};
	char **command = NULL;
	struct error error;
	unsigned operands = 0;
	const char *format;
	int plugin = -1;
	int err = options_parse(&table, argc, argv, &o, &operands, &error);

	if (err)
		return err < 0 ? command_fail(&error) : COMMAND_DONE;
	if (!o.output)
		err = error_user(&error, "trace record: no file; allowed: -o FILE");
	if (!err && o.vm && (o.instructions || o.forks))
		err = error_user(&error, "--%s does not go with --vm; allowed: one of them",
				 o.forks ? "forks" : "instructions");
	format = err ? NULL : trace_write_format(o.output, o.format);
	if (format && o.collapse)
		err = trace_check_thinned(format, &error);
	how = (struct recorder_options){.format = o.format,
					.instructions = o.instructions,
					.physical = o.vm,
					.forks = o.forks,
					.collapse = o.collapse};
	if (!err)
		err = recorder_memory(&r, &how, &error);
	if (!err)
		plugin = err = emulator_plugin(&error);
	if (err >= 0)
		err = emulator_command(&command, o.vm, argv + 1, operands, plugin, recorder_fd(r),
				       &error);
	if (!err)
		err = recorder_begin(r, o.output, &error);
	if (!err)
		trace_tell_lost(TRACE_WRITES | (o.forks ? TRACE_VMS : 0), format);
	if (!err)
		err = record(command, plugin, r, &o, &child, &error);
	else
		recorder_free(r);
	emulator_command_free(command);
	if (plugin >= 0)
		close(plugin);
	if (err)
		return command_fail(&error);
	return WIFSIGNALED(child.status) ? 128 + WTERMSIG(child.status) : WEXITSTATUS(child.status);
}
