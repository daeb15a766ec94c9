/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * vmm_elf.h: ELF images made by hand, for tests.
 */
#ifndef BALLAST_TESTS_VMM_ELF_H
#define BALLAST_TESTS_VMM_ELF_H

#include <elf.h>
#include <stdint.h>
#include <string.h>

#define IMAGE_SEGMENTS 80u
#define IMAGE_BYTES    0x8000u
#define IMAGE_DATA \
	0x3000u /* file offset of segments' bytes; byte i of the file is i mod 251 + 1 from there on */

struct image {
	Elf64_Ehdr h;
	Elf64_Phdr p[IMAGE_SEGMENTS];
	uint8_t file[IMAGE_BYTES];
	size_t bytes; /* of the file that are given to the loader */
};

static inline void image_init(struct image *m)
{
	memset(m, 0, sizeof(*m));
	memcpy(m->h.e_ident, ELFMAG, SELFMAG);
	m->h.e_ident[EI_CLASS] = ELFCLASS64;
	m->h.e_ident[EI_DATA] = ELFDATA2LSB;
	m->h.e_type = ET_EXEC;
	m->h.e_machine = EM_X86_64;
	m->h.e_phoff = sizeof(m->h);
	m->h.e_phentsize = sizeof(Elf64_Phdr);
	m->bytes = IMAGE_BYTES;
}

static inline Elf64_Phdr *image_add(struct image *m, uint32_t type, uint64_t at, uint64_t offset,
				    uint64_t file_bytes, uint64_t memory_bytes)
{
	Elf64_Phdr *p = &m->p[m->h.e_phnum++];

	*p = (Elf64_Phdr){
		.p_type = type,
		.p_offset = offset,
		.p_paddr = at,
		.p_vaddr = 0xffffffff80000000 + at, /* where it runs later: not looked at */
		.p_filesz = file_bytes,
		.p_memsz = memory_bytes,
	};
	return p;
}

/* Puts headers and bytes into the file. */
static inline void image_write(struct image *m)
{
	for (unsigned i = IMAGE_DATA; i < IMAGE_BYTES; i++)
		m->file[i] = (uint8_t)(i % 251 + 1);
	memcpy(m->file, &m->h, sizeof(m->h));
	memcpy(m->file + sizeof(m->h), m->p, sizeof(m->p));
}

#endif
