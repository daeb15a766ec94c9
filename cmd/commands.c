/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * commands.c: what all subcommands share: the one place that prints an error and turns it into an exit status.
 */
#include "cmd/commands.h"

#include <stdio.h>

int command_fail(const struct error *error)
{
	/* What was already printed comes first; main reports a failure to write it. */
	fflush(stdout);
	fprintf(stderr, "ballast: %s\n", error->text);
	return error->user ? COMMAND_USER : COMMAND_HOST;
}
