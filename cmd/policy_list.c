/* SPDX-License-Identifier: GPL-2.0-or-later */
/* policy_list.c: see policy_list.h. */
#include "cmd/policy_list.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "lib/words.h"

static int policy_unknown(const char *option, const char *name, bool opt, struct error *error)
{
	char list[400], quoted[48];
	struct words words = {0};
	const char *near;

	for (size_t i = 0; policy_table[i]; i++)
		words_add(&words, policy_table[i]->name);
	if (opt)
		words_add(&words, "opt");
	words_add(&words, "all");
	near = words_nearest(&words, name);
	return error_user(error, "--%s '%s' is unknown%s%s%s; allowed: %s", option,
			  words_quote(name, quoted, sizeof(quoted)), near ? ", did you mean " : "",
			  near ? near : "", near ? "?" : "",
			  words_join(&words, list, sizeof(list)));
}

static int policy_add(const char *option, const char *name, bool opt,
		      const struct policy_ops **list, unsigned *nr, struct error *error)
{
	const struct policy_ops *ops = policy_find(name);

	if (strcmp(name, "all") == 0) {
		for (size_t i = 0; policy_table[i]; i++)
			list[(*nr)++] = policy_table[i];
		return 0;
	}
	if (!ops && (!opt || strcmp(name, "opt") != 0))
		return policy_unknown(option, name, opt, error);
	list[(*nr)++] = ops;
	return 0;
}

int policy_list_parse(const char *option, const char *text, bool opt,
		      const struct policy_ops ***out, unsigned *nr_out, struct error *error)
{
	size_t words = 1, most = 1;
	char *copy = strdup(text), *rest = copy, *word;
	const struct policy_ops **list;
	int err = 0;

	while (policy_table[most - 1])
		most++;
	for (const char *c = text; *c; c++)
		words += *c == ',';
	list = calloc(words * most, sizeof(const struct policy_ops *));
	*nr_out = 0;
	if (!copy || !list)
		err = error_host(error, ENOMEM, "--%s", option);
	while (!err && (word = strsep(&rest, ",")))
		err = policy_add(option, word, opt, list, nr_out, error);
	free(copy);
	if (err) {
		free(list);
		list = NULL;
	}
	*out = list;
	return err;
}
