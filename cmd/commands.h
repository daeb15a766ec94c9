/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * commands.h: the subcommands of the program, one file each.
 *
 * A command gets its own name as argv[0], parses the rest with its option table (lib/options.h) and returns the exit
 * status. Anything wrong ends in "return command_fail(&error)": the one place that prints an error. Nothing but main
 * exits. Results go to standard output through stdio; main flushes it and turns a write error into exit 1, so
 * commands need not check it.
 */
#ifndef BALLAST_CMD_COMMANDS_H
#define BALLAST_CMD_COMMANDS_H

#include "lib/error.h"

enum command_status {
	COMMAND_DONE = 0,
	COMMAND_HOST = 1,  /* the host failed */
	COMMAND_USER = 2,  /* the user's input is wrong */
	COMMAND_GUEST = 3, /* a guest crashed, an integrity error was found, or a replay differs */
};

int cmd_run(int argc, char **argv);
int cmd_sim(int argc, char **argv);
int cmd_validate(int argc, char **argv);
int cmd_calibrate(int argc, char **argv);
int cmd_replay(int argc, char **argv);
int cmd_mrc(int argc, char **argv);
int cmd_trace(int argc, char **argv);
int cmd_compare(int argc, char **argv);
int cmd_sweep(int argc, char **argv);
int cmd_mm_replay(int argc, char **argv);
int cmd_bench(int argc, char **argv);
int cmd_doctor(int argc, char **argv);

/* Prints "ballast: TEXT" on standard error; returns COMMAND_USER or COMMAND_HOST. */
int command_fail(const struct error *error);

#define BALLAST_VERSION "0.1"

#endif
