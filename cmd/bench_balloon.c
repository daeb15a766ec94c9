/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * bench_balloon.c: how fast a guest's balloon takes memory and gives it back, against what the host must do for it.
 *
 * A round makes a machine with one lab guest, which touches pages for FILL_S, TOUCHED at most, frees them and rests: its
 * allocator hands those out first. Then the balloon is asked for as many (each has a frame to give up), for as many more
 * (never touched, so nothing to give up), and for none. Timed from the wish until the manager has the last page on its
 * account, by looking every LOOK_NS: allocator, virtqueue, exits, device, checks, records and discards, all of it.
 *
 * References, in rounds that alternate with ours:
 *   touched            madvise(MADV_DONTNEED) of as many pages, populated by UFFDIO_COPY in a region registered with
 *                      userfaultfd, in pieces of a driver's batch. No guest has them mapped, so it is the least there is
 *   untouched, deflate no page to discard and none to give: what is left is that the other side must be told and answer.
 *                      An eventfd to a thread on another processor and one back, once a driver's batch. (On the same
 *                      processor it is ten times faster or slower, as the scheduler likes; so they are kept apart.)
 */
#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include "balloon-driver/core/balloon.h"
#include "cmd/bench.h"
#include "vmm/uffd.h"

#define TOUCHED      32768u
#define GUEST_PAGES  (TOUCHED * 4)
#define MEMORY_PAGES (GUEST_PAGES + 16384)
#define FILL_S       2u /* as many of them as a guest touches in this time */
#define LOOK_NS      200000
#define PATIENCE_US  20e6
#define TELLS        200u /* a round of the reference */

struct rates { /* GiB/s */
	struct samples touched, untouched, deflate;
	struct samples raw_discard, raw_told;
};

static double gib_per_s(npages_t pages, double us)
{
	return (double)pages_to_bytes(pages) / (1u << 30) / (us / 1e6);
}

/* --- references -------------------------------------------------------------------------------------------------- */

static int raw_discard(struct samples *s, struct error *error)
{
	const size_t piece = pages_to_bytes(BALLOON_BATCH), bytes = pages_to_bytes(TOUCHED);
	static const uint8_t page[PAGE_BYTES] __attribute__((aligned(PAGE_BYTES))) = {1};
	struct uffd uffd;
	double began;
	int result = uffd_open(&uffd, error);
	uint8_t *memory;

	if (result)
		return result;
	memory = mmap(NULL, bytes, PROT_READ | PROT_WRITE,
		      MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (memory == MAP_FAILED) {
		result = -errno;
		goto out;
	}
	madvise(memory, bytes, MADV_NOHUGEPAGE);
	result = uffd_register(&uffd, memory, bytes, true);
	for (size_t at = 0; at < bytes && !result; at += PAGE_BYTES)
		result = uffd_copy(&uffd, memory + at, page, false);
	began = bench_now_us();
	for (size_t end = bytes; end && !result; end -= piece)
		result = madvise(memory + end - piece, piece, MADV_DONTNEED) ? -errno : 0;
	if (!result)
		result = samples_add(s, gib_per_s(TOUCHED, bench_now_us() - began));
	munmap(memory, bytes);
out:
	uffd_close(&uffd);
	return result ? error_host(error, -result, "raw reference: discarding pages") : 0;
}

struct echo {
	int to, back; /* eventfds, blocking */
};

static void *echo_main(void *arg)
{
	const struct echo *e = arg;
	eventfd_t word;

	for (unsigned i = 0; i < TELLS; i++)
		if (eventfd_read(e->to, &word) || eventfd_write(e->back, 1))
			break;
	return NULL;
}

/* A thread stays on the nth processor of those. */
static void stay(pthread_t thread, const cpu_set_t *of, int nth)
{
	cpu_set_t one;

	CPU_ZERO(&one);
	for (int cpu = 0; cpu < CPU_SETSIZE; cpu++)
		if (CPU_ISSET(cpu, of) && nth-- == 0)
			CPU_SET(cpu, &one);
	pthread_setaffinity_np(thread, sizeof one, &one);
}

static int echo_time(const struct echo *e, struct samples *s)
{
	cpu_set_t all;
	pthread_t thread;
	double began;
	int result = -pthread_create(&thread, NULL, echo_main, (void *)(uintptr_t)e);

	if (result)
		return result;
	pthread_getaffinity_np(pthread_self(), sizeof all, &all);
	if (CPU_COUNT(&all) > 1) {
		stay(pthread_self(), &all, 0);
		stay(thread, &all, 1);
	}
	began = bench_now_us();
	for (unsigned i = 0; i < TELLS; i++) {
		eventfd_t word;

		eventfd_write(e->to, 1);
		eventfd_read(e->back, &word);
	}
	result = samples_add(s, gib_per_s(TELLS * BALLOON_BATCH, bench_now_us() - began));
	pthread_setaffinity_np(pthread_self(), sizeof all, &all);
	pthread_join(thread, NULL);
	return result;
}

static int raw_told(struct samples *s, struct error *error)
{
	struct echo e = {.to = eventfd(0, EFD_CLOEXEC), .back = eventfd(0, EFD_CLOEXEC)};
	int result = e.to < 0 || e.back < 0 ? -errno : echo_time(&e, s);

	if (e.to >= 0)
		close(e.to);
	if (e.back >= 0)
		close(e.back);
	return result ? error_host(error, -result, "raw reference: eventfds") : 0;
}

/* --- ours -------------------------------------------------------------------------------------------------------- */

struct view {
	npages_t ballooned, resident;
	uint64_t phase, filled;
	bool rests;
};

static int look(struct machine *m, struct view *out)
{
	const struct timespec pause = {.tv_nsec = LOOK_NS};
	struct machine_snapshot *s;
	const struct vm_live_stats *live;
	int result;

	nanosleep(&pause, NULL);
	result = machine_snapshot(m, false, &s);
	if (result)
		return result;
	live = machine_snapshot_live(s, 0);
	*out = (struct view){.ballooned = s->vm[0].ballooned_pages,
			     .resident = s->vm[0].resident_pages,
			     .phase = live->guest.phase,
			     .filled = live->guest.filled_pages,
			     .rests = live->guest.resting};
	if (live->exit != VM_RUNNING)
		result = -ECHILD;
	free(s);
	return result;
}

static int wait_for_rest(struct machine *m, struct view *v)
{
	double began = bench_now_us();
	int result;

	do {
		result = look(m, v);
		if (!result && bench_now_us() - began > PATIENCE_US)
			result = -ETIMEDOUT;
	} while (!result && !(v->phase == 1 && v->rests));
	return result;
}

/* Asks for a balloon of that size, and waits for it. by: how many pages that moves. */
static int move(struct machine *m, vmid_t vm, npages_t size, npages_t by, struct samples *s,
		struct view *v)
{
	double began = bench_now_us(), took;
	int result;

	machine_balloon_ask(m, vm, size);
	do {
		result = look(m, v);
		took = bench_now_us() - began;
		if (!result && took > PATIENCE_US)
			result = -ETIMEDOUT;
	} while (!result && v->ballooned != size);
	if (!result)
		result = samples_add(s, gib_per_s(by, took));
	return result ? result : wait_for_rest(m, v);
}

static int measure(struct machine *m, vmid_t vm, struct rates *r, struct error *error)
{
	struct view before, v;
	npages_t n;
	int result = wait_for_rest(m, &before);

	n = before.filled;
	if (!result)
		result = move(m, vm, n, n, &r->touched, &v);
	if (!result && before.resident - v.resident != n)
		return error_host(
			error, EPROTO,
			"balloon benchmark: a balloon of %llu pages that were touched freed %lld",
			(unsigned long long)n, (long long)(before.resident - v.resident));
	if (!result)
		result = move(m, vm, 2 * n, n, &r->untouched, &v);
	if (!result)
		result = move(m, vm, 0, 2 * n, &r->deflate, &v);
	return result ? error_host(error, -result, "balloon benchmark") : 0;
}

static int run_round(const struct bench *b, struct rates *r, struct error *error)
{
	struct machine_config config = {
		.memory_pages = MEMORY_PAGES,
		.work_dir = b->dir,
		.pager = policy_find("random"),
		.state_ppm = {60000, 40000, 20000, 10000},
		.balloon = true,
		.rebalance_ns = 15 * NS_PER_S,
		.seed = 1,
		.max_vms = 1,
	};
	struct machine *m = NULL;
	char cmdline[160];
	vmid_t vm;
	int result = raw_discard(&r->raw_discard, error);

	snprintf(cmdline, sizeof cmdline,
		 "lab.seed=1 lab.vm=0 lab.pager=clock "
		 "lab.workload=toucher,pages=%u,rate=1000,ns=%u000000000+idle",
		 TOUCHED, FILL_S);
	if (!result)
		result = raw_told(&r->raw_told, error);
	if (!result)
		result = machine_create(&config, &m, error);
	if (!result)
		result = bench_add_vm(m, "bench", GUEST_PAGES, cmdline, &vm, error);
	if (!result)
		result = machine_start(m, error);
	if (!result)
		result = measure(m, vm, r, error);
	machine_destroy(m);
	return result;
}

static void report(struct bench *b, const char *name, struct samples *ours, struct samples *raw,
		   const char *what, double goal)
{
	b->print(b, &(struct bench_result){.name = name,
					   .value = samples_percentile(ours, 50),
					   .unit = "GiB/s",
					   .reference = samples_percentile(raw, 50),
					   .reference_what = what,
					   .goal = goal,
					   .goal_is = GOAL_VALUE_LEAST,
					   .samples = ours->nr});
}

int bench_balloon(struct bench *b, struct error *error)
{
	char told[80], discard[80];
	struct rates r = {0};
	int result = 0;

	snprintf(told, sizeof told, "eventfd to a thread and back, once in %u pages",
		 BALLOON_BATCH);
	snprintf(discard, sizeof discard, "madvise(MADV_DONTNEED), %u pages at once, no guest",
		 BALLOON_BATCH);
	for (unsigned round = 0; round < b->rounds && !result; round++)
		result = run_round(b, &r, error);
	if (!result) {
		report(b, "balloon.inflate_touched", &r.touched, &r.raw_discard, discard, 1);
		report(b, "balloon.inflate_untouched", &r.untouched, &r.raw_told, told, 0);
		report(b, "balloon.deflate", &r.deflate, &r.raw_told, told, 0);
	}
	samples_free(&r.touched);
	samples_free(&r.untouched);
	samples_free(&r.deflate);
	samples_free(&r.raw_discard);
	samples_free(&r.raw_told);
	return result;
}
