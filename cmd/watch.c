/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * watch.c: see watch.h. Progress is one line on standard error, rewritten four times a second at most, and only if
 * that is a terminal; so logs and pipes stay clean.
 */
#include "cmd/watch.h"

#include <stdarg.h>
#include <stdio.h>
#include <time.h>
#include <unistd.h>

#include "ballast/types.h"

#define SHOW_NS (NS_PER_S / 4)

static uint64_t clock_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * NS_PER_S + (uint64_t)now.tv_nsec;
}

static void watch_progress(void *context, const char *what, uint64_t done, uint64_t of)
{
	struct cmd_watch *w = context;
	uint64_t now = clock_ns();

	pthread_mutex_lock(&w->lock);
	if (w->tty && now >= w->next_ns) {
		if (of)
			fprintf(stderr, "\r\033[K%.0f %% of %llu %s",
				100.0 * (double)done / (double)of, (unsigned long long)of, what);
		else
			fprintf(stderr, "\r\033[K%llu %s", (unsigned long long)done, what);
		w->shown = true;
		w->next_ns = now + SHOW_NS;
	}
	pthread_mutex_unlock(&w->lock);
}

static bool watch_stopped(void *context)
{
	struct cmd_watch *w = context;

	return stop_signals_wait(w->signals, 0) != 0;
}

int cmd_watch_begin(struct cmd_watch *w, struct error *error)
{
	*w = (struct cmd_watch){.sim = {watch_progress, watch_stopped, w},
				.lock = PTHREAD_MUTEX_INITIALIZER,
				.tty = isatty(STDERR_FILENO),
				.next_ns = clock_ns() + SHOW_NS};
	return stop_signals_begin(&w->signals, error);
}

void cmd_watch_clear(struct cmd_watch *w)
{
	pthread_mutex_lock(&w->lock);
	if (w->shown)
		fputs("\r\033[K", stderr);
	w->shown = false;
	pthread_mutex_unlock(&w->lock);
}

int cmd_watch_stopped(struct cmd_watch *w, const char *format, ...)
{
	int signal = stop_signals_wait(w->signals, 0);
	char text[300];
	va_list args;

	va_start(args, format);
	vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	cmd_watch_clear(w);
	fflush(stdout);
	fprintf(stderr, "ballast: stopped by %s%s\n", stop_signals_name(signal), text);
	return 128 + signal;
}

void cmd_watch_end(struct cmd_watch *w)
{
	cmd_watch_clear(w);
	stop_signals_end(w->signals);
}
