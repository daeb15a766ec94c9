/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * table.c: the one list of replacement policies. Help texts, scenario checks, `--policy` and the tests read it, so a
 * new policy is a file beside this one and two lines here: its declaration and its place in the order of help texts.
 */
#include "mm/policy/policy.h"

extern const struct policy_ops policy_random, policy_fifo, policy_clock, policy_second_chance;
extern const struct policy_ops policy_lru, policy_aging, policy_two_queue, policy_lru_k;
extern const struct policy_ops policy_lfu, policy_arc, policy_car, policy_clock_pro;
extern const struct policy_ops policy_clock_pro_5, policy_lirs, policy_s3_fifo, policy_sieve;
extern const struct policy_ops policy_wsclock, policy_mglru, policy_two_lists;

const struct policy_ops *const policy_table[] = {
	&policy_random, &policy_fifo,    &policy_clock,     &policy_second_chance, &policy_lru,
	&policy_aging,  &policy_lru_k,   &policy_lfu,       &policy_two_queue,     &policy_arc,
	&policy_car,    &policy_lirs,    &policy_clock_pro, &policy_clock_pro_5,   &policy_s3_fifo,
	&policy_sieve,  &policy_wsclock, &policy_mglru,     &policy_two_lists,     NULL,
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
