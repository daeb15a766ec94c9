/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * run_signals_test.c: the first signal is noted, the second ends the process, whatever its threads do.
 *
 * Each case is a child process; the parent looks at how it ended.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "ballast/types.h"
#include "cmd/stop_signals.h"

#define LONG_NS (3600 * NS_PER_S)

static int status_of(void (*child)(void))
{
	pid_t pid = fork();
	int status;

	assert_true(pid >= 0);
	if (!pid) {
		child();
		_exit(0);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	return status;
}

static struct stop_signals *begin(void)
{
	struct stop_signals *s;

	if (stop_signals_begin(&s, NULL) != 0)
		_exit(99);
	return s;
}

/* An hour's sleep ends with the signal, and its number is told from then on. */
static void once(void)
{
	struct stop_signals *s = begin();

	if (stop_signals_wait(s, 0) != 0)
		_exit(1);
	kill(getpid(), SIGTERM);
	if (stop_signals_wait(s, LONG_NS) != SIGTERM || stop_signals_wait(s, LONG_NS) != SIGTERM)
		_exit(2);
	stop_signals_end(s);
}

static void test_once(void **state)
{
	(void)state;
	assert_int_equal(status_of(once), 0);
}

/* The main thread never looks again: it hangs. */
static void twice(void)
{
	struct stop_signals *s = begin();

	kill(getpid(), SIGINT);
	stop_signals_wait(s, LONG_NS);
	kill(getpid(), SIGINT);
	for (;;)
		pause();
}

static void test_twice(void **state)
{
	int status = status_of(twice);

	(void)state;
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), 130);
}

static void end_with_7(void *context)
{
	_exit(*(int *)context);
}

/* What was given for that moment is done before the process ends, and not at the first signal. */
static void last_words(void)
{
	struct stop_signals *s = begin();
	int status = 99;

	stop_signals_last(s, end_with_7, &status);
	kill(getpid(), SIGINT);
	if (stop_signals_wait(s, LONG_NS) != SIGINT)
		_exit(1);
	status = 7;
	kill(getpid(), SIGTERM);
	for (;;)
		pause();
}

static void test_last_words(void **state)
{
	int status = status_of(last_words);

	(void)state;
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), 7);
}

/* Work that cannot be asked to stop: the first one does it, and says which it was. */
struct at_once {
	struct stop_signals *signals;
};

static void end_with_signal(void *context)
{
	_exit(stop_signals_wait(((struct at_once *)context)->signals, 0));
}

static void at_once(void)
{
	struct at_once a = {.signals = begin()};

	stop_signals_last(a.signals, end_with_signal, &a);
	stop_signals_at_once(a.signals);
	kill(getpid(), SIGTERM);
	for (;;)
		pause();
}

static void test_at_once(void **state)
{
	int status = status_of(at_once);

	(void)state;
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), SIGTERM);
}

/* Shells start background jobs with SIGINT ignored; an explicit one still stops the run. */
static void ignored(void)
{
	struct stop_signals *s;

	signal(SIGINT, SIG_IGN);
	s = begin();
	kill(getpid(), SIGINT);
	if (stop_signals_wait(s, LONG_NS) != SIGINT)
		_exit(1);
}

static void test_ignored_at_start(void **state)
{
	(void)state;
	assert_int_equal(status_of(ignored), 0);
}

/* nohup is obeyed: two of them would end the process if they were noticed. */
static void nohup(void)
{
	struct stop_signals *s;

	signal(SIGHUP, SIG_IGN);
	s = begin();
	kill(getpid(), SIGHUP);
	kill(getpid(), SIGTERM);
	if (stop_signals_wait(s, LONG_NS) != SIGTERM)
		_exit(1);
}

static void test_nohup(void **state)
{
	(void)state;
	assert_int_equal(status_of(nohup), 0);
}

static void *mask_of_thread(void *arg)
{
	pthread_sigmask(SIG_BLOCK, NULL, arg);
	return NULL;
}

/* Threads made meanwhile never get the signals; after the end everything is as it was. */
static void masks(void)
{
	struct stop_signals *s = begin();
	pthread_t thread;
	sigset_t set;

	if (pthread_create(&thread, NULL, mask_of_thread, &set) != 0)
		_exit(99);
	pthread_join(thread, NULL);
	if (!sigismember(&set, SIGINT) || !sigismember(&set, SIGTERM) || !sigismember(&set, SIGHUP))
		_exit(1);
	stop_signals_end(s);
	pthread_sigmask(SIG_BLOCK, NULL, &set);
	if (sigismember(&set, SIGINT))
		_exit(2);
	kill(getpid(), SIGINT);
	_exit(3);
}

static void test_masks(void **state)
{
	int status = status_of(masks);

	(void)state;
	assert_true(WIFSIGNALED(status));
	assert_int_equal(WTERMSIG(status), SIGINT);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_once),    cmocka_unit_test(test_twice),
		cmocka_unit_test(test_nohup),   cmocka_unit_test(test_ignored_at_start),
		cmocka_unit_test(test_masks),   cmocka_unit_test(test_last_words),
		cmocka_unit_test(test_at_once),
	};

	/* Whatever started the tests may have set these. */
	signal(SIGINT, SIG_DFL);
	signal(SIGHUP, SIG_DFL);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
