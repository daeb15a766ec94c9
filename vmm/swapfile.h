/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * swapfile.h: the host's swap space: one file or block device, O_DIRECT where the file system allows it.
 *
 * Requests go to io_uring and come back from a thread of the swap file's own; swapfile_read() instead reads at once, in
 * the caller's thread. Where io_uring is refused, that thread does the reading and writing itself.
 *
 * Locking: swapfile_submit() and swapfile_read() from any thread, not under the machine lock (they may sleep).
 */
#ifndef BALLAST_VMM_SWAPFILE_H
#define BALLAST_VMM_SWAPFILE_H

#include "lib/error.h"
#include "mm/mm.h"

struct swapfile; /* owned by the creator */

struct swapfile_config {
	const char *
		path; /* a folder (unnamed file in it), a new file (removed at once), or a block device */
	npages_t pages;
	const uint8_t *stage; /* hva of stage 0; borrowed */
	bool no_uring;        /* for tests */
	/* A request is done; result 0 or -errno. From the swap file's thread, no lock held. */
	void (*done)(void *ctx, struct mm_io *const *io, const int *result, unsigned nr);
	void *ctx;
};

/* Errors: no such folder, not empty, too little room (says how much is missing). */
int swapfile_create(const struct swapfile_config *config, struct swapfile **out,
		    struct error *error);
/* Every request must have come back. */
void swapfile_destroy(struct swapfile *s);

void swapfile_submit(struct swapfile *s, struct mm_io *const *io, unsigned nr);
int swapfile_read(struct swapfile *s, const struct mm_io *io);

bool swapfile_is_direct(const struct swapfile *s);
bool swapfile_has_uring(const struct swapfile *s);
int swapfile_fd(const struct swapfile *s); /* borrowed; for benchmarks of the same file */

#endif
