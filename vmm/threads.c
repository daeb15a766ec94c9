/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * threads.c: the threads that make the machine go: faults, the pager, completions of the swap file.
 *
 * One fault thread at a time reads events (leader and followers, reader.h): events then go to a thread that is warm, and not in
 * turn to all, each to be woken on another processor. A fault thread that starts a read from swap for the fault it
 * serves does the read itself, after leaving the lock and the lead: it is awake anyway, and handing the request to
 * another thread costs two more wake-ups. Reads that start elsewhere (for faults that had to wait) go to the swap
 * file's ring.
 *
 * With sharing, who holds the machine lock may sleep until an event is read. So the leader keeps the lead only while it
 * cannot sleep: if it gets the lock at once, moves no mapping under it, and starts no request after it.
 */
#include <errno.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <time.h>

#include "lib/log.h"
#include "vmm/machine_internal.h"
#include "vmm/reader.h"

#define RECLAIM_BATCH 16u       /* pages a hold of the lock */
#define TICK_NS       10000000u /* ticks, and retries of what could not be reclaimed */
#define IN_VAIN_NS \
	2000000u /* until it is tried again when nothing could be reclaimed: swap full, disk busy */
#define FAULT_THREADS 4u      /* as many swap-ins at once */
#define WAKE_SIGNAL   SIGUSR2 /* makes a sleeping fault thread look at stop_threads */

uint64_t machine_now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * NS_PER_S + (uint64_t)t.tv_nsec;
}

void machine_lock(struct machine *m)
{
	atomic_fetch_add_explicit(&m->lock_waiters, 1, memory_order_relaxed);
	pthread_mutex_lock(&m->lock);
	atomic_fetch_sub_explicit(&m->lock_waiters, 1, memory_order_relaxed);
}

void machine_unlock(struct machine *m)
{
	struct mm_io *io[MOST_IOS];
	unsigned nr = m->nr_pending;

	for (unsigned i = 0; i < nr; i++)
		io[i] = m->pending[i];
	m->nr_pending = 0;
	pthread_mutex_unlock(&m->lock);
	if (nr)
		swapfile_submit(m->swap, io, nr);
}

void machine_swap_done(void *ctx, struct mm_io *const *io, const int *result, unsigned nr)
{
	struct machine *m = ctx;

	machine_lock(m);
	for (unsigned i = 0; i < nr; i++)
		mm_io_done(m->mm, io[i], result[i], machine_now_ns());
	machine_unlock(m);
}

/* The machine lock for the leader, who gives the lead up if it would sleep. */
static void lock_as_leader(struct machine *m)
{
	if (!m->config.share) {
		machine_lock(m);
	} else if (pthread_mutex_trylock(&m->lock)) {
		reader_leave(m->reader);
		machine_lock(m);
	}
	m->leads = reader_leads(m->reader);
}

/* Lock held; its holder is about to sleep, until an event is read or for another reason. */
static void leave_lead(void *ctx)
{
	struct machine *m = ctx;

	if (m->leads)
		reader_leave(m->reader);
	m->leads = false;
}

/* Serves one event. May give the lead up. */
static void serve(struct machine *m, const struct uffd_event *event)
{
	struct mm_io *io;
	uint32_t vm;
	gfn_t g;

	if (!memory_find(&m->memory, event->address, &vm, &g))
		return; /* staging is never absent where somebody looks */
	lock_as_leader(m);
	m->read_here = true;
	mm_fault(m->mm, vm, g, event->protected ? MM_FAULT_WRITE_PROTECTED : MM_FAULT_MISSING,
		 machine_now_ns());
	m->read_here = false;
	io = m->mine;
	m->mine = NULL;
	if (io || (m->config.share && m->nr_pending))
		leave_lead(m);
	m->leads = false; /* whoever has the lock next does not lead */
	machine_unlock(m);
	if (io) {
		int result = swapfile_read(m->swap, io);
		machine_swap_done(m, &io, &result, 1);
	}
}

/* Should not be: tell, and do not burn the processor. */
static void report_read_error(int error)
{
	const struct timespec pause = {.tv_sec = 1};

	log_error("userfaultfd: reading events failed error=%d", error);
	nanosleep(&pause, NULL);
}

static void *fault_main(void *arg)
{
	struct machine *m = arg;
	struct uffd_event event;

	while (!atomic_load(&m->stop_threads)) {
		int result = reader_next(m->reader, &event);

		if (result == 0)
			serve(m, &event);
		else if (result != -EINTR && result != -EAGAIN)
			report_read_error(-result);
	}
	reader_leave(m->reader);
	return NULL;
}

/* Waits for something to reclaim, or for the tick; if nothing could be reclaimed just now, for a moment in any case. */
static void wait_for_wish(struct machine *m, bool in_vain)
{
	struct timespec until;

	clock_gettime(CLOCK_MONOTONIC, &until);
	until.tv_nsec += in_vain ? IN_VAIN_NS : TICK_NS;
	if (until.tv_nsec >= (long)NS_PER_S) {
		until.tv_nsec -= (long)NS_PER_S;
		until.tv_sec++;
	}
	m->pager_sleeps = !in_vain;
	pthread_cond_timedwait(&m->pager_wish, &m->lock, &until);
	m->pager_sleeps = false;
}

static void *pager_main(void *arg)
{
	struct machine *m = arg;
	uint64_t ticked = 0;

	machine_lock(m);
	while (!atomic_load(&m->stop_threads)) {
		uint64_t now = machine_now_ns();
		uint32_t got = mm_reclaim(m->mm, RECLAIM_BATCH, now);

		if (now - ticked >= TICK_NS) {
			machine_tell_running(m);
			mm_tick(m->mm, now);
			machine_reap(m);
			ticked = now;
		}
		if (got || m->nr_pending) {
			machine_unlock(m); /* starts the writes */
			if (atomic_load_explicit(&m->lock_waiters, memory_order_relaxed))
				sched_yield();
			machine_lock(m);
		}
		if (!got)
			wait_for_wish(m, mm_reclaim_needed(m->mm));
	}
	machine_unlock(m);
	return NULL;
}

static void nothing(int signal)
{
	(void)signal;
}

int machine_threads_start(struct machine *m, struct error *error)
{
	struct sigaction action = {.sa_handler = nothing}; /* no SA_RESTART: read() must return */
	int rc;

	sigaction(WAKE_SIGNAL, &action, NULL);
	rc = reader_create(&m->memory.uffd, m->config.share, WAKE_SIGNAL, &m->reader);
	if (rc)
		return error_host(error, -rc, "thread that reads events");
	m->memory.remap.before = leave_lead;
	m->memory.remap.ctx = m;
	m->fault_thread = calloc(m->config.fault_threads ? m->config.fault_threads : FAULT_THREADS,
				 sizeof *m->fault_thread);
	if (!m->fault_thread)
		return error_host(error, ENOMEM, "fault threads");
	while (m->nr_fault_threads <
	       (m->config.fault_threads ? m->config.fault_threads : FAULT_THREADS)) {
		rc = pthread_create(&m->fault_thread[m->nr_fault_threads], NULL, fault_main, m);
		if (rc)
			return error_host(error, rc, "fault thread");
		m->nr_fault_threads++;
	}
	rc = pthread_create(&m->pager_thread, NULL, pager_main, m);
	if (rc)
		return error_host(error, rc, "pager thread");
	m->pager_runs = true;
	return 0;
}

/*
 * The reader sleeps in the kernel, the others wait for their turn to read. A signal may come between the look at
 * stop_threads and the read: again until all are gone.
 */
static void join_fault_threads(struct machine *m)
{
	const struct timespec pause = {.tv_nsec = 1000000};

	while (m->nr_fault_threads) {
		for (unsigned i = 0; i < m->nr_fault_threads; i++)
			pthread_kill(m->fault_thread[i], WAKE_SIGNAL);
		reader_kick(m->reader);
		nanosleep(&pause, NULL);
		while (m->nr_fault_threads &&
		       pthread_tryjoin_np(m->fault_thread[m->nr_fault_threads - 1], NULL) == 0)
			m->nr_fault_threads--;
	}
}

void machine_reader_stop(struct machine *m)
{
	reader_destroy(m->reader);
	m->reader = NULL;
}

void machine_threads_stop(struct machine *m)
{
	atomic_store(&m->stop_threads, true);
	join_fault_threads(m);
	free(m->fault_thread);
	m->fault_thread = NULL;
	if (!m->pager_runs)
		return;
	machine_lock(m);
	pthread_cond_signal(&m->pager_wish);
	machine_unlock(m);
	pthread_join(m->pager_thread, NULL);
	m->pager_runs = false;
}
