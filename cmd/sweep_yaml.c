/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * sweep_yaml.c: a plan from its file, by the reader of scenarios and its tables of keys.
 *
 * `set` and `vary` are maps whose keys are those of the scenario or trace, so no table can hold them; a value that is a
 * list or a map itself becomes the text that stands for it in --set.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cmd/scenario_internal.h"
#include "cmd/statistics.h"
#include "cmd/sweep_plan.h"

struct reading {
	const char *scenario, *trace;
	uint32_t body;
	uint32_t repeats;
	uint64_t seed;
	const struct node *set, *vary, *figures;
};

static int read_path(const struct key *key, const struct node *value, void *target,
		     struct error *error)
{
	const char **out = (const char **)(void *)((char *)target + key->offset);
	int err = key_text(value, key->name, "the path of a file", out, error);

	if (!err && !**out)
		err = key_wrong(value, key->name, "is empty", "the path of a file", error);
	return err;
}

static int read_body(const struct key *key, const struct node *value, void *target,
		     struct error *error)
{
	static const struct key_word words[] = {
		{"sim", SWEEP_SIM, false}, {"kvm", SWEEP_KVM, false}, {NULL, 0, false}};

	return key_word(words, value, key->name, (uint32_t *)(void *)((char *)target + key->offset),
			error);
}

static int read_node(const struct key *key, const struct node *value, void *target,
		     struct error *error)
{
	enum node_kind kind = strcmp(key->name, "figures") == 0 ? NODE_LIST : NODE_MAP;

	if (value->kind != kind)
		return node_error(value, error, "%s is %s; allowed: %s", key->name,
				  node_kind_name(value->kind),
				  kind == NODE_LIST ? "a list of figures"
						    : "a map of keys and values");
	*(const struct node **)(void *)((char *)target + key->offset) = value;
	return 0;
}

static const struct key keys[] = {
	{"scenario", read_path, KEY_FIELD(struct reading, scenario)},
	{"trace", read_path, KEY_FIELD(struct reading, trace)},
	{"body", read_body, .fallback = "sim", KEY_FIELD(struct reading, body)},
	{"repeat", key_read_number, .fallback = "1", .kind = &parse_count, .min = 1,
	 .max = STATISTICS_NR_MAX, KEY_FIELD(struct reading, repeats)},
	{"seed", key_read_number, .kind = &parse_count, .max = INT64_MAX,
	 KEY_FIELD(struct reading, seed)},
	{"set", read_node, KEY_FIELD(struct reading, set)},
	{"vary", read_node, KEY_FIELD(struct reading, vary)},
	{"figures", read_node, KEY_FIELD(struct reading, figures)},
	{.name = NULL},
};

/* A value as it would stand behind --set KEY=. */
static void value_print(const struct node *n, bool inside, FILE *out)
{
	const char *separator = "";

	if (n->kind == NODE_SCALAR && (!*n->text || (inside && strpbrk(n->text, ",[]{}:#'\"")))) {
		fputc('\'', out);
		for (const char *c = n->text; *c; c++)
			fprintf(out, *c == '\'' ? "''" : "%c", *c);
		fputc('\'', out);
		return;
	}
	if (n->kind == NODE_SCALAR) {
		fputs(n->text, out);
		return;
	}
	fputc(n->kind == NODE_LIST ? '[' : '{', out);
	for (const struct node *c = n->first; c; c = c->next) {
		fprintf(out, "%s", separator);
		if (n->kind == NODE_MAP)
			fprintf(out, "%s: ", c->key->text);
		value_print(c, true, out);
		separator = ", ";
	}
	fputc(n->kind == NODE_LIST ? ']' : '}', out);
}

/* before and the value; the caller's to free, NULL: no memory. */
static char *value_text(const char *before, const struct node *n)
{
	char *text = NULL;
	size_t bytes;
	FILE *out = open_memstream(&text, &bytes);

	if (!out)
		return NULL;
	fputs(before, out);
	value_print(n, false, out);
	if (fclose(out) == 0)
		return text;
	free(text);
	return NULL;
}

static int at_node(const struct node *n, int err, struct error *error)
{
	char text[ERROR_TEXT_BYTES];

	if (!err || !error->user)
		return err;
	snprintf(text, sizeof(text), "%s", error->text);
	return node_error(n, error, "%s", text);
}

static int add_set(struct sweep_plan *p, const struct node *n, struct error *error)
{
	char *before, *text;
	int err;

	if (asprintf(&before, "%s=", n->key->text) < 0)
		return error_host(error, ENOMEM, "%s", n->origin);
	text = value_text(before, n);
	err = text ? at_node(n, sweep_plan_set(p, text, error), error)
		   : error_host(error, ENOMEM, "%s", n->origin);
	if (!err) {
		p->set[p->nr_sets - 1].line = n->line;
		p->set[p->nr_sets - 1].column = n->column;
	}
	free(text);
	free(before);
	return err;
}

static int add_vary(struct sweep_plan *p, const struct node *n, struct error *error)
{
	int err;

	if (n->kind != NODE_LIST || !n->nr)
		return node_error(
			n, error, "%s is %s; allowed: a list of the values it takes", n->key->text,
			n->nr || n->kind == NODE_SCALAR ? node_kind_name(n->kind) : "empty");
	err = at_node(n->key, sweep_plan_key_add(p, n->key->text, error), error);
	for (const struct node *v = n->first; v && !err; v = v->next) {
		char *text = value_text("", v);

		err = text ? sweep_plan_value_add(p, text, v->line, v->column, error)
			   : error_host(error, ENOMEM, "%s", n->origin);
		err = at_node(v, err, error);
		free(text);
	}
	return err;
}

static int add_figure(struct sweep_plan *p, const struct node *n, struct error *error)
{
	const char *text;
	int err = key_text(n, "a figure", "a name or a path into the results", &text, error);

	return err ? err : at_node(n, sweep_plan_figures(p, text, error), error);
}

/* A path of the plan is meant from the plan's folder on. */
static int subject_set(struct sweep_plan *p, const char *path, struct error *error)
{
	const char *slash = strrchr(p->file, '/');
	char *whole;
	int err;

	if (*path == '/' || !slash)
		return sweep_plan_subject(p, path, error);
	if (asprintf(&whole, "%.*s/%s", (int)(slash - p->file), p->file, path) < 0)
		return error_host(error, ENOMEM, "%s", p->file);
	err = sweep_plan_subject(p, whole, error);
	free(whole);
	return err;
}

static int plan_build(struct sweep_plan *p, const struct node *root, struct error *error)
{
	struct reading r = {.seed = 0};
	const struct node *subject;
	int err = keys_read(keys, root, "the plan", 0, &r, error);

	if (err)
		return err;
	subject = node_child(root, r.trace ? "trace" : "scenario");
	if (!r.scenario == !r.trace)
		return node_error(
			subject ? subject : root, error, "%s; allowed: either scenario or trace",
			r.trace ? "a scenario and a trace" : "neither scenario nor trace");
	if (r.trace && node_child(root, "body"))
		return node_error(node_child(root, "body"), error,
				  "body is for scenarios; allowed: a trace without it");
	p->body = r.trace ? SWEEP_REPLAY : (enum sweep_body)r.body;
	p->repeats = r.repeats;
	p->seed_given = node_child(root, "seed") != NULL;
	p->seed = r.seed;
	err = subject_set(p, r.trace ? r.trace : r.scenario, error);
	for (const struct node *n = r.set ? r.set->first : NULL; n && !err; n = n->next)
		err = add_set(p, n, error);
	for (const struct node *n = r.vary ? r.vary->first : NULL; n && !err; n = n->next)
		err = add_vary(p, n, error);
	for (const struct node *n = r.figures ? r.figures->first : NULL; n && !err; n = n->next)
		err = add_figure(p, n, error);
	return err;
}

int sweep_plan_read(const char *path, struct sweep_plan *out, struct error *error)
{
	struct scenario_doc doc = {.root = NULL};
	int err;

	*out = (struct sweep_plan){.file = strdup(path)};
	err = out->file ? scenario_doc_read(&doc, path, error)
			: error_host(error, ENOMEM, "%s", path);
	if (!err)
		err = plan_build(out, doc.root, error);
	scenario_doc_free(&doc);
	if (err)
		sweep_plan_free(out);
	return err;
}
