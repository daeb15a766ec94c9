/* SPDX-License-Identifier: GPL-2.0-or-later */
/* bench_raw.c: see bench_raw.h. */
#include "cmd/bench_raw.h"

#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

static void *raw_server(void *arg)
{
	struct raw *r = arg;
	struct uffd_event e;

	while (!atomic_load(&r->stop)) {
		if (uffd_next(&r->uffd, &e))
			continue;
		if (e.protected) {
			if (uffd_protect(&r->uffd, r->memory + (e.address - (uintptr_t)r->memory),
					 false))
				r->failed = -EIO;
			continue;
		}
		if (r->fd >= 0 &&
		    pread(r->fd, r->page, PAGE_BYTES,
			  (off_t)(rng_below(&r->rng, r->slots) * PAGE_BYTES)) != PAGE_BYTES)
			r->failed = -EIO;
		if (uffd_copy(&r->uffd, r->memory + (e.address - (uintptr_t)r->memory), r->page,
			      r->fd >= 0))
			r->failed = -EIO;
	}
	return NULL;
}

static void nothing(int s)
{
	(void)s;
}

int raw_start(struct raw *r, npages_t pages, int fd, uint64_t slots, struct error *error)
{
	struct sigaction action = {.sa_handler = nothing};
	int result;

	memset(r, 0, sizeof *r);
	r->pages = pages;
	r->fd = fd;
	r->slots = slots;
	result = uffd_open(&r->uffd, error);
	if (result)
		return result;
	r->memory = mmap(NULL, pages_to_bytes(pages + 1), PROT_READ | PROT_WRITE,
			 MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (r->memory == MAP_FAILED)
		return error_host(error, errno, "raw reference memory");
	madvise(r->memory, pages_to_bytes(pages + 1), MADV_NOHUGEPAGE);
	r->page = r->memory + pages_to_bytes(pages);
	memset(r->page, 0, PAGE_BYTES);
	result = uffd_register(&r->uffd, r->memory, pages_to_bytes(pages), true);
	if (result)
		return error_host(error, -result, "raw reference memory");
	sigaction(SIGUSR2, &action, NULL);
	result = pthread_create(&r->server, NULL, raw_server, r);
	return result ? error_host(error, result, "raw reference thread") : 0;
}

int raw_end(struct raw *r, struct error *error)
{
	const struct timespec pause = {.tv_nsec = 1000000};

	atomic_store(&r->stop, true);
	while (pthread_kill(r->server, SIGUSR2) == 0 && pthread_tryjoin_np(r->server, NULL))
		nanosleep(&pause, NULL);
	munmap(r->memory, pages_to_bytes(r->pages + 1));
	uffd_close(&r->uffd);
	return r->failed ? error_host(error, -r->failed, "raw reference") : 0;
}

static int touch(struct raw *r, unsigned page, bool write, struct samples *s)
{
	volatile uint8_t *byte = r->memory + pages_to_bytes(page);
	double began = bench_now_us();

	if (write)
		*byte = 1;
	else
		(void)*byte;
	return s ? samples_add(s, bench_now_us() - began) : 0;
}

int raw_round(struct raw *r, unsigned touches, bool write, struct samples *s)
{
	int result = 0;

	madvise(r->memory, pages_to_bytes(r->pages), MADV_DONTNEED);
	for (unsigned i = 0; i < touches && write; i++)
		touch(r, i, false, NULL);
	if (write)
		result = uffd_protect_range(&r->uffd, r->memory, pages_to_bytes(touches), true);
	for (unsigned i = 0; i < touches && !result; i++)
		result = touch(r, i, write, s);
	return result;
}
