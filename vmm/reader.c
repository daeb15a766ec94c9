/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * reader.c: see reader.h.
 *
 * The lead is a mutex, held while reading. wanted counts the threads that hold it or wait for it, the drainer not: while
 * it is 0 the drainer leads. A thread that asks counts itself first and looks at the kept events then; the drainer keeps
 * an event first and looks at the count then. So one of the two sees the other, and no event stays behind.
 *
 * An event is a hint: if there is no room for one, its thread is woken to fault again.
 */
#include "vmm/reader.h"

#include <errno.h>
#include <pthread.h>
#include <semaphore.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <time.h>

#include "ballast/types.h"

#define KEPT_EVENTS 256u

struct reader {
	const struct uffd *uffd;
	pthread_mutex_t lead;
	atomic_uint wanted;
	_Atomic uintptr_t leader; /* whose the lead is, by its pthread_self(); 0: nobody's */
	bool drains;              /* there is a drainer */
	atomic_bool stop;
	int wake_signal;
	pthread_t drainer;
	sem_t idle; /* wanted may be 0 */
	pthread_mutex_t lock;
	struct uffd_event kept[KEPT_EVENTS]; /* guarded by lock, as the next two */
	unsigned first;
	unsigned nr;
	atomic_uint nr_kept; /* = nr, to look at without the lock */
};

static uintptr_t myself(void)
{
	return (uintptr_t)pthread_self();
}

bool reader_leads(const struct reader *r)
{
	return atomic_load_explicit(&r->leader, memory_order_relaxed) == myself();
}

static bool take_kept(struct reader *r, struct uffd_event *event)
{
	bool took = false;

	if (!atomic_load(&r->nr_kept))
		return false;
	pthread_mutex_lock(&r->lock);
	if (r->nr) {
		*event = r->kept[r->first];
		r->first = (r->first + 1) % KEPT_EVENTS;
		atomic_store(&r->nr_kept, --r->nr);
		took = true;
	}
	pthread_mutex_unlock(&r->lock);
	return took;
}

static void keep(struct reader *r, const struct uffd_event *event)
{
	pthread_mutex_lock(&r->lock);
	if (r->nr < KEPT_EVENTS) {
		r->kept[(r->first + r->nr) % KEPT_EVENTS] = *event;
		atomic_store(&r->nr_kept, ++r->nr);
	} else {
		uffd_wake(r->uffd, (void *)(uintptr_t)event->address, PAGE_BYTES);
	}
	pthread_mutex_unlock(&r->lock);
}

void reader_leave(struct reader *r)
{
	if (!reader_leads(r))
		return;
	atomic_store_explicit(&r->leader, 0, memory_order_relaxed);
	pthread_mutex_unlock(&r->lead);
	if (atomic_fetch_sub(&r->wanted, 1) == 1 && r->drains)
		sem_post(&r->idle);
}

/* The caller waits for the lead, unless there is an event at once. */
static bool take_lead(struct reader *r, struct uffd_event *event)
{
	atomic_fetch_add(&r->wanted, 1);
	if (take_kept(r, event)) {
		if (atomic_fetch_sub(&r->wanted, 1) == 1 && r->drains)
			sem_post(&r->idle);
		return false;
	}
	pthread_mutex_lock(&r->lead);
	atomic_store_explicit(&r->leader, myself(), memory_order_relaxed);
	return true;
}

int reader_next(struct reader *r, struct uffd_event *event)
{
	if (!reader_leads(r) && !take_lead(r, event))
		return 0;
	if (take_kept(r, event))
		return 0;
	return uffd_next(r->uffd, event);
}

static void *drain_main(void *arg)
{
	struct reader *r = arg;
	struct uffd_event event;

	while (!atomic_load(&r->stop)) {
		while (sem_wait(&r->idle) && errno == EINTR && !atomic_load(&r->stop))
			;
		pthread_mutex_lock(&r->lead);
		while (!atomic_load(&r->stop) && !atomic_load(&r->wanted))
			if (uffd_next(r->uffd, &event) == 0)
				keep(r, &event);
		pthread_mutex_unlock(&r->lead);
	}
	return NULL;
}

int reader_create(const struct uffd *u, bool drain, int wake_signal, struct reader **out)
{
	struct reader *r = calloc(1, sizeof *r);
	int result;

	*out = r;
	if (!r)
		return -ENOMEM;
	r->uffd = u;
	r->wake_signal = wake_signal;
	pthread_mutex_init(&r->lead, NULL);
	pthread_mutex_init(&r->lock, NULL);
	sem_init(&r->idle, 0, 1);
	if (!drain)
		return 0;
	r->drains = true;
	result = pthread_create(&r->drainer, NULL, drain_main, r);
	if (result) {
		r->drains = false;
		reader_destroy(r);
		*out = NULL;
	}
	return -result;
}

void reader_kick(struct reader *r)
{
	if (r && r->drains)
		pthread_kill(r->drainer, r->wake_signal);
}

void reader_destroy(struct reader *r)
{
	const struct timespec pause = {.tv_nsec = 1000000};

	if (!r)
		return;
	atomic_store(&r->stop, true);
	sem_post(&r->idle);
	while (r->drains) { /* the signal may come just before it reads */
		reader_kick(r);
		if (pthread_tryjoin_np(r->drainer, NULL) == 0)
			r->drains = false;
		else
			nanosleep(&pause, NULL);
	}
	sem_destroy(&r->idle);
	pthread_mutex_destroy(&r->lead);
	pthread_mutex_destroy(&r->lock);
	free(r);
}
