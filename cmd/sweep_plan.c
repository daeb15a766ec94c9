/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * sweep_plan.c: building a plan and checking it before anything runs.
 *
 * A setting that is wrong in one combination only would stop a night's work at three o'clock, so every combination is
 * read once, exactly as its job will read it; that costs microseconds each. What remains for the jobs to find out is
 * what the host lacks.
 */
#include "cmd/sweep_plan.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cmd/cost_file.h"
#include "cmd/policy_list.h"
#include "cmd/scenario.h"
#include "cmd/trace_options.h"
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
	char *word;
	int err;

	if (!equals)
		return error_user(error, "no '=' in '%s'; allowed: KEY=A,B,..", text);
	word = strndup(text, (size_t)(equals - text));
	err = word ? sweep_plan_key_add(p, word, error) : no_memory(error);
	free(word);
	while (!err && at && (*at == '=' || *at == ',')) {
		size_t length = value_length(++at);

		if (!length)
			return error_user(error,
					  "an empty value in '%s'; allowed: KEY=A,B,.. (an empty "
					  "one is written as '')",
					  text);
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
	for (const char *at = text;; at++) {
		size_t length = strcspn(at, ",");

		if (!length)
			return error_user(error, "an empty figure in '%s'; allowed: A,B,..", text);
		if (p->nr_figures == SWEEP_FIGURES_MAX)
			return error_user(error, "too many figures in '%s'; allowed: %u", text,
					  SWEEP_FIGURES_MAX);
		p->figure[p->nr_figures] = strndup(at, length);
		if (!p->figure[p->nr_figures++])
			return no_memory(error);
		at += length;
		if (!*at)
			return 0;
	}
}

int sweep_plan_subject(struct sweep_plan *p, const char *path, struct error *error)
{
	const char *slash = strrchr(path, '/');
	const char *base = slash ? slash + 1 : path;
	size_t length = strcspn(base, ".");

	/* a.b.yaml is a.b, .yaml is .yaml */
	while (base[length] && strchr(base + length + 1, '.'))
		length += 1 + strcspn(base + length + 1, ".");
	p->subject = strdup(path);
	p->name = strndup(base, length ? length : strlen(base));
	return p->subject && p->name ? 0 : no_memory(error);
}

int sweep_plan_place(const struct sweep_plan *p, struct error *error)
{
	const struct sweep_value *of = NULL;
	char word[400];

	if (!p->file)
		return -EINVAL;
	for (unsigned k = 0; k < p->nr_keys && !of; k++) {
		for (unsigned i = 0; i < p->key[k].nr && !of; i++) {
			snprintf(word, sizeof(word), "%s=%s'", p->key[k].name,
				 p->key[k].value[i].text);
			if (strstr(error->text, word))
				of = &p->key[k].value[i];
		}
	}
	for (unsigned i = 0; i < p->nr_sets && !of; i++) {
		snprintf(word, sizeof(word), "%s'", p->set[i].text);
		if (strstr(error->text, word))
			of = &p->set[i];
	}
	if (of && of->line)
		error_prefix(error, "%s:%u:%u: ", p->file, of->line, of->column);
	else
		error_prefix(error, "%s: ", p->file);
	return -EINVAL;
}

/* What replay calls a trace's settings; each names one run. */
static int trace_setting_check(const char *name, const char *value, struct error *error)
{
	static const char *const names[] = {"policy", "frames",   "guest",        "host",
					    "format", "columns",  "guest-policy", "host-policy",
					    "shift",  "guest-io", "host-io"};
	const struct policy_ops **policy = NULL;
	uint32_t *frames = NULL;
	char list[200], quoted[64];
	struct words words = {0};
	unsigned nr = 1;
	bool known = false;
	int err = 0;

	for (unsigned i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		words_add(&words, names[i]);
		known = known || strcmp(name, names[i]) == 0;
	}
	if (!known)
		return error_user(error, "'%s' is no setting of a trace; allowed: %s",
				  words_quote(name, quoted, sizeof(quoted)),
				  words_join(&words, list, sizeof(list)));
	if (strstr(name, "policy"))
		err = policy_list_parse(name, value, !strchr(name, '-'), &policy, &nr, error);
	else if (strcmp(name, "frames") == 0 || strcmp(name, "guest") == 0 ||
		 strcmp(name, "host") == 0)
		err = frames_parse(name, value, 1, &frames, &nr, error);
	if (!err && nr != 1)
		err = error_user(error, "%s '%s' is %u of them; allowed: one a value", name,
				 words_quote(value, quoted, sizeof(quoted)), nr);
	free(policy);
	free(frames);
	return err;
}

static const char *setting_of(const struct sweep_plan *p, unsigned combination, const char *name)
{
	size_t length = strlen(name);
	const char *found = NULL;

	for (unsigned i = 0; i < p->nr_sets; i++)
		if (strncmp(p->set[i].text, name, length) == 0 && p->set[i].text[length] == '=')
			found = p->set[i].text + length + 1;
	for (unsigned k = 0; k < p->nr_keys; k++)
		if (strcmp(p->key[k].name, name) == 0)
			found = sweep_job_value(p, combination, k);
	return found;
}

static int trace_check(const struct sweep_plan *p, struct error *error)
{
	bool two = setting_of(p, 0, "guest") != NULL;
	const char *const needed[2] = {two ? "guest" : "policy", two ? "host" : "frames"};
	int err = 0;

	for (unsigned i = 0; i < p->nr_sets && !err; i++) {
		const char *equals = strchr(p->set[i].text, '=');
		char name[32];

		snprintf(name, sizeof(name), "%.*s", (int)(equals - p->set[i].text),
			 p->set[i].text);
		err = trace_setting_check(name, equals + 1, error);
		if (err && p->file)
			error_prefix(error, "%s:%u:%u: ", p->file, p->set[i].line,
				     p->set[i].column);
	}
	for (unsigned k = 0; k < p->nr_keys && !err; k++) {
		for (unsigned i = 0; i < p->key[k].nr && !err; i++) {
			const struct sweep_value *v = &p->key[k].value[i];

			err = trace_setting_check(p->key[k].name, v->text, error);
			if (err && p->file)
				error_prefix(error, "%s:%u:%u: ", p->file, v->line, v->column);
		}
	}
	for (unsigned i = 0; i < 2 && !err; i++)
		if (!setting_of(p, 0, needed[i]))
			err = error_user(error,
					 "%s%sno %s for the trace; allowed: to vary it, or "
					 "to set it for all",
					 p->file ? p->file : "", p->file ? ": " : "", needed[i]);
	return err;
}

static int costs_check(const struct sweep_plan *p, const char *costs, struct error *error)
{
	struct sim_cost cost;
	int err = 0;

	if (p->body != SWEEP_SIM)
		err = error_user(error,
				 "'" SWEEP_COSTS "=%s' is for the simulated body; allowed: "
				 "keys of the scenario",
				 costs);
	else
		err = cost_file_load(costs, &cost, error);
	if (err && error->user && p->body == SWEEP_SIM)
		error_prefix(error, "'" SWEEP_COSTS "=%s': ", costs);
	return err;
}

/* The settings of a combination as scenario_load() takes them: *nr of them, of which the last *made are the caller's to
 * free. *costs: the one that is not the scenario's, NULL: none. */
static int combination_sets(const struct sweep_plan *p, unsigned combination, char **sets,
			    unsigned *nr, unsigned *made, const char **costs)
{
	*nr = *made = 0;
	*costs = setting_of(p, combination, SWEEP_COSTS);
	for (unsigned i = 0; i < p->nr_sets; i++)
		if (strncmp(p->set[i].text, SWEEP_COSTS "=", sizeof(SWEEP_COSTS)) != 0)
			sets[(*nr)++] = p->set[i].text;
	for (unsigned k = 0; k < p->nr_keys; k++) {
		if (strcmp(p->key[k].name, SWEEP_COSTS) == 0)
			continue;
		if (asprintf(&sets[*nr], "%s=%s", p->key[k].name,
			     sweep_job_value(p, combination, k)) < 0)
			return -ENOMEM;
		++*nr;
		++*made;
	}
	return 0;
}

static int scenario_check(struct sweep_plan *p, struct error *error)
{
	for (unsigned c = 0; c < p->combinations; c++) {
		char *sets[SWEEP_SETS_MAX + SWEEP_KEYS_MAX];
		struct scenario *s = NULL;
		unsigned nr, made;
		const char *costs;
		int err = combination_sets(p, c, sets, &nr, &made, &costs);

		if (err)
			no_memory(error);
		else
			err = scenario_load(p->subject, (const char *const *)sets, nr, &s, error);
		while (made--)
			free(sets[--nr]);
		if (!err && costs)
			err = costs_check(p, costs, error);
		if (err) {
			scenario_free(s);
			return error->user ? sweep_plan_place(p, error) : err;
		}
		if (!p->seed_given && c == 0)
			p->seed = s->seed;
		scenario_free(s);
	}
	return 0;
}

int sweep_plan_check(struct sweep_plan *p, struct error *error)
{
	uint64_t jobs = p->repeats;
	const char *place = p->file ? p->file : p->subject;
	int err;

	p->combinations = 1;
	for (unsigned k = 0; k < p->nr_keys && jobs <= SWEEP_JOBS_MAX; k++) {
		jobs *= p->key[k].nr;
		p->combinations *= p->key[k].nr;
	}
	if (!jobs || jobs > SWEEP_JOBS_MAX)
		return error_user(error, "%s: %s; allowed: 1 to %u", place,
				  jobs ? "too many jobs" : "no job", SWEEP_JOBS_MAX);
	p->jobs = (unsigned)jobs;
	if (!p->seed_given)
		p->seed = 1;
	err = p->body == SWEEP_REPLAY ? trace_check(p, error) : scenario_check(p, error);
	if (!err && p->seed > UINT64_MAX - p->repeats)
		err = error_user(error,
				 "%s: seed %" PRIu64 " is too high for %u repeats; allowed: "
				 "a lower one",
				 place, p->seed, p->repeats);
	return err;
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
