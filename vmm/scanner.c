/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * scanner.c: the thread that looks for pages to share. What it looks at, and how fast, is the manager's: mm_scan().
 *
 * A pass never starves the guests, whatever the rates ask for and whatever a page costs: the scanner holds the machine
 * lock for a short time, less if a fault waits for it, and then stays away at least three times as long as it held it.
 * So it has at most a quarter of the lock, however unfair the mutex, and of one processor. When pages are due is polled
 * every millisecond or so, as the rates ask for (dedup/scan.h).
 */
#include <errno.h>
#include <time.h>

#include "vmm/machine_internal.h"

#define SCAN_BATCH   16u     /* pages between two looks at the clock */
#define SCAN_HOLD_NS 300000u /* of the lock */
#define SCAN_REST    3u      /* times as long as it was held */
#define SCAN_WAIT_NS 1000000u

/* Looks at pages that are due. Returns for how long it held the lock; *more: there are more. */
static uint64_t scan_a_while(struct machine *m, bool *more)
{
	uint64_t began, now, again;

	machine_lock(m);
	began = now = machine_now_ns();
	do {
		mm_scan(m->mm, SCAN_BATCH, now, &again);
		*more = again <= now;
		*more |= memory_tidy(&m->memory);
		now = machine_now_ns();
	} while (*more && now - began < SCAN_HOLD_NS &&
		 !atomic_load_explicit(&m->lock_waiters, memory_order_relaxed));
	machine_unlock(m);
	return now - began;
}

static void *scanner_main(void *arg)
{
	struct machine *m = arg;

	while (!atomic_load(&m->stop_threads)) {
		bool more;
		uint64_t rest = scan_a_while(m, &more) * SCAN_REST;
		struct timespec pause = {.tv_nsec = SCAN_WAIT_NS};

		if (more && atomic_load_explicit(&m->scan_restless, memory_order_relaxed))
			continue;
		if (more || rest > SCAN_WAIT_NS)
			pause = (struct timespec){.tv_sec = (time_t)(rest / NS_PER_S),
						  .tv_nsec = (long)(rest % NS_PER_S)};
		nanosleep(&pause, NULL);
	}
	return NULL;
}

int machine_scanner_start(struct machine *m, struct error *error)
{
	int rc;

	if (!m->config.share)
		return 0;
	rc = pthread_create(&m->scanner_thread, NULL, scanner_main, m);
	if (rc)
		return error_host(error, rc, "scanner thread");
	m->scanner_runs = true;
	return 0;
}

void machine_scanner_stop(struct machine *m)
{
	if (m->scanner_runs)
		pthread_join(m->scanner_thread, NULL);
	m->scanner_runs = false;
}

void machine_scan_set(struct machine *m, uint32_t rate_pages, uint32_t vm_rate_pages, bool restless)
{
	machine_lock(m);
	mm_scan_rates(m->mm, rate_pages, vm_rate_pages, machine_now_ns());
	atomic_store(&m->scan_restless, restless);
	machine_unlock(m);
}
