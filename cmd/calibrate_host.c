/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * calibrate_host.c: what can be measured without a guest: reading, hashing and comparing pages, and the disk.
 *
 * Touches go to random pages of more memory than caches have, all else goes in order, as a scanner does. The disk is read and written past the page cache
 * where the file system lets; single pages for the latency, 32 at once for the bandwidth, medians.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>
#include <xxhash.h>

#include "ballast/rng.h"
#include "cmd/bench.h"
#include "cmd/calibrate.h"
#include "guest/core/workload.h"

#define PAGES      (32u << 10) /* 128 MiB */
#define DISK_PAGES (16u << 10) /* 64 MiB */
#define DISK_TRIES 400u
#define RUN_PAGES  32u

static uint64_t *page_of(uint64_t *memory, uint64_t i)
{
	return memory + i * PAGE_WORDS;
}

static uint64_t each_ns(double us, uint64_t nr)
{
	return (uint64_t)(us * 1000 / (double)nr + 0.5);
}

/* Processor time: on a machine with other work the clock would measure that. */
static double cpu_us(void)
{
	struct timespec t;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
	return (double)t.tv_sec * 1e6 + (double)t.tv_nsec / 1e3;
}

static void measure_pages(uint64_t *memory, struct sim_cost *cost)
{
	const struct phase_spec spec = {.kind = WORK_TOUCHER, .pages = PAGES};
	struct rng rng = rng_seeded(1);
	struct content_error wrong;
	struct content content;
	uint32_t mark[1] = {0};
	volatile uint64_t sink = 0;
	double began;

	content_init(&content, &spec, 1, 0, 0);
	for (uint32_t i = 0; i < PAGES; i++) /* present from now on */
		content_fill(&content, i, page_of(memory, i));
	began = cpu_us();
	for (uint32_t i = 0; i < PAGES; i++)
		content_fill(&content, i, page_of(memory, i));
	cost->fill_ns = each_ns(cpu_us() - began, PAGES);
	began = cpu_us();
	for (uint32_t i = 0; i < PAGES; i++) {
		uint32_t page = (uint32_t)rng_below(&rng, PAGES);

		mark[0] = 0;
		sink += content_touch(&content, page, mark, false, page_of(memory, page), &wrong);
	}
	cost->touch_ns = each_ns(cpu_us() - began, PAGES);
	began = cpu_us();
	for (uint32_t i = 0; i < PAGES; i++)
		sink += XXH3_64bits(page_of(memory, i), PAGE_BYTES);
	cost->hash_ns = each_ns(cpu_us() - began, PAGES);
	for (uint32_t i = 0; i < PAGES / 2; i++)
		memcpy(page_of(memory, PAGES / 2 + i), page_of(memory, i), PAGE_BYTES);
	began = cpu_us();
	for (uint32_t i = 0; i < PAGES / 2; i++)
		sink += (uint64_t)memcmp(page_of(memory, i), page_of(memory, PAGES / 2 + i),
					 PAGE_BYTES);
	cost->compare_ns = each_ns(cpu_us() - began, PAGES / 2);
	cost->map_ns = cost->compare_ns; /* as much is read and written */
	(void)sink;                      /* nobody may leave out what makes it */
}

/* The median time of a request of nr pages at a random place. */
static int request_ns(int fd, void *buffer, bool write, unsigned nr, uint64_t *out)
{
	struct rng rng = rng_seeded(nr);
	struct samples s = {0};
	int err = 0;

	for (unsigned i = 0; i < DISK_TRIES && !err; i++) {
		off_t at = (off_t)(rng_below(&rng, DISK_PAGES / nr) * nr * PAGE_BYTES);
		double began = bench_now_us();
		ssize_t n = write ? pwrite(fd, buffer, nr * PAGE_BYTES, at)
				  : pread(fd, buffer, nr * PAGE_BYTES, at);

		err = n != (ssize_t)(nr * PAGE_BYTES) ? -EIO
						      : samples_add(&s, bench_now_us() - began);
	}
	*out = (uint64_t)(samples_percentile(&s, 50) * 1000);
	samples_free(&s);
	return err;
}

static int measure_disk(int fd, uint8_t *buffer, struct sim_cost *cost)
{
	uint64_t one = 0, many = 0, write = 0;
	int err = 0;

	memset(buffer, 0x5a, RUN_PAGES * PAGE_BYTES);
	for (uint32_t i = 0; i < DISK_PAGES && !err; i += RUN_PAGES)
		err = pwrite(fd, buffer, RUN_PAGES * PAGE_BYTES, (off_t)i * PAGE_BYTES) < 0 ? -errno
											    : 0;
	if (!err)
		err = request_ns(fd, buffer, false, 1, &one);
	if (!err)
		err = request_ns(fd, buffer, false, RUN_PAGES, &many);
	if (!err)
		err = request_ns(fd, buffer, true, 1, &write);
	if (err)
		return err;
	cost->swap.page_ns = many > one ? (many - one) / (RUN_PAGES - 1) : 0;
	cost->swap.read_ns = one > cost->swap.page_ns ? one - cost->swap.page_ns : 0;
	cost->swap.write_ns = write > cost->swap.page_ns ? write - cost->swap.page_ns : 0;
	cost->swap.near_ns = cost->swap.read_ns;
	return 0;
}

static int disk(const char *dir, struct sim_cost *cost, struct error *error)
{
	int fd = open(dir, O_TMPFILE | O_RDWR | O_DIRECT | O_CLOEXEC, 0600);
	void *buffer = NULL;
	int err;

	if (fd < 0) /* no O_DIRECT there */
		fd = open(dir, O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
	if (fd < 0)
		return error_host(error, errno, "work file in %s", dir);
	err = posix_memalign(&buffer, PAGE_BYTES, RUN_PAGES * PAGE_BYTES) ? -ENOMEM : 0;
	if (!err)
		err = measure_disk(fd, buffer, cost);
	free(buffer);
	close(fd);
	return err ? error_host(error, -err, "work file in %s", dir) : 0;
}

int calibrate_host(const char *dir, struct sim_cost *cost, struct error *error)
{
	long cpus = sysconf(_SC_NPROCESSORS_ONLN);
	void *memory = NULL;

	cost->cpus = cpus > 0 ? (uint64_t)cpus : 1;
	if (posix_memalign(&memory, PAGE_BYTES, (size_t)PAGES * PAGE_BYTES))
		return error_host(error, ENOMEM, "memory to measure with");
	measure_pages(memory, cost);
	free(memory);
	return disk(dir, cost, error);
}
