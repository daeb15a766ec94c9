/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * bench_ksm.h: the kernel's own page sharing, as the reference.
 */
#ifndef BALLAST_CMD_BENCH_KSM_H
#define BALLAST_CMD_BENCH_KSM_H

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "cmd/bench_layout.h"

#define KSM_SETTINGS 6u

struct ksm {
	bool usable;   /* its settings are ours; they are given back by ksm_end() */
	bool smart;    /* it has smart_scan, which is off until ksm_smart() */
	char why[128]; /* if it is not usable */
	char before[KSM_SETTINGS][32];
	int pid;       /* ksmd's; 0: not seen */
	uint8_t *area; /* mergeable; NULL: none */
	size_t bytes;
	uint64_t saved_before; /* of other processes */
	pthread_mutex_t lock;  /* of the settings, and of: */
	bool put_back;
};

/* Stops KSM and prepares it to run without rest. If that is not allowed here, says why; no error. */
void ksm_begin(struct ksm *k);
/* Everything as before ksm_begin(): its settings, no area of ours. */
void ksm_end(struct ksm *k);

/* Its settings only, for a process that ends at once; any thread, after ksm_begin(). */
void ksm_put_back(struct ksm *k);

/* Memory with that layout, which KSM knows of and does not look at yet. 0 or -errno. */
int ksm_area_make(struct ksm *k, const struct layout *l);
/* The area goes, and KSM stops when it has noticed. */
void ksm_area_drop(struct ksm *k);
/* From now on it looks. */
int ksm_go(struct ksm *k);
/* Pages that did not change are passed over more and more often, or not. */
int ksm_smart(struct ksm *k, bool on);

uint64_t ksm_saved(const struct ksm *k); /* pages, of ours */
uint64_t ksm_passes(const struct ksm *k);
double ksm_cpu_s(const struct ksm *k); /* of ksmd, ever; 0: unknown */

#endif
