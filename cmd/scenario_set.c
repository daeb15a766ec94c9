/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * scenario_set.c: --set KEY.PATH=VALUE, applied to the tree before anything is checked.
 *
 * The path walks maps by key and lists by index or, if entries have names, by name (before count makes several VMs of
 * one). A key that is not there is added, maps on the way included: whether it may be there is for the same check to
 * say that reads the file. VALUE is YAML: a plain value, [a list] or {a: map}. New nodes carry the option's text as
 * their place, so that messages about them name it.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "cmd/scenario_internal.h"

struct setting {
	struct scenario_doc *doc;
	const char *origin; /* "--set 'KEY=VALUE'" */
	struct error *error;
};

static int set_error(const struct setting *s, const char *text, const char *part,
		     const char *allowed)
{
	struct node place = {.origin = s->origin};
	char quoted[64];

	if (!*part)
		return node_error(&place, s->error, "%s; allowed: %s", text, allowed);
	return node_error(&place, s->error, "%s '%s'; allowed: %s", text,
			  words_quote(part, quoted, sizeof(quoted)), allowed);
}

static int no_memory(const struct setting *s)
{
	if (s->doc->nr_nodes >= SCENARIO_NODES_MAX)
		return set_error(s, "too many values", "", "65536 in a scenario");
	return error_host(s->error, ENOMEM, "%s", s->origin);
}

/* Which entry of a list: **link is it. */
static int list_step(const struct setting *s, struct node *list, const char *part,
		     struct node ***link)
{
	struct words names = {0};
	char allowed[200], joined[120];
	uint64_t index = UINT64_MAX, i = 0;
	int used;

	if (strspn(part, "0123456789") == strlen(part) &&
	    parse_value(&parse_count, part, 0, UINT32_MAX, &index, NULL) != 0)
		index = UINT64_MAX;
	for (struct node **at = &list->first; *at; at = &(*at)->next, i++) {
		const struct node *name = node_child(*at, "name");

		if (i == index ||
		    (name && name->kind == NODE_SCALAR && strcmp(name->text, part) == 0)) {
			*link = at;
			return 0;
		}
		if (name && name->kind == NODE_SCALAR)
			words_add(&names, name->text);
	}
	if (!list->nr)
		return set_error(s, "no such entry", part, "none, the list is empty");
	used = snprintf(allowed, sizeof(allowed), "0 to %u", list->nr - 1);
	if (names.nr)
		snprintf(allowed + used, sizeof(allowed) - (size_t)used, ", %s",
			 words_join(&names, joined, sizeof(joined)));
	return set_error(s, "no such entry", part, allowed);
}

/* Which child of a map, added as an empty scalar if it is not there: **link is it. */
static int map_step(const struct setting *s, struct node *map, const char *part,
		    struct node ***link)
{
	struct node **at = &map->first;
	struct node *key;

	while (*at && strcmp((*at)->key->text, part) != 0)
		at = &(*at)->next;
	*link = at;
	if (*at)
		return 0;
	key = scenario_doc_node(s->doc, NODE_SCALAR, s->origin, 0, 0);
	*at = key ? scenario_doc_node(s->doc, NODE_SCALAR, s->origin, 0, 0) : NULL;
	if (!*at)
		return no_memory(s);
	key->text = scenario_doc_text(s->doc, part, strlen(part));
	if (!key->text) {
		*at = NULL;
		return no_memory(s);
	}
	(*at)->key = key;
	map->nr++;
	return 0;
}

static int step(const struct setting *s, struct node *in, const char *part, struct node ***link)
{
	if (!*part)
		return set_error(s, "an empty word in the key", part, "KEY.PATH=VALUE");
	/* An empty value is what a key without one has; a map may grow there. */
	if (in->kind == NODE_SCALAR && !*in->text)
		in->kind = NODE_MAP;
	if (in->kind == NODE_MAP)
		return map_step(s, in, part, link);
	if (in->kind == NODE_LIST)
		return list_step(s, in, part, link);
	return set_error(s, "a plain value has no key", part, "the path of a map or list");
}

static int assign(const struct setting *s, char *path, const char *value)
{
	struct node **link = &s->doc->root;
	struct node *fresh;
	unsigned depth = 0;
	int err;

	for (char *part = path, *rest; part; part = rest) {
		rest = strchr(part, '.');
		if (rest)
			*rest++ = '\0';
		if (++depth > SCENARIO_DEPTH_MAX)
			return set_error(s, "nested too deeply at", part, "16 levels");
		err = step(s, *link, part, &link);
		if (err)
			return err;
	}
	err = scenario_doc_parse(s->doc, s->origin, false, value, strlen(value), &fresh, s->error);
	if (err)
		return err;
	fresh->key = (*link)->key;
	fresh->next = (*link)->next;
	*link = fresh;
	return 0;
}

int scenario_doc_set(struct scenario_doc *doc, const char *set, struct error *error)
{
	struct setting s = {.doc = doc, .error = error};
	size_t length = strcspn(set, "=");
	char shown[120], origin[140], path[256];

	snprintf(origin, sizeof(origin), "--set '%s'", words_quote(set, shown, sizeof(shown)));
	s.origin = scenario_doc_text(doc, origin, strlen(origin));
	if (!s.origin)
		return error_host(error, ENOMEM, "%s", origin);
	if (!set[length])
		return set_error(&s, "no '=' in", set, "KEY.PATH=VALUE");
	if (length >= sizeof(path))
		return set_error(&s, "too long a key", set, "KEY.PATH=VALUE");
	memcpy(path, set, length);
	path[length] = '\0';
	return assign(&s, path, set + length + 1);
}
