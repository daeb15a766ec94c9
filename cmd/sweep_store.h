/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * sweep_store.h: the results of a plan's jobs in a folder: DIR/jobs/NAME.json, one a finished job.
 *
 * A job is finished when its file is there: it is written under another name, brought to the disk and renamed, so there
 * is never a part of one. Each says what it was made from (its settings, and hashes of the scenario or trace and of the
 * program), and a folder with results of something else is refused instead of mixed in.
 */
#ifndef BALLAST_CMD_SWEEP_STORE_H
#define BALLAST_CMD_SWEEP_STORE_H

#include <jansson.h>

#include "cmd/sweep_plan.h"

struct sweep_store {
	const struct sweep_plan *plan; /* borrowed; checked */
	const char *dir;               /* borrowed; exists */
	uint64_t origin;               /* hash of scenario or trace and program */
	int lock;                      /* owned; -1: none */
};

/*
 * program: the file of this program. shared: others may work on the same plan in the same folder at the same time, on
 * other jobs. The user's error: the subject cannot be read, or the folder is in use.
 */
int sweep_store_open(struct sweep_store *s, const struct sweep_plan *plan, const char *dir,
		     const char *program, bool shared, struct error *error);
void sweep_store_close(struct sweep_store *s);

/*
 * The result of a job, the caller's to json_decref(): the job's summary or line of JSON. -ENOENT, without words: it is
 * not finished. -EINVAL with words: the file is of something else.
 */
int sweep_store_load(const struct sweep_store *s, unsigned job, json_t **out, struct error *error);

/* Keeps a result, which is transferred. seconds: how long the job took. */
int sweep_store_save(const struct sweep_store *s, unsigned job, json_t *result, double seconds,
		     struct error *error);

/* "DIR/jobs/NAMEending", the caller's to free; NULL: no memory. */
char *sweep_store_path(const struct sweep_store *s, unsigned job, const char *ending);

#endif
