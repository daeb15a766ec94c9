/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * scenario_swap.c: the table of host.swap: where it is, how big, and what the pager spares itself.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "cmd/scenario_internal.h"

#define SWAP_AHEAD_MOST 31

static int read_swap_path(const struct key *key, const struct node *value, void *target,
			  struct error *error)
{
	struct scenario *s = target;
	const char *text;
	int err = key_text(value, key->name, "auto or a file's path", &text, error);

	if (err)
		return err;
	if (!*text || strlen(text) > 4000)
		return key_wrong(value, key->name, "is not a path", "auto or a file's path", error);
	if (strcmp(text, "auto") == 0)
		return 0;
	s->swap_path = strdup(text);
	return s->swap_path ? 0 : error_host(error, ENOMEM, "scenario");
}

static int read_swap_size(const struct key *key, const struct node *value, void *target,
			  struct error *error)
{
	if (value->kind == NODE_SCALAR && strcmp(value->text, "auto") == 0)
		return 0;
	return key_read_pages(key, value, target, error);
}

static int read_overwrite(const struct key *key, const struct node *value, void *target,
			  struct error *error)
{
	static const struct key_word words[] = {
		{"read", 0, false}, {"skip", 1, false}, {NULL, 0, false}};
	struct scenario *s = target;
	uint32_t word;
	int err = key_word(words, value, key->name, &word, error);

	if (!err)
		s->swap_spares_overwritten = word;
	return err;
}

static int read_zeros(const struct key *key, const struct node *value, void *target,
		      struct error *error)
{
	static const struct key_word words[] = {
		{"drop", 0, false}, {"write", 1, false}, {NULL, 0, false}};
	struct scenario *s = target;
	uint32_t word;
	int err = key_word(words, value, key->name, &word, error);

	if (!err)
		s->swap_writes_zeros = word;
	return err;
}

static const struct key swap_keys[] = {
	{"path", read_swap_path, .fallback = "auto"},
	{"size", read_swap_size, .fallback = "auto", .min = PAGE_BYTES, .max = PARSE_BYTES_MAX,
	 KEY_FIELD(struct scenario, swap_pages)},
	{"prefetch", key_read_number, .fallback = "7", .kind = &parse_count, .min = 0,
	 .max = SWAP_AHEAD_MOST, KEY_FIELD(struct scenario, swap_ahead_pages)},
	{"overwrite", read_overwrite, .fallback = "read"},
	{"zeros", read_zeros, .fallback = "drop"},
	{.name = NULL},
};

int scenario_swap_read(const struct key *key, const struct node *value, void *target,
		       struct error *error)
{
	const struct scenario *s = target;

	if (!s->swap)
		return node_error(value, error,
				  "swap is given but 'swap' is not in mechanisms; allowed: "
				  "mechanisms: [swap]");
	return keys_read(swap_keys, value, key->name, 0, target, error);
}
