/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * replay.h: the two halves of `ballast replay`: one memory (replay.c), and a guest's over a host's (replay_two.c).
 */
#ifndef BALLAST_CMD_REPLAY_H
#define BALLAST_CMD_REPLAY_H

#include "cmd/trace_options.h"
#include "cmd/watch.h"

struct replay_options {
	struct trace_arguments trace;
	const char *policies, *frames;
	const char *guest, *host, *guest_policies, *host_policies;
	struct option_number guest_io, host_io, seed, jobs;
	bool json;
};

/* Would `ballast replay` begin with these words, argv[0] being its name? Moves operands. 0 or -errno with words. */
int replay_words_check(int argc, char **argv, struct error *error);

/* The words of --guest and its kin, before the trace is loaded. 0 or -errno with words. */
int replay_two_check(const struct replay_options *o, struct error *error);

/*
 * All combinations, printed; *done_out of *nr_out runs were done. 0, -ECANCELED, or -errno with words.
 */
int replay_two(const struct trace *t, const char *path, const struct replay_options *o,
	       struct cmd_watch *watch, unsigned *done_out, unsigned *nr_out, struct error *error);

#endif
