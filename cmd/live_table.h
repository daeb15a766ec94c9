/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * live_table.h: a run as it goes, for who is watching, on standard error: results go to standard output.
 *
 * On a terminal a table of the VMs that refreshes in place each second; elsewhere a line every few seconds.
 */
#ifndef BALLAST_CMD_LIVE_TABLE_H
#define BALLAST_CMD_LIVE_TABLE_H

#include <stdbool.h>
#include <stdio.h>

#include "cmd/scenario.h"
#include "vmm/machine.h"

enum live_mode { LIVE_NONE, LIVE_LINES, LIVE_TABLE };

struct live; /* opaque; owned by the creator, freed by live_end() */

/* The mode that suits a descriptor: a table on a terminal that can move its cursor, else lines. */
enum live_mode live_mode_of(int fd);

/* out and scenario are borrowed until live_end. NULL: no memory. */
struct live *live_begin(enum live_mode mode, FILE *out, const struct scenario *scenario);
/* Shows now; before: the snapshot before it, for rates. Both borrowed for the call. */
void live_show(struct live *live, const struct machine_snapshot *before,
	       const struct machine_snapshot *now);
/* Something happened at now_ns: a line at once, or above the VMs until something else does. */
void live_note(struct live *live, uint64_t now_ns, const char *text);
/* erase: takes the table off the screen, the summary comes in its place. */
void live_end(struct live *live, bool erase);

/* "12.0 s  high  used 240M free 16M  swap 80M  work 61k/s  faults 1.2k/s  errors 0", no line end. */
void live_line_print(FILE *out, const struct machine_snapshot *before,
		     const struct machine_snapshot *now);

/* One picture of the table, at most rows lines of at most columns characters; note: what happened last, or "". Returns the
 * number of lines, or -ENOMEM. */
int live_table_print(FILE *out, const struct scenario *scenario, const char *note,
		     const struct machine_snapshot *before, const struct machine_snapshot *now,
		     unsigned rows, unsigned columns);

#endif
