/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * elf.h: a kernel image, taken apart and checked: where its bytes go in guest memory, and where it starts.
 */
#ifndef BALLAST_VMM_ELF_H
#define BALLAST_VMM_ELF_H

#include <stddef.h>
#include <stdint.h>

#include "lib/error.h"
#include "vmm/guest_memory.h"

#define KERNEL_SEGMENTS_MAX 64u

/* [start, start + file_bytes) from the file, zeros up to start + memory_bytes. */
struct kernel_segment {
	uint64_t start; /* gpa */
	uint64_t file_bytes, memory_bytes;
	const uint8_t *data; /* borrowed from the file */
};

/* What a loader makes of a kernel file; the rest of booting does not know the format. */
struct kernel_image {
	uint64_t entry; /* gpa, inside a segment */
	unsigned nr_segments;
	struct kernel_segment segment[KERNEL_SEGMENTS_MAX]; /* by start; they do not overlap */
};

/*
 * An ELF64 executable for x86-64, by its program headers and their physical addresses, each within layout and at or
 * above GUEST_KERNEL_GPA. name is for messages. 0, or -EINVAL with words: all that can be wrong is the user's.
 */
int elf_load(const void *file, size_t bytes, const char *name, const struct guest_layout *layout,
	     struct kernel_image *out, struct error *error);

#endif
