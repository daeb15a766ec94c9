/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * table.c: the one list of replacement policies. Help texts, scenario checks, `--policy` and the tests read it, so a
 * new policy is a file beside this one and two lines here: its declaration and its place in the order of help texts.
 */
#include "mm/policy/policy.h"

extern const struct policy_ops policy_random, policy_fifo, policy_clock, policy_lru;

const struct policy_ops *const policy_table[] = {
	&policy_random, &policy_fifo, &policy_clock, &policy_lru, NULL,
};

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
