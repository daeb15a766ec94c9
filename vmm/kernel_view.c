/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * kernel_view.c: what the kernel counts as guest memory (host-kvm rule 13): anonymous pages in guest ranges and staging,
 * by /proc/self/smaps (nobody else maps them, so their proportional share is all of them), and what the pool holds. Read with the machine lock held, so that nothing moves between the
 * lines; parsed from a copy.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "vmm/machine_internal.h"

/* The whole file, 0-terminated; NULL: no memory or no file. Owned by the caller. */
static char *read_all(const char *path)
{
	size_t size = 1 << 16, used = 0;
	char *text = malloc(size), *more;
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t n = 1;

	while (fd >= 0 && text && (n = read(fd, text + used, size - used - 1)) > 0) {
		used += (size_t)n;
		if (size - used > 4096)
			continue;
		more = realloc(text, size * 2);
		if (!more)
			break;
		text = more;
		size *= 2;
	}
	if (fd >= 0)
		close(fd);
	if (fd < 0 || !text || n != 0) {
		free(text);
		return NULL;
	}
	text[used] = 0;
	return text;
}

static bool ours(const struct memory *mem, uint64_t address)
{
	uint32_t vm;
	gfn_t g;

	return memory_find(mem, address, &vm, &g) || memory_is_spare(mem, address) ||
	       address - (uintptr_t)mem->stage < mem->stage_bytes;
}

/*
 * Not by sscanf, which measures the whole rest of the text at each call: with tens of thousands of mappings that takes
 * minutes. Fields begin with a capital letter, mappings with their address.
 */
static bool mapping_at(const char *line, uint64_t *start)
{
	if (*line >= 'A' && *line <= 'Z')
		return false;
	*start = strtoull(line, NULL, 16);
	return true;
}

static bool field_of(const char *line, const char *name, uint64_t *kib)
{
	size_t length = strlen(name);

	if (strncmp(line, name, length) != 0)
		return false;
	*kib = strtoull(line + length, NULL, 10);
	return true;
}

static void add_mappings(const struct memory *mem, const char *text,
			 struct machine_kernel_stats *out)
{
	bool inside = false;
	uint64_t start, kib;

	for (const char *line = text, *end; (end = strchr(line, '\n')) != NULL; line = end + 1) {
		if (mapping_at(line, &start)) {
			out->mappings++;
			inside = ours(mem, start);
		} else if (inside && field_of(line, "Anonymous:", &kib)) {
			out->guest_bytes += kib << 10;
		} else if (inside && field_of(line, "SwapPss:", &kib)) {
			out->host_swap_bytes += kib << 10;
		}
	}
}

int kernel_view_read(const struct memory *mem, struct machine_kernel_stats *out)
{
	char *smaps = read_all("/proc/self/smaps"), *status = read_all("/proc/self/status");
	const char *pte;
	uint64_t kib;
	int result = -EIO;

	*out = (struct machine_kernel_stats){.mappings = 0};
	if (smaps && status) {
		add_mappings(mem, smaps, out);
		pte = strstr(status, "VmPTE:");
		if (pte && field_of(pte, "VmPTE:", &kib))
			out->page_table_bytes = kib << 10;
		out->pool_bytes = memory_pool_bytes(mem);
		out->guest_bytes += out->pool_bytes;
		result = 0;
	}
	free(smaps);
	free(status);
	return result;
}
