/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * sweep_plan.c: building a plan, word by word; sweep_check.c looks at the whole.
 *
 * A plan owns copies of all its texts, so that command lines and files need not outlive it. Lists grow by one: a plan
 * is a few hundred words at most.
 */
#include "cmd/sweep_plan.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "lib/words.h"

static int no_memory(struct error *error)
{
	return error_host(error, ENOMEM, "the plan");
}

int sweep_plan_key_add(struct sweep_plan *p, const char *name, struct error *error)
{
	char quoted[64];

	if (!*name)
		return error_user(error, "an empty key; allowed: such as host.policy");
	words_quote(name, quoted, sizeof(quoted));
	if (p->nr_keys == SWEEP_KEYS_MAX)
		return error_user(error, "key '%s' is one too many; allowed: %u keys", quoted,
				  SWEEP_KEYS_MAX);
	for (unsigned i = 0; i < p->nr_keys; i++)
		if (strcmp(p->key[i].name, name) == 0)
			return error_user(error, "key '%s' is given twice; allowed: once", quoted);
	if (strcmp(name, "seed") == 0)
		return error_user(error, "key 'seed' cannot be varied; allowed: a number of "
					 "repeats and the first seed");
	p->key[p->nr_keys] = (struct sweep_key){.name = strdup(name)};
	return p->key[p->nr_keys++].name ? 0 : no_memory(error);
}

int sweep_plan_value_add(struct sweep_plan *p, const char *text, unsigned line, unsigned column,
			 struct error *error)
{
	struct sweep_key *k = &p->key[p->nr_keys - 1];
	struct sweep_value *value;
	char quoted[64];

	words_quote(text, quoted, sizeof(quoted));
	for (unsigned i = 0; i < k->nr; i++)
		if (strcmp(k->value[i].text, text) == 0)
			return error_user(error, "%s: value '%s' is given twice; allowed: once",
					  k->name, quoted);
	if (k->nr == SWEEP_JOBS_MAX)
		return error_user(error, "%s: too many values; allowed: %u", k->name,
				  SWEEP_JOBS_MAX);
	value = realloc(k->value, (k->nr + 1) * sizeof(*value));
	if (!value)
		return no_memory(error);
	k->value = value;
	value[k->nr] = (struct sweep_value){strdup(text), line, column};
	return value[k->nr++].text ? 0 : no_memory(error);
}

/* The length of a value at the start of text, up to a comma that is not inside of something. */
static size_t value_length(const char *text)
{
	int depth = 0;
	char quote = 0;
	size_t i;

	for (i = 0; text[i]; i++) {
		char c = text[i];

		if (quote) {
			quote = c == quote ? 0 : quote;
		} else if (c == ',' && depth <= 0) {
			break;
		} else if (c == '\'' || c == '"') {
			quote = c;
		} else {
			depth += c == '[' || c == '{';
			depth -= c == ']' || c == '}';
		}
	}
	return i;
}

int sweep_plan_vary(struct sweep_plan *p, const char *text, struct error *error)
{
	const char *equals = strchr(text, '='), *at = equals;
	char *word, quoted[80];
	int err;

	words_quote(text, quoted, sizeof(quoted));
	if (!equals)
		return error_user(error, "no '=' in '%s'; allowed: KEY=A,B,..", quoted);
	word = strndup(text, (size_t)(equals - text));
	err = word ? sweep_plan_key_add(p, word, error) : no_memory(error);
	free(word);
	while (!err && at && (*at == '=' || *at == ',')) {
		size_t length = value_length(++at);

		if (!length)
			return error_user(error,
					  "an empty value in '%s'; allowed: KEY=A,B,.. (an empty "
					  "one is written as '')",
					  quoted);
		word = strndup(at, length);
		err = word ? sweep_plan_value_add(p, word, 0, 0, error) : no_memory(error);
		free(word);
		at += length;
	}
	return err;
}

int sweep_plan_set(struct sweep_plan *p, const char *text, struct error *error)
{
	char quoted[80];

	words_quote(text, quoted, sizeof(quoted));
	if (!strchr(text, '='))
		return error_user(error, "no '=' in '%s'; allowed: KEY=VALUE", quoted);
	if (strncmp(text, "seed=", 5) == 0)
		return error_user(error,
				  "'%s' sets the seed; allowed: the first seed as --seed N "
				  "or seed: N of the plan",
				  quoted);
	if (p->nr_sets == SWEEP_SETS_MAX)
		return error_user(error, "'%s' is one too many; allowed: %u settings", quoted,
				  SWEEP_SETS_MAX);
	p->set[p->nr_sets] = (struct sweep_value){.text = strdup(text)};
	return p->set[p->nr_sets++].text ? 0 : no_memory(error);
}

int sweep_plan_figures(struct sweep_plan *p, const char *text, struct error *error)
{
	char quoted[80];

	words_quote(text, quoted, sizeof(quoted));
	for (const char *at = text;; at++) {
		size_t length = strcspn(at, ",");

		if (!length)
			return error_user(error, "an empty figure in '%s'; allowed: A,B,..",
					  quoted);
		if (p->nr_figures == SWEEP_FIGURES_MAX)
			return error_user(error, "too many figures in '%s'; allowed: %u", quoted,
					  SWEEP_FIGURES_MAX);
		p->figure[p->nr_figures] = strndup(at, length);
		if (!p->figure[p->nr_figures++])
			return no_memory(error);
		at += length;
		if (!*at)
			return 0;
	}
}

char *sweep_path_name(const char *path)
{
	const char *slash = strrchr(path, '/');
	const char *base = slash ? slash + 1 : path;
	const char *dot = strrchr(base, '.');

	return strndup(base, dot > base ? (size_t)(dot - base) : strlen(base));
}

int sweep_plan_subject(struct sweep_plan *p, const char *path, struct error *error)
{
	p->subject = strdup(path);
	p->name = sweep_path_name(path);
	return p->subject && p->name ? 0 : no_memory(error);
}

void sweep_plan_free(struct sweep_plan *p)
{
	free(p->file);
	free(p->subject);
	free(p->name);
	for (unsigned i = 0; i < p->nr_sets; i++)
		free(p->set[i].text);
	for (unsigned i = 0; i < p->nr_figures; i++)
		free(p->figure[i]);
	for (unsigned k = 0; k < p->nr_keys; k++) {
		for (unsigned i = 0; i < p->key[k].nr; i++)
			free(p->key[k].value[i].text);
		free(p->key[k].value);
		free(p->key[k].name);
	}
	*p = (struct sweep_plan){.file = NULL};
}
