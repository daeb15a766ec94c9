/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * trace_emulator.h: the command line that runs a program, or a machine, inside QEMU with our plugin.
 */
#ifndef BALLAST_CMD_TRACE_EMULATOR_H
#define BALLAST_CMD_TRACE_EMULATOR_H

#include <stdbool.h>

#include "lib/error.h"

/*
 * words: a program and its arguments; vm: the options of qemu-system-x86_64. plugin, ring: descriptors, of emulator_plugin()
 * and of the memory; the emulator must inherit them. *out: what to execv(), its first word a path; owned,
 * emulator_command_free(). 0; -errno with words: no such program, or one that the emulator cannot run (the user's), or no
 * emulator (the host's).
 */
int emulator_command(char ***out, bool vm, char **words, unsigned nr, int plugin, int ring,
		     struct error *error);
/* A file in memory that holds the plugin, closed on exec: its descriptor, or -errno with words. */
int emulator_plugin(struct error *error);
void emulator_command_free(char **command);

#endif
