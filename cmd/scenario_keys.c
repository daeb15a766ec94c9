/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * scenario_keys.c: a map of the tree against a table of keys.
 *
 * First every key that is there must be one the table knows, is built, applies and stands once; then the table's keys
 * are read in the table's order, so that a later key can rely on an earlier one (a workload's size on the VM's memory)
 * however the file orders them. Defaults are text, read by the same function as the file's.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "cmd/scenario_internal.h"

int key_wrong(const struct node *value, const char *what, const char *wrong, const char *allowed,
	      struct error *error)
{
	char quoted[64];

	if (value->kind != NODE_SCALAR)
		return node_error(value, error, "%s: %s is given; allowed: %s", what,
				  node_kind_name(value->kind), allowed);
	return node_error(value, error, "%s '%s' %s; allowed: %s", what,
			  words_quote(value->text, quoted, sizeof(quoted)), wrong, allowed);
}

int key_text(const struct node *value, const char *what, const char *allowed, const char **out,
	     struct error *error)
{
	*out = value->text;
	if (value->kind != NODE_SCALAR)
		return key_wrong(value, what, "", allowed, error);
	return 0;
}

int key_word(const struct key_word *words, const struct node *value, const char *what,
	     uint32_t *out, struct error *error)
{
	char allowed[200], wrong[120];
	struct words built = {0};
	const char *near;

	for (const struct key_word *w = words; w->word; w++)
		if (!w->unbuilt)
			words_add(&built, w->word);
	words_join(&built, allowed, sizeof(allowed));
	if (value->kind != NODE_SCALAR)
		return key_wrong(value, what, "", allowed, error);
	for (const struct key_word *w = words; w->word; w++) {
		if (strcmp(w->word, value->text) != 0)
			continue;
		if (w->unbuilt)
			return key_wrong(value, what, "is not built yet", allowed, error);
		*out = w->value;
		return 0;
	}
	near = words_nearest(&built, value->text);
	snprintf(wrong, sizeof(wrong), "is unknown%s%s%s", near ? ", did you mean " : "",
		 near ? near : "", near ? "?" : "");
	return key_wrong(value, what, wrong, allowed, error);
}

static bool applies(const struct key *key, unsigned kinds)
{
	return !key->only || (key->only & kinds);
}

static int key_unknown(const struct key *table, const struct node *at, const char *what,
		       unsigned kinds, const char *wrong, struct error *error)
{
	char allowed[300], quoted[64];
	struct words words = {0};
	const char *near;

	for (const struct key *k = table; k->name; k++)
		if (!k->unbuilt && applies(k, kinds))
			words_add(&words, k->name);
	near = words_nearest(&words, at->text);
	return node_error(at, error, "%s key '%s' in %s%s%s%s; allowed: %s", wrong,
			  words_quote(at->text, quoted, sizeof(quoted)), what,
			  near ? ", did you mean " : "", near ? near : "", near ? "?" : "",
			  words_join(&words, allowed, sizeof(allowed)));
}

static int check_child(const struct key *table, const struct node *map, const struct node *child,
		       const char *what, unsigned kinds, struct error *error)
{
	const struct node *at = child->key;
	const struct key *k = table;

	while (k->name && strcmp(k->name, at->text) != 0)
		k++;
	if (!k->name)
		return key_unknown(table, at, what, kinds, "unknown", error);
	if (k->unbuilt)
		return node_error(at, error, "key '%s' in %s is not built yet; allowed: %s",
				  at->text, what, k->unbuilt);
	if (!applies(k, kinds))
		return key_unknown(table, at, what, kinds, "inapplicable", error);
	for (const struct node *c = map->first; c != child; c = c->next)
		if (strcmp(c->key->text, at->text) == 0)
			return node_error(
				at, error,
				"key '%s' in %s is repeated (first in line %u); allowed: once",
				at->text, what, c->key->line);
	return 0;
}

int keys_read(const struct key *table, const struct node *map, const char *what, unsigned kinds,
	      void *target, struct error *error)
{
	int err = 0;

	if (map->kind != NODE_MAP)
		return key_wrong(map, what, "is not a map", "a map of keys", error);
	/* Places of the file's are reported in the file's order. */
	for (const struct node *c = map->first; c && !err; c = c->next)
		err = check_child(table, map, c, what, kinds, error);
	for (const struct key *k = table; k->name && !err; k++) {
		const struct node *value = node_child(map, k->name);
		/* "{}" is the default of a map whose keys have defaults. */
		bool map_default = k->fallback && *k->fallback == '{';
		struct node fallback = {.kind = map_default ? NODE_MAP : NODE_SCALAR,
					.origin = "default",
					.text = k->fallback};

		if (!applies(k, kinds) || k->unbuilt)
			continue;
		if (!value && k->fallback)
			value = &fallback;
		if (value)
			err = k->read(k, value, target, error);
		else if (k->required)
			err = node_error(map, error, "key '%s' is missing in %s", k->name, what);
	}
	return err;
}

int key_read_number(const struct key *key, const struct node *value, void *target,
		    struct error *error)
{
	char *field = (char *)target + key->offset;
	struct error why;
	uint64_t n;
	int err;

	if (value->kind != NODE_SCALAR)
		return key_wrong(value, key->name, "", key->kind->what, error);
	err = parse_value(key->kind, value->text, key->min, key->max, &n, &why);
	if (err)
		return node_error(value, error, "%s %s", key->name, why.text);
	if (key->bytes == sizeof(uint32_t)) {
		uint32_t small = (uint32_t)n;

		memcpy(field, &small, sizeof(small));
	} else {
		memcpy(field, &n, sizeof(n));
	}
	return 0;
}

int key_read_pages(const struct key *key, const struct node *value, void *target,
		   struct error *error)
{
	struct key bytes = *key;
	uint64_t n = 0;
	int err;

	bytes.kind = &parse_bytes;
	bytes.offset = 0;
	err = key_read_number(&bytes, value, &n, error);
	if (err)
		return err;
	if (n % PAGE_BYTES)
		return key_wrong(value, key->name, "is not whole pages", "multiples of 4K", error);
	*(npages_t *)(void *)((char *)target + key->offset) = bytes_to_pages(n);
	return 0;
}

int key_read_name(const struct key *key, const struct node *value, void *target,
		  struct error *error)
{
	struct error why;
	size_t room = key->max ? key->max + 1 : key->bytes;

	if (value->kind != NODE_SCALAR)
		return key_wrong(value, key->name, "", "a name", error);
	if (parse_name(value->text, room, &why))
		return node_error(value, error, "%s %s", key->name, why.text);
	memcpy((char *)target + key->offset, value->text, strlen(value->text) + 1);
	return 0;
}

int key_read_pager(const struct key *key, const struct node *value, void *target,
		   struct error *error)
{
	struct key_word words[WORDS_MAX] = {{NULL, 0, false}};
	uint32_t index = 0;
	int err;

	for (uint32_t i = 0; policy_table[i] && i + 1 < WORDS_MAX; i++)
		words[i] = (struct key_word){policy_table[i]->name, i, false};
	err = key_word(words, value, key->name, &index, error);
	if (!err)
		*(const struct policy_ops **)(void *)((char *)target + key->offset) =
			policy_table[index];
	return err;
}

int key_read_nothing(const struct key *key, const struct node *value, void *target,
		     struct error *error)
{
	(void)key;
	(void)value;
	(void)target;
	(void)error;
	return 0;
}
