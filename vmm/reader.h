/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * reader.h: who reads the userfaultfd: one of several threads at a time, the leader.
 *
 * Somebody must always read, since a thread that moves a mapping sleeps until its event is read, maybe with a lock that
 * the leader wants. So a leader that is about to sleep leaves the lead to the next thread that asks for an event; if all
 * are busy, to the drainer, a thread of the reader's own that takes no lock and does nothing but read: what it finds it
 * keeps for the next thread that asks.
 */
#ifndef BALLAST_VMM_READER_H
#define BALLAST_VMM_READER_H

#include <stdbool.h>

#include "vmm/uffd.h"

struct reader; /* owned by the creator, freed by reader_destroy() */

/* u is borrowed. drain: with a drainer; wake_signal, which must have a handler, ends its reading. 0 or -errno. */
int reader_create(const struct uffd *u, bool drain, int wake_signal, struct reader **out);
/* No other thread uses it any more. NULL is fine. */
void reader_destroy(struct reader *r);

/* Next event; sleeps. The caller leads then, also after an error, until reader_leave(); if it does already, it goes on.
 * 0, -EINTR (a signal), or -errno. */
int reader_next(struct reader *r, struct uffd_event *event);
/* The calling thread no longer leads, if it does. */
void reader_leave(struct reader *r);
/* Does the calling thread lead? */
bool reader_leads(const struct reader *r);
/* A drainer that reads stops if some other thread waits to lead. Repeat until it helped. */
void reader_kick(struct reader *r);

#endif
