/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * console.h: a VM's console log, a file: what its serial port said, and the VMM's last words about it.
 */
#ifndef BALLAST_VMM_CONSOLE_H
#define BALLAST_VMM_CONSOLE_H

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define CONSOLE_LIMIT_BYTES (4u << 20)

struct console {
	int fd; /* owned */
	uint64_t limit_bytes;
	pthread_mutex_t lock;   /* guards what follows */
	uint64_t written_bytes; /* of the guest's output */
	uint64_t dropped_bytes; /* beyond the limit, or refused by the file system */
	bool truncated;
	bool open_line; /* the last byte written was not a newline */
	size_t used;
	char buffer[4096]; /* output not yet written: less than a line, unless the lock is held */
};

/* fd may be -1: everything is dropped and counted. limit_bytes: most of the guest's output that is kept. */
void console_init(struct console *c, int fd, uint64_t limit_bytes);

/* Output of the guest. Whole lines are written through; the rest waits. Never fails. */
void console_write(struct console *c, const void *bytes, size_t nr);

/* The VMM's own text: starts on a new line, written at once, limit or not. */
void console_note(struct console *c, const char *text);

/* Writes what is left and closes the file. */
void console_close(struct console *c);

#endif
