/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * sweep_check.c: checking a plan before anything runs.
 *
 * A setting that is wrong in one combination only would stop a night's work at three o'clock, so every combination is
 * read once, exactly as its job will read it; that costs microseconds each. What remains for the jobs to find out is
 * what the host lacks.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cmd/cost_file.h"
#include "cmd/policy_list.h"
#include "cmd/replay.h"
#include "cmd/scenario.h"
#include "cmd/sweep_plan.h"
#include "cmd/trace_options.h"
#include "lib/words.h"

/* Is the message about this setting? Scenarios call it 'KEY=VALUE', options --KEY 'VALUE'. */
static bool names(const char *text, const char *key, size_t length, const char *value)
{
	char word[400];

	snprintf(word, sizeof(word), "%.*s=%s'", (int)length, key, value);
	if (strstr(text, word))
		return true;
	snprintf(word, sizeof(word), "--%.*s '%s'", (int)length, key, value);
	return strstr(text, word) != NULL;
}

int sweep_plan_place(const struct sweep_plan *p, struct error *error)
{
	const struct sweep_value *of = NULL;

	if (!p->file)
		return -EINVAL;
	for (unsigned k = 0; k < p->nr_keys && !of; k++)
		for (unsigned i = 0; i < p->key[k].nr && !of; i++)
			if (names(error->text, p->key[k].name, strlen(p->key[k].name),
				  p->key[k].value[i].text))
				of = &p->key[k].value[i];
	for (unsigned i = 0; i < p->nr_sets && !of; i++) {
		size_t length = strcspn(p->set[i].text, "=");

		if (names(error->text, p->set[i].text, length, p->set[i].text + length + 1))
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
	static const char *const names[] = {
		"policy",      "frames", "guest",    "host",    "format", "columns", "guest-policy",
		"host-policy", "shift",  "guest-io", "host-io", "split",  "block"};
	const struct policy_ops **policy = NULL;
	uint32_t *frames = NULL;
	char list[240], quoted[64];
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

/* All that can be told without the trace. */
static int trace_commands_check(const struct sweep_plan *p, struct error *error)
{
	int err = 0;

	for (unsigned c = 0; c < p->combinations && !err; c++) {
		char **words = sweep_job_command(p, c, "");
		char *copy[SWEEP_SETS_MAX + SWEEP_KEYS_MAX + 12]; /* which parsing moves about */
		int nr = 0;

		if (!words)
			return error_host(error, ENOMEM, "the plan");
		for (; words[nr]; nr++)
			copy[nr] = words[nr];
		err = replay_words_check(nr - 1, copy + 1, error);
		if (err && error->user)
			sweep_plan_place(p, error);
		sweep_words_free(words);
	}
	return err;
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
	return err ? err : trace_commands_check(p, error);
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
			error_host(error, ENOMEM, "the plan");
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
