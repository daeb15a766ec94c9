/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * self_run.c: spawned, not forked: after a fork() the kernel refuses to move pages of live machines (host-kvm rule 8).
 */
#include "cmd/self_run.h"

#include <errno.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "ballast/types.h"
#include "cmd/commands.h"
#include "cmd/report_file.h"

#define SELF       "/proc/self/exe"
#define WORDS_MOST (12u + 2 * SELF_RUN_SETS)

static int wait_for(pid_t child, const char *command, struct error *error)
{
	int status;

	while (waitpid(child, &status, 0) < 0)
		if (errno != EINTR)
			return error_host(error, errno, "ballast %s", command);
	if (WIFEXITED(status) && WEXITSTATUS(status) == COMMAND_DONE)
		return 0;
	/* it has said why */
	if (WIFEXITED(status) && WEXITSTATUS(status) == COMMAND_USER)
		return error_user(error, "ballast %s refused the scenario", command);
	return error_host(error, 0, "ballast %s failed", command);
}

static int load(const char *dir, json_t **out, struct error *error)
{
	char *path = report_path(dir, "summary.json");
	json_error_t why;

	*out = path ? json_load_file(path, 0, &why) : NULL;
	free(path);
	return *out ? 0 : error_host(error, 0, "%s/summary.json cannot be read", dir);
}

/* Spawned programs are given words that they may change. */
static char *word(const char *text)
{
	return (char *)(uintptr_t)text;
}

int self_run(const struct self_run *run, json_t **summary, struct error *error)
{
	char *words[WORDS_MOST], seconds[40];
	unsigned nr = 0;
	pid_t child;
	int err;

	if (run->nr_sets > SELF_RUN_SETS)
		return error_user(error, "--set: given too often; allowed: %u times",
				  SELF_RUN_SETS);
	words[nr++] = word("ballast");
	words[nr++] = word(run->command);
	words[nr++] = word(run->scenario);
	words[nr++] = word("--quiet");
	words[nr++] = word("--output");
	words[nr++] = run->dir;
	if (run->seconds_ns) {
		snprintf(seconds, sizeof(seconds), "--seconds=%.3f", (double)run->seconds_ns / 1e9);
		words[nr++] = seconds;
	}
	if (run->costs) {
		words[nr++] = word("--costs");
		words[nr++] = word(run->costs);
	}
	for (unsigned i = 0; i < run->nr_sets; i++) {
		words[nr++] = word("--set");
		words[nr++] = word(run->set[i]);
	}
	words[nr] = NULL;
	err = posix_spawn(&child, SELF, NULL, NULL, words, environ);
	err = err ? error_host(error, err, "ballast %s", run->command)
		  : wait_for(child, run->command, error);
	return err ? err : load(run->dir, summary, error);
}
