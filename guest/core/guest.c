/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * guest.c: lays out the guest's records.
 *
 * Page table entries come first and on a page boundary, so that a kernel can hang the array into its page tables as it
 * is; each array behind starts on a multiple of 16.
 */
#include "guest/core/guest.h"

#include <errno.h>

struct layout {
	size_t frames, marks, slots, files, policy, end; /* offsets; entries are at 0 */
};

static size_t align16(size_t bytes)
{
	return (bytes + 15) & ~(size_t)15;
}

/* A file has place for two blocks at least. */
static uint32_t files_of(const struct guest_config *c)
{
	return c->pager.file_pages / 2;
}

static struct layout layout_of(const struct guest_config *c)
{
	size_t pages = (size_t)c->pager.pages + c->pager.file_pages;
	struct layout l;
	uint32_t end = 0;
	npages_t total = 0;

	for (unsigned i = 0; i < c->nr_ranges && i < FRAMES_RANGES; i++) {
		if (c->range[i].end > end)
			end = c->range[i].end;
		total += c->range[i].end - c->range[i].start;
	}
	l.frames = align16(pages * sizeof(uint64_t));
	l.marks = l.frames + align16(frames_bytes(end));
	l.slots = l.marks + align16(pages * sizeof(uint32_t));
	l.files = l.slots + align16(slots_bytes(c->pager.swap_slots));
	l.policy = l.files + align16(files_of(c) * sizeof(struct fileserver_file));
	l.end = l.policy + align16(c->pager.policy->bytes((uint32_t)total, (uint32_t)pages));
	return l;
}

size_t guest_bytes(const struct guest_config *config)
{
	return layout_of(config).end;
}

int guest_init(struct guest *g, const struct guest_config *config, void *mem)
{
	struct layout l = layout_of(config);
	char *base = mem;
	const struct pager_memory memory = {
		.pte = mem,
		.slots = base + l.slots,
		.policy = base + l.policy,
	};
	int err;

	*g = (struct guest){.stats = config->stats};
	g->marks = (void *)(base + l.marks);
	g->files = (void *)(base + l.files);
	g->nr_files = files_of(config);
	err = frames_init(&g->frames, config->range, config->nr_ranges, base + l.frames);
	if (err)
		return err;
	return pager_init(&g->pager, &config->pager, &memory, &g->frames, config->stats);
}

bool guest_consistent(const struct guest *g)
{
	return pager_consistent(&g->pager);
}
