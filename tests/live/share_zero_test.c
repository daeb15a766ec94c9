/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * share_zero_test.c: a zero page that needs no frame: it reads as zeros, and the first write is announced, once, also if
 * a reader and a writer find it absent together. Needs userfaultfd, not KVM.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <time.h>

#include "mm/mm.h"
#include "tests/support/live.h"
#include "vmm/memory.h"
#include "vmm/reader.h"

#define FIRST  0x400u /* gfn of the page under test */
#define PAGES  0x500u
#define FRAMES 8u

static void nothing(int signal)
{
	(void)signal;
}

/* What the writer of the zero test wrote, and how often its writes were announced. */
struct zero_world {
	struct memory mem;
	struct reader *reader;
	pthread_mutex_t lock;
	bool mapped, own; /* the zero page is mapped; the page has its own frame; guarded by lock */
	uint64_t announced, read_events;
	atomic_bool stop;
};

static void *serve_zero(void *arg)
{
	struct zero_world *w = arg;
	struct uffd_event event;

	while (!atomic_load(&w->stop)) {
		if (reader_next(w->reader, &event))
			continue;
		reader_leave(w->reader);
		pthread_mutex_lock(&w->lock);
		if (w->own) {
			uffd_wake(&w->mem.uffd, memory_page(&w->mem, 0, gfn(FIRST)), PAGE_BYTES);
		} else if (!w->mapped) {
			assert_int_equal(memory_map_zero_protected(&w->mem, 0, gfn(FIRST)), 0);
			w->mapped = true;
			w->read_events++;
		} else if (event.protected) {
			assert_int_equal(memory_discard(&w->mem, 0, gfn(FIRST), 1), 0);
			assert_int_equal(memory_map(&w->mem, 0, gfn(FIRST), NULL, false), 0);
			w->announced++;
			w->own = true;
		} else {
			uffd_wake(&w->mem.uffd, memory_page(&w->mem, 0, gfn(FIRST)), PAGE_BYTES);
		}
		pthread_mutex_unlock(&w->lock);
	}
	reader_leave(w->reader);
	return NULL;
}

static void *write_zero(void *arg)
{
	struct zero_world *w = arg;

	*(volatile uint64_t *)(void *)(memory_page(&w->mem, 0, gfn(FIRST)) + 64) = 42;
	return NULL;
}

/* A reader and a writer find the page absent together. */
static void zero_round(struct zero_world *w)
{
	const volatile uint64_t *read = (void *)memory_page(&w->mem, 0, gfn(FIRST));
	uint64_t before = w->announced;
	pthread_t writer;
	int result;

	assert_int_equal(pthread_create(&writer, NULL, write_zero, w), 0);
	assert_int_equal(*read, 0);
	assert_int_equal(pthread_join(writer, NULL), 0);
	assert_int_equal(read[8], 42);
	assert_int_equal(*read, 0);
	pthread_mutex_lock(&w->lock);
	assert_int_equal(w->announced, before + 1);
	assert_true(w->own);
	/* not zero: it stays, and can be written */
	result = memory_share_zero(&w->mem, 0, gfn(FIRST));
	assert_int_equal(result, -EAGAIN);
	memory_page(&w->mem, 0, gfn(FIRST))[64] = 0;
	assert_int_equal(memory_share_zero(&w->mem, 0, gfn(FIRST)), 0);
	w->own = w->mapped = false;
	pthread_mutex_unlock(&w->lock);
}

static void zeros(void **state)
{
	struct zero_world w = {.lock = PTHREAD_MUTEX_INITIALIZER, .own = true};
	struct sigaction action = {.sa_handler = nothing};
	const struct timespec pause = {.tv_nsec = 1000000};
	pthread_t server;

	(void)state;
	sigaction(SIGUSR2, &action, NULL);
	live_ok(memory_create(&w.mem, 1, MACHINE_EVICT_AUTO, FRAMES, live_error()));
	live_ok(memory_add_vm(&w.mem, 0, PAGES, live_error()));
	assert_int_equal(reader_create(&w.mem.uffd, true, SIGUSR2, &w.reader), 0);
	assert_int_equal(memory_map(&w.mem, 0, gfn(FIRST), NULL, false), 0);
	assert_int_equal(memory_share_zero(&w.mem, 0, gfn(FIRST)), 0);
	w.own = false;
	assert_int_equal(pthread_create(&server, NULL, serve_zero, &w), 0);
	for (unsigned n = live_scaled(2000); n; n--)
		zero_round(&w);
	atomic_store(&w.stop, true);
	while (pthread_tryjoin_np(server, NULL)) {
		pthread_kill(server, SIGUSR2);
		reader_kick(w.reader);
		nanosleep(&pause, NULL);
	}
	reader_destroy(w.reader);
	assert_int_equal(w.announced, live_scaled(2000));
	memory_destroy(&w.mem);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(zeros),
	};

	live_need_userfaultfd();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
