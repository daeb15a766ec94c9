/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * swapfile.c: see swapfile.h.
 *
 * The file is unnamed or unlinked at once, so that no end of the process leaves it behind, and its room is allocated
 * when it is made: a full disk shows at the start and not in the middle of a run. mode 0600: it holds guest memory.
 *
 * A request's pages lie in stages anywhere; those next to each other become one iovec. At most MM_IOS requests exist,
 * so the ring never overflows and an iovec a request suffices.
 */
#include "vmm/swapfile.h"

#include <errno.h>
#include <fcntl.h>
#include <liburing.h>
#include <linux/fs.h>
#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/uio.h>
#include <unistd.h>

#include "ballast/types.h"

#define RING_ENTRIES 128u
#define BATCH        32u /* completions handed on together */

struct swapfile {
	struct swapfile_config config;
	int fd;
	bool direct, uring;
	struct io_uring ring;
	pthread_t thread;
	bool thread_runs;
	pthread_mutex_t lock; /* guards submission and the queue */
	pthread_cond_t wish;  /* without io_uring: something was queued */
	struct mm_io *queue[RING_ENTRIES];
	unsigned first, nr_queued;
	bool stop;
};

struct request { /* a request's iovec while it is in flight; freed when it is done */
	struct mm_io *io;
	unsigned nr;
	struct iovec iov[MM_CLUSTER_PAGES];
};

static unsigned fill_iov(const struct swapfile *s, const struct mm_io *io, struct iovec *iov)
{
	unsigned nr = 0;

	for (uint32_t i = 0; i < io->nr; i++) {
		uint8_t *page =
			(uint8_t *)(uintptr_t)s->config.stage + (size_t)io->stage[i].v * PAGE_BYTES;

		if (nr && (uint8_t *)iov[nr - 1].iov_base + iov[nr - 1].iov_len == page)
			iov[nr - 1].iov_len += PAGE_BYTES;
		else
			iov[nr++] = (struct iovec){page, PAGE_BYTES};
	}
	return nr;
}

static off_t offset_of(const struct mm_io *io)
{
	return (off_t)io->slot.v * PAGE_BYTES;
}

static int io_result(const struct mm_io *io, ssize_t n)
{
	if (n < 0)
		return (int)n;
	return (size_t)n == (size_t)io->nr * PAGE_BYTES ? 0 : -EIO;
}

static int do_now(const struct swapfile *s, const struct mm_io *io)
{
	struct iovec iov[MM_CLUSTER_PAGES];
	unsigned nr = fill_iov(s, io, iov);
	ssize_t n;

	do
		n = io->write ? pwritev(s->fd, iov, (int)nr, offset_of(io))
			      : preadv(s->fd, iov, (int)nr, offset_of(io));
	while (n < 0 && errno == EINTR);
	return io_result(io, n < 0 ? -errno : n);
}

int swapfile_read(struct swapfile *s, const struct mm_io *io)
{
	return do_now(s, io);
}

static void *ring_thread(void *arg)
{
	struct swapfile *s = arg;
	struct mm_io *io[BATCH];
	int result[BATCH];
	struct io_uring_cqe *cqe;
	bool stop = false;

	while (!stop) {
		unsigned nr = 0;
		int rc = io_uring_wait_cqe(&s->ring, &cqe);

		if (rc == -EINTR)
			continue;
		while (rc == 0 && nr < BATCH) {
			struct request *r = io_uring_cqe_get_data(cqe);

			if (r) {
				io[nr] = r->io;
				result[nr++] = io_result(r->io, cqe->res);
				free(r);
			} else {
				stop = true;
			}
			io_uring_cqe_seen(&s->ring, cqe);
			rc = io_uring_peek_cqe(&s->ring, &cqe);
		}
		if (nr)
			s->config.done(s->config.ctx, io, result, nr);
	}
	return NULL;
}

static void *plain_thread(void *arg)
{
	struct swapfile *s = arg;

	pthread_mutex_lock(&s->lock);
	while (!s->stop || s->nr_queued) {
		if (!s->nr_queued) {
			pthread_cond_wait(&s->wish, &s->lock);
			continue;
		}
		struct mm_io *io = s->queue[s->first];
		s->first = (s->first + 1) % RING_ENTRIES;
		s->nr_queued--;
		pthread_mutex_unlock(&s->lock);
		int result = do_now(s, io);
		s->config.done(s->config.ctx, &io, &result, 1);
		pthread_mutex_lock(&s->lock);
	}
	pthread_mutex_unlock(&s->lock);
	return NULL;
}

static void queue_plain(struct swapfile *s, struct mm_io *io)
{
	s->queue[(s->first + s->nr_queued) % RING_ENTRIES] = io;
	s->nr_queued++;
	pthread_cond_signal(&s->wish);
}

/* A refusal for now (a signal, no memory) must not lose the request: somebody sleeps until it is done. */
static void ring_submit(struct swapfile *s)
{
	int rc;

	while ((rc = io_uring_submit(&s->ring)) == -EINTR || rc == -EAGAIN)
		sched_yield();
}

static void queue_ring(struct swapfile *s, struct mm_io *io, struct request *r)
{
	struct io_uring_sqe *sqe = io_uring_get_sqe(&s->ring);

	r->io = io;
	r->nr = fill_iov(s, io, r->iov);
	if (io->write)
		io_uring_prep_writev(sqe, s->fd, r->iov, r->nr, (uint64_t)offset_of(io));
	else
		io_uring_prep_readv(sqe, s->fd, r->iov, r->nr, (uint64_t)offset_of(io));
	io_uring_sqe_set_data(sqe, r);
}

void swapfile_submit(struct swapfile *s, struct mm_io *const *io, unsigned nr)
{
	for (unsigned i = 0; i < nr; i++) {
		struct request *r = s->uring ? malloc(sizeof *r) : NULL;

		if (s->uring && !r) { /* no memory for 500 bytes: do it here */
			int result = do_now(s, io[i]);

			s->config.done(s->config.ctx, &io[i], &result, 1);
			continue;
		}
		pthread_mutex_lock(&s->lock);
		if (r) {
			queue_ring(s, io[i], r);
			ring_submit(s);
		} else {
			queue_plain(s, io[i]);
		}
		pthread_mutex_unlock(&s->lock);
	}
}

/* What the user named is not there, or not for us; any other failure is the host's. */
static int open_failed(const char *path, int errnum, struct error *error)
{
	switch (errnum) {
	case ENOENT:
	case ENOTDIR:
	case EISDIR:
	case EACCES:
	case EPERM:
	case ELOOP:
	case ENAMETOOLONG:
		return error_user(error,
				  "swap path '%.200s': %s; allowed: a folder that is there, a new "
				  "file in one, or a block device",
				  path, errnum == EISDIR ? strerror(ENOENT) : strerror(errnum));
	default:
		return error_host(error, errnum, "swap in %s", path);
	}
}

/* Opens what path names; *made: it is a regular file that is ours alone. */
static int open_swap(const char *path, bool *made, struct error *error)
{
	struct stat st;
	int fd;

	*made = true;
	if (stat(path, &st) == 0 && S_ISDIR(st.st_mode)) {
		char name[4096];

		fd = open(path, O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
		if (fd >= 0)
			return fd;
		if (errno != EOPNOTSUPP && errno != EISDIR && errno != EINVAL)
			return open_failed(path, errno, error);
		if (snprintf(name, sizeof name, "%s/.ballast-swap-XXXXXX", path) >=
		    (int)sizeof name)
			return error_user(error, "swap folder '%.80s...': name too long", path);
		fd = mkostemp(name, O_CLOEXEC);
		if (fd < 0)
			return open_failed(path, errno, error);
		unlink(name);
		return fd;
	}
	if (stat(path, &st) == 0 && S_ISBLK(st.st_mode)) {
		*made = false;
		fd = open(path, O_RDWR | O_CLOEXEC | O_EXCL);
		return fd >= 0 ? fd : open_failed(path, errno, error);
	}
	if (stat(path, &st) == 0)
		return error_user(error,
				  "swap path '%.200s' exists; allowed: a folder, a new file or a "
				  "block device",
				  path);
	fd = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	if (fd < 0)
		return open_failed(path, errno, error);
	unlink(path);
	return fd;
}

static int make_room(int fd, bool made, const char *path, npages_t pages, struct error *error)
{
	uint64_t bytes = pages_to_bytes(pages), have = UINT64_MAX;
	struct statvfs vfs;

	if (!made) {
		if (ioctl(fd, BLKGETSIZE64, &have))
			return error_host(error, errno, "swap device %s", path);
		if (have < bytes)
			return error_host(error, ENOSPC,
					  "swap device %s has %llu MiB, %llu MiB are needed", path,
					  (unsigned long long)have >> 20,
					  (unsigned long long)bytes >> 20);
		return 0;
	}
	/* looked at first: an allocation that fails half-way would have filled the disk for everybody meanwhile */
	if (fstatvfs(fd, &vfs) == 0 && vfs.f_blocks) /* no blocks: no limit (tmpfs) */
		have = (uint64_t)vfs.f_bavail * vfs.f_frsize;
	if (have < bytes)
		errno = ENOSPC;
	else if (fallocate(fd, 0, 0, (off_t)bytes) == 0)
		return 0;
	if (errno != EOPNOTSUPP)
		return error_host(
			error, errno,
			"no room for %llu MiB of swap in %s (%llu MiB free); set host.swap.size or "
			"host.swap.path",
			(unsigned long long)bytes >> 20, path, (unsigned long long)have >> 20);
	return ftruncate(fd, (off_t)bytes) ? error_host(error, errno, "swap file in %s", path) : 0;
}

static int start_thread(struct swapfile *s, struct error *error)
{
	struct io_uring_params params = {.flags = 0};
	int rc;

	s->uring = !s->config.no_uring &&
		   io_uring_queue_init_params(RING_ENTRIES, &s->ring, &params) == 0;
	rc = pthread_create(&s->thread, NULL, s->uring ? ring_thread : plain_thread, s);
	if (rc)
		return error_host(error, rc, "swap thread");
	s->thread_runs = true;
	return 0;
}

int swapfile_create(const struct swapfile_config *config, struct swapfile **out,
		    struct error *error)
{
	struct swapfile *s = calloc(1, sizeof *s);
	bool made;
	int result;

	*out = NULL;
	if (!s)
		return error_host(error, ENOMEM, "swap file");
	s->config = *config;
	pthread_mutex_init(&s->lock, NULL);
	pthread_cond_init(&s->wish, NULL);
	s->fd = result = open_swap(config->path, &made, error);
	if (result >= 0)
		result = make_room(s->fd, made, config->path, config->pages, error);
	if (result >= 0) {
		int flags = fcntl(s->fd, F_GETFL);

		s->direct = fcntl(s->fd, F_SETFL, flags | O_DIRECT) == 0;
		result = start_thread(s, error);
	}
	if (result < 0) {
		swapfile_destroy(s);
		return result;
	}
	*out = s;
	return 0;
}

void swapfile_destroy(struct swapfile *s)
{
	if (!s)
		return;
	if (s->thread_runs) {
		pthread_mutex_lock(&s->lock);
		s->stop = true;
		pthread_cond_signal(&s->wish);
		if (s->uring) {
			struct io_uring_sqe *sqe = io_uring_get_sqe(&s->ring);

			io_uring_prep_nop(sqe);
			io_uring_sqe_set_data(sqe, NULL);
			ring_submit(s);
		}
		pthread_mutex_unlock(&s->lock);
		pthread_join(s->thread, NULL);
	}
	if (s->uring)
		io_uring_queue_exit(&s->ring);
	if (s->fd >= 0)
		close(s->fd);
	pthread_cond_destroy(&s->wish);
	pthread_mutex_destroy(&s->lock);
	free(s);
}

bool swapfile_is_direct(const struct swapfile *s)
{
	return s->direct;
}

bool swapfile_has_uring(const struct swapfile *s)
{
	return s->uring;
}

int swapfile_fd(const struct swapfile *s)
{
	return s->fd;
}
