/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * scanner.c: the thread that looks for pages to share. What it looks at, and how fast, is the manager's: mm_scan().
 *
 * Small batches a hold of the machine lock, so that faults are not kept waiting; polled every millisecond or so, as the
 * rates ask for (dedup/scan.h).
 */
#include <errno.h>
#include <sched.h>
#include <time.h>

#include "vmm/machine_internal.h"

#define SCAN_BATCH   16u
#define SCAN_WAIT_NS 1000000u

static void *scanner_main(void *arg)
{
	const struct timespec pause = {.tv_nsec = SCAN_WAIT_NS};
	struct machine *m = arg;
	uint64_t again;

	while (!atomic_load(&m->stop_threads)) {
		machine_lock(m);
		uint32_t looked = mm_scan(m->mm, SCAN_BATCH, machine_now_ns(), &again);
		machine_unlock(m);
		if (looked < SCAN_BATCH)
			nanosleep(&pause, NULL);
		else if (atomic_load_explicit(&m->lock_waiters, memory_order_relaxed))
			sched_yield();
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
