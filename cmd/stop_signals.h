/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * stop_signals.h: Ctrl-C once ends a run in good order, twice at once.
 */
#ifndef BALLAST_CMD_STOP_SIGNALS_H
#define BALLAST_CMD_STOP_SIGNALS_H

#include <stdint.h>

#include "lib/error.h"

struct stop_signals; /* opaque; owned by the creator, freed by stop_signals_end() */

/*
 * Call it before any other thread is made: SIGINT, SIGTERM and SIGHUP are blocked in this thread and those it makes
 * later. From here on the first of them is only noted, the second ends the process with 128 + its number, whatever the
 * other threads are doing.
 */
int stop_signals_begin(struct stop_signals **out, struct error *error);

/*
 * What the second signal does before the process ends: last(context), in a thread of its own, beside whatever the others
 * are doing. NULL: nothing. context must live until stop_signals_end() or the next call.
 */
void stop_signals_last(struct stop_signals *s, void (*last)(void *context), void *context);

/* From here on the first signal does what the second does: for work that cannot be asked to stop. */
void stop_signals_at_once(struct stop_signals *s);

/* Sleeps until that much time has passed or a signal has come. Returns the first signal's number, 0: none yet. */
int stop_signals_wait(struct stop_signals *s, uint64_t ns);

/* Readable once a signal has come: for those who wait for other things too. Borrowed; never read from it. */
int stop_signals_fd(const struct stop_signals *s);

/* "Ctrl-C", "SIGTERM" */
const char *stop_signals_name(int signal);

/* The signals do again what they did before. */
void stop_signals_end(struct stop_signals *s);

#endif
