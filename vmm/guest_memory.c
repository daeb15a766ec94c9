/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * guest_memory.c: bounds, and copies into and out of mapped guest memory.
 *
 * A guest address is a number the guest chose. It becomes a pointer only here, after the whole range was checked
 * against the layout by subtraction, never by addition, so nothing can wrap. The guest runs while we copy: a copy may
 * hold a mixture of old and new bytes, and whoever took it must be content with that copy. What rings need, indices
 * that are never torn, is given by single aligned accesses.
 */
#include "vmm/guest_memory.h"

#include <errno.h>
#include <string.h>

struct guest_layout guest_layout_make(npages_t pages)
{
	uint64_t bytes = pages_to_bytes(pages);
	uint64_t low = bytes < GUEST_HOLE_START ? bytes : GUEST_HOLE_START;

	return (struct guest_layout){.low_bytes = low, .high_bytes = bytes - low};
}

bool guest_layout_contains(const struct guest_layout *layout, gpa_t at, uint64_t bytes)
{
	uint64_t start = gpa_raw(at);
	uint64_t end = layout->low_bytes;

	if (start >= GUEST_HOLE_END) {
		start -= GUEST_HOLE_END;
		end = layout->high_bytes;
	}
	return start <= end && bytes <= end - start;
}

static bool is_single(const void *p, size_t bytes)
{
	return (bytes == 2 || bytes == 4 || bytes == 8) && (uintptr_t)p % bytes == 0;
}

int guest_ram_read(const struct guest_ram *ram, gpa_t from, void *to, size_t bytes)
{
	const uint8_t *p;
	uint64_t word;

	if (!guest_layout_contains(&ram->layout, from, bytes))
		return -EFAULT;
	p = ram->mem + gpa_raw(from);
	if (!is_single(p, bytes)) {
		memcpy(to, p, bytes);
		return 0;
	}
	/* little-endian: the low bytes of word are the value */
	if (bytes == 2)
		word = __atomic_load_n((const uint16_t *)(const void *)p, __ATOMIC_RELAXED);
	else if (bytes == 4)
		word = __atomic_load_n((const uint32_t *)(const void *)p, __ATOMIC_RELAXED);
	else
		word = __atomic_load_n((const uint64_t *)(const void *)p, __ATOMIC_RELAXED);
	memcpy(to, &word, bytes);
	return 0;
}

int guest_ram_write(const struct guest_ram *ram, gpa_t to, const void *from, size_t bytes)
{
	uint64_t word = 0;
	uint8_t *p;

	if (!guest_layout_contains(&ram->layout, to, bytes))
		return -EFAULT;
	p = ram->mem + gpa_raw(to);
	if (!is_single(p, bytes)) {
		memcpy(p, from, bytes);
		return 0;
	}
	memcpy(&word, from, bytes);
	if (bytes == 2)
		__atomic_store_n((uint16_t *)(void *)p, (uint16_t)word, __ATOMIC_RELAXED);
	else if (bytes == 4)
		__atomic_store_n((uint32_t *)(void *)p, (uint32_t)word, __ATOMIC_RELAXED);
	else
		__atomic_store_n((uint64_t *)(void *)p, word, __ATOMIC_RELAXED);
	return 0;
}

static int ram_read(void *ctx, gpa_t from, void *to, size_t bytes)
{
	return guest_ram_read(ctx, from, to, bytes);
}

static int ram_write(void *ctx, gpa_t to, const void *from, size_t bytes)
{
	return guest_ram_write(ctx, to, from, bytes);
}

struct guest_memory guest_ram_access(struct guest_ram *ram)
{
	return (struct guest_memory){.read = ram_read, .write = ram_write, .ctx = ram};
}
