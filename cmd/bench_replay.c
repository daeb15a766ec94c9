/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * bench_replay.c: what a request costs in the simulator: 20 million Zipf requests to a million pages.
 *
 *   replay.load       a request of a trace file in our own format, until it stands in memory with a dense page number
 *   replay.P          a request under policy P, with frames for 1 % of the pages
 *   replay.mrc.exact  a request of the exact LRU curve
 *   replay.mrc.shards the same from a sample of 1 % of the pages
 *
 * The reference of load is reading the file's bytes. That of policies and curves is the least any simulator does: a loop
 * over the page numbers that tests and sets a bit a page. shards is compared with the exact curve. All is processor time
 * of one thread. The trace is made anew, from a seed, in the work folder.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "cmd/bench.h"
#include "mm/policy/bits.h"
#include "sim/big.h"
#include "sim/mrc.h"
#include "sim/replay.h"
#include "sim/trace_gen.h"
#include "sim/trace_write.h"

#define REQUESTS 20000000u
#define PAGES    1000000u
#define SHARE    100u /* frames: pages / SHARE */

static const char *const policies[] = {"fifo", "clock", "lru",  "sieve",   "lfu",
				       "2q",   "arc",   "lirs", "s3-fifo", "opt"};
#define NR_POLICIES (sizeof policies / sizeof policies[0])

enum figure { LOAD, RAW_READ, BARE, EXACT, SHARDS, POLICY, NR_FIGURES = POLICY + NR_POLICIES };

struct replays {
	struct samples figure[NR_FIGURES]; /* nanoseconds of a request */
	struct trace trace;
	char path[512];
};

static double cpu_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
	return (double)t.tv_sec * 1e9 + (double)t.tv_nsec;
}

static int note(struct replays *r, unsigned figure, double ns, struct error *error)
{
	return samples_add(&r->figure[figure], ns / REQUESTS) ? error_host(error, ENOMEM, "figures")
							      : 0;
}

static int make_trace(struct replays *r, struct error *error)
{
	const struct trace_gen_options what = {
		.kind = "zipf", .pages = PAGES, .alpha_ppm = PPM, .requests = REQUESTS, .seed = 1};
	const struct trace_write_options how = {.format = "ballast"};
	struct trace_batch *b = malloc(sizeof *b);
	struct trace_writer *w = NULL;
	struct trace_gen *g = NULL;
	int err = b ? trace_gen_create(&g, &what, error) : error_host(error, ENOMEM, "a trace");

	if (!err)
		err = trace_writer_open(&w, r->path, &how, error);
	for (bool more = !err; more && !err; more = b->nr) {
		trace_gen_next(g, b);
		err = trace_writer_add(w, b, error);
	}
	if (w && err)
		trace_writer_close(w, true, NULL);
	else if (w)
		err = trace_writer_close(w, false, error);
	trace_gen_destroy(g);
	free(b);
	return err;
}

static int raw_read(struct replays *r, struct error *error)
{
	static const size_t bytes = 256 << 10;
	int fd = open(r->path, O_RDONLY | O_CLOEXEC), err = 0;
	char *buffer = malloc(bytes);
	double began = cpu_ns();
	ssize_t got = 1;

	if (fd < 0 || !buffer)
		err = error_host(error, fd < 0 ? errno : ENOMEM, "%s", r->path);
	while (!err && got > 0)
		got = read(fd, buffer, bytes);
	if (!err && got < 0)
		err = error_host(error, errno, "%s", r->path);
	if (!err)
		err = note(r, RAW_READ, cpu_ns() - began, error);
	free(buffer);
	if (fd >= 0)
		close(fd);
	return err;
}

static int load(struct replays *r, struct error *error)
{
	const struct trace_options how = {.want = 0};
	double began;
	int err;

	trace_free(&r->trace);
	began = cpu_ns();
	err = trace_load(&r->trace, r->path, &how, error);
	return err ? err : note(r, LOAD, cpu_ns() - began, error);
}

/* Counts first requests, which makes the compiler keep the loop; they must come out right. */
static int bare(struct replays *r, struct error *error)
{
	size_t bytes = page_bits_bytes(r->trace.pages);
	uint64_t *bits = big_alloc(bytes);
	uint32_t first = 0;
	double began = cpu_ns();

	if (!bits)
		return error_host(error, ENOMEM, "bits");
	for (uint32_t i = 0; i < r->trace.requests; i++) {
		uint32_t page = r->trace.page[i];

		if (!(bits[page / 64] >> page % 64 & 1))
			first++;
		page_bit_set(bits, page);
	}
	big_free(bits, bytes);
	if (first != r->trace.pages)
		return error_host(error, EIO, "%u pages instead of %u", first, r->trace.pages);
	return note(r, BARE, cpu_ns() - began, error);
}

static int curve(struct replays *r, unsigned figure, double rate, struct error *error)
{
	const struct mrc_sample sample = {.rate = rate, .seed = 1};
	struct mrc m;
	int err = mrc_run(&m, &r->trace, &sample, NULL, error);

	if (!err)
		err = note(r, figure, (double)m.seconds_ns, error);
	mrc_free(&m);
	return err;
}

static int one_round(struct replays *r, struct error *error)
{
	int err = raw_read(r, error);

	if (!err)
		err = load(r, error);
	if (!err)
		err = bare(r, error);
	if (!err)
		err = curve(r, EXACT, 1, error);
	if (!err)
		err = curve(r, SHARDS, 0.01, error);
	for (unsigned i = 0; i < NR_POLICIES && !err; i++) {
		struct replay_run run = {.policy = policy_find(policies[i]),
					 .frames = r->trace.pages / SHARE,
					 .seed = 1};

		err = replay_sweep(&r->trace, &run, 1, 1, NULL, NULL, NULL, error);
		if (!err)
			err = note(r, POLICY + i, (double)run.seconds_ns, error);
	}
	return err;
}

static void print(struct bench *b, struct replays *r, const char *stem, const char *what,
		  unsigned figure, unsigned reference, const char *reference_what, double goal,
		  enum bench_goal goal_is)
{
	char name[64];

	snprintf(name, sizeof name, "replay.%s%s", stem, what);
	b->print(b,
		 &(struct bench_result){.name = name,
					.value = samples_percentile(&r->figure[figure], 50),
					.unit = "ns",
					.reference = samples_percentile(&r->figure[reference], 50),
					.reference_what = reference_what,
					.goal = goal,
					.goal_is = goal_is,
					.samples = r->figure[figure].nr});
}

int bench_replay(struct bench *b, struct error *error)
{
	static const char bare_what[] = "a loop that tests a bit a page";
	struct replays *r = calloc(1, sizeof *r);
	int err;

	if (!r)
		return error_host(error, ENOMEM, "figures");
	snprintf(r->path, sizeof r->path, "%s/ballast-bench-%d.btrace", b->dir, (int)getpid());
	err = make_trace(r, error);
	for (unsigned i = 0; i < b->rounds && !err; i++)
		err = one_round(r, error);
	if (!err) {
		print(b, r, "load", "", LOAD, RAW_READ, "reading the file's bytes", 0,
		      GOAL_VALUE_MOST);
		for (unsigned i = 0; i < NR_POLICIES; i++)
			print(b, r, "", policies[i], POLICY + i, BARE, bare_what, 0,
			      GOAL_VALUE_MOST);
		print(b, r, "mrc.", "exact", EXACT, BARE, bare_what, 200, GOAL_VALUE_MOST);
		print(b, r, "mrc.", "shards", SHARDS, EXACT, "the exact curve", 0.1,
		      GOAL_RATIO_MOST);
	}
	unlink(r->path);
	trace_free(&r->trace);
	for (unsigned i = 0; i < NR_FIGURES; i++)
		samples_free(&r->figure[i]);
	free(r);
	return err;
}
