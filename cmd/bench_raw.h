/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * bench_raw.h: what faults are measured against: a bare userfaultfd region and one thread that answers its events, as in
 * the kernel's documentation: an absent page by UFFDIO_COPY, a protected one by lifting the protection.
 */
#ifndef BALLAST_CMD_BENCH_RAW_H
#define BALLAST_CMD_BENCH_RAW_H

#include <pthread.h>
#include <stdatomic.h>

#include "cmd/bench.h"
#include "vmm/uffd.h"

struct raw {
	struct uffd uffd;
	uint8_t *memory, *page; /* page: what is copied in */
	npages_t pages;
	int fd; /* swap file to read from, or -1 */
	uint64_t slots;
	struct rng rng;
	pthread_t server;
	atomic_bool stop;
	int failed; /* -errno of the server */
};

/* fd: a file of which 4 KiB are read before an absent page is answered, below slots; or -1. */
int raw_start(struct raw *r, npages_t pages, int fd, uint64_t slots, struct error *error);
int raw_end(struct raw *r, struct error *error);

/* Times so many touches of absent pages, or (write) first writes to protected ones. 0 or -errno. */
int raw_round(struct raw *r, unsigned touches, bool write, struct samples *s);

#endif
