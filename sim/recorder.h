/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * recorder.h: the references that the plugin in an emulator hands over (sim/plugin/ring.h), written as a trace.
 */
#ifndef BALLAST_SIM_RECORDER_H
#define BALLAST_SIM_RECORDER_H

#include <stdbool.h>
#include <stdint.h>

#include "lib/error.h"

struct recorder; /* opaque; owned by the creator, freed by recorder_end() or recorder_free() */

struct recorder_options {
	const char *format; /* of the trace; NULL: by the name's ending */
	bool instructions, physical, forks;
	bool collapse; /* of references to the same page in a row, one stays */
};

struct recorded {
	uint64_t references, writes; /* seen */
	uint64_t requests;           /* in the trace */
	uint64_t lost;               /* references that nobody could take */
	uint32_t processes;          /* recorded */
	uint32_t unfollowed;         /* forked ones that were not */
	uint32_t programs;           /* begun by exec: outside of the emulator */
	bool attached;               /* the plugin was loaded */
};

/* Makes the memory; no file yet. options are copied, format is borrowed. 0 or -errno with words. */
int recorder_memory(struct recorder **out, const struct recorder_options *options,
		    struct error *error);

/* Descriptor of the memory, for the plugin; closed on exec. */
int recorder_fd(const struct recorder *r);

/* Opens the trace for writing. 0 or -errno with words. */
int recorder_begin(struct recorder *r, const char *path, struct error *error);

/*
 * Writes what has been handed over. Without any, sleeps for 2 ms and returns 0; else 1. -errno
 * with words, once: the trace cannot be written; the program is then no longer listened to, and runs on.
 */
int recorder_take(struct recorder *r, struct error *error);

/*
 * Takes the rest, what killed processes had in hand too, ends the trace and frees r. The program has ended, or is no longer
 * listened to. Without any plugin that came the file is removed. 0 or -errno with words, those of recorder_take() again.
 */
int recorder_end(struct recorder *r, struct recorded *out, struct error *error);

/* Instead of recorder_end(): a file that was begun is removed. NULL is fine. */
void recorder_free(struct recorder *r);

#endif
