/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * cost_file.c: reading by the scenario reader's own tree, so that messages name file, line and column as they do there.
 */
#include "cmd/cost_file.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>
#include <unistd.h>

#include "cmd/scenario_internal.h"

static const struct sim_preset *preset_find(const char *name)
{
	for (const struct sim_preset *p = sim_presets; p->name; p++)
		if (strcmp(p->name, name) == 0)
			return p;
	return NULL;
}

static char *preset_names(char *buf, size_t bytes)
{
	struct words names = {0};

	for (const struct sim_preset *p = sim_presets; p->name; p++)
		words_add(&names, p->name);
	return words_join(&names, buf, bytes);
}

static int read_preset(const struct node *root, struct sim_cost *out, struct error *error)
{
	const struct node *value = node_child(root, "preset");
	const struct sim_preset *p = sim_presets;
	char allowed[120];

	if (value && value->kind == NODE_SCALAR)
		p = preset_find(value->text);
	if (!p || (value && value->kind != NODE_SCALAR))
		return key_wrong(value, "preset", "is unknown",
				 preset_names(allowed, sizeof(allowed)), error);
	*out = p->cost;
	return 0;
}

static int read_field(const struct node *root, const struct node *value, struct sim_cost *out,
		      struct error *error)
{
	const struct sim_cost_field *f = sim_cost_fields;
	struct words names = {0};
	char allowed[600];
	struct key key = {.kind = &parse_count, .bytes = sizeof(uint64_t)};

	while (f->name && strcmp(f->name, value->key->text) != 0)
		f++;
	for (const struct node *n = root->first; n != value; n = n->next)
		if (strcmp(n->key->text, value->key->text) == 0)
			return node_error(value->key, error, "key '%s' is repeated; allowed: once",
					  value->key->text);
	if (!f->name) {
		words_add(&names, "preset");
		for (f = sim_cost_fields; f->name; f++)
			words_add(&names, f->name);
		return node_error(value->key, error, "unknown key '%s' in costs; allowed: %s",
				  value->key->text, words_join(&names, allowed, sizeof(allowed)));
	}
	key.name = f->name;
	key.min = f->min;
	key.max = f->max;
	key.offset = f->offset;
	return key_read_number(&key, value, out, error);
}

static int read_root(const struct node *root, struct sim_cost *out, struct error *error)
{
	int err;

	if (root->kind != NODE_MAP)
		return node_error(root, error,
				  "costs are not a map; allowed: a map of names and numbers");
	err = read_preset(root, out, error);
	for (const struct node *n = root->first; n && !err; n = n->next)
		if (strcmp(n->key->text, "preset") != 0)
			err = read_field(root, n, out, error);
	return err;
}

int cost_file_load(const char *name, struct sim_cost *out, struct error *error)
{
	const struct sim_preset *p = name ? preset_find(name) : sim_presets;
	struct scenario_doc doc = {0};
	char allowed[120];
	int err;

	if (p) {
		*out = p->cost;
		return 0;
	}
	err = scenario_doc_read(&doc, name, error);
	if (err && strcmp(name, "-") != 0 && access(name, F_OK) != 0)
		error_user(error, "--costs '%.200s' is no file and no preset; allowed: a file, %s",
			   name, preset_names(allowed, sizeof(allowed)));
	if (!err)
		err = read_root(doc.root, out, error);
	scenario_doc_free(&doc);
	return err;
}

void cost_file_write(FILE *out, const struct sim_cost *cost, const char *comment)
{
	struct sim_cost copy = *cost;

	fprintf(out, "# %s\n", comment);
	for (const struct sim_cost_field *f = sim_cost_fields; f->name; f++)
		fprintf(out, "%s: %" PRIu64 "%*s# %s\n", f->name, *sim_cost_at(&copy, f), 1, "",
			f->what);
}
