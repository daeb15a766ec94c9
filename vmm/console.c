/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * console.c: guest output into a file that can be full, but must never stop the guest.
 *
 * A serial port gives a byte at a time; a write(2) for each would cost more than the exit. So bytes gather until a
 * newline or a full buffer. The guest decides how much it says, so the log has a limit, after which one line tells that
 * it was cut. What cannot be written (no space, closed) is dropped and counted: a console is not worth a VM.
 */
#include "vmm/console.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

void console_init(struct console *c, int fd, uint64_t limit_bytes)
{
	memset(c, 0, sizeof(*c));
	c->fd = fd;
	c->limit_bytes = limit_bytes;
	pthread_mutex_init(&c->lock, NULL);
}

/* Returns the bytes that reached the file. Lock held. */
static size_t console_out(struct console *c, const char *bytes, size_t nr)
{
	size_t done = 0;

	while (done < nr) {
		ssize_t n = write(c->fd, bytes + done, nr - done);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			break;
		done += (size_t)n;
	}
	if (done)
		c->open_line = bytes[done - 1] != '\n';
	return done;
}

/* Writes the first nr bytes of the buffer, as far as the limit lets it. Lock held. */
static void console_flush(struct console *c, size_t nr)
{
	uint64_t room = c->limit_bytes - c->written_bytes;
	size_t want = nr < room ? nr : (size_t)room;
	size_t done = console_out(c, c->buffer, want);

	c->written_bytes += done;
	c->dropped_bytes += nr - done;
	c->used -= nr;
	memmove(c->buffer, c->buffer + nr, c->used);
	if (want < nr && !c->truncated) {
		char text[100];
		int length = snprintf(text, sizeof(text),
				      "%s[ballast: console log truncated at %llu bytes]\n",
				      c->open_line ? "\n" : "", (unsigned long long)c->limit_bytes);

		c->truncated = true;
		console_out(c, text, (size_t)length);
	}
}

void console_write(struct console *c, const void *bytes, size_t nr)
{
	const char *from = bytes;
	const char *newline;

	pthread_mutex_lock(&c->lock);
	while (nr) {
		size_t room = sizeof(c->buffer) - c->used;
		size_t n = nr < room ? nr : room;

		memcpy(c->buffer + c->used, from, n);
		c->used += n;
		from += n;
		nr -= n;
		if (c->used == sizeof(c->buffer))
			console_flush(c, c->used);
	}
	newline = memrchr(c->buffer, '\n', c->used);
	if (newline)
		console_flush(c, (size_t)(newline + 1 - c->buffer));
	pthread_mutex_unlock(&c->lock);
}

void console_note(struct console *c, const char *text)
{
	pthread_mutex_lock(&c->lock);
	console_flush(c, c->used);
	if (c->open_line)
		console_out(c, "\n", 1);
	console_out(c, text, strlen(text));
	pthread_mutex_unlock(&c->lock);
}

void console_close(struct console *c)
{
	console_flush(c, c->used);
	if (c->fd >= 0)
		close(c->fd);
	c->fd = -1;
	pthread_mutex_destroy(&c->lock);
}
