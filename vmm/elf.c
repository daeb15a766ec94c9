/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * elf.c: reading an ELF64 kernel without believing it.
 *
 * The file is the user's and may be anything: cut off, of another kind or machine, or made to harm. Headers are copied
 * out of it, so alignment does not matter, and each sum is checked by subtraction before it is made. Segments go to
 * their physical addresses, as boot loaders do. They must lie in guest memory from 1 MiB up (below are the tables the
 * boot protocol needs), must not overlap, and one of them must hold the entry point.
 * Reference: System V ABI, gABI chapters 4 and 5; AMD64 supplement.
 */
#include "vmm/elf.h"

#include <elf.h>
#include <stdlib.h>
#include <string.h>

#include "lib/words.h"

struct source {
	const uint8_t *file;
	size_t bytes;
	char name[120];
	struct error *error;
};

#define REFUSE(s, format, ...) error_user((s)->error, "%s: " format, (s)->name, ##__VA_ARGS__)

static int check_header(struct source *s, Elf64_Ehdr *h)
{
	if (s->bytes < sizeof(h->e_ident) || memcmp(s->file, ELFMAG, SELFMAG))
		return REFUSE(s, "not an ELF file; the kernel must be an x86-64 ELF executable");
	if (s->file[EI_CLASS] != ELFCLASS64 || s->file[EI_DATA] != ELFDATA2LSB)
		return REFUSE(s, "not a 64-bit little-endian ELF file");
	if (s->bytes < sizeof(*h))
		return REFUSE(s, "truncated: %zu bytes, the ELF header alone has %zu", s->bytes,
			      sizeof(*h));
	memcpy(h, s->file, sizeof(*h));
	if (h->e_machine != EM_X86_64)
		return REFUSE(s, "for machine %u, not for x86-64 (%u)", h->e_machine, EM_X86_64);
	if (h->e_type != ET_EXEC)
		return REFUSE(s, "ELF type %u, not an executable at fixed addresses (%u)",
			      h->e_type, ET_EXEC);
	if (h->e_phentsize != sizeof(Elf64_Phdr) || !h->e_phnum || h->e_phnum == PN_XNUM)
		return REFUSE(s, "bad program headers: %u of %u bytes, must be 1 or more of %zu",
			      h->e_phnum, h->e_phentsize, sizeof(Elf64_Phdr));
	if (h->e_phoff > s->bytes || h->e_phnum * sizeof(Elf64_Phdr) > s->bytes - h->e_phoff)
		return REFUSE(s, "truncated: program headers end beyond its %zu bytes", s->bytes);
	return 0;
}

static bool touches_hole(uint64_t start, uint64_t bytes)
{
	return start < GUEST_HOLE_END &&
	       (start >= GUEST_HOLE_START || bytes > GUEST_HOLE_START - start);
}

static int add_segment(struct source *s, const struct guest_layout *layout, unsigned index,
		       const Elf64_Phdr *p, struct kernel_image *out)
{
	unsigned long long start = p->p_paddr, bytes = p->p_memsz;

	if (p->p_filesz > p->p_memsz)
		return REFUSE(s, "segment %u: %llu bytes in the file, %llu in memory", index,
			      (unsigned long long)p->p_filesz, bytes);
	if (p->p_offset > s->bytes || p->p_filesz > s->bytes - p->p_offset)
		return REFUSE(s, "truncated: segment %u ends beyond its %zu bytes", index,
			      s->bytes);
	if (start < GUEST_KERNEL_GPA)
		return REFUSE(s, "segment %u at %#llx: below %#llx, which the boot protocol needs",
			      index, start, GUEST_KERNEL_GPA);
	if (!guest_layout_contains(layout, gpa(start), bytes))
		return REFUSE(
			s, "segment %u at %#llx, %llu bytes: outside guest memory of %llu KiB%s",
			index, start, bytes,
			(unsigned long long)(layout->low_bytes + layout->high_bytes) >> 10,
			touches_hole(start, bytes) ? " (devices are from 3.25 to 4 GiB)" : "");
	if (out->nr_segments == KERNEL_SEGMENTS_MAX)
		return REFUSE(s, "more than %u segments to load", KERNEL_SEGMENTS_MAX);
	out->segment[out->nr_segments++] = (struct kernel_segment){
		.start = start,
		.file_bytes = p->p_filesz,
		.memory_bytes = bytes,
		.data = s->file + p->p_offset,
	};
	return 0;
}

static int by_start(const void *a, const void *b)
{
	uint64_t x = ((const struct kernel_segment *)a)->start;
	uint64_t y = ((const struct kernel_segment *)b)->start;

	return (x > y) - (x < y);
}

/* Segments are valid ranges each; sorted, neighbours tell whether any overlap. */
static int check_together(struct source *s, struct kernel_image *image)
{
	struct kernel_segment *g = image->segment;
	bool entry_found = false;

	qsort(g, image->nr_segments, sizeof(*g), by_start);
	for (unsigned i = 0; i < image->nr_segments; i++) {
		if (i && g[i].start - g[i - 1].start < g[i - 1].memory_bytes)
			return REFUSE(s, "segments at %#llx and %#llx overlap",
				      (unsigned long long)g[i - 1].start,
				      (unsigned long long)g[i].start);
		if (image->entry >= g[i].start && image->entry - g[i].start < g[i].memory_bytes)
			entry_found = true;
	}
	if (!image->nr_segments)
		return REFUSE(s, "no segments to load");
	if (!entry_found)
		return REFUSE(s, "entry point %#llx is in no segment",
			      (unsigned long long)image->entry);
	return 0;
}

int elf_load(const void *file, size_t bytes, const char *name, const struct guest_layout *layout,
	     struct kernel_image *out, struct error *error)
{
	struct source s = {.file = file, .bytes = bytes, .error = error};
	Elf64_Ehdr header;
	int ret;

	words_quote(name, s.name, sizeof(s.name));
	out->nr_segments = 0;
	ret = check_header(&s, &header);
	if (ret)
		return ret;
	out->entry = header.e_entry;
	for (unsigned i = 0; i < header.e_phnum; i++) {
		Elf64_Phdr p;

		memcpy(&p, s.file + header.e_phoff + i * sizeof(p), sizeof(p));
		if (p.p_type == PT_INTERP || p.p_type == PT_DYNAMIC)
			return REFUSE(&s, "dynamically linked; a kernel must be static");
		if (p.p_type != PT_LOAD || !p.p_memsz)
			continue;
		ret = add_segment(&s, layout, i, &p, out);
		if (ret)
			return ret;
	}
	return check_together(&s, out);
}
