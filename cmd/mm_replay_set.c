/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * mm_replay_set.c: --set of `ballast mm-replay`: the recorded scenario is read twice, as it was run and with the new
 * settings, and what differs between the two is changed in the recorded configuration.
 *
 * Only what the manager decides by can be changed: what guests do is in the record.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "cmd/mm_replay.h"
#include "cmd/run_machine.h"
#include "cmd/scenario.h"
#include "lib/words.h"

struct replay_change {
	struct scenario *was, *now; /* owned */
	struct mm_config was_config, now_config;
};

/* Keys, or beginnings of keys, that may be changed; '*' stands for one word of a path. */
static const char *const allowed_keys[] = {
	"host.tax",    "host.policy",    "host.pager",   "host.states",  "host.states.*",
	"host.memory", "host.rebalance", "host.share.*", "vms.*.shares", "vms.*.min",
};
static const char allowed_text[] = "host.tax, host.policy, host.pager, host.states, host.memory, "
				   "host.rebalance, host.share.*, "
				   "vms.NAME.shares, vms.NAME.min";

static bool key_matches(const char *pattern, const char *key, size_t length)
{
	const char *end = key + length;

	while (*pattern && key < end) {
		if (*pattern == '*') {
			const char *dot = memchr(key, '.', (size_t)(end - key));

			key = dot ? dot : end;
			pattern++;
		} else if (*pattern++ != *key++) {
			return false;
		}
	}
	return !*pattern && key == end;
}

static int check_key(const char *set, struct error *error)
{
	size_t length = strcspn(set, "=");
	char quoted[80];

	for (size_t i = 0; i < sizeof(allowed_keys) / sizeof(*allowed_keys); i++)
		if (key_matches(allowed_keys[i], set, length))
			return 0;
	return error_user(error,
			  "--set '%s': a record holds what guests did and the body answered, only "
			  "what the manager decides by can be changed; allowed: %s",
			  words_quote(set, quoted, sizeof(quoted)), allowed_text);
}

/* Both scenarios: the first nr_was settings are the recorded ones. */
static int load_both(struct replay_change *c, const char *text, const char *const *sets,
		     unsigned nr_was, unsigned nr, struct error *error)
{
	int err = scenario_load_text("the recorded scenario", text, strlen(text), sets, nr_was,
				     &c->was, error);

	if (!err)
		err = scenario_load_text("the recorded scenario", text, strlen(text), sets, nr,
					 &c->now, error);
	return err ? err : run_machine_admit(c->now, error);
}

int replay_change_make(json_t *head, const struct option_list *sets, struct replay_change **out,
		       struct error *error)
{
	const char *text = json_string_value(
		json_object_get(json_object_get(head, "manifest"), "scenario_text"));
	const char *all[2 * OPTION_LIST_MAX];
	json_t *was = json_object_get(head, "sets");
	unsigned nr = 0, nr_was;
	struct replay_change *c;
	int err = 0;

	*out = NULL;
	for (unsigned i = 0; i < sets->nr && !err; i++)
		err = check_key(sets->item[i], error);
	if (err)
		return err;
	if (!text)
		return error_user(error, "--set: the record has no scenario; allowed: a record of "
					 "`ballast run --record`");
	c = calloc(1, sizeof(*c));
	if (!c)
		return error_host(error, ENOMEM, "replay");
	for (size_t i = 0; i < json_array_size(was) && nr < OPTION_LIST_MAX; i++)
		if (json_is_string(json_array_get(was, i)))
			all[nr++] = json_string_value(json_array_get(was, i));
	nr_was = nr;
	for (unsigned i = 0; i < sets->nr; i++)
		all[nr++] = sets->item[i];
	err = load_both(c, text, all, nr_was, nr, error);
	if (!err && (run_machine_mm_config(c->was, &c->was_config) ||
		     run_machine_mm_config(c->now, &c->now_config)))
		err = error_host(error, ENOMEM, "replay");
	if (err) {
		replay_change_free(c);
		return err;
	}
	*out = c;
	return 0;
}

static void change_config(void *ctx, struct mm_config *config)
{
	const struct replay_change *c = ctx;
	const struct mm_config *was = &c->was_config, *now = &c->now_config;

#define X(field)                      \
	if (was->field != now->field) \
		config->field = now->field;
	MM_CONFIG_FIELDS(X)
#undef X
	if (was->pager != now->pager)
		config->pager = now->pager;
	if (was->policy != now->policy)
		config->policy = now->policy;
}

static void change_vm(void *ctx, uint32_t vm, struct mm_vm_config *config)
{
	const struct replay_change *c = ctx;

	if (vm >= c->was->nr_vms || vm >= c->now->nr_vms)
		return;
	if (c->was->vms[vm].shares != c->now->vms[vm].shares)
		config->shares = c->now->vms[vm].shares;
	if (c->was->vms[vm].min_pages != c->now->vms[vm].min_pages)
		config->min_pages = c->now->vms[vm].min_pages;
}

struct mm_play_change replay_change_of(struct replay_change *c)
{
	return (struct mm_play_change){.config = change_config, .vm = change_vm, .ctx = c};
}

bool replay_change_lacks_estimates(const struct replay_change *c)
{
	return c->now_config.policy->uses_active && !c->was_config.policy->uses_active;
}

void replay_change_free(struct replay_change *c)
{
	if (!c)
		return;
	scenario_free(c->was);
	scenario_free(c->now);
	free(c);
}
