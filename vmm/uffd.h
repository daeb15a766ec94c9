/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * uffd.h: userfaultfd, as guest memory needs it. Thin: one function an ioctl, with the retries that belong to it.
 */
#ifndef BALLAST_VMM_UFFD_H
#define BALLAST_VMM_UFFD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/error.h"

struct uffd {
	int fd;        /* -1: closed */
	bool has_move; /* UFFDIO_MOVE: Linux 6.8 */
};

/* Opens one that KVM's faults reach too (host-kvm rule 10), through the system call or /dev/userfaultfd. */
int uffd_open(struct uffd *u, struct error *error);
/* One for sharing: private file mappings can be write-protected, and a mapping that is moved stays registered. mremap()
 * then returns only after its event was read, which uffd_next() of another thread must do. */
int uffd_open_remap(struct uffd *u, struct error *error);
void uffd_close(struct uffd *u);

/* For missing pages and, if protect, for writes to protected ones. Private anonymous memory, page-aligned. */
int uffd_register(const struct uffd *u, void *start, size_t bytes, bool protect);
/* For writes to protected pages only: private mappings of a memfd. */
int uffd_register_protect(const struct uffd *u, void *start, size_t bytes);

/* One page each; 0 or -errno. copy: EEXIST if something is there. All but uffd_move wake sleepers of the page. */
int uffd_copy(const struct uffd *u, void *to, const void *from, bool protect);
int uffd_move(const struct uffd *u, void *to, void *from); /* to: registered and empty */
int uffd_protect(const struct uffd *u, void *page, bool protect);
int uffd_protect_range(const struct uffd *u, void *start, size_t bytes, bool protect);
void uffd_wake(const struct uffd *u, void *start, size_t bytes);

struct uffd_event {
	uint64_t address; /* page-aligned */
	bool protected;   /* a write to a protected page; else a touch of a missing one */
};
/* Next fault; sleeps. 0, -EINTR (a signal), or -errno. */
int uffd_next(const struct uffd *u, struct uffd_event *event);

#endif
