/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * trace_ids.h: ids to dense page numbers, in the order of first use. Inside sim/ only.
 *
 * Small ids, which page and block numbers mostly are, index an array; others go to an open-addressing table. Both are
 * probed a few requests behind a prefetch, so a batch costs little more than the table's bandwidth.
 */
#ifndef BALLAST_SIM_TRACE_IDS_H
#define BALLAST_SIM_TRACE_IDS_H

#include <stddef.h>
#include <stdint.h>

struct trace_ids {
	uint32_t *direct; /* by id below `directs`: number + 1; 0: new */
	uint32_t directs; /* grows with the ids that come, up to a limit */
	struct trace_id_slot *slot;
	unsigned slots_log2;
	uint32_t in_slots;
	uint32_t pages; /* numbers given */
	uint64_t *id;   /* by number */
	size_t room;    /* of id */
};

int trace_ids_init(struct trace_ids *m); /* 0 or -ENOMEM */
void trace_ids_free(struct trace_ids *m);

/* page_out[i] = the number of id[i], for i < nr. 0, -ENOMEM, or -E2BIG: 2^32 - 1 pages are the most. */
int trace_ids_number(struct trace_ids *m, const uint64_t *id, uint32_t nr, uint32_t *page_out);

#endif
