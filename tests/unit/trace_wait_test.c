/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * trace_wait_test.c: Ctrl-C while a command waits for more of a trace, from a pipe that stays open and silent. The signal
 * is pending when the command begins, so nothing depends on who is faster.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "cmd/commands.h"

/* The program has the lab guest here; no command gets as far as starting one. */
extern const char lab_image_start[], lab_image_end[];
const char lab_image_start[1], lab_image_end[1];

static const struct {
	int (*command)(int argc, char **argv);
	const char *words[8];
} waiting[] = {
	{cmd_replay, {"replay", "-", "--policy=lru", "--frames=3"}},
	{cmd_replay, {"replay", "-", "--guest=3", "--host=2"}},
	{cmd_mrc, {"mrc", "-"}},
	{cmd_trace, {"trace", "info", "-"}},
	{cmd_trace, {"trace", "convert", "-", "/dev/null"}},
	{cmd_trace, {"trace", "convert", "-", "/dev/null", "--sad=2"}},
};

static char fifo[150];

/* In a child whose standard input is fd. */
static void run(size_t which, int fd)
{
	int argc = 0, nowhere = open("/dev/null", O_WRONLY | O_CLOEXEC);
	char *argv[8];
	sigset_t set;

	for (; waiting[which].words[argc]; argc++)
		argv[argc] = strdup(fd < 0 && strcmp(waiting[which].words[argc], "-") == 0
					    ? fifo
					    : waiting[which].words[argc]);
	argv[argc] = NULL;
	alarm(60); /* who waits for ever has failed */
	dup2(nowhere, STDERR_FILENO);
	if (fd >= 0)
		dup2(fd, STDIN_FILENO);
	sigemptyset(&set);
	sigaddset(&set, SIGINT);
	sigprocmask(SIG_BLOCK, &set, NULL);
	kill(getpid(), SIGINT);
	_exit(waiting[which].command(argc, argv));
}

static void test_stopped(void **state)
{
	static const char *const begun[] = {"", "1\n2\n3\n"};

	(void)state;
	for (size_t i = 0; i < 2 * sizeof(waiting) / sizeof(waiting[0]); i++) {
		const char *text = begun[i % 2];
		int ends[2], status;
		pid_t pid;

		assert_int_equal(pipe(ends), 0);
		assert_int_equal(write(ends[1], text, strlen(text)), strlen(text));
		fflush(NULL);
		pid = fork();
		assert_true(pid >= 0);
		if (!pid)
			run(i / 2, ends[0]);
		assert_int_equal(waitpid(pid, &status, 0), pid);
		assert_true(WIFEXITED(status));
		assert_int_equal(WEXITSTATUS(status), 128 + SIGINT);
		close(ends[0]);
		close(ends[1]);
	}
}

/* A pipe with a name that nobody writes to, not even opens. */
static void test_named_pipe(void **state)
{
	const char *tmp = getenv("TMPDIR");
	char dir[100];

	(void)state;
	snprintf(dir, sizeof(dir), "%s/trace-wait-XXXXXX", tmp ? tmp : "/tmp");
	assert_non_null(mkdtemp(dir));
	snprintf(fifo, sizeof(fifo), "%s/pipe", dir);
	assert_int_equal(mkfifo(fifo, 0600), 0);
	for (size_t i = 0; i < sizeof(waiting) / sizeof(waiting[0]); i++) {
		int status;
		pid_t pid;

		fflush(NULL);
		pid = fork();
		assert_true(pid >= 0);
		if (!pid)
			run(i, -1);
		assert_int_equal(waitpid(pid, &status, 0), pid);
		assert_true(WIFEXITED(status));
		assert_int_equal(WEXITSTATUS(status), 128 + SIGINT);
	}
	unlink(fifo);
	rmdir(dir);
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(test_stopped),
					   cmocka_unit_test(test_named_pipe)};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
