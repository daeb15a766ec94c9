/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * scenario_workload.c: what a guest does: `workload: {kind: K, ...}`.
 *
 * The kind is looked up first: which other keys apply depends on it, and a key of another kind is refused rather than
 * ignored. `phased` is a list of the other kinds, each with its `seconds`; only the last may go on for ever. One table
 * serves all kinds; its `only` bits say which key belongs to which.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "cmd/scenario_internal.h"

#define WORKLOAD_PAGES_MAX (1ull << 28) /* 1 TiB */
#define WORKLOAD_RATE_MAX  1000000000ull
#define FILE_SIZE_MAX      (1ull << 30)

/* Of a file server, as in filebench: three of five operations change a file, and all files are drawn alike. */
#define FILES_WRITE_PPM 600000u
#define FILES_ALPHA_PPM 0u

/* Kinds of map for the `only` bits: 1 << enum workload_kind, and two more. */
#define KIND_PHASED   (1u << WORKLOAD_KINDS)
#define KIND_IN_PHASE (1u << (WORKLOAD_KINDS + 1))
#define KIND_PAGES    (1u << WORK_TOUCHER | 1u << WORK_ZIPF | 1u << WORK_SCAN)
#define KIND_FILES    (1u << WORK_FILESERVER)
#define KIND_TOUCHES  (KIND_PAGES | KIND_FILES)

static const struct key_word kind_words[] = {
	{"idle", WORK_IDLE, false},
	{"toucher", WORK_TOUCHER, false},
	{"zipf", WORK_ZIPF, false},
	{"scan", WORK_SCAN, false},
	{"boot", WORK_BOOT, false},
	{"fileserver", WORK_FILESERVER, false},
	{"phased", WORKLOAD_KINDS, false},
	{"kv", 0, true},
	{"sort", 0, true},
	{NULL, 0, false},
};

struct class_draft {
	char name[SCENARIO_NAME_BYTES];
	uint32_t share_ppm;
};

/* Tables end with an entry without a name. */
static const struct key class_keys[] = {
	{"name", key_read_name, .required = true, KEY_FIELD(struct class_draft, name)},
	{"share", key_read_number, .required = true, .kind = &parse_percent, .min = 0, .max = PPM,
	 KEY_FIELD(struct class_draft, share_ppm)},
	{.name = NULL},
};

static int read_class(const struct key *key, const struct node *value, void *target,
		      struct error *error)
{
	struct phase_spec *spec = target;
	struct class_draft draft = {0};
	int err;

	if (value->kind != NODE_MAP)
		return key_wrong(value, key->name, "has no share", "{name: NAME, share: 20%}",
				 error);
	err = keys_read(class_keys, value, "class", 0, &draft, error);
	spec->class_ppm = draft.share_ppm;
	spec->class_id = content_class_id(draft.name);
	return err;
}

static const struct key content_keys[] = {
	{"zero", key_read_number, .kind = &parse_percent, .min = 0, .max = PPM,
	 KEY_FIELD(struct phase_spec, zero_ppm)},
	{"common", key_read_number, .kind = &parse_percent, .min = 0, .max = PPM,
	 KEY_FIELD(struct phase_spec, common_ppm)},
	{.name = "class", .read = read_class},
	{"compressible", key_read_number, .kind = &parse_percent, .min = 0, .max = PPM,
	 KEY_FIELD(struct phase_spec, thin_ppm)},
	{.name = NULL},
};

static int read_content(const struct key *key, const struct node *value, void *target,
			struct error *error)
{
	struct phase_spec *spec = target;
	char sum[PARSE_FORMAT_BYTES];
	uint64_t ppm;
	int err = keys_read(content_keys, value, key->name, 0, spec, error);

	if (err)
		return err;
	ppm = (uint64_t)spec->zero_ppm + spec->common_ppm + spec->class_ppm + spec->thin_ppm;
	if (ppm > PPM)
		return node_error(
			value, error,
			"content adds up to '%s'; allowed: at most 100%%, the rest is private",
			parse_format(&parse_percent, ppm, sum, sizeof(sum)));
	return 0;
}

static int read_rate(const struct key *key, const struct node *value, void *target,
		     struct error *error)
{
	struct phase_spec *spec = target;

	if (value->kind == NODE_SCALAR && strcmp(value->text, "max") == 0) {
		spec->rate = 0;
		return 0;
	}
	if (key_read_number(key, value, target, NULL))
		return key_wrong(value, key->name, "is not a rate",
				 "touches a second from 1 to 1000000000, or max", error);
	return 0;
}

static int read_file_size(const struct key *key, const struct node *value, void *target,
			  struct error *error)
{
	struct phase_spec *spec = target;
	struct key size = *key;
	npages_t pages = 0;
	int err;

	size.offset = 0;
	err = key_read_pages(&size, value, &pages, error);
	spec->file_pages = (uint32_t)pages;
	return err;
}

static const struct key phase_keys[] = {
	{"kind", key_read_nothing, .required = true},
	{"pages", key_read_number, .only = KIND_PAGES, .kind = &parse_count, .min = 1,
	 .max = WORKLOAD_PAGES_MAX, KEY_FIELD(struct phase_spec, pages)},
	{"files", key_read_number, .only = KIND_FILES, .kind = &parse_count, .min = 1,
	 .max = WORKLOAD_BLOCKS_MAX / 2, KEY_FIELD(struct phase_spec, files)},
	{"file-size", read_file_size, .fallback = "128K", .only = KIND_FILES, .min = PAGE_BYTES,
	 .max = FILE_SIZE_MAX},
	{"write", key_read_number, .fallback = "0%", .only = KIND_TOUCHES, .kind = &parse_percent,
	 .min = 0, .max = PPM, KEY_FIELD(struct phase_spec, write_ppm)},
	{"rate", read_rate, .fallback = "20000", .only = KIND_TOUCHES, .kind = &parse_count,
	 .min = 1, .max = WORKLOAD_RATE_MAX, KEY_FIELD(struct phase_spec, rate)},
	{"alpha", key_read_number, .fallback = "1", .only = 1u << WORK_ZIPF | KIND_FILES,
	 .kind = &parse_decimal, .min = 0, .max = 4ull * PPM,
	 KEY_FIELD(struct phase_spec, alpha_ppm)},
	{"content", read_content, .only = KIND_TOUCHES},
	{"seconds", key_read_number, .only = KIND_IN_PHASE, .kind = &parse_seconds,
	 .min = NS_PER_S / 1000, .max = SCENARIO_SECONDS_MAX,
	 KEY_FIELD(struct phase_spec, duration_ns)},
	{"phases", key_read_nothing, .required = true, .only = KIND_PHASED},
	{.name = NULL},
};

static int read_kind(const struct node *value, bool in_phase, uint32_t *kind, struct error *error)
{
	const struct node *word = node_child(value, "kind");

	if (value->kind != NODE_MAP)
		return key_wrong(value, "workload", "is not a map", "{kind: KIND, ..}", error);
	if (!word)
		return node_error(
			value, error,
			"key 'kind' is missing in workload; allowed: idle, toucher, zipf, "
			"scan, boot, fileserver, phased");
	if (key_word(kind_words, word, "kind", kind, error))
		return -EINVAL;
	if (in_phase && *kind == WORKLOAD_KINDS)
		return key_wrong(word, "kind", "is inside phases",
				 "idle, toucher, zipf, scan, boot, fileserver", error);
	return 0;
}

/* A copy, to stand in another map. */
static struct node *copy(struct scenario_doc *doc, const struct node *child)
{
	struct node *n =
		scenario_doc_node(doc, child->kind, child->origin, child->line, child->column);

	if (!n)
		return NULL;
	*n = *child;
	n->next = NULL;
	return n;
}

static struct node *scalar(struct scenario_doc *doc, const struct node *at, const char *text)
{
	struct node *n = scenario_doc_node(doc, NODE_SCALAR, at->origin, at->line, at->column);

	if (n)
		n->text = text;
	return n;
}

/* Does a key of a workload apply to that kind? What is no key, or no kind, is not to be told here. */
static bool stays(const char *name, const struct node *kind)
{
	for (const struct key_word *w = kind_words; w->word; w++)
		for (const struct key *k = phase_keys; k->name && kind->kind == NODE_SCALAR; k++)
			if (strcmp(w->word, kind->text) == 0 && strcmp(k->name, name) == 0)
				return !k->only || (k->only & 1u << w->value);
	return true;
}

int scenario_workload_change(struct scenario_doc *doc, const struct node *workload,
			     const struct node *key, const char *name, const struct node *value,
			     const struct node **out, struct error *error)
{
	struct node *map =
		scenario_doc_node(doc, NODE_MAP, value->origin, value->line, value->column);
	struct node *changed = copy(doc, value), *idle = scalar(doc, key, "idle");
	struct node **tail, *kind_key = scalar(doc, key, "kind"), *named = scalar(doc, key, name);

	*out = map;
	if (!map || !changed || !idle || !kind_key || !named)
		return error_host(error, ENOMEM, "scenario");
	tail = &map->first;
	idle->key = kind_key;
	changed->key = named;
	for (const struct node *c = workload ? workload->first : idle; c; c = c->next) {
		if (strcmp(c->key->text, name) == 0 ||
		    (strcmp(name, "kind") == 0 && !stays(c->key->text, value)))
			continue;
		*tail = copy(doc, c);
		if (!*tail)
			return error_host(error, ENOMEM, "scenario");
		tail = &(*tail)->next;
		map->nr++;
	}
	*tail = changed;
	map->nr++;
	return 0;
}

/* What is left out is as in filebench, with files of half the guest's memory, or as many as fit the disk. */
static int check_files(const struct node *value, const struct guest_size *guest,
		       struct phase_spec *spec, struct error *error)
{
	const struct node *files = node_child(value, "files");
	npages_t most = guest->disk, places = guest->memory;
	char need[PARSE_FORMAT_BYTES], text[PARSE_FORMAT_BYTES];

	if (!node_child(value, "write"))
		spec->write_ppm = FILES_WRITE_PPM;
	if (!node_child(value, "alpha"))
		spec->alpha_ppm = FILES_ALPHA_PPM;
	if (most == SCENARIO_DISK_AUTO)
		most = SCENARIO_DISK_TIMES * guest->memory;
	if (most > WORKLOAD_BLOCKS_MAX)
		most = WORKLOAD_BLOCKS_MAX;
	if (places > most)
		places = most;
	if (!files)
		spec->files = (uint32_t)(places / 2 / spec->file_pages);
	if (!spec->files)
		spec->files = 1;
	if (fileserver_blocks(spec) <= most)
		return 0;
	return node_error(
		files ? files : value, error,
		"files '%u' need a disk of %s, twice their mean size each; allowed: up to %s%s",
		spec->files,
		parse_format(&parse_bytes, pages_to_bytes(fileserver_blocks(spec)), need,
			     sizeof(need)),
		parse_format(&parse_bytes, pages_to_bytes(most), text, sizeof(text)),
		guest->disk != SCENARIO_DISK_AUTO ? ", the guest's disk"
		: most < WORKLOAD_BLOCKS_MAX      ? ", 16 times the guest's memory"
						  : "");
}

static int read_phase(const struct node *value, uint32_t kind, bool in_phase,
		      const struct guest_size *guest, struct phase_spec *spec, struct error *error)
{
	unsigned kinds = 1u << kind | (in_phase ? KIND_IN_PHASE : 0);
	const struct node *pages = node_child(value, "pages");
	char what[32];
	int err;

	*spec = (struct phase_spec){.kind = (enum workload_kind)kind};
	snprintf(what, sizeof(what), "workload %s", kind_words[kind].word);
	err = keys_read(phase_keys, value, what, kinds, spec, error);
	if (!err && (kinds & KIND_FILES))
		return check_files(value, guest, spec, error);
	if (err || !(kinds & KIND_PAGES))
		return err;
	if (!pages)
		spec->pages = (uint32_t)(guest->memory / 2);
	if (spec->pages > guest->memory + guest->swap)
		return node_error(pages ? pages : value, error,
				  "pages '%u' are more than the guest's memory and swap hold; "
				  "allowed: up to %llu",
				  spec->pages, (unsigned long long)(guest->memory + guest->swap));
	return 0;
}

static int read_phases(const struct node *workload, const struct guest_size *guest,
		       struct workload_spec *out, struct error *error)
{
	const struct node *list = node_child(workload, "phases");
	struct phase_spec unused;
	uint32_t kind;
	int err = keys_read(phase_keys, workload, "workload phased", KIND_PHASED, &unused, error);

	if (err)
		return err;
	if (list->kind != NODE_LIST)
		return key_wrong(list, "phases", "is not a list", "a list of workloads", error);
	if (list->nr < 1 || list->nr > WORKLOAD_PHASES)
		return node_error(list, error, "phases has '%u' entries; allowed: 1 to %d",
				  list->nr, WORKLOAD_PHASES);
	out->nr_phases = 0;
	for (const struct node *n = list->first; n; n = n->next) {
		err = read_kind(n, true, &kind, error);
		if (!err)
			err = read_phase(n, kind, true, guest, &out->phase[out->nr_phases++],
					 error);
		if (err)
			return err;
		if (n->next && !node_child(n, "seconds"))
			return node_error(n, error,
					  "key 'seconds' is missing in a phase; allowed: only the "
					  "last phase may do without");
	}
	return 0;
}

int scenario_workload_read(const struct node *value, const struct guest_size *guest,
			   struct workload_spec *out, struct error *error)
{
	uint32_t kind;
	int err;

	*out = (struct workload_spec){.nr_phases = 1};
	err = read_kind(value, false, &kind, error);
	if (err)
		return err;
	if (kind == WORKLOAD_KINDS)
		return read_phases(value, guest, out, error);
	return read_phase(value, kind, false, guest, &out->phase[0], error);
}

int scenario_workload_parse(const char *origin, const char *text, npages_t memory_pages,
			    struct workload_spec *out, struct error *error)
{
	const struct guest_size guest = {memory_pages, WORKLOAD_PAGES_MAX, WORKLOAD_BLOCKS_MAX};
	struct scenario_doc doc = {0};
	struct node *root;
	int err = scenario_doc_parse(&doc, origin, false, text, strlen(text), &root, error);

	if (!err)
		err = scenario_workload_read(root, &guest, out, error);
	scenario_doc_free(&doc);
	return err;
}
