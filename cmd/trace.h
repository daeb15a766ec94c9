/* SPDX-License-Identifier: GPL-2.0-or-later */
/* trace.h: the parts of `ballast trace`, one a file. Each is a command of its own: status, options, messages. */
#ifndef BALLAST_CMD_TRACE_H
#define BALLAST_CMD_TRACE_H

#include "lib/error.h"

int cmd_trace_gen(int argc, char **argv);
int cmd_trace_record(int argc, char **argv);
int cmd_trace_info(int argc, char **argv);
int cmd_trace_convert(int argc, char **argv);

/* Warns of what a trace has (TRACE_..) and a format (trace_write_format()) has no place for. */
void trace_tell_lost(unsigned has, const char *format);
/* Only ballast says that a trace was thinned, and without that replay would not refuse it. 0 or -EINVAL with words. */
int trace_check_thinned(const char *format, struct error *error);

#endif
