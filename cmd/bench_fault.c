/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * bench_fault.c: what a fault costs through the memory manager, against the raw mechanism.
 *
 * The toucher is a thread, not a vCPU, for both: the part that KVM adds is the same and would only flatter the ratio.
 * Raw zero-fill: one thread that reads the event and answers with UFFDIO_COPY (bench_raw.h). Raw swap-in: the same
 * thread first reads 4 KiB with O_DIRECT at a random used offset of the same swap file. Rounds of raw and ours
 * alternate, so that drift of the host hits both.
 */
#include <errno.h>
#include <stdlib.h>
#include <time.h>

#include "cmd/bench.h"
#include "cmd/bench_raw.h"

#define TOUCHES      1000u /* a round */
#define SWAP_TOUCHES 300u
#define SWAP_PAGES   16384u
#define MEMORY_PAGES 8192u

int bench_touch(struct machine *m, vmid_t vm, uint64_t page, double *took)
{
	uint64_t word;
	double began = bench_now_us();
	int result = machine_guest_read(m, vm, gpa(page * PAGE_BYTES), &word, sizeof word);

	*took = bench_now_us() - began;
	return result;
}

static int report(struct bench *b, const char *p50, const char *p99, struct samples *ours,
		  struct samples *raw, const char *what, double goal)
{
	b->print(b, &(struct bench_result){p50, samples_percentile(ours, 50), "us",
					   samples_percentile(raw, 50), what, goal, GOAL_RATIO_MOST,
					   ours->nr});
	b->print(b, &(struct bench_result){p99, samples_percentile(ours, 99), "us",
					   samples_percentile(raw, 99), what, 0, GOAL_RATIO_MOST,
					   ours->nr});
	return 0;
}

static int zero_fill(struct bench *b, struct error *error)
{
	struct samples ours = {0}, raw_samples = {0};
	struct machine *m = NULL;
	struct raw raw;
	vmid_t vm;
	double took;
	int result = bench_machine(b, b->rounds * TOUCHES * 2 + 4096, 0, 1, &m, error);

	if (!result)
		result = bench_add_vm(m, "bench", b->rounds * TOUCHES, NULL, &vm, error);
	if (!result)
		result = machine_start(m, error);
	if (!result)
		result = raw_start(&raw, TOUCHES, -1, 0, error);
	if (result)
		goto out;
	for (unsigned round = 0; round < b->rounds && !result; round++) {
		result = raw_round(&raw, TOUCHES, false, &raw_samples);
		for (unsigned i = 0; i < TOUCHES && !result; i++) {
			result = bench_touch(m, vm, round * TOUCHES + i, &took);
			result = result ? result : samples_add(&ours, took);
		}
	}
	if (raw_end(&raw, error) || result)
		result = result ? error_host(error, -result, "fault benchmark") : -EIO;
	else
		report(b, "fault.zero.p50", "fault.zero.p99", &ours, &raw_samples,
		       "bare UFFDIO_COPY fault", 1.25);
out:
	machine_destroy(m);
	samples_free(&ours);
	samples_free(&raw_samples);
	return result;
}

int bench_settle(struct machine *m, struct machine_snapshot **s)
{
	const struct timespec pause = {.tv_nsec = 200000};

	for (;;) {
		int result = machine_snapshot(m, false, s);

		if (result || ((*s)->host.state == MM_HIGH && (*s)->vm[0].leaving_pages == 0))
			return result;
		free(*s);
		nanosleep(&pause, NULL);
	}
}

/* Touches random pages until so many were read from swap, each by a read of its own. */
static int swap_round(struct machine *m, vmid_t vm, struct rng *rng, struct samples *s)
{
	unsigned got = 0;
	double took;

	while (got < SWAP_TOUCHES) {
		struct machine_snapshot *before, *after;
		int result = bench_settle(m, &before);

		if (result)
			return result;
		result = bench_touch(m, vm, rng_below(rng, SWAP_PAGES), &took);
		if (!result)
			result = machine_snapshot(m, false, &after);
		if (result) {
			free(before);
			return result;
		}
		if (after->vm[0].faults_swap_in == before->vm[0].faults_swap_in + 1 &&
		    after->host.swap.read_ahead_hits == before->host.swap.read_ahead_hits &&
		    after->host.swap.read_pages > before->host.swap.read_pages) {
			result = samples_add(s, took);
			got++;
		}
		free(before);
		free(after);
		if (result)
			return result;
	}
	return 0;
}

static int fill(struct machine *m, vmid_t vm)
{
	int result = 0;

	for (uint64_t page = 0; page < SWAP_PAGES && !result; page++) {
		uint64_t word = rng_mix(page) | 1;

		result = machine_guest_write(m, vm, gpa(page * PAGE_BYTES), &word, sizeof word);
	}
	return result;
}

static int swap_in(struct bench *b, struct error *error)
{
	struct samples ours = {0}, raw_samples = {0};
	struct rng rng = rng_seeded(1);
	struct machine_facts facts;
	struct machine_snapshot *s;
	struct machine *m = NULL;
	struct raw raw;
	vmid_t vm;
	int result = bench_machine(b, MEMORY_PAGES, SWAP_PAGES, 1, &m, error);

	if (!result)
		result = bench_add_vm(m, "bench", SWAP_PAGES, NULL, &vm, error);
	if (!result)
		result = machine_start(m, error);
	if (result)
		goto out;
	machine_facts(m, &facts);
	result = fill(m, vm);
	if (!result)
		result = bench_settle(m, &s);
	if (result) {
		error_host(error, -result, "fault benchmark");
		goto out;
	}
	/* slots are handed out upwards from 0: all below the used count were written */
	result = raw_start(&raw, SWAP_TOUCHES, facts.swap_fd, s->host.swap.used_pages / 2, error);
	free(s);
	if (result)
		goto out;
	for (unsigned round = 0; round < b->rounds && !result; round++) {
		result = raw_round(&raw, SWAP_TOUCHES, false, &raw_samples);
		if (!result)
			result = swap_round(m, vm, &rng, &ours);
	}
	if (raw_end(&raw, error) || result)
		result = result ? error_host(error, -result, "fault benchmark") : -EIO;
	else
		report(b, "fault.swap_in.p50", "fault.swap_in.p99", &ours, &raw_samples,
		       facts.swap_is_direct
			       ? "the same plus one O_DIRECT 4 KiB read of the swap file"
			       : "the same plus one 4 KiB read of the swap file (no O_DIRECT here)",
		       1.5);
out:
	machine_destroy(m);
	samples_free(&ours);
	samples_free(&raw_samples);
	return result;
}

int bench_fault(struct bench *b, struct error *error)
{
	int result = zero_fill(b, error);

	return result ? result : swap_in(b, error);
}
