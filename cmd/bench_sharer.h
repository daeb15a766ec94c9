/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * bench_sharer.h: who shares pages of a layout: our machine, as fast as it can or as in a run, or the kernel's KSM.
 *
 * Life: sharer_make, sharer_go, sharer_read and sharer_wait at will, sharer_drop in any case.
 */
#ifndef BALLAST_CMD_BENCH_SHARER_H
#define BALLAST_CMD_BENCH_SHARER_H

#include "cmd/bench.h"
#include "cmd/bench_ksm.h"
#include "cmd/bench_layout.h"

enum sharer_kind { OURS, IN_RUN, KSM, SHARERS };

struct sharer {
	const char *dir; /* work files */
	struct error *error;
	struct ksm ksm;
	enum sharer_kind kind;
	struct layout layout;    /* owned by the caller */
	struct machine *machine; /* owned; NULL: none */
	uint64_t ksm_passes;     /* when it began */
};

/* Since sharer_go(), but cpu_s: ever. */
struct reading {
	double at_s, cpu_s; /* of the clock; of the processor: the whole process, or ksmd */
	uint64_t passed;    /* pages; KSM's come by whole passes */
	uint64_t saved;
	uint64_t refused; /* pages, for lack of mappings */
};

/* Errors: 0 or -errno, with words in *s->error. */

/* Memory with the layout, at which nobody looks yet. */
int sharer_make(struct sharer *s);
int sharer_go(struct sharer *s);
/* count_mappings: have the machine count them, as it does each second of a run; takes long. */
int sharer_read(struct sharer *s, bool count_mappings, struct reading *r);
/* Until so many pages are passed and so many saved. Else -ETIMEDOUT. */
int sharer_wait(struct sharer *s, uint64_t passed, uint64_t saved, struct reading *r);
void sharer_drop(struct sharer *s);

#endif
