/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * kernel_view.c: what the kernel counts as guest memory (host-kvm rule 13): anonymous pages in guest ranges, staging and
 * the caches of compressed pages, by /proc/self/smaps (nobody else maps them, so their proportional share is all of them), and what the pool of shared
 * frames holds. Read with the machine lock held, so that nothing moves between the lines; the kernel takes 5 us a mapping
 * for it, a third of a second when sharing has made tens of thousands.
 *
 * Lines are read one by one and not by sscanf, which would measure the whole text at each call.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "vmm/machine_internal.h"

#define NOBODYS UINT32_MAX       /* not guest memory */
#define NO_VMS  (UINT32_MAX - 1) /* guest memory, but no VM's: staging, mappings made ready aside */

static uint32_t whose(const struct memory *mem, uint64_t address)
{
	uint32_t vm;
	gfn_t g;

	if (memory_find(mem, address, &vm, &g))
		return vm;
	return memory_is_spare(mem, address) || memory_is_cache(mem, address) ||
			       address - (uintptr_t)mem->stage < mem->stage_bytes
		       ? NO_VMS
		       : NOBODYS;
}

/* Fields begin with a capital letter, mappings with their address. */
static bool mapping_at(const char *line, uint64_t *start)
{
	if (*line >= 'A' && *line <= 'Z')
		return false;
	*start = strtoull(line, NULL, 16);
	return true;
}

static bool field_of(const char *line, const char *name, uint64_t *bytes)
{
	size_t length = strlen(name);

	if (strncmp(line, name, length) != 0)
		return false;
	*bytes = strtoull(line + length, NULL, 10) << 10;
	return true;
}

struct view {
	const struct memory *mem;
	struct machine_kernel_stats *out;
	uint64_t *vm_bytes;
	uint32_t owner; /* of the mapping whose fields are being read */
};

static void smaps_line(struct view *view, const char *line)
{
	uint64_t start, bytes;

	if (mapping_at(line, &start)) {
		view->out->mappings++;
		view->owner = whose(view->mem, start);
	} else if (view->owner == NOBODYS) {
		return;
	} else if (field_of(line, "Anonymous:", &bytes)) {
		view->out->guest_bytes += bytes;
		if (view->owner != NO_VMS)
			view->vm_bytes[view->owner] += bytes;
	} else if (field_of(line, "SwapPss:", &bytes)) {
		view->out->host_swap_bytes += bytes;
	}
}

static void status_line(struct view *view, const char *line)
{
	uint64_t bytes;

	if (field_of(line, "VmPTE:", &bytes))
		view->out->page_table_bytes = bytes;
}

static int each_line(const char *path, void (*take)(struct view *, const char *), struct view *view)
{
	FILE *f = fopen(path, "re");
	char *line = NULL;
	size_t room = 0;
	int result;

	if (!f)
		return -errno;
	while (getline(&line, &room, f) > 0)
		take(view, line);
	result = ferror(f) ? -EIO : 0;
	free(line);
	fclose(f);
	return result;
}

int kernel_view_read(const struct memory *mem, struct machine_kernel_stats *out, uint64_t *vm_bytes)
{
	struct view view = {mem, out, vm_bytes, NOBODYS};
	int result;

	*out = (struct machine_kernel_stats){.mappings = 0};
	memset(vm_bytes, 0, mem->max_ranges * sizeof *vm_bytes);
	result = each_line("/proc/self/smaps", smaps_line, &view);
	if (!result)
		result = each_line("/proc/self/status", status_line, &view);
	out->pool_bytes = memory_pool_bytes(mem);
	out->guest_bytes += out->pool_bytes;
	return result;
}
