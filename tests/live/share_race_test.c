/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * share_race_test.c: two pages are shared, broken, un-shared, withdrawn and restored over and over while a vCPU and a
 * host thread, as a device would be, count in them: no count may be lost.
 *
 * There is no memory manager: the test keeps its own record of each page under a lock of its own, and two threads serve
 * events by it, as the machine does. The pages are neighbours and map neighbouring frames, so that they are one mapping
 * when both are shared.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include "mm/mm.h"
#include "tests/support/count_guest.h"
#include "tests/support/live.h"
#include "tests/support/script_guest.h"
#include "vmm/memory.h"
#include "vmm/reader.h"

#define PAGES   2u
#define WORKERS 2u
#define FIRST   0x400u /* gfn of the first page under test */
#define FRAMES  8u
#define ROUNDS  20000u

enum what { OWN, SHARED, ABSENT };

struct world {
	struct memory mem;
	struct reader *reader;
	pthread_mutex_t lock;
	enum what record[PAGES]; /* guarded by lock, as all counters */
	uint32_t frame[PAGES];   /* of a shared page */
	uint64_t fills, shares, refused, breaks, withdrawals, restored, stale, failed;
	uint64_t share_ns, break_ns, withdraw_ns;
	atomic_bool stop;
	pthread_t worker[WORKERS], device;
	uint64_t device_count;
};

static uint64_t now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * NS_PER_S + (uint64_t)t.tv_nsec;
}

static stage_t stage_of(uint32_t i)
{
	return stage(mm_read_stages() + i);
}

static gfn_t page_of(uint32_t i)
{
	return gfn(FIRST + i);
}

static void restore(struct world *w, uint32_t i)
{
	w->failed +=
		memory_map(&w->mem, 0, page_of(i), memory_stage(&w->mem, stage_of(i)), false) != 0;
	memory_stage_drop(&w->mem, stage_of(i), 1);
	w->record[i] = OWN;
	w->restored++;
}

static void act(struct world *w, uint32_t i, bool write)
{
	uint8_t *page = memory_page(&w->mem, 0, page_of(i));
	uint64_t began;

	if (w->record[i] == ABSENT) {
		restore(w, i);
	} else if (w->record[i] == SHARED && write) {
		began = now_ns();
		w->failed += memory_break_shared(&w->mem, 0, page_of(i)) != 0;
		w->break_ns += now_ns() - began;
		memory_frame_free(&w->mem, w->frame[i]);
		w->record[i] = OWN;
		w->breaks++;
	} else {
		w->stale++;
		if (w->record[i] == OWN)
			uffd_protect(&w->mem.uffd, page, false);
		uffd_wake(&w->mem.uffd, page, PAGE_BYTES);
	}
}

static void *serve(void *arg)
{
	struct world *w = arg;
	struct uffd_event event;
	uint32_t vm;
	gfn_t g;

	while (!atomic_load(&w->stop)) {
		int result = reader_next(w->reader, &event);

		if (result == -EINTR)
			continue;
		assert_int_equal(result, 0);
		reader_leave(w->reader);
		assert_true(memory_find(&w->mem, event.address, &vm, &g));
		pthread_mutex_lock(&w->lock);
		if (g.v >= FIRST && g.v < FIRST + PAGES)
			act(w, (uint32_t)g.v - FIRST, event.protected);
		else if (memory_map(&w->mem, 0, g, NULL, false))
			uffd_wake(&w->mem.uffd, memory_page(&w->mem, 0, g), PAGE_BYTES);
		pthread_mutex_unlock(&w->lock);
	}
	reader_leave(w->reader);
	return NULL;
}

static void *count_as_device(void *arg)
{
	struct world *w = arg;
	volatile uint64_t *a = (void *)(memory_page(&w->mem, 0, page_of(0)) + 64);
	volatile uint64_t *b = (void *)(memory_page(&w->mem, 0, page_of(1)) + 64);

	while (!atomic_load(&w->stop)) {
		++*a;
		++*b;
		w->device_count++;
	}
	return NULL;
}

static void nothing(int signal)
{
	(void)signal;
}

static void world_make(struct world *w, enum machine_evict evict)
{
	struct sigaction action = {.sa_handler = nothing};

	memset(w, 0, sizeof *w);
	pthread_mutex_init(&w->lock, NULL);
	sigaction(SIGUSR2, &action, NULL);
	live_ok(memory_create(&w->mem, 1, evict, FRAMES, live_error()));
	live_ok(memory_add_vm(&w->mem, 0, SCRIPT_GUEST_PAGES, live_error()));
	assert_int_equal(reader_create(&w->mem.uffd, true, SIGUSR2, &w->reader), 0);
	for (uint32_t i = 0; i < PAGES; i++)
		assert_int_equal(memory_map(&w->mem, 0, page_of(i), NULL, false), 0);
	for (unsigned i = 0; i < WORKERS; i++)
		assert_int_equal(pthread_create(&w->worker[i], NULL, serve, w), 0);
	assert_int_equal(pthread_create(&w->device, NULL, count_as_device, w), 0);
}

static void world_stop(struct world *w)
{
	const struct timespec pause = {.tv_nsec = 1000000};

	atomic_store(&w->stop, true);
	pthread_join(w->device, NULL);
	for (unsigned i = 0; i < WORKERS; i++)
		while (pthread_tryjoin_np(w->worker[i], NULL)) {
			for (unsigned k = i; k < WORKERS; k++)
				pthread_kill(w->worker[k], SIGUSR2);
			reader_kick(w->reader);
			nanosleep(&pause, NULL);
		}
	reader_destroy(w->reader);
}

/* The page's content goes to a frame; or, which may fail, the frame has it already. */
static void share(struct world *w, uint32_t i, uint32_t frame, bool fill)
{
	uint8_t *page = memory_page(&w->mem, 0, page_of(i)), copy[PAGE_BYTES];
	uint64_t began = now_ns();
	int result;

	if (!fill) {
		memcpy(copy, page, sizeof copy);
		assert_int_equal(pwrite(w->mem.pool.fd, copy, sizeof copy, frame * PAGE_BYTES),
				 PAGE_BYTES);
	}
	result = memory_share(&w->mem, 0, page_of(i), 1, frame, fill);
	w->share_ns += now_ns() - began;
	if (result == -EAGAIN && !fill) {
		w->refused++;
		memory_frame_free(&w->mem, frame);
		w->failed += uffd_protect(&w->mem.uffd, page, false) != 0;
		return;
	}
	w->failed += result != 1;
	w->record[i] = SHARED;
	w->frame[i] = frame;
	w->fills += fill;
	w->shares++;
}

static void withdraw(struct world *w, uint32_t i)
{
	uint64_t began = now_ns();

	w->failed += memory_withdraw(&w->mem, 0, page_of(i), stage_of(i)) != 0;
	w->withdraw_ns += now_ns() - began;
	if (w->record[i] == SHARED)
		memory_frame_free(&w->mem, w->frame[i]);
	w->record[i] = ABSENT;
	w->withdrawals++;
}

static void change(struct world *w, uint32_t random)
{
	uint32_t i = random % PAGES, base = (random >> 8) % 3 * PAGES;

	pthread_mutex_lock(&w->lock);
	switch (w->record[i]) {
	case OWN:
		if (random >> 16 & 3)
			share(w, i, base + i, random >> 18 & 3);
		else
			withdraw(w, i);
		break;
	case SHARED:
		if (random >> 16 & 1)
			withdraw(w, i);
		break;
	case ABSENT:
		restore(w, i);
		break;
	}
	pthread_mutex_unlock(&w->lock);
	if (random >> 20 & 1)
		sched_yield();
}

static int place(void *ctx, gfn_t g, const void *page)
{
	struct world *w = ctx;
	int result;

	pthread_mutex_lock(&w->lock);
	result = memory_map(&w->mem, 0, g, page, false);
	pthread_mutex_unlock(&w->lock);
	if (result == -EEXIST && page)
		memcpy(memory_page(&w->mem, 0, g), page, PAGE_BYTES);
	return result == -EEXIST ? 0 : result;
}

static void on_event(void *ctx, vmid_t id, uint32_t event)
{
	(void)ctx, (void)id, (void)event;
}

static void on_ended(void *ctx, vmid_t id)
{
	(void)ctx, (void)id;
}

struct counting_guest {
	struct kvm_host host;
	struct vm *vm;
	struct vm_callbacks callbacks;
	struct guest_flags *flags;
};

static void guest_start(struct world *w, struct counting_guest *g)
{
	uint8_t file[SCRIPT_ELF_BYTES];
	struct boot_image image = {.kernel = file, .kernel_name = "count", .cmdline = "count"};
	struct vm_params params = {.name = "count",
				   .mem = w->mem.range[0].start,
				   .pages = SCRIPT_GUEST_PAGES,
				   .vcpus = 1,
				   .disk_fd = -1,
				   .callbacks = &g->callbacks};
	uint8_t *mem = w->mem.range[0].start;

	g->callbacks = (struct vm_callbacks){.event = on_event, .ended = on_ended};
	g->flags = (void *)(mem + FLAGS_GPA);
	params.console_fd = memfd_create("console", MFD_CLOEXEC);
	live_ok(kvm_host_open(&g->host, "/dev/kvm", live_error()));
	live_ok(vm_create(&g->host, &params, &g->vm, live_error()));
	image.kernel_bytes = script_guest_elf(file);
	live_ok(vm_boot(g->vm, &image, place, w, live_error()));
	*(struct script_step *)(void *)(mem + SCRIPT_GPA) =
		(struct script_step){OP_JUMP, CODE_GPA, 0, 0};
	memcpy(mem + CODE_GPA, count_start, (size_t)(count_end - count_start));
	live_ok(vm_start(g->vm, live_error()));
}

/* Returns what the guest counted. */
static uint64_t guest_stop(struct counting_guest *g)
{
	uint64_t count;

	atomic_store(&g->flags->stop, 1);
	while (!atomic_load(&g->flags->done))
		sched_yield();
	count = g->flags->count;
	while (!vm_joinable(g->vm)) {
		vm_kick(g->vm);
		sched_yield();
	}
	vm_join(g->vm);
	vm_destroy(g->vm);
	kvm_host_close(&g->host);
	return count;
}

static uint64_t word(struct world *w, uint32_t i, size_t offset)
{
	uint64_t v;

	memcpy(&v, memory_page(&w->mem, 0, page_of(i)) + offset, sizeof v);
	return v;
}

static void race(enum machine_evict evict)
{
	struct world w;
	struct counting_guest g;
	uint32_t random = 1;
	uint64_t counted;

	world_make(&w, evict);
	guest_start(&w, &g);
	for (unsigned n = live_scaled(ROUNDS); n; n--) {
		random = random * 1664525u + 1013904223u;
		change(&w, random >> 3 ^ random >> 17);
	}
	counted = guest_stop(&g);
	pthread_mutex_lock(&w.lock);
	for (uint32_t i = 0; i < PAGES; i++)
		if (w.record[i] == ABSENT)
			restore(&w, i);
	pthread_mutex_unlock(&w.lock);
	world_stop(&w);
	print_message("guest %llu device %llu; shares %llu (%.1f us, %llu filled, %llu refused), "
		      "breaks %llu (%.1f us), withdrawals %llu (%.1f us), stale events %llu\n",
		      (unsigned long long)counted, (unsigned long long)w.device_count,
		      (unsigned long long)w.shares,
		      (double)w.share_ns / 1e3 / (double)(w.shares + w.refused),
		      (unsigned long long)w.fills, (unsigned long long)w.refused,
		      (unsigned long long)w.breaks, (double)w.break_ns / 1e3 / (double)w.breaks,
		      (unsigned long long)w.withdrawals,
		      (double)w.withdraw_ns / 1e3 / (double)w.withdrawals,
		      (unsigned long long)w.stale);
	assert_int_equal(w.failed, 0);
	for (uint32_t i = 0; i < PAGES; i++) {
		assert_int_equal(word(&w, i, 0), counted);
		assert_int_equal(word(&w, i, 64), w.device_count);
	}
	assert_true(counted && w.device_count && w.fills && w.breaks && w.withdrawals);
	assert_int_equal(w.mem.moves_refused, 0);
	memory_destroy(&w.mem);
}

static void by_move(void **state)
{
	(void)state;
	live_need_move();
	race(MACHINE_EVICT_MOVE);
}

static void by_copy(void **state)
{
	(void)state;
	race(MACHINE_EVICT_COPY);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(by_move),
		cmocka_unit_test(by_copy),
	};

	live_need_userfaultfd();
	live_need_kvm();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
