/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * stop_signals.c: Ctrl-C once ends a run in good order, twice at once.
 *
 * The signals are blocked everywhere (a vCPU thread that got one would leave the guest for nothing) and read from a
 * signalfd by a thread that does nothing else, so that the second one works even while the main thread waits for
 * guests that do not stop. Of a run nothing needs tidying up then: swap and guest disks are unnamed files, samples and
 * events are already written. Who changed something of the host's puts it back in a function given to
 * stop_signals_last().
 *
 * A signal that is ignored when the program starts is read all the same while it is blocked. That suits SIGINT, which
 * shells set to ignored for background jobs: `kill -INT` works there too. SIGHUP is left alone then: it is what nohup
 * asks for.
 */
#include "cmd/stop_signals.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "ballast/types.h"

struct stop_signals {
	sigset_t set, before;
	int signals;      /* signalfd */
	int wake;         /* eventfd: readable from the first signal on */
	int quit;         /* eventfd: the watcher shall end */
	atomic_int first; /* number of the first signal; 0: none */
	atomic_bool at_once;
	pthread_t watcher;
	bool watching;
	pthread_mutex_t lock; /* protects what follows */
	void (*last)(void *context);
	void *context;
};

static void post(int fd)
{
	const uint64_t one = 1;

	/* Fails only when the counter is full, and then it is readable already. */
	if (write(fd, &one, sizeof(one)) < 0)
		return;
}

static void *watch(void *arg)
{
	struct stop_signals *s = arg;
	struct pollfd fds[] = {{.fd = s->signals, .events = POLLIN},
			       {.fd = s->quit, .events = POLLIN}};
	struct signalfd_siginfo got;
	int none;
	bool again;

	for (;;) {
		if (poll(fds, 2, -1) < 0)
			continue;
		if (fds[1].revents)
			return NULL;
		if (read(s->signals, &got, sizeof(got)) != sizeof(got))
			continue;
		none = 0;
		again = !atomic_compare_exchange_strong(&s->first, &none, (int)got.ssi_signo);
		if (again || atomic_load(&s->at_once)) {
			pthread_mutex_lock(&s->lock);
			if (s->last)
				s->last(s->context);
			_exit(128 + (int)got.ssi_signo);
		}
		post(s->wake);
	}
}

static void choose(sigset_t *set)
{
	struct sigaction hangup;

	sigemptyset(set);
	sigaddset(set, SIGINT);
	sigaddset(set, SIGTERM);
	if (sigaction(SIGHUP, NULL, &hangup) == 0 && hangup.sa_handler != SIG_IGN)
		sigaddset(set, SIGHUP);
}

int stop_signals_begin(struct stop_signals **out, struct error *error)
{
	struct stop_signals *s = calloc(1, sizeof(*s));
	int err;

	*out = NULL;
	if (!s)
		return error_host(error, ENOMEM, "signals");
	pthread_mutex_init(&s->lock, NULL);
	choose(&s->set);
	pthread_sigmask(SIG_BLOCK, &s->set, &s->before);
	s->signals = signalfd(-1, &s->set, SFD_CLOEXEC);
	s->wake = eventfd(0, EFD_CLOEXEC);
	s->quit = eventfd(0, EFD_CLOEXEC);
	err = s->signals < 0 || s->wake < 0 || s->quit < 0 ? errno : 0;
	if (!err)
		err = pthread_create(&s->watcher, NULL, watch, s);
	s->watching = !err;
	if (err) {
		stop_signals_end(s);
		return error_host(error, err, "signals");
	}
	*out = s;
	return 0;
}

void stop_signals_last(struct stop_signals *s, void (*last)(void *context), void *context)
{
	pthread_mutex_lock(&s->lock);
	s->last = last;
	s->context = context;
	pthread_mutex_unlock(&s->lock);
}

void stop_signals_at_once(struct stop_signals *s)
{
	atomic_store(&s->at_once, true);
}

int stop_signals_wait(struct stop_signals *s, uint64_t ns)
{
	const struct timespec time = {.tv_sec = (time_t)(ns / NS_PER_S),
				      .tv_nsec = (long)(ns % NS_PER_S)};
	struct pollfd fd = {.fd = s->wake, .events = POLLIN};

	ppoll(&fd, 1, &time, NULL);
	return atomic_load(&s->first);
}

int stop_signals_fd(const struct stop_signals *s)
{
	return s->wake;
}

const char *stop_signals_name(int signal)
{
	switch (signal) {
	case SIGINT:
		return "Ctrl-C";
	case SIGTERM:
		return "SIGTERM";
	case SIGHUP:
		return "SIGHUP";
	}
	return "a signal";
}

void stop_signals_end(struct stop_signals *s)
{
	if (!s)
		return;
	if (s->watching) {
		post(s->quit);
		pthread_join(s->watcher, NULL);
	}
	if (s->signals >= 0)
		close(s->signals);
	if (s->wake >= 0)
		close(s->wake);
	if (s->quit >= 0)
		close(s->quit);
	pthread_mutex_destroy(&s->lock);
	pthread_sigmask(SIG_SETMASK, &s->before, NULL);
	free(s);
}
