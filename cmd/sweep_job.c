/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * sweep_job.c: the jobs of a plan: their settings, names and commands.
 *
 * Names are made of settings, so that a folder of results can be read without this program. Settings may be anything,
 * file names not: what a name cannot hold becomes '_', and then, as in a name that would be too long, a hash of the
 * whole keeps different jobs apart.
 */
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <xxhash.h>

#include "cmd/sweep_plan.h"

#define NAME_BYTES 150 /* of 255 that file systems have; the rest for endings */

const char *sweep_body_name(enum sweep_body body)
{
	return body == SWEEP_SIM ? "sim" : body == SWEEP_KVM ? "kvm" : "replay";
}

const char *sweep_job_value(const struct sweep_plan *p, unsigned i, unsigned key)
{
	unsigned faster = 1;

	for (unsigned k = key + 1; k < p->nr_keys; k++)
		faster *= p->key[k].nr;
	return p->key[key].value[i % p->combinations / faster % p->key[key].nr].text;
}

uint64_t sweep_job_seed(const struct sweep_plan *p, unsigned job)
{
	return p->seed + job / p->combinations;
}

/* "KEY=VALUE" of all keys with the separator between them, in a stream. */
static void settings_print(const struct sweep_plan *p, unsigned i, char separator, FILE *out)
{
	for (unsigned k = 0; k < p->nr_keys; k++) {
		if (k)
			fputc(separator, out);
		fprintf(out, "%s=%s", p->key[k].name, sweep_job_value(p, i, k));
	}
}

char *sweep_combination_name(const struct sweep_plan *p, unsigned combination)
{
	char *text = NULL;
	size_t bytes;
	FILE *out = open_memstream(&text, &bytes);

	if (!out)
		return NULL;
	settings_print(p, combination, ' ', out);
	if (!p->nr_keys)
		fputs(p->name, out);
	if (fclose(out) == 0)
		return text;
	free(text);
	return NULL;
}

char *sweep_job_name(const struct sweep_plan *p, unsigned job)
{
	char *text = NULL, *name = NULL;
	size_t bytes;
	FILE *out = open_memstream(&text, &bytes);
	uint64_t hash;
	bool changed;

	if (!out)
		return NULL;
	settings_print(p, job, '\0', out); /* which no value has, as they have commas */
	if (p->nr_keys)
		fputc('\0', out);
	fprintf(out, "seed=%" PRIu64, sweep_job_seed(p, job));
	if (fclose(out) != 0)
		goto out;
	hash = XXH3_64bits(text, bytes);
	changed = bytes > NAME_BYTES;
	for (size_t i = 0; i < bytes; i++) {
		char c = text[i];

		if ((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
		    (c && strchr("=%+-_", c)) || (c == '.' && i))
			continue;
		changed = changed || c;
		text[i] = c ? '_' : ',';
	}
	if (!changed)
		return text;
	if (asprintf(&name, "%.*s-%016" PRIx64, NAME_BYTES, text, hash) < 0)
		name = NULL;
out:
	free(text);
	return name;
}

__attribute__((format(printf, 2, 3))) static bool add(char **words, const char *format, ...)
{
	va_list args;
	int n;

	while (*words)
		words++;
	va_start(args, format);
	n = vasprintf(words, format, args);
	va_end(args);
	if (n < 0)
		*words = NULL;
	return n >= 0;
}

static bool add_setting(char **words, enum sweep_body body, const char *name, const char *value)
{
	if (body == SWEEP_REPLAY || strcmp(name, SWEEP_COSTS) == 0)
		return add(words, "--%s=%s", name, value);
	return add(words, "--set") && add(words, "%s=%s", name, value);
}

char **sweep_job_command(const struct sweep_plan *p, unsigned job, const char *dir)
{
	static const char *const command[] = {"sim", "run", "replay"};
	char **words = calloc(2 * (p->nr_sets + p->nr_keys) + 12, sizeof(*words));
	char *name = sweep_job_name(p, job);
	bool whole = words && name && add(words, "ballast") && add(words, "%s", command[p->body]);

	for (unsigned i = 0; whole && i < p->nr_sets; i++) {
		const char *equals = strchr(p->set[i].text, '=');
		char *key = strndup(p->set[i].text, (size_t)(equals - p->set[i].text));

		whole = key && add_setting(words, p->body, key, equals + 1);
		free(key);
	}
	for (unsigned k = 0; whole && k < p->nr_keys; k++)
		whole = add_setting(words, p->body, p->key[k].name, sweep_job_value(p, job, k));
	whole = whole && add(words, "--seed=%" PRIu64, sweep_job_seed(p, job)) &&
		add(words, "--json");
	if (p->body == SWEEP_REPLAY)
		whole = whole && add(words, "--jobs=1");
	else
		whole = whole && add(words, "--quiet") &&
			add(words, "--output=%s/jobs/%s", dir, name);
	whole = whole && add(words, "--") && add(words, "%s", p->subject);
	free(name);
	if (whole)
		return words;
	sweep_words_free(words);
	return NULL;
}

void sweep_words_free(char **words)
{
	for (char **w = words; w && *w; w++)
		free(*w);
	free(words);
}
