/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * sweep_run.c: one process a job, so that one that crashes costs its own result only.
 *
 * A single thread starts jobs, and waits on their pidfds and on the signals' descriptor. Each job leads a process group
 * of its own: Ctrl-C reaches this program alone, which then ends the jobs; otherwise a run that was cut short by it would
 * pass for a finished one. The kernel ends the jobs when this program is killed (PR_SET_PDEATHSIG), so that nobody
 * writes into the folder of a job that the next start runs again. What a job prints goes to files beside its results.
 */
#include "cmd/sweep_run.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/pidfd.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "cmd/commands.h"
#include "lib/log.h"

struct slot {
	pid_t pid;
	int pidfd;
	unsigned job;
	double started;
};

struct running {
	struct sweep_run *r;
	struct slot slot[SWEEP_AT_ONCE_MAX];
	unsigned nr; /* that run */
	unsigned next;
};

static double now_seconds(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

/* In the child; only what is safe between fork and exec. */
static void become_job(const struct sweep_run *r, char **words, const int fd[3], pid_t parent)
{
	sigset_t none;

	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	signal(SIGPIPE, SIG_DFL);
	setpgid(0, 0);
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (getppid() == parent && dup2(fd[0], 0) == 0 && dup2(fd[1], 1) == 1 &&
	    dup2(fd[2], 2) == 2)
		execv(r->program, words);
	_exit(COMMAND_HOST);
}

static int job_files(const struct sweep_run *r, unsigned job, int fd[3], struct error *error)
{
	static const char *const ending[3] = {"", "/stdout", "/stderr"};
	int err = 0;

	fd[0] = open("/dev/null", O_RDONLY | O_CLOEXEC);
	fd[1] = fd[2] = -1;
	for (int i = 0; i < 3 && !err; i++) {
		char *path = sweep_store_path(r->store, job, ending[i]);

		if (!path)
			err = ENOMEM;
		else if (i == 0)
			err = mkdir(path, 0777) != 0 && errno != EEXIST ? errno : 0;
		else
			fd[i] = open(path, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
		if (!err && fd[i] < 0)
			err = errno;
		if (err)
			error_host(error, err, "%s", path ? path : r->store->dir);
		free(path);
	}
	return -err;
}

static int job_start(struct running *a, unsigned job, struct error *error)
{
	struct slot *s = &a->slot[a->nr];
	char **words = sweep_job_command(a->r->store->plan, job, a->r->store->dir);
	pid_t parent = getpid();
	int fd[3] = {-1, -1, -1}, err;

	*s = (struct slot){.job = job, .started = now_seconds(), .pidfd = -1};
	err = words ? job_files(a->r, job, fd, error) : error_host(error, ENOMEM, "a job");
	if (err)
		goto out;
	s->pid = fork();
	if (s->pid == 0)
		become_job(a->r, words, fd, parent);
	if (s->pid > 0)
		s->pidfd = pidfd_open(s->pid, 0);
	if (s->pid < 0 || s->pidfd < 0) {
		err = error_host(error, errno, "%s", a->r->program);
		if (s->pid > 0) {
			kill(s->pid, SIGKILL);
			waitpid(s->pid, NULL, 0);
		}
		goto out;
	}
	a->nr++;
out:
	for (int i = 0; i < 3; i++)
		if (fd[i] >= 0)
			close(fd[i]);
	sweep_words_free(words);
	return err;
}

/* What the job printed: its summary, or a line of JSON. NULL: nothing whole, or a run that was cut short. */
static json_t *job_output(const struct sweep_run *r, unsigned job)
{
	char *path = sweep_store_path(r->store, job, "/stdout");
	FILE *in = path ? fopen(path, "re") : NULL;
	json_t *value = in ? json_loadf(in, JSON_DISABLE_EOF_CHECK, NULL) : NULL;
	const char *ended = json_string_value(json_object_get(value, "ended"));

	if (in)
		fclose(in);
	free(path);
	if (json_is_object(value) && (!ended || strcmp(ended, "stopped") != 0))
		return value;
	json_decref(value);
	return NULL;
}

/* The last line that the job wrote on standard error, or "". */
static void job_words(const struct sweep_run *r, unsigned job, char *text, size_t bytes)
{
	char *path = sweep_store_path(r->store, job, "/stderr"), *line = NULL;
	FILE *in = path ? fopen(path, "re") : NULL;
	size_t room = 0;

	text[0] = '\0';
	while (in && getline(&line, &room, in) > 0)
		snprintf(text, bytes, "%.*s", (int)strcspn(line, "\n"), line);
	if (in)
		fclose(in);
	free(line);
	free(path);
}

static void job_failed(struct sweep_run *r, unsigned job, int status, const char *name)
{
	int code = WIFEXITED(status) ? WEXITSTATUS(status) : COMMAND_HOST;
	char words[400], how[60];

	if (WIFSIGNALED(status))
		snprintf(how, sizeof(how), "was killed by signal %d", WTERMSIG(status));
	else if (code)
		snprintf(how, sizeof(how), "failed with exit status %d", code);
	else
		snprintf(how, sizeof(how), "printed no whole result");
	job_words(r, job, words, sizeof(words));
	log_warn("job %s %s%s%s", name, how, *words ? ": " : "", words);
	r->failed++;
	code = code ? code : COMMAND_HOST;
	r->status = code > r->status ? code : r->status;
}

/* A job has ended; the slot is free afterwards. */
static int job_end(struct running *a, unsigned slot, struct error *error)
{
	struct sweep_run *r = a->r;
	struct slot s = a->slot[slot];
	double seconds = now_seconds() - s.started;
	char *name = sweep_job_name(r->store->plan, s.job);
	json_t *result = NULL;
	int status, err = 0;

	close(s.pidfd);
	a->slot[slot] = a->slot[--a->nr];
	if (waitpid(s.pid, &status, 0) != s.pid) {
		err = error_host(error, errno, "a job");
		goto out;
	}
	if (WIFEXITED(status) && WEXITSTATUS(status) == 0)
		result = job_output(r, s.job);
	if (!result) {
		job_failed(r, s.job, status, name ? name : "");
		goto out;
	}
	err = sweep_store_save(r->store, s.job, result, seconds, error);
	if (err)
		goto out;
	r->done++;
	if (!r->quiet)
		fprintf(stderr, "%u of %u: %s, %.1f s\n", r->before + r->done + r->failed, r->of,
			name ? name : "", seconds);
out:
	free(name);
	return err;
}

static void jobs_kill(struct running *a)
{
	while (a->nr) {
		struct slot *s = &a->slot[--a->nr];

		kill(-s->pid, SIGKILL);
		kill(s->pid, SIGKILL);
		waitpid(s->pid, NULL, 0);
		close(s->pidfd);
	}
}

/* Waits until a job ends or a signal comes. */
static int jobs_wait(struct running *a, struct error *error)
{
	struct pollfd fd[SWEEP_AT_ONCE_MAX + 1];
	int err = 0;

	fd[0] = (struct pollfd){.fd = stop_signals_fd(a->r->signals), .events = POLLIN};
	for (unsigned i = 0; i < a->nr; i++)
		fd[i + 1] = (struct pollfd){.fd = a->slot[i].pidfd, .events = POLLIN};
	if (poll(fd, a->nr + 1, -1) < 0)
		return errno == EINTR ? 0 : error_host(error, errno, "poll");
	a->r->signal = stop_signals_wait(a->r->signals, 0);
	/* from the last on: what moves into a freed slot was looked at already */
	for (unsigned i = a->nr; i-- > 0 && !err && !a->r->signal;)
		if (fd[i + 1].revents)
			err = job_end(a, i, error);
	return err;
}

/* The next job that is not finished, or the number of jobs. */
static int job_next(struct running *a, unsigned *out, struct error *error)
{
	const struct sweep_store *s = a->r->store;
	int err = 0;

	for (; a->next < s->plan->jobs; a->next += a->r->parts) {
		json_t *result;

		err = sweep_store_load(s, a->next, &result, error);
		json_decref(result);
		if (err)
			break;
		a->r->before++;
	}
	*out = a->next;
	a->next += a->r->parts;
	return err == -ENOENT ? 0 : err;
}

int sweep_run(struct sweep_run *r, struct error *error)
{
	struct running *a = calloc(1, sizeof(*a));
	unsigned job;
	int err;

	r->before = r->done = r->failed = 0;
	r->status = r->signal = 0;
	if (!a)
		return error_host(error, ENOMEM, "the jobs");
	a->r = r;
	a->next = r->part;
	r->of = r->part < r->store->plan->jobs ? (r->store->plan->jobs - r->part - 1) / r->parts + 1
					       : 0;
	err = job_next(a, &job, error);
	while (!err && !r->signal && (job < r->store->plan->jobs || a->nr)) {
		if (job < r->store->plan->jobs && a->nr < r->at_once) {
			err = job_start(a, job, error);
			if (!err)
				err = job_next(a, &job, error);
		} else {
			err = jobs_wait(a, error);
		}
	}
	jobs_kill(a);
	free(a);
	return err ? err : r->signal ? -ECANCELED : 0;
}
