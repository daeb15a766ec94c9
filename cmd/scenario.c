/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * scenario.c: the top of a scenario and its host, and what concerns the whole.
 *
 * Order: file to tree, --set on the tree, tables on the tree, the timeline, then the checks that need everything: what
 * swap must hold, whether minimums fit. Whether a machine of that size can be run at all is for the machine to say.
 *
 * Values of the contract that later work brings are in the tables too, as "not built yet": a scenario written for them
 * is refused with a reason and never runs as something else.
 */
#include "cmd/scenario.h"

#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "cmd/scenario_internal.h"
#include "cmd/timeline.h"

#define SWAP_AUTO        UINT64_MAX
#define SWAP_AHEAD_USUAL 7

static int read_policy(const struct key *key, const struct node *value, void *target,
		       struct error *error)
{
	struct key_word words[WORDS_MAX] = {{NULL, 0, false}};
	struct scenario *s = target;
	uint32_t index = 0;
	int err;

	for (uint32_t i = 0; target_table[i] && i + 1 < WORDS_MAX; i++)
		words[i] = (struct key_word){target_table[i]->name, i, false};
	err = key_word(words, value, key->name, &index, error);
	s->policy = target_table[index];
	return err;
}

static int read_cpus(const struct key *key, const struct node *value, void *target,
		     struct error *error)
{
	if (value->kind == NODE_SCALAR && strcmp(value->text, "auto") == 0)
		return 0;
	if (value->kind != NODE_SCALAR || !isdigit((unsigned char)value->text[0]))
		return key_wrong(value, key->name, "is not a number",
				 "auto or a number from 1 to 4096", error);
	return key_read_number(key, value, target, error);
}

enum { MECHANISM_BALLOON = 1, MECHANISM_SWAP, MECHANISM_SHARE, MECHANISM_COMPRESS };

static int read_mechanisms(const struct key *key, const struct node *value, void *target,
			   struct error *error)
{
	static const struct key_word words[] = {
		{"balloon", MECHANISM_BALLOON, false},
		{"swap", MECHANISM_SWAP, false},
		{"share", MECHANISM_SHARE, false},
		{"compress", MECHANISM_COMPRESS, false},
		{NULL, 0, false},
	};
	struct scenario *s = target;
	uint32_t word;

	if (value->kind != NODE_LIST)
		return key_wrong(value, key->name, "is not a list",
				 "[share, balloon, compress, swap], any of them or []", error);
	s->swap = s->balloon = s->share = s->compress = false;
	for (const struct node *n = value->first; n; n = n->next) {
		if (key_word(words, n, key->name, &word, error))
			return -EINVAL;
		bool *which = word == MECHANISM_SWAP       ? &s->swap
			      : word == MECHANISM_SHARE    ? &s->share
			      : word == MECHANISM_COMPRESS ? &s->compress
							   : &s->balloon;

		if (*which)
			return key_wrong(n, key->name, "is repeated", "each mechanism once", error);
		*which = true;
	}
	return 0;
}

static const struct key states_keys[] = {
	{"high", key_read_number, .required = true, .kind = &parse_percent, .min = 1,
	 .max = PPM / 2, KEY_FIELD(struct scenario, state_ppm[MM_HIGH])},
	{"soft", key_read_number, .required = true, .kind = &parse_percent, .min = 1,
	 .max = PPM / 2, KEY_FIELD(struct scenario, state_ppm[MM_SOFT])},
	{"hard", key_read_number, .required = true, .kind = &parse_percent, .min = 1,
	 .max = PPM / 2, KEY_FIELD(struct scenario, state_ppm[MM_HARD])},
	{"low", key_read_number, .required = true, .kind = &parse_percent, .min = 1, .max = PPM / 2,
	 KEY_FIELD(struct scenario, state_ppm[MM_LOW])},
	{.name = NULL},
};

static int read_states(const struct key *key, const struct node *value, void *target,
		       struct error *error)
{
	static const struct key_word words[] = {
		{"esx2002", 0, false}, {"esx6", 1, false}, {NULL, 0, false}};
	static const uint32_t ppm[][MM_STATES] = {{60000, 40000, 20000, 10000},
						  {PPM, 640000, 320000, 160000}};
	struct scenario *s = target;
	uint32_t set = 0;
	int err;

	if (value->kind == NODE_SCALAR) {
		err = key_word(words, value, key->name, &set, error);
		memcpy(s->state_ppm, ppm[set], sizeof(s->state_ppm));
		s->states_sliding = set == 1;
		return err;
	}
	err = keys_read(states_keys, value, key->name, 0, s, error);
	for (int i = 1; i < MM_STATES && !err; i++)
		if (s->state_ppm[i] >= s->state_ppm[i - 1])
			return key_wrong(node_child(value, states_keys[i].name),
					 states_keys[i].name, "is not below the state before it",
					 "high > soft > hard > low", error);
	return err;
}

static int read_scan_order(const struct key *key, const struct node *value, void *target,
			   struct error *error)
{
	static const struct key_word words[] = {{"random", DEDUP_SCAN_RANDOM, false},
						{"sequential", DEDUP_SCAN_SEQUENTIAL, false},
						{NULL, 0, false}};
	struct scenario *s = target;
	uint32_t word;
	int err = key_word(words, value, key->name, &word, error);

	if (!err)
		s->scan = (enum dedup_scan_order)word;
	return err;
}

static int read_groups(const struct key *key, const struct node *value, void *target,
		       struct error *error)
{
	static const struct key_word words[] = {{"all", 0, false}, {NULL, 0, false}};
	uint32_t unused;

	(void)target;
	return key_word(words, value, key->name, &unused, error);
}

static const struct key share_keys[] = {
	{"scan", read_scan_order, .fallback = "random"},
	{"pages-per-second", key_read_number, .fallback = "20000", .kind = &parse_count, .min = 0,
	 .max = 100000000, KEY_FIELD(struct scenario, scan_rate)},
	{"per-vm", key_read_number, .fallback = "10000", .kind = &parse_count, .min = 0,
	 .max = 100000000, KEY_FIELD(struct scenario, vm_scan_rate)},
	{"groups", read_groups, .fallback = "all"},
	{.name = NULL},
};

static int read_share(const struct key *key, const struct node *value, void *target,
		      struct error *error)
{
	const struct scenario *s = target;

	if (!s->share && value->first)
		return node_error(value, error,
				  "share is given but 'share' is not in mechanisms; allowed: "
				  "mechanisms: [share, balloon, swap]");
	return keys_read(share_keys, value, key->name, 0, target, error);
}

static int read_estimator(const struct key *key, const struct node *value, void *target,
			  struct error *error)
{
	struct key_word words[MM_ESTIMATORS + 1] = {{NULL, 0, false}};
	struct scenario *s = target;
	uint32_t word;
	int err;

	for (uint32_t i = 0; i < MM_ESTIMATORS; i++)
		words[i] = (struct key_word){mm_estimator_name((enum mm_estimator)i), i, false};
	err = key_word(words, value, key->name, &word, error);
	if (!err)
		s->estimator = (enum mm_estimator)word;
	return err;
}

static const struct key compress_keys[] = {
	{"cache", key_read_number, .fallback = "10%", .kind = &parse_percent, .min = 1000,
	 .max = PPM / 2, KEY_FIELD(struct scenario, compress_ppm)},
	{.name = NULL},
};

static int read_compress(const struct key *key, const struct node *value, void *target,
			 struct error *error)
{
	struct scenario *s = target;

	if (s->compress)
		return keys_read(compress_keys, value, key->name, 0, s, error);
	if (!value->first)
		return 0;
	return node_error(value, error,
			  "compress is given but 'compress' is not in mechanisms; allowed: "
			  "mechanisms: [share, balloon, compress, swap]");
}

static const struct key sampling_keys[] = {
	{"pages", key_read_number, .fallback = "100", .kind = &parse_count, .min = 1, .max = 4096,
	 KEY_FIELD(struct scenario, sample_pages)},
	{"period", key_read_number, .fallback = "30s", .kind = &parse_time, .min = NS_PER_S / 100,
	 .max = 3600 * NS_PER_S, KEY_FIELD(struct scenario, sample_period_ns)},
	{"slow", key_read_number, .fallback = "25%", .kind = &parse_percent, .min = 1, .max = PPM,
	 KEY_FIELD(struct scenario, sample_slow_ppm)},
	{"fast", key_read_number, .fallback = "75%", .kind = &parse_percent, .min = 1, .max = PPM,
	 KEY_FIELD(struct scenario, sample_fast_ppm)},
	{"estimator", read_estimator, .fallback = "touch"},
	{.name = NULL},
};

static int read_sampling(const struct key *key, const struct node *value, void *target,
			 struct error *error)
{
	return keys_read(sampling_keys, value, key->name, 0, target, error);
}

/* mechanisms comes before swap, share and compress, which depend on it. */
static const struct key host_keys[] = {
	{"memory", key_read_pages, .required = true, .min = SCENARIO_MEMORY_MIN,
	 .max = PARSE_BYTES_MAX, KEY_FIELD(struct scenario, memory_pages)},
	{"policy", read_policy, .fallback = "esx"},
	{.name = "mechanisms", .read = read_mechanisms},
	{.name = "swap", .read = scenario_swap_read},
	{"pager", key_read_pager, .fallback = "random", KEY_FIELD(struct scenario, pager)},
	{"tax", key_read_number, .fallback = "75%", .kind = &parse_percent, .min = 0,
	 .max = TARGET_TAX_PPM_MAX, KEY_FIELD(struct scenario, tax_ppm)},
	{"states", read_states, .fallback = "esx2002"},
	{"cpus", read_cpus, .fallback = "auto", .kind = &parse_count, .min = 1, .max = 4096,
	 KEY_FIELD(struct scenario, cpus)},
	{"sampling", read_sampling, .fallback = "{}"},
	{"rebalance", key_read_number, .fallback = "15s", .kind = &parse_time,
	 .min = NS_PER_S / 100, .max = 3600 * NS_PER_S, KEY_FIELD(struct scenario, rebalance_ns)},
	{"share", read_share, .fallback = "{}"},
	{"compress", read_compress, .fallback = "{}"},
	{.name = NULL},
};

static int read_host(const struct key *key, const struct node *value, void *target,
		     struct error *error)
{
	return keys_read(host_keys, value, key->name, 0, target, error);
}

int scenario_host_key_read(const char *name, const struct node *value, struct scenario *out,
			   struct error *error)
{
	const struct key *k = host_keys;

	if (strncmp(name, "share.", 6) == 0)
		k = share_keys;
	else if (strncmp(name, "sampling.", 9) == 0)
		k = sampling_keys;
	if (k != host_keys)
		name = strchr(name, '.') + 1;
	while (strcmp(k->name, name) != 0)
		k++;
	return k->read(k, value, out, error);
}

static const struct key top_keys[] = {
	{"name", key_read_name, .fallback = "scenario", KEY_FIELD(struct scenario, name)},
	{"seed", key_read_number, .fallback = "1", .kind = &parse_count, .min = 0,
	 .max = UINT64_MAX, KEY_FIELD(struct scenario, seed)},
	{"seconds", key_read_number, .fallback = "30", .kind = &parse_seconds,
	 .min = NS_PER_S / 1000, .max = SCENARIO_SECONDS_MAX,
	 KEY_FIELD(struct scenario, duration_ns)},
	{"host", read_host, .required = true},
	{"vms", scenario_vms_read, .required = true},
	{.name = "timeline", .read = key_read_nothing},
	{.name = NULL},
};

/* Disks without a size are as large as the workloads want. */
static void size_disks(struct scenario *s)
{
	for (unsigned i = 0; i < s->nr_vms; i++)
		if (s->vms[i].guest_disk_pages == SCENARIO_DISK_AUTO)
			s->vms[i].guest_disk_pages = timeline_most_blocks(s, i);
}

static int check_whole(struct scenario *s, const struct node *root, struct error *error)
{
	const struct node *host = node_child(root, "host");
	char text[PARSE_FORMAT_BYTES];
	struct timeline_peaks peaks;

	if (s->policy->sizes && !s->balloon)
		return key_wrong(node_child(host, "policy"), "policy",
				 "works by balloons, and mechanisms has none",
				 "with the mechanism balloon only", error);
	size_disks(s);
	if (timeline_peaks(s, &peaks))
		return error_host(error, ENOMEM, "scenario");
	if (peaks.min_pages > s->memory_pages)
		return key_wrong(node_child(host, "memory"), "memory",
				 "is less than the VMs' min together",
				 parse_format(&parse_bytes, pages_to_bytes(peaks.min_pages), text,
					      sizeof(text)),
				 error);
	if (!s->swap)
		s->swap_pages = 0;
	else if (s->swap_pages == SWAP_AUTO)
		s->swap_pages = peaks.beyond_pages;
	if (pages_to_bytes(s->swap_pages) > PARSE_BYTES_MAX)
		return node_error(
			host, error,
			"swap size 'auto', the sum of memory - min, is %s; allowed: up to "
			"1T, or a size in swap: {size: ..}",
			parse_format(&parse_bytes, pages_to_bytes(s->swap_pages), text,
				     sizeof(text)));
	return 0;
}

static int read_root(struct scenario_doc *doc, struct scenario *s, struct error *error)
{
	const struct node *root = doc->root;
	int err;

	if (root->kind == NODE_SCALAR && !*root->text)
		return node_error(root, error,
				  "the scenario is empty; allowed: a map with host and vms");
	err = keys_read(top_keys, root, "the scenario", 0, s, error);
	if (!err)
		err = scenario_timeline_read(doc, s, error);
	return err ? err : check_whole(s, root, error);
}

/* The tree, which err says whether it could be read, becomes a scenario; frees the tree. */
static int load(struct scenario_doc *doc, int err, const char *const *sets, unsigned nr_sets,
		struct scenario **out, struct error *error)
{
	struct scenario *s = calloc(1, sizeof(*s));

	*out = NULL;
	if (!s && !err)
		err = error_host(error, ENOMEM, "scenario");
	for (unsigned i = 0; i < nr_sets && !err; i++)
		err = scenario_doc_set(doc, sets[i], error);
	if (!err) {
		s->swap = s->balloon = s->share = true;
		s->swap_pages = SWAP_AUTO;
		s->swap_ahead_pages = SWAP_AHEAD_USUAL;
		err = read_root(doc, s, error);
	}
	scenario_doc_free(doc);
	if (err) {
		scenario_free(s);
		return err;
	}
	*out = s;
	return 0;
}

int scenario_load(const char *path, const char *const *sets, unsigned nr_sets,
		  struct scenario **out, struct error *error)
{
	struct scenario_doc doc = {0};

	return load(&doc, scenario_doc_read(&doc, path, error), sets, nr_sets, out, error);
}

int scenario_load_text(const char *origin, const char *text, size_t bytes, const char *const *sets,
		       unsigned nr_sets, struct scenario **out, struct error *error)
{
	struct scenario_doc doc = {0};
	int err = scenario_doc_parse(&doc, origin, true, text, bytes, &doc.root, error);

	return load(&doc, err, sets, nr_sets, out, error);
}

void scenario_free(struct scenario *s)
{
	if (!s)
		return;
	for (unsigned i = 0; i < s->nr_actions; i++) {
		free(s->actions[i].workload);
		free(s->actions[i].key);
		free(s->actions[i].text);
	}
	free(s->actions);
	free(s->swap_path);
	free(s->vms);
	free(s);
}
