/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * replay_fast.h: the policies that replay with a loop of their own. Each is a file mm/policy/NAME.c with a table
 * policy_NAME; the Makefile reads this list (one entry a line) to know which loops to compile.
 */
/* clang-format off */
#define REPLAY_FAST(entry) \
	entry(random) \
	entry(fifo) \
	entry(clock) \
	entry(second_chance) \
	entry(lru) \
	entry(lfu) \
	entry(two_queue) \
	entry(arc) \
	entry(car) \
	entry(lirs) \
	entry(s3_fifo) \
	entry(sieve) \
	entry(aging) \
	entry(wsclock) \
	entry(mglru) \
	entry(two_lists)
/* clang-format on */
