/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * table.c: the one list of replacement policies. Help texts, scenario checks and the tests read it, so a new policy is a
 * file beside this one, with its const struct policy_ops policy_NAME, and a line here, at its place in help texts.
 */
#include "mm/policy/policy.h"

/* clang-format off */
#define POLICIES(entry) \
	entry(random) \
	entry(fifo) \
	entry(clock) \
	entry(second_chance) \
	entry(lru) \
	entry(aging) \
	entry(lru_k) \
	entry(lfu) \
	entry(two_queue) \
	entry(arc) \
	entry(car) \
	entry(lirs) \
	entry(clock_pro) \
	entry(clock_pro_5) \
	entry(s3_fifo) \
	entry(sieve) \
	entry(wsclock) \
	entry(mglru) \
	entry(two_lists)
/* clang-format on */

#define DECLARED(name) extern const struct policy_ops policy_##name;
#define LISTED(name)   &policy_##name,

POLICIES(DECLARED)

const struct policy_ops *const policy_table[] = {POLICIES(LISTED) NULL};

/* strcmp() is no memory function: a guest kernel does not have it. */
static bool same_text(const char *a, const char *b)
{
	while (*a && *a == *b) {
		a++;
		b++;
	}
	return *a == *b;
}

const struct policy_ops *policy_find(const char *name)
{
	for (size_t i = 0; policy_table[i]; i++)
		if (same_text(policy_table[i]->name, name))
			return policy_table[i];
	return NULL;
}
