/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * watch.h: progress on the terminal and Ctrl-C for the commands that compute (replay, mrc, trace).
 */
#ifndef BALLAST_CMD_WATCH_H
#define BALLAST_CMD_WATCH_H

#include <pthread.h>

#include "cmd/stop_signals.h"
#include "sim/watch.h"

struct cmd_watch {
	struct sim_watch sim; /* what the work gets */
	struct stop_signals *signals;
	pthread_mutex_t lock; /* guards what follows */
	bool tty;             /* standard error is a terminal */
	bool shown;           /* a line of progress stands there */
	uint64_t next_ns;     /* when to show the next */
};

/* Call before other threads are made. 0 or -errno with words. */
int cmd_watch_begin(struct cmd_watch *w, struct error *error);
/* Takes the line of progress away, before results are printed or an error. */
void cmd_watch_clear(struct cmd_watch *w);
/*
 * Says on standard error that a signal stopped the command, and what came of it. Returns the exit status: 128 + the
 * signal's number, as of a program that the signal ended.
 */
__attribute__((format(printf, 2, 3))) int cmd_watch_stopped(struct cmd_watch *w, const char *format,
							    ...);
void cmd_watch_end(struct cmd_watch *w);

#endif
