/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * sweep_plan.h: one scenario or trace under all combinations of some settings, each repeated with several seeds.
 *
 * A plan is what `ballast compare` and `ballast sweep` have in common. Its jobs are numbered: all combinations with the
 * first seed, then all of them with the next one (A B A B, so that a drift of the machine hits all settings alike); in
 * a combination the last key changes fastest. A job is one command of this program, and has a name that depends on
 * nothing but its settings and seed.
 */
#ifndef BALLAST_CMD_SWEEP_PLAN_H
#define BALLAST_CMD_SWEEP_PLAN_H

#include <stdbool.h>
#include <stdint.h>

#include "lib/error.h"

#define SWEEP_KEYS_MAX    16u
#define SWEEP_SETS_MAX    64u
#define SWEEP_FIGURES_MAX 16u
#define SWEEP_JOBS_MAX    10000u

/* The one setting of a scenario that is not in its file: what everything takes in the simulator. */
#define SWEEP_COSTS "costs"

enum sweep_body { SWEEP_SIM, SWEEP_KVM, SWEEP_REPLAY };

struct sweep_value {
	char *text;            /* owned */
	unsigned line, column; /* in the plan's file; 0: it came from the command line */
};

struct sweep_key {
	char *name; /* owned; "host.policy" */
	unsigned nr;
	struct sweep_value *value; /* owned */
};

struct sweep_plan {
	char *file;    /* owned; where the plan stands, NULL: on the command line */
	char *subject; /* owned; path of the scenario or the trace */
	char *name;    /* owned; the subject's, without folder and ending */
	enum sweep_body body;
	unsigned nr_sets, nr_keys, nr_figures;
	struct sweep_value set[SWEEP_SETS_MAX]; /* KEY=VALUE, of all jobs */
	struct sweep_key key[SWEEP_KEYS_MAX];
	char *figure[SWEEP_FIGURES_MAX]; /* owned; none: the usual ones */
	unsigned repeats;
	bool seed_given;
	uint64_t seed;               /* of the first repeat; a scenario's own if not given */
	unsigned combinations, jobs; /* set by sweep_plan_check() */
};

/* Reads a plan's file, which docs/compare.md describes, into *out: the caller's to free. */
int sweep_plan_read(const char *path, struct sweep_plan *out, struct error *error);

/* Adds "KEY=A,B,..": commas inside brackets, braces and quotes part nothing. */
int sweep_plan_vary(struct sweep_plan *p, const char *text, struct error *error);
int sweep_plan_set(struct sweep_plan *p, const char *text, struct error *error); /* "KEY=VALUE" */
int sweep_plan_figures(struct sweep_plan *p, const char *text, struct error *error); /* "A,B" */

/* Adds an empty key, or a value to the last one. line 0: from the command line. */
int sweep_plan_key_add(struct sweep_plan *p, const char *name, struct error *error);
int sweep_plan_value_add(struct sweep_plan *p, const char *text, unsigned line, unsigned column,
			 struct error *error);

/* The file's name without folder and ending: a.b.yaml is a.b, .yaml is .yaml. The caller's to free. NULL: no memory. */
char *sweep_path_name(const char *path);
/* Sets subject and name. 0 or -ENOMEM with words. */
int sweep_plan_subject(struct sweep_plan *p, const char *path, struct error *error);

/*
 * Checks the whole: sizes, keys and values that are given twice, and each combination as the job's own command would.
 * Must come before what follows.
 */
int sweep_plan_check(struct sweep_plan *p, struct error *error);
void sweep_plan_free(struct sweep_plan *p);

/* Which value of which key job (or combination) i has. */
const char *sweep_job_value(const struct sweep_plan *p, unsigned i, unsigned key);
uint64_t sweep_job_seed(const struct sweep_plan *p, unsigned job);
/* "host.policy=esx,seed=3", fit for a file name; owned by the caller. NULL: no memory. */
char *sweep_job_name(const struct sweep_plan *p, unsigned job);
/* "host.policy=esx host.memory=64M"; owned by the caller. NULL: no memory. */
char *sweep_combination_name(const struct sweep_plan *p, unsigned combination);
/* The command, NULL-terminated, words[0] is the program's name; results go to dir. NULL: no memory. */
char **sweep_job_command(const struct sweep_plan *p, unsigned job, const char *dir);
void sweep_words_free(char **words);

const char *sweep_body_name(enum sweep_body body);

/* Puts the place in front that a message's --set or --KEY is from, if the plan is a file. Returns -EINVAL. */
int sweep_plan_place(const struct sweep_plan *p, struct error *error);

#endif
