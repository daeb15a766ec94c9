/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * bench_compress.c: what a page of the compressed cache costs, against swap and against LZ4 alone.
 *
 * One VM, memory only, twice as large as the machine; every second page compresses to a third, the others not. Pages are
 * touched at random while nothing else goes on, and each touch is put down to what served it by the counters: the cache,
 * or one read from swap. So both are measured in the same run, on the same mappings, in turn.
 *
 * Then a VM whose pages all compress is written, page after page: once memory is full, each new page makes room by
 * compressing others. The time is all of it: faults, taking pages away, compressing, storing, freeing. The reference is
 * a loop of LZ4 over as many pages of the same content.
 */
#include <errno.h>
#include <lz4.h>
#include <stdlib.h>
#include <string.h>

#include "ballast/rng.h"
#include "cmd/bench.h"

#define PAGES        16384u
#define MEMORY_PAGES 8192u
#define CACHE_PPM    400000u
#define TOUCHES      300u /* of each kind, a round */
#define MOST_TOUCHES 20000u
#define WORDS        (PAGE_BYTES / 8)
#define CONTENTS     256u
#define PERIOD       160u /* words after which a page that compresses repeats: to 31 % */

static void make_page(uint64_t number, bool thin, uint64_t *words)
{
	for (uint64_t i = 0; i < WORDS; i++)
		words[i] = rng_mix(number * WORDS + (thin ? i % PERIOD : i) + 1);
}

static int machine(const struct bench *b, npages_t memory, npages_t swap, struct machine **out,
		   vmid_t *vm, struct error *error)
{
	struct machine_config config = {
		.memory_pages = memory,
		.swap_pages = swap,
		.work_dir = b->dir,
		.pager = policy_find("random"),
		.state_ppm = {60000, 40000, 20000, 10000},
		.rebalance_ns = 15 * NS_PER_S,
		.compress_ppm = CACHE_PPM,
		.seed = 1,
		.max_vms = 1,
	};
	int result = machine_create(&config, out, error);

	if (!result)
		result = bench_add_vm(*out, "bench", PAGES, NULL, vm, error);
	return result ? result : machine_start(*out, error);
}

/* One touch of a random page, to the samples of what served it, if that is clear. */
static int touch_one(struct machine *m, vmid_t vm, struct rng *rng, struct samples *cached,
		     struct samples *read)
{
	struct machine_snapshot *before, *after;
	const struct mm_vm_stats *v, *w;
	double took;
	int result = bench_settle(m, &before);

	if (result)
		return result;
	result = bench_touch(m, vm, rng_below(rng, PAGES), &took);
	if (!result)
		result = machine_snapshot(m, false, &after);
	if (result) {
		free(before);
		return result;
	}
	v = &before->vm[0];
	w = &after->vm[0];
	if (w->faults_decompressed == v->faults_decompressed + 1)
		result = samples_add(cached, took);
	else if (w->faults_swap_in == v->faults_swap_in + 1 &&
		 after->host.swap.read_ahead_hits == before->host.swap.read_ahead_hits &&
		 after->host.swap.read_pages > before->host.swap.read_pages)
		result = samples_add(read, took);
	free(before);
	free(after);
	return result;
}

static int faults(struct bench *b, struct error *error)
{
	struct samples cached = {0}, read = {0};
	struct rng rng = rng_seeded(1);
	struct machine *m = NULL;
	uint64_t words[WORDS];
	vmid_t vm;
	int result = machine(b, MEMORY_PAGES, PAGES, &m, &vm, error);

	if (result)
		goto out;
	for (uint64_t g = 0; g < PAGES && !result; g++) {
		make_page(g, g % 2, words);
		result = machine_guest_write(m, vm, gpa(g * PAGE_BYTES), words, PAGE_BYTES);
	}
	for (unsigned i = 0; i < MOST_TOUCHES * b->rounds && !result; i++) {
		if (cached.nr >= TOUCHES * b->rounds && read.nr >= TOUCHES * b->rounds)
			break;
		result = touch_one(m, vm, &rng, &cached, &read);
	}
	if (result) {
		error_host(error, -result, "compression benchmark");
		goto out;
	}
	for (unsigned i = 0; i < 2; i++) {
		unsigned percent = i ? 99 : 50;

		b->print(b, &(struct bench_result){i ? "compress.fault.p99" : "compress.fault.p50",
						   samples_percentile(&cached, percent), "us",
						   samples_percentile(&read, percent),
						   "a fault that reads the page from swap",
						   i ? 0 : 0.3, GOAL_RATIO_MOST, cached.nr});
	}
out:
	machine_destroy(m);
	samples_free(&cached);
	samples_free(&read);
	return result;
}

/* Pages a second. */
static double raw_loop(const uint64_t *contents, unsigned nr)
{
	char packed[PAGE_BYTES / 2];
	double began = bench_now_us(), sum = 0;

	for (unsigned i = 0; i < nr; i++)
		sum += LZ4_compress_default((const char *)(contents + i % CONTENTS * WORDS), packed,
					    (int)PAGE_BYTES, (int)sizeof packed);
	return sum > 0 ? nr / (bench_now_us() - began) * 1e6 : 0;
}

static int one_way(struct bench *b, const uint64_t *contents, struct samples *ours,
		   struct samples *raw, struct error *error)
{
	struct machine *m = NULL;
	struct machine_snapshot *s;
	double began = 0;
	vmid_t vm;
	int result = machine(b, PAGES * 3 / 4, 0, &m, &vm, error);

	for (uint64_t g = 0; g < PAGES && !result; g++) {
		if (g == PAGES * 5 / 8) /* nothing is short yet */
			began = bench_now_us();
		result = machine_guest_write(m, vm, gpa(g * PAGE_BYTES),
					     contents + g % CONTENTS * WORDS, PAGE_BYTES);
	}
	if (!result)
		result = machine_snapshot(m, false, &s);
	if (!result) {
		double us = bench_now_us() - began;
		uint64_t stored = s->host.compress.stored_pages;

		free(s);
		result = samples_add(ours, (double)stored / us * 1e6);
		if (!result)
			result = samples_add(raw, raw_loop(contents, (unsigned)stored + 1));
	}
	machine_destroy(m);
	return result;
}

static int rate(struct bench *b, struct error *error)
{
	struct samples ours = {0}, raw = {0};
	uint64_t *contents = malloc((size_t)CONTENTS * PAGE_BYTES);
	int result = contents ? 0 : error_host(error, ENOMEM, "compression benchmark");

	for (uint64_t i = 0; contents && i < CONTENTS; i++)
		make_page(i, true, contents + i * WORDS);
	for (unsigned i = 0; i < b->rounds && !result; i++)
		result = one_way(b, contents, &ours, &raw, error);
	if (!result)
		b->print(b, &(struct bench_result){"compress.out", samples_percentile(&ours, 50),
						   "pages/s", samples_percentile(&raw, 50),
						   "LZ4 alone, in a loop", 0, GOAL_RATIO_LEAST,
						   ours.nr});
	samples_free(&ours);
	samples_free(&raw);
	free(contents);
	return result;
}

int bench_compress(struct bench *b, struct error *error)
{
	int result = faults(b, error);

	return result ? result : rate(b, error);
}
