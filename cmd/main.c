/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * main.c: the `ballast` program: one table of subcommands drives dispatch, help and the manual page.
 *
 * Besides dispatch, main keeps two promises for all commands. Results that could not be written are an error: a full
 * disk, a closed pipe or a closed standard output end in exit 1 with a message, never in silence (so SIGPIPE and
 * SIGXFSZ are ignored and write() says EPIPE or EFBIG). And descriptors 0 to 2 are never empty: a closed one would be given to the first
 * file that is opened, and messages would land in it.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "cmd/commands.h"
#include "cmd/policies.h"
#include "lib/words.h"

struct command {
	const char *name;
	const char *summary;
	int (*run)(int argc, char **argv);
};

static int cmd_help(int argc, char **argv);

static const struct command commands[] = {
	{"run", "run a scenario of guests on KVM", cmd_run},
	{"sim", "run a scenario on a simulated machine, without KVM", cmd_sim},
	{"calibrate", "measure what the simulated machine is to take", cmd_calibrate},
	{"validate", "run a scenario live and simulated, and compare", cmd_validate},
	{"replay", "compare replacement policies on a trace", cmd_replay},
	{"mrc", "miss-ratio curves of a trace", cmd_mrc},
	{"trace", "make, record, describe and convert traces", cmd_trace},
	{"compare", "the same run under several settings, with spread", cmd_compare},
	{"sweep", "run a plan of many runs, here or on a cluster", cmd_sweep},
	{"mm-replay", "play a record of the memory manager back, without KVM", cmd_mm_replay},
	{"bench", "measure the mechanisms against raw ones of the same machine", cmd_bench},
	{"doctor", "tell what this host offers and what will not work", cmd_doctor},
	{"help", "tell about a command: ballast help run", cmd_help},
	{NULL, NULL, NULL},
};

static const char exit_text[] =
	"0  done\n"
	"1  the host failed; the message says what\n"
	"2  the input is wrong; the message says where and what is allowed\n"
	"3  a guest crashed, an integrity error was found, a replay differs from its record, or\n"
	"   figures of `validate` are further apart than was asked\n"
	"128 + N  stopped by signal N: 130 is Ctrl-C; `run` writes its results and ends as usual\n";

static void print_usage(FILE *out)
{
	fputs("ballast: run more guest memory than the machine has, and see what it costs\n\n"
	      "usage: ballast COMMAND [ARGUMENT..] [OPTION..]\n\ncommands:\n",
	      out);
	for (const struct command *c = commands; c->name; c++)
		fprintf(out, "  %-9s %s\n", c->name, c->summary);
	fprintf(out,
		"\n`ballast help COMMAND` tells about one, `ballast help policies` lists "
		"replacement "
		"policies;\n`ballast --version` prints %s.\n\n"
		"exit status:\n%s",
		BALLAST_VERSION, exit_text);
}

static int print_man(void)
{
	int status = 0;

	printf(".TH BALLAST 1 \"\" \"ballast %s\"\n"
	       ".SH NAME\nballast \\- memory\\-overcommit research hypervisor\n"
	       ".SH SYNOPSIS\n\\fBballast\\fR \\fICOMMAND\\fR [\\fIARGUMENT\\fR..] "
	       "[\\fIOPTION\\fR..]\n"
	       ".SH DESCRIPTION\nBallast runs more guest memory than the machine has, on purpose, "
	       "and shows\n"
	       "what that costs. It holds many KVM guests in one process under one budget of\n"
	       "machine memory and pages them itself.\n.SH COMMANDS\n",
	       BALLAST_VERSION);
	for (const struct command *c = commands; c->name && !status; c++) {
		char name[16], man[] = "--man";
		char *argv[] = {name, man, NULL};

		snprintf(name, sizeof(name), "%s", c->name);
		if (c->run != cmd_help)
			status = c->run(2, argv);
	}
	policies_man(stdout);
	printf(".SH EXIT STATUS\n.nf\n%s.fi\n", exit_text);
	return status;
}

static const struct command *command_find(const char *name)
{
	for (const struct command *c = commands; c->name; c++)
		if (strcmp(c->name, name) == 0)
			return c;
	return NULL;
}

static int command_unknown(const char *name)
{
	char list[200], quoted[48];
	struct words words = {0};
	struct error error;
	const char *near;

	for (const struct command *c = commands; c->name; c++)
		words_add(&words, c->name);
	near = words_nearest(&words, name);
	error_user(&error, "unknown command '%s'%s%s%s; allowed: %s",
		   words_quote(name, quoted, sizeof(quoted)), near ? ", did you mean " : "",
		   near ? near : "", near ? "?" : "", words_join(&words, list, sizeof(list)));
	return command_fail(&error);
}

static int cmd_help(int argc, char **argv)
{
	const struct command *c;
	struct error error;
	char help[] = "--help";
	char *words[] = {NULL, help, help, NULL};
	bool part;

	if (argc < 2 || strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0) {
		print_usage(stdout);
		return COMMAND_DONE;
	}
	part = argc == 3 && strcmp(argv[1], "trace") == 0;
	if (argc > 2 && !part) {
		error_user(&error,
			   "help: too many arguments; allowed: ballast help [COMMAND | policies]");
		return command_fail(&error);
	}
	if (strcmp(argv[1], "--man") == 0)
		return print_man();
	if (strcmp(argv[1], "policies") == 0) {
		policies_help(stdout);
		return COMMAND_DONE;
	}
	c = command_find(argv[1]);
	if (!c)
		return command_unknown(argv[1]);
	if (c->run == cmd_help) {
		print_usage(stdout);
		return COMMAND_DONE;
	}
	words[0] = argv[1];
	if (part)
		words[1] = argv[2];
	return c->run(part ? 3 : 2, words);
}

static int dispatch(int argc, char **argv)
{
	const struct command *c;
	struct error error;
	char quoted[48];

	if (argc < 2) {
		error_user(&error, "no command; allowed: ballast COMMAND, see ballast --help");
		return command_fail(&error);
	}
	if (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0) {
		print_usage(stdout);
		return COMMAND_DONE;
	}
	if (strcmp(argv[1], "--version") == 0) {
		printf("ballast %s\n", BALLAST_VERSION);
		return COMMAND_DONE;
	}
	if (argv[1][0] == '-') {
		error_user(&error,
			   "unknown option '%s'; allowed: --help, --version, or a command first",
			   words_quote(argv[1], quoted, sizeof(quoted)));
		return command_fail(&error);
	}
	c = command_find(argv[1]);
	return c ? c->run(argc - 1, argv + 1) : command_unknown(argv[1]);
}

/* Fills holes at 0 to 2 with /dev/null opened the wrong way round: reads and writes fail with EBADF, as before. */
static void standard_fds_hold(void)
{
	for (int fd = 0; fd <= 2; fd++)
		if (fcntl(fd, F_GETFD) < 0 && errno == EBADF &&
		    open("/dev/null", fd == 0 ? O_WRONLY : O_RDONLY) != fd)
			_exit(COMMAND_HOST);
}

/* Everything printed must have arrived; close() tells what NFS and quotas say late. */
static int stdout_close(int status)
{
	bool failed = ferror(stdout) != 0;
	struct error error;

	errno = 0;
	if (fflush(stdout) != 0 || close(STDOUT_FILENO) != 0)
		failed = true;
	if (!failed)
		return status;
	if (errno) {
		error_host(&error, errno, "cannot write to standard output");
	} else { /* stdio knows that, not why */
		error_user(&error, "cannot write to standard output: an earlier write failed");
		error.user = false;
	}
	command_fail(&error);
	return status ? status : COMMAND_HOST;
}

int main(int argc, char **argv)
{
	standard_fds_hold();
	signal(SIGPIPE, SIG_IGN);
	signal(SIGXFSZ, SIG_IGN);
	return stdout_close(dispatch(argc, argv));
}
