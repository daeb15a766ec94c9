/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * replay_loop.c: the loop of replay_loop.h around one policy's source; the Makefile compiles it once for each policy of
 * replay_fast.h, whose name comes as LOOP_NAME, its file as LOOP_FILE. The policy's table gets another name here, or it
 * would be there twice.
 */
#include "sim/replay_loop.h"

#include LOOP_FILE

#define LOOP_PASTE(a, b)  a##b
#define LOOP_SYMBOL(a, b) LOOP_PASTE(a, b)

int LOOP_SYMBOL(replay_loop_, LOOP_NAME)(struct replay_loop *l);

/* flatten: all of the policy goes into the loop, so that what the loop never passes is not tested for. */
__attribute__((flatten)) int LOOP_SYMBOL(replay_loop_, LOOP_NAME)(struct replay_loop *l)
{
	return replay_requests(&LOOP_SYMBOL(policy_, LOOP_NAME), l);
}
