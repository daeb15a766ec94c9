/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * trace_record.c: `ballast trace record`: the page references of a real program.
 *
 * The program runs under QEMU's user-mode emulator (Debian: qemu-user) with the recorder of sim/plugin, which this
 * program carries inside and hands over as a file in memory. The recorder's words come through a pipe and go into a
 * trace as a stream. The command keeps its standard input and output. Ctrl-C ends the command; what was recorded stays.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "cmd/commands.h"
#include "cmd/trace.h"
#include "cmd/watch.h"
#include "lib/log.h"
#include "lib/options.h"
#include "sim/trace_write.h"

#define EMULATOR "qemu-x86_64"

/* sim/plugin/image.S */
extern const char record_plugin[];
extern const uint64_t record_plugin_bytes;

struct record_options {
	const char *output, *to;
	bool instructions;
};

static const struct option_def options[] = {
	{'o', "output", "FILE", "where to write the trace; needed", OPTION_TEXT,
	 offsetof(struct record_options, output), NULL, 0, 0},
	{0, "to", "F", "ballast, oracle, text or csv (default: by FILE's ending, else ballast)",
	 OPTION_TEXT, offsetof(struct record_options, to), NULL, 0, 0},
	{0, "instructions", NULL,
	 "also the pages of the code, a reference for each block that runs", OPTION_FLAG,
	 offsetof(struct record_options, instructions), NULL, 0, 0},
	{.name = NULL},
};

static const struct option_table table = {
	"trace record",
	"record the page references of a program",
	"-- COMMAND [ARGUMENT..]",
	1,
	1000,
	options,
	"COMMAND is an x86-64 program, not a script; it runs under " EMULATOR " (Debian package\n"
	"qemu-user), some ten times slower than by itself, and reads and prints as always. Its\n"
	"loads and stores, in order, become the trace; those of programs it starts do not.\n",
};

struct recording {
	const struct record_options *options;
	char **command;
	struct cmd_watch watch;
	int plugin, from, to; /* memory file; the pipe's ends */
	pid_t child;
	bool stopped;
	uint64_t requests;
	int status; /* of the command, as from wait() */
};

/* Where the shell would find it. */
static int command_find(const char *name, char *path, size_t bytes, struct error *error)
{
	const char *folders = getenv("PATH");

	if (strchr(name, '/')) {
		snprintf(path, bytes, "%s", name);
		return access(path, X_OK)
			       ? error_user(error, "%s: cannot run: %s", name, strerror(errno))
			       : 0;
	}
	for (const char *at = folders ? folders : "/usr/bin:/bin"; *at;) {
		size_t length = strcspn(at, ":");

		snprintf(path, bytes, "%.*s/%s", (int)length, at, name);
		if (access(path, X_OK) == 0)
			return 0;
		at += length + (at[length] == ':');
	}
	return error_user(error, "%s: no such program in PATH", name);
}

static int plugin_file(struct error *error)
{
	size_t left = record_plugin_bytes;
	const char *at = record_plugin;
	int fd = memfd_create("ballast-record", 0);

	while (fd >= 0 && left) {
		ssize_t put = write(fd, at, left);

		if (put <= 0) {
			close(fd);
			fd = -1;
			break;
		}
		at += put;
		left -= (size_t)put;
	}
	return fd >= 0 ? fd : error_host(error, errno, "cannot make a file in memory");
}

/* In the child; does not return. */
static void emulate(const struct recording *r, const char *path, unsigned arguments)
{
	char plugin[100], emulator[] = EMULATOR, option[] = "-plugin";
	char **argv = calloc(arguments + 5, sizeof(*argv));
	sigset_t none;

	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	signal(SIGPIPE, SIG_DFL);
	signal(SIGXFSZ, SIG_DFL);
	prctl(PR_SET_PDEATHSIG, SIGTERM); /* a second Ctrl-C ends us at once */
	close(r->from);
	snprintf(plugin, sizeof(plugin), "/proc/self/fd/%d,out=%d%s", r->plugin, r->to,
		 r->options->instructions ? ",code=1" : "");
	if (argv) {
		argv[0] = emulator;
		argv[1] = option;
		argv[2] = plugin;
		argv[3] = strdup(path);
		for (unsigned i = 1; i < arguments; i++)
			argv[3 + i] = r->command[i];
		execvp(EMULATOR, argv);
	}
	_exit(127);
}

static int start(struct recording *r, unsigned arguments, struct error *error)
{
	char path[1000];
	int ends[2], err = command_find(r->command[0], path, sizeof(path), error);

	if (err)
		return err;
	r->plugin = plugin_file(error);
	if (r->plugin < 0)
		return r->plugin;
	if (pipe(ends))
		return error_host(error, errno, "cannot make a pipe");
	r->from = ends[0];
	r->to = ends[1];
	fcntl(r->from, F_SETPIPE_SZ, 1 << 20); /* a hint */
	fflush(NULL);
	r->child = fork();
	if (r->child < 0)
		return error_host(error, errno, "cannot start a process");
	if (!r->child)
		emulate(r, path, arguments);
	close(r->to);
	r->to = -1;
	return 0;
}

static int pump(struct recording *r, struct error *error)
{
	const struct trace_write_options how = {.format = r->options->to, .has = TRACE_WRITES};
	const struct trace_options pages = {.format = "pages", .want = TRACE_WRITES};
	struct trace_reader *reader = malloc(sizeof(*reader));
	struct trace_batch *b = malloc(sizeof(*b));
	struct trace_writer *w = NULL;
	char path[40];
	int err, more = 1;

	snprintf(path, sizeof(path), "/dev/fd/%d", r->from);
	err = reader && b ? trace_writer_open(&w, r->options->output, &how, error)
			  : error_host(error, ENOMEM, "trace record");
	if (!err)
		err = trace_reader_open(reader, path, &pages, error);
	if (err)
		goto out;
	while (!err && (more = trace_reader_next(reader, b, error)) > 0) {
		err = trace_writer_add(w, b, error);
		r->requests += b->nr;
		sim_watch_tell(&r->watch.sim, "references", r->requests, 0);
		if (!r->stopped && sim_watch_stopped(&r->watch.sim)) {
			r->stopped = true;
			kill(r->child, SIGTERM);
		}
	}
	/* Ctrl-C on a terminal reaches the command as well, and ends it first */
	r->stopped = r->stopped || sim_watch_stopped(&r->watch.sim);
	if (!err && more < 0 && !r->stopped)
		err = more;
	trace_reader_close(reader);
out:
	if (w && (err || !r->requests))
		trace_writer_close(w, true, NULL);
	else if (w)
		err = trace_writer_close(w, false, error);
	free(reader);
	free(b);
	return err;
}

static int finish(struct recording *r, struct error *error)
{
	while (waitpid(r->child, &r->status, 0) < 0 && errno == EINTR)
		;
	if (WIFEXITED(r->status) && WEXITSTATUS(r->status) == 127 && !r->requests)
		return error_host(error, ENOENT, EMULATOR " cannot run (Debian package qemu-user)");
	if (!r->requests)
		return error_user(error, "%s: nothing was recorded; allowed: a program for x86-64",
				  r->command[0]);
	cmd_watch_clear(&r->watch);
	if (!r->stopped && WIFSIGNALED(r->status))
		log_warn("%s was ended by signal %d; what it did before is recorded", r->command[0],
			 WTERMSIG(r->status));
	else if (!r->stopped && WEXITSTATUS(r->status))
		log_warn("%s ended with status %d", r->command[0], WEXITSTATUS(r->status));
	return 0;
}

int cmd_trace_record(int argc, char **argv)
{
	struct record_options o = {.to = NULL};
	struct recording r = {.options = &o, .plugin = -1, .from = -1, .to = -1, .child = -1};
	struct error error;
	unsigned operands = 0;
	int result = options_parse(&table, argc, argv, &o, &operands, &error);
	int status = COMMAND_DONE;

	if (!result && !o.output)
		result = error_user(&error, "trace record: no file; allowed: -o FILE");
	if (!result)
		result = cmd_watch_begin(&r.watch, &error);
	if (result)
		return result < 0 ? command_fail(&error) : COMMAND_DONE;
	r.command = argv + 1;
	result = start(&r, operands, &error);
	if (!result)
		result = pump(&r, &error);
	if (r.from >= 0)
		close(r.from);
	if (r.to >= 0)
		close(r.to);
	if (r.child > 0) {
		struct error late;
		int err = finish(&r, &late);

		if (!result && err) {
			result = err;
			error = late;
		}
	}
	if (r.plugin >= 0)
		close(r.plugin);
	if (result)
		status = command_fail(&error);
	else if (r.stopped)
		status = cmd_watch_stopped(&r.watch, "; %llu references are recorded",
					   (unsigned long long)r.requests);
	cmd_watch_end(&r.watch);
	return status;
}
