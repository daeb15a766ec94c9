/* SPDX-License-Identifier: GPL-2.0-or-later */
/* policy_list.h: lists of replacement policies on command lines: "lru,arc", "all". */
#ifndef BALLAST_CMD_POLICY_LIST_H
#define BALLAST_CMD_POLICY_LIST_H

#include "lib/error.h"
#include "mm/policy/policy.h"

/*
 * *out: the policies, the caller's to free(); *nr_out how many. NULL stands for opt, which is allowed if opt says so.
 * 0 or -errno with words, which begin with --option.
 */
int policy_list_parse(const char *option, const char *text, bool opt,
		      const struct policy_ops ***out, unsigned *nr_out, struct error *error);

#endif
