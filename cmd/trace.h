/* SPDX-License-Identifier: GPL-2.0-or-later */
/* trace.h: the parts of `ballast trace`, one a file. Each is a command of its own: status, options, messages. */
#ifndef BALLAST_CMD_TRACE_H
#define BALLAST_CMD_TRACE_H

int cmd_trace_gen(int argc, char **argv);
int cmd_trace_record(int argc, char **argv);
int cmd_trace_info(int argc, char **argv);
int cmd_trace_convert(int argc, char **argv);

#endif
