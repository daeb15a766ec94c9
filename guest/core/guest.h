/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * guest.h: the lab guest's memory as a whole: frames, pager and the workload's marks, in one piece of memory.
 *
 * A body (the bootable kernel, a test, the simulator) gives one block of zeroed memory for all records. Nearly nothing
 * of it is touched before the pages it describes are; a guest that boots in fresh memory relies on that.
 */
#ifndef BALLAST_GUEST_GUEST_H
#define BALLAST_GUEST_GUEST_H

#include "guest/core/fileserver.h"
#include "guest/core/pager.h"

struct guest_config {
	struct pager_config pager;
	struct frame_range range[FRAMES_RANGES]; /* memory for pages */
	unsigned nr_ranges;
	struct guest_stats *stats; /* borrowed for the guest's life */
};

struct guest {
	struct frames frames;
	struct pager pager;
	uint32_t *
		marks; /* [pager.pages + file_pages]: content.h's marks of the workload's pages and blocks */
	struct fileserver_file *files; /* [nr_files]; for a workload's phases */
	uint32_t nr_files;             /* as many as could lie on the data disk */
	struct guest_stats *stats;
};

/*
 * Bytes of records for such a guest. Less memory in the ranges never takes more, so a kernel can ask with all its
 * memory, set this much aside from it, and init with the rest.
 */
size_t guest_bytes(const struct guest_config *config);

/* mem: zeroed, page-aligned, guest_bytes() bytes, borrowed; pager.pte is its beginning. config: copied. 0 or -EINVAL. */
int guest_init(struct guest *g, const struct guest_config *config, void *mem);

bool guest_consistent(const struct guest *g);

#endif
