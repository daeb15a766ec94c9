/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * sweep_slurm.c: a plan's jobs as an array of Slurm jobs.
 *
 * A task of the array is this program with --part: task I of N does jobs I, I + N, .. of the plan, so that a plan of any
 * size fits a cluster's limit on arrays. Tasks whose jobs are all finished are left out of the array; a task that is
 * requeued does what is left of it. The script names files by their whole paths: a task starts anywhere.
 */
#include <errno.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "cmd/commands.h"
#include "cmd/report_file.h"
#include "cmd/sweep.h"

#define TASKS_MAX 1000u /* Slurm's own limit, unless it is configured (MaxArraySize) */

extern char **environ;

/* In quotes for sh. */
static void quoted_print(const char *text, FILE *out)
{
	fputc('\'', out);
	for (; *text; text++)
		fprintf(out, *text == '\'' ? "'\\''" : "%c", *text);
	fputc('\'', out);
}

static int script_write(const char *path, const char *program, const char *dir, const char *plan,
			unsigned tasks, struct error *error)
{
	FILE *out = fopen(path, "we");
	bool failed;

	if (!out)
		return error_host(error, errno, "%s", path);
	fputs("#!/bin/sh\n# A task of the array: its share of the plan's jobs. Written by ballast "
	      "sweep "
	      "--slurm.\nexec ",
	      out);
	quoted_print(program, out);
	fprintf(out, " sweep --quiet --jobs=1 --part=\"$SLURM_ARRAY_TASK_ID/%u\" --output=", tasks);
	quoted_print(dir, out);
	fputs(" -- ", out);
	quoted_print(plan, out);
	fputc('\n', out);
	failed = ferror(out) || fchmod(fileno(out), 0777 & ~022) != 0;
	if (fclose(out) != 0 || failed)
		return error_host(error, errno ? errno : EIO, "%s", path);
	return 0;
}

/* "--array=0,3,4%2": the tasks with something to do. *left: how many there are. The caller's to free. */
static char *array_option(const struct sweep_store *store, unsigned tasks, unsigned at_once,
			  unsigned *left, struct error *error)
{
	bool wanted[TASKS_MAX] = {false};
	char *text = NULL;
	size_t bytes;
	FILE *out;
	int err = 0;

	for (unsigned job = 0; job < store->plan->jobs; job++) {
		json_t *result;

		err = sweep_store_load(store, job, &result, error);
		json_decref(result);
		if (err && err != -ENOENT)
			return NULL;
		wanted[job % tasks] = wanted[job % tasks] || err;
	}
	out = open_memstream(&text, &bytes);
	*left = 0;
	if (out)
		fputs("--array=", out);
	for (unsigned i = 0; out && i < tasks; i++)
		if (wanted[i])
			fprintf(out, "%s%u", (*left)++ ? "," : "", i);
	if (out && at_once)
		fprintf(out, "%%%u", at_once);
	if (out && fclose(out) == 0)
		return text;
	error_host(error, ENOMEM, "%s", store->dir);
	return NULL;
}

static int submit(char *const words[], int *status, struct error *error)
{
	posix_spawn_file_actions_t actions;
	int err, ended;
	pid_t child;

	posix_spawn_file_actions_init(&actions);
	/* what sbatch says is no result */
	posix_spawn_file_actions_adddup2(&actions, STDERR_FILENO, STDOUT_FILENO);
	err = posix_spawnp(&child, words[0], &actions, NULL, words, environ);
	posix_spawn_file_actions_destroy(&actions);
	if (err == ENOENT)
		return error_user(error, "--slurm: there is no sbatch on this machine; allowed: a "
					 "machine of a Slurm cluster, or a sweep without --slurm");
	if (err)
		return error_host(error, err, "sbatch");
	while (waitpid(child, &ended, 0) < 0)
		if (errno != EINTR)
			return error_host(error, errno, "sbatch");
	*status = WIFEXITED(ended) && WEXITSTATUS(ended) == 0 ? 0 : COMMAND_HOST;
	return 0;
}

int sweep_slurm(const struct sweep_plan *plan, const char *dir, const char *plan_path,
		const struct sweep_how *how, int *status, struct error *error)
{
	unsigned tasks = plan->jobs < TASKS_MAX ? plan->jobs : TASKS_MAX, left = 0;
	char *program = realpath(how->program, NULL), *folder = realpath(dir, NULL);
	char *file = realpath(plan_path, NULL), *array = NULL, *name = NULL, *log = NULL;
	char *script = folder ? report_path(folder, "array.sh") : NULL;
	struct sweep_store store;
	int err = sweep_store_open(&store, plan, dir, how->program, true, error);

	*status = 0;
	if (!err && (!program || !script || !file))
		err = error_host(error, errno, "%s", dir);
	if (!err)
		array = array_option(&store, tasks, how->at_once, &left, error);
	if (!err && !array)
		err = error->user ? -EINVAL : -ENOMEM;
	if (err || !left)
		goto out;
	if (asprintf(&name, "--job-name=ballast-%s", plan->name) < 0)
		name = NULL;
	if (asprintf(&log, "--output=%s/task-%%a.txt", folder) < 0)
		log = NULL;
	err = name && log ? script_write(script, program, folder, file, tasks, error)
			  : error_host(error, ENOMEM, "%s", dir);
	if (!err) {
		char sbatch[] = "sbatch", wait[] = "--wait", one[] = "--ntasks=1";
		char *words[] = {sbatch, wait, one, array, name, log, script, NULL};

		fprintf(stderr,
			"%u tasks for %u jobs; Ctrl-C leaves them to Slurm, `ballast sweep "
			"--merge` "
			"merges later\n",
			left, plan->jobs);
		err = submit(words, status, error);
	}
out:
	sweep_store_close(&store);
	free(log);
	free(name);
	free(array);
	free(script);
	free(file);
	free(folder);
	free(program);
	return err;
}
