/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * report_dir.h: the folder of a run: the one asked for, or results/runs/NAME-TIMESTAMP under the current one.
 */
#ifndef BALLAST_CMD_REPORT_DIR_H
#define BALLAST_CMD_REPORT_DIR_H

#include <stdbool.h>
#include <time.h>

#include "lib/error.h"

struct report_dir {
	char *path; /* owned */
	bool made;  /* this run created it */
};

/*
 * asked: the -o option, borrowed, made with its parents if missing; a folder that exists is used as it is. NULL: a new
 * folder for name and now, with -2, -3 .. behind it if that second has one already.
 */
int report_dir_make(const char *asked, const char *name, time_t now, struct report_dir *out,
		    struct error *error);

/* The run came to nothing: removes the folder again if this run made it and nothing is in it but empty logs. */
void report_dir_undo(const struct report_dir *dir);
/* Nobody wants what is in it: removes it with everything, again only if this run made it. */
void report_dir_discard(const struct report_dir *dir);
void report_dir_free(struct report_dir *dir);

#endif
