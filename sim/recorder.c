/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * recorder.c: the reading side of the memory shared with the plugin.
 *
 * Chunks are written in the order in which they were handed over. One look at all states may see a chunk and miss an
 * earlier one of the same thread, handed over behind the look's back. So there are two looks: what the second one finds
 * that is older than the youngest of the first is written with it; the rest waits for the next time.
 *
 * A process that is killed leaves a chunk that nobody will hand over. While chunks are plenty it stays until the end; when a
 * writer sleeps for want of a free one, chunks of dead processes are taken.
 *
 * --collapse keeps one of several references in a row to the same page. That is what an LRU memory of one page would
 * miss, and the trace says so (TRACE_FILTER, 1 page): replay refuses all policies but lru on it.
 */
#include "sim/recorder.h"

#include <errno.h>
#include <linux/futex.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "ballast/types.h"
#include "sim/plugin/ring.h"
#include "sim/trace_write.h"

#define NAP_NS (2 * NS_PER_S / 1000)

struct full {
	uint64_t order;
	uint32_t chunk;
};

struct recorder {
	struct ring *ring;
	int fd;
	struct recorder_options options;
	struct trace_writer *writer;
	struct trace_batch batch;
	struct recorded stats;
	uint64_t last_page; /* collapse: the request that is not in a batch yet */
	uint32_t last_process;
	bool last_write, has_last;
	bool failed;
	struct error failure;
	struct full full[RING_CHUNKS];
};

static int memory_make(struct recorder *r)
{
	void *at;

	r->fd = memfd_create("ballast-pages", MFD_CLOEXEC);
	if (r->fd < 0 || ftruncate(r->fd, sizeof(struct ring)))
		return -errno;
	at = mmap(NULL, sizeof(struct ring), PROT_READ | PROT_WRITE, MAP_SHARED, r->fd, 0);
	if (at == MAP_FAILED)
		return -errno;
	r->ring = at;
	return 0;
}

int recorder_memory(struct recorder **out, const struct recorder_options *options,
		    struct error *error)
{
	struct recorder *r = calloc(1, sizeof(*r));
	int err;

	*out = NULL;
	if (!r)
		return error_host(error, ENOMEM, "trace record");
	r->options = *options;
	err = memory_make(r);
	if (err) {
		recorder_free(r);
		return error_host(error, -err, "trace record: memory shared with the emulator");
	}
	r->ring->version = RING_VERSION;
	r->ring->reader = (uint32_t)getpid();
	r->ring->flags = (options->instructions ? RING_INSTRUCTIONS : 0) |
			 (options->physical ? RING_PHYSICAL : 0) |
			 (options->forks ? RING_FORKS : 0);
	*out = r;
	return 0;
}

int recorder_begin(struct recorder *r, const char *path, struct error *error)
{
	const struct trace_write_options how = {
		.format = r->options.format,
		.has = TRACE_WRITES | (r->options.forks ? TRACE_VMS : 0),
		.thinning = r->options.collapse ? TRACE_FILTER : TRACE_WHOLE,
		.thinning_pages = r->options.collapse ? 1 : 0,
		.keep_broken = true,
	};

	return trace_writer_open(&r->writer, path, &how, error);
}

int recorder_fd(const struct recorder *r)
{
	return r->fd;
}

static int batch_flush(struct recorder *r)
{
	int err = trace_writer_add(r->writer, &r->batch, &r->failure);

	if (!err)
		r->stats.requests += r->batch.nr;
	r->batch.nr = 0;
	return err;
}

static int request_add(struct recorder *r, uint64_t page, bool write, uint32_t process)
{
	struct trace_batch *b = &r->batch;

	b->id[b->nr] = page;
	b->write[b->nr] = write;
	b->vm[b->nr] = process;
	return ++b->nr == TRACE_BATCH ? batch_flush(r) : 0;
}

static int request_collapse(struct recorder *r, uint64_t page, bool write, uint32_t process)
{
	int err = 0;

	if (r->has_last && r->last_page == page && r->last_process == process) {
		r->last_write |= write;
		return 0;
	}
	if (r->has_last)
		err = request_add(r, r->last_page, r->last_write, r->last_process);
	r->has_last = true;
	r->last_page = page;
	r->last_process = process;
	r->last_write = write;
	return err;
}

static int chunk_write(struct recorder *r, const struct ring_chunk *c)
{
	uint32_t nr = atomic_load_explicit(&c->used, memory_order_acquire);
	uint64_t writes = 0;
	int err = 0;

	nr = nr < RING_CHUNK_REFS ? nr : RING_CHUNK_REFS;
	for (uint32_t i = 0; i < nr && !err; i++) {
		uint64_t page = c->ref[i] >> 1;
		bool write = c->ref[i] & RING_WRITE;

		writes += write;
		err = r->options.collapse ? request_collapse(r, page, write, c->process)
					  : request_add(r, page, write, c->process);
	}
	r->stats.references += nr;
	r->stats.writes += writes;
	return err;
}

static void futex_wake(_Atomic uint32_t *word)
{
	syscall(SYS_futex, word, FUTEX_WAKE, INT32_MAX, NULL, NULL, 0);
}

static void chunk_set_free(struct ring *ring, uint32_t i)
{
	ring->chunk[i].pid = 0;
	ring->state[i] = RING_FREE;
	ring->freed++;
	if (ring->writers_sleep)
		futex_wake(&ring->freed);
}

static int compare(const void *a, const void *b)
{
	const struct full *x = a, *y = b;

	return x->order < y->order ? -1 : x->order > y->order;
}

/* Those that are full now and were handed over before `before`, into r->full. */
static uint32_t look(struct recorder *r, uint64_t before)
{
	const struct ring *ring = r->ring;
	uint32_t high = ring->high, nr = 0;

	for (uint32_t i = 0; i < high && i < RING_CHUNKS; i++)
		if (ring->state[i] == RING_FULL && ring->given[i] < before)
			r->full[nr++] = (struct full){ring->given[i], i};
	qsort(r->full, nr, sizeof(r->full[0]), compare);
	return nr;
}

/* Is the process gone, or does it only wait to be told of? In doubt it lives. */
static bool is_dead(uint32_t pid)
{
	char path[40], state = 0;
	FILE *file;

	snprintf(path, sizeof(path), "/proc/%u/stat", pid);
	file = fopen(path, "re");
	if (!file)
		return errno == ENOENT;
	if (fscanf(file, "%*d (%*[^)]) %c", &state) != 1)
		state = 0;
	fclose(file);
	return state == 'Z' || state == 'X';
}

static void take_from_dead(struct ring *ring)
{
	for (uint32_t i = 0; i < RING_CHUNKS; i++) {
		uint32_t pid = ring->chunk[i].pid;

		if (ring->state[i] != RING_FILLING || !pid || !is_dead(pid))
			continue;
		ring->given[i] = ring->order++;
		ring->state[i] = RING_FULL;
	}
}

/* How many chunks, or -errno with the words in r->failure. */
static int take(struct recorder *r)
{
	uint32_t nr = look(r, UINT64_MAX);
	int err = 0;

	if (!nr)
		return 0;
	nr = look(r, r->full[nr - 1].order + 1);
	for (uint32_t i = 0; i < nr; i++) {
		if (!err)
			err = chunk_write(r, &r->ring->chunk[r->full[i].chunk]);
		chunk_set_free(r->ring, r->full[i].chunk);
	}
	return err ? err : (int)nr;
}

static void stop_listening(struct ring *ring)
{
	ring->closed = 1;
	ring->freed++;
	futex_wake(&ring->freed);
}

int recorder_take(struct recorder *r, struct error *error)
{
	const struct timespec nap = {.tv_nsec = NAP_NS};
	int got = r->failed ? 0 : take(r);

	if (got < 0) {
		r->failed = true;
		stop_listening(r->ring);
		*error = r->failure;
		return got;
	}
	if (got)
		return 1;
	if (r->ring->writers_sleep && !r->failed)
		take_from_dead(r->ring);
	nanosleep(&nap, NULL);
	return 0;
}

/* What nobody will hand over any more. */
static int take_rest(struct recorder *r)
{
	int err;

	do
		err = take(r);
	while (err > 0);
	for (uint32_t i = 0; i < RING_CHUNKS && !err; i++)
		if (r->ring->state[i] == RING_FILLING && r->ring->chunk[i].pid)
			err = chunk_write(r, &r->ring->chunk[i]);
	if (!err && r->has_last)
		err = request_add(r, r->last_page, r->last_write, r->last_process);
	return err ? err : batch_flush(r);
}

int recorder_end(struct recorder *r, struct recorded *out, struct error *error)
{
	struct error ending;
	int err;

	stop_listening(r->ring);
	if (!r->failed)
		r->failed = take_rest(r) < 0;
	err = trace_writer_close(r->writer, !r->ring->attached, &ending);
	r->writer = NULL;
	if (r->failed || err)
		*error = r->failed ? r->failure : ending;
	r->stats.lost = r->ring->lost;
	r->stats.processes = r->ring->processes;
	r->stats.unfollowed = r->ring->unfollowed;
	r->stats.programs = r->ring->programs;
	r->stats.attached = r->ring->attached;
	*out = r->stats;
	err = r->failed ? -EIO : err;
	recorder_free(r);
	return err;
}

void recorder_free(struct recorder *r)
{
	if (!r)
		return;
	if (r->writer)
		trace_writer_close(r->writer, true, NULL);
	if (r->ring)
		munmap(r->ring, sizeof(*r->ring));
	if (r->fd >= 0)
		close(r->fd);
	free(r);
}
