/* SPDX-License-Identifier: GPL-2.0-or-later */
/* said.h: what is kept of what guests say of themselves. Inside mm/ only; see said.c. */
#ifndef BALLAST_MM_SAID_H
#define BALLAST_MM_SAID_H

#include "ballast/types.h"

#define MM_SAID_SAMPLES 10u

struct mm;
struct mm_vm;

struct mm_said_sample {
	npages_t size, free; /* free <= size */
};

/* Of a guest. */
struct mm_said {
	bool known;
	npages_t free; /* as last said; may be anything */
	uint64_t at_ns;
	struct mm_said_sample sample[MM_SAID_SAMPLES]; /* ring, nr of them */
	uint32_t nr, next;
};

/* Of the machine. */
struct mm_said_host {
	uint64_t sampled_ns; /* when samples were last taken */
	bool second;         /* the policy is asked after the next ones */
	npages_t free[MM_SAID_SAMPLES];
	uint32_t nr, next;
};

/* At a tick: samples are taken and sizes set, if it is time. */
void said_tick(struct mm *m);
void said_forget(struct mm_vm *v); /* its driver came or went */
/* Another policy: what was sampled under the old one, or before it, no longer counts. */
void said_restart(struct mm *m);

#endif
