/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * log.h: messages for people, on standard error: "ballast: warning: TEXT key=value ...". Results never come this way.
 * Safe from several threads: one write a line. Pure modules do not log; they return codes and count.
 */
#ifndef BALLAST_LIB_LOG_H
#define BALLAST_LIB_LOG_H

enum log_level { LOG_ERROR, LOG_WARN, LOG_INFO, LOG_DEBUG };

/* Messages above this level are dropped; LOG_WARN until it is set. */
void log_set_level(enum log_level level);

__attribute__((format(printf, 1, 2))) void log_error(const char *format, ...);
__attribute__((format(printf, 1, 2))) void log_warn(const char *format, ...);
__attribute__((format(printf, 1, 2))) void log_info(const char *format, ...);
__attribute__((format(printf, 1, 2))) void log_debug(const char *format, ...);

#endif
