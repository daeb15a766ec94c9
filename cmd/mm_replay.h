/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * mm_replay.h: what the files of `ballast mm-replay` share.
 */
#ifndef BALLAST_CMD_MM_REPLAY_H
#define BALLAST_CMD_MM_REPLAY_H

#include <jansson.h>

#include "cmd/record_file.h"
#include "lib/options.h"
#include "mm/play.h"

/* Parameters that are other than recorded: mm_replay_set.c. */
struct replay_change; /* opaque */

/* head: of the record, borrowed until replay_change_free(). The user's error: a key that cannot be changed afterwards, or
 * what the scenario refuses. */
int replay_change_make(json_t *head, const struct option_list *sets, struct replay_change **out,
		       struct error *error);
struct mm_play_change replay_change_of(struct replay_change *c);
/* The new policy goes by estimates of working sets, the recorded one made none. */
bool replay_change_lacks_estimates(const struct replay_change *c);
void replay_change_free(struct replay_change *c);

/* Both managers side by side: mm_replay_compare.c. */
struct replay_compare; /* opaque */

/* names: of VMs, by number, borrowed. NULL: no memory. */
struct replay_compare *replay_compare_make(const char *(*name)(void *ctx, uint32_t vm), void *ctx);
/* After a step: takes a row of figures for each second that passed. 0 or -ENOMEM. */
int replay_compare_look(struct replay_compare *c, const struct mm_play *play);
void replay_compare_print(const struct replay_compare *c, FILE *out);
json_t *replay_compare_json(const struct replay_compare *c);
void replay_compare_free(struct replay_compare *c);

#endif
