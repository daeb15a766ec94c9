/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * self_run.c: spawned, not forked: after a fork() the kernel refuses to move pages of live machines (host-kvm rule 8).
 */
#include "cmd/self_run.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/pidfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include "ballast/types.h"
#include "cmd/commands.h"
#include "cmd/report_file.h"

#define SELF       "/proc/self/exe"
#define WORDS_MOST (12u + 2 * SELF_RUN_SETS)

/* Its own process group: Ctrl-C reaches this program alone, which hands it on once. */
static int spawn(char **words, pid_t *child)
{
	posix_spawnattr_t how;
	int err = posix_spawnattr_init(&how);

	if (err)
		return err;
	posix_spawnattr_setflags(&how, POSIX_SPAWN_SETPGROUP);
	posix_spawnattr_setpgroup(&how, 0);
	err = posix_spawn(child, SELF, NULL, &how, words, environ);
	posix_spawnattr_destroy(&how);
	return err;
}

static void kill_child(void *child)
{
	kill(*(pid_t *)child, SIGKILL);
}

/* Until it ends; hands the first signal on, the second ends both at once. Returns that signal, 0: none. */
static int listen_until_end(struct stop_signals *signals, pid_t child, int pidfd)
{
	struct pollfd fd[] = {{.fd = pidfd, .events = POLLIN},
			      {.fd = stop_signals_fd(signals), .events = POLLIN}};

	while (!fd[0].revents) {
		if (poll(fd, 2, -1) < 0 || !fd[1].revents)
			continue;
		kill(child, stop_signals_wait(signals, 0));
		fd[1].fd = -1;
		fd[1].revents = 0;
	}
	return stop_signals_wait(signals, 0);
}

static int judge(int status, const struct self_run *run, struct error *error)
{
	if (WIFSIGNALED(status))
		return error_host(error, 0, "ballast %s was killed by signal %d", run->command,
				  WTERMSIG(status));
	switch (run->status) {
	case COMMAND_DONE:
		return 0;
	case COMMAND_USER: /* it has said why */
		return error_user(error, "ballast %s refused the scenario", run->command);
	case COMMAND_GUEST:
		return error_host(error, 0,
				  "ballast %s: a guest crashed or found an integrity error, see "
				  "%s/summary.json",
				  run->command, run->dir);
	}
	return error_host(error, 0, "ballast %s failed", run->command);
}

static int wait_for(pid_t child, struct self_run *run, struct error *error)
{
	int pidfd = pidfd_open(child, 0), errnum = errno, status, signal = 0;

	if (pidfd >= 0) {
		stop_signals_last(run->signals, kill_child, &child);
		signal = listen_until_end(run->signals, child, pidfd);
		stop_signals_last(run->signals, NULL, NULL);
		close(pidfd);
	} else {
		kill_child(&child);
	}
	while (waitpid(child, &status, 0) < 0)
		if (errno != EINTR)
			return error_host(error, errno, "ballast %s", run->command);
	if (pidfd < 0)
		return error_host(error, errnum, "ballast %s", run->command);
	run->status = WIFEXITED(status) ? WEXITSTATUS(status) : COMMAND_HOST;
	return signal ? -ECANCELED : judge(status, run, error);
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

int self_run(struct self_run *run, json_t **summary, struct error *error)
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
	if (stop_signals_wait(run->signals, 0))
		return -ECANCELED;
	err = spawn(words, &child);
	err = err ? error_host(error, err, "ballast %s", run->command)
		  : wait_for(child, run, error);
	return err ? err : load(run->dir, summary, error);
}
