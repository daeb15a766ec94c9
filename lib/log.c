/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * log.c: one line, one write(2), so that lines of several threads never mix.
 *
 * The level is the only mutable thing of file scope in the program: it belongs to the process as standard error does,
 * and every thread may log before and after anybody could hand it a context. It is a relaxed atomic; a message that
 * races with a change of level may be printed or not.
 */
#include "lib/log.h"

#include <errno.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static atomic_int log_level = LOG_WARN;

static const char *const level_names[] = {
	[LOG_ERROR] = "error",
	[LOG_WARN] = "warning",
	[LOG_INFO] = "info",
	[LOG_DEBUG] = "debug",
};

void log_set_level(enum log_level level)
{
	atomic_store_explicit(&log_level, (int)level, memory_order_relaxed);
}

static void log_line(enum log_level level, const char *format, va_list args)
{
	char line[1024];
	int saved = errno;
	size_t used;

	if ((int)level > atomic_load_explicit(&log_level, memory_order_relaxed))
		return;
	used = (size_t)snprintf(line, sizeof(line), "ballast: %s: ", level_names[level]);
	errno = saved; /* for %m */
	vsnprintf(line + used, sizeof(line) - used, format, args);
	used = strlen(line);
	if (used == sizeof(line) - 1)
		used--;
	line[used++] = '\n';
	/* A short write or a closed standard error leaves nobody to tell. */
	while (write(STDERR_FILENO, line, used) < 0 && errno == EINTR)
		;
	errno = saved;
}

#define LOG_FUNCTION(name, level)              \
	void name(const char *format, ...)     \
	{                                      \
		va_list args;                  \
		va_start(args, format);        \
		log_line(level, format, args); \
		va_end(args);                  \
	}

LOG_FUNCTION(log_error, LOG_ERROR)
LOG_FUNCTION(log_warn, LOG_WARN)
LOG_FUNCTION(log_info, LOG_INFO)
LOG_FUNCTION(log_debug, LOG_DEBUG)
