/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * sweep_store.c: results that are there as a whole or not at all, and that know what they were made from.
 */
#include "cmd/sweep_store.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <xxhash.h>

#include "cmd/report_file.h"
#include "lib/jsonl.h"

#define READ_BYTES (1u << 20)

char *sweep_store_path(const struct sweep_store *s, unsigned job, const char *ending)
{
	char *name = sweep_job_name(s->plan, job), *path;

	if (!name || asprintf(&path, "%s/jobs/%s%s", s->dir, name, ending) < 0)
		path = NULL;
	free(name);
	return path;
}

static int file_hash(XXH3_state_t *state, const char *path, struct error *error)
{
	char *buf = malloc(READ_BYTES);
	int fd = open(path, O_RDONLY | O_CLOEXEC), err = 0;
	ssize_t n = 1;

	if (fd < 0)
		err = error_user(error, "%s: cannot be opened: %s; allowed: a file", path,
				 strerror(errno));
	else if (!buf)
		err = error_host(error, ENOMEM, "%s", path);
	while (!err && n > 0) {
		n = read(fd, buf, READ_BYTES);
		if (n > 0)
			XXH3_64bits_update(state, buf, (size_t)n);
		else if (n < 0 && errno != EINTR)
			err = error_user(error, "%s: cannot be read: %s; allowed: a file", path,
					 strerror(errno));
		else if (n < 0)
			n = 1;
	}
	if (fd >= 0)
		close(fd);
	free(buf);
	return err;
}

static int origin_hash(struct sweep_store *s, const char *program, struct error *error)
{
	XXH3_state_t *state = XXH3_createState();
	int err;

	if (!state)
		return error_host(error, ENOMEM, "%s", s->dir);
	XXH3_64bits_reset(state);
	err = file_hash(state, s->plan->subject, error);
	if (!err)
		err = file_hash(state, program, error);
	s->origin = XXH3_64bits_digest(state);
	XXH3_freeState(state);
	return err;
}

static int folder_lock(struct sweep_store *s, bool shared, struct error *error)
{
	char *path = report_path(s->dir, "lock");
	int err = 0;

	s->lock = path ? open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0666) : -1;
	if (s->lock < 0)
		err = error_host(error, path ? errno : ENOMEM, "%s/lock", s->dir);
	else if (flock(s->lock, (shared ? LOCK_SH : LOCK_EX) | LOCK_NB) != 0)
		err = error_user(error,
				 "%s: another comparison or sweep is at work in this folder; "
				 "allowed: to wait for its end, or another folder",
				 s->dir);
	free(path);
	return err;
}

int sweep_store_open(struct sweep_store *s, const struct sweep_plan *plan, const char *dir,
		     const char *program, bool shared, struct error *error)
{
	char *jobs = report_path(dir, "jobs");
	int err;

	*s = (struct sweep_store){.plan = plan, .dir = dir, .lock = -1};
	err = origin_hash(s, program, error);
	if (!err && (!jobs || (mkdir(jobs, 0777) != 0 && errno != EEXIST)))
		err = error_host(error, jobs ? errno : ENOMEM, "%s/jobs", dir);
	if (!err)
		err = folder_lock(s, shared, error);
	free(jobs);
	if (err)
		sweep_store_close(s);
	return err;
}

void sweep_store_close(struct sweep_store *s)
{
	if (s->lock >= 0)
		close(s->lock);
	s->lock = -1;
}

/* The bytes of a cost file, into *hash; a preset is no file. Presets' and files' names are hashed anyway. */
static void costs_hash(const char *path, uint64_t *hash)
{
	char bytes[4096];
	FILE *in = fopen(path, "re");
	size_t n;

	while (in && (n = fread(bytes, 1, sizeof(bytes), in)) > 0)
		*hash = XXH3_64bits_withSeed(bytes, n, *hash);
	if (in)
		fclose(in);
}

/* What a result was made from: all of the command but where it writes and how the subject's path is written. */
static int job_origin(const struct sweep_store *s, unsigned job, char text[24])
{
	static const char costs[] = "--" SWEEP_COSTS "=";
	char **words = sweep_job_command(s->plan, job, "");
	uint64_t hash = s->origin;

	if (!words)
		return -ENOMEM;
	for (char **w = words; w[1]; w++) {
		hash = XXH3_64bits_withSeed(*w, strlen(*w) + 1, hash);
		if (strncmp(*w, costs, strlen(costs)) == 0)
			costs_hash(*w + strlen(costs), &hash);
	}
	snprintf(text, 24, "%016" PRIx64, hash);
	sweep_words_free(words);
	return 0;
}

int sweep_store_load(const struct sweep_store *s, unsigned job, json_t **out, struct error *error)
{
	char *path = sweep_store_path(s, job, ".json"), origin[24];
	json_t *file, *result;
	const char *of;
	int err;

	*out = NULL;
	if (!path || job_origin(s, job, origin) != 0) {
		free(path);
		return error_host(error, ENOMEM, "%s", s->dir);
	}
	file = json_load_file(path, 0, NULL);
	result = json_object_get(file, "result");
	of = json_string_value(json_object_get(file, "origin"));
	if (!json_is_object(result) || !of) {
		err = -ENOENT;
	} else if (strcmp(of, origin) != 0) {
		err = error_user(error,
				 "%s is of another scenario or trace, other settings, or "
				 "another build of this program; allowed: the same ones, or "
				 "another folder (-o)",
				 path);
	} else {
		*out = json_incref(result);
		err = 0;
	}
	json_decref(file);
	free(path);
	return err;
}

int sweep_store_save(const struct sweep_store *s, unsigned job, json_t *result, double seconds,
		     struct error *error)
{
	char *path = sweep_store_path(s, job, ".json"), *name = sweep_job_name(s->plan, job);
	char origin[24];
	char **words = sweep_job_command(s->plan, job, s->dir);
	json_t *command = json_array(), *file = NULL;
	int err = -ENOMEM;

	if (!path || !name || !words || job_origin(s, job, origin) != 0)
		goto out;
	for (char **w = words; *w; w++)
		json_array_append_new(command, json_string(*w));
	file = json_pack("{s:s, s:s, s:O, s:f, s:O}", "job", name, "origin", origin, "command",
			 command, "seconds", seconds, "result", result);
	err = report_json_write(path, file, true);
out:
	json_decref(command);
	json_decref(result);
	sweep_words_free(words);
	if (err)
		error_host(error, -err, "%s", path ? path : s->dir);
	free(name);
	free(path);
	return err;
}
