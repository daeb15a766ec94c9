/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * vmm_elf_test.c: good kernels are taken apart, each kind of bad one is refused in its own words.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>
#include <errno.h>
#include <sys/mman.h>

#include "tests/unit/vmm_elf.h"
#include "vmm/elf.h"

#define MIB   (1ull << 20)
#define START 0x100000ull

struct fixture {
	struct image m;
	struct kernel_image out;
	struct error error;
	npages_t pages;
};

/* A good image: text, data with .bss, a note, an empty segment. */
static int setup(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));

	image_init(&f->m);
	image_add(&f->m, PT_NOTE, 0, 0, 8, 8);
	image_add(&f->m, PT_LOAD, 0x200000, 0x5000, 0x800, 0x3000);
	image_add(&f->m, PT_LOAD, START, IMAGE_DATA, 0x1000, 0x1000);
	image_add(&f->m, PT_LOAD, 0, 0, 0, 0);
	f->m.h.e_entry = START + 0x10;
	f->pages = 64 * MIB / PAGE_BYTES;
	*state = f;
	return 0;
}

static int teardown(void **state)
{
	free(*state);
	return 0;
}

static int load(struct fixture *f)
{
	struct guest_layout layout = guest_layout_make(f->pages);
	uint8_t *exact = malloc(f->m.bytes ? f->m.bytes : 1);
	int ret;

	/* A copy of just that size, so that reading beyond it is seen. */
	image_write(&f->m);
	memcpy(exact, f->m.file, f->m.bytes);
	ret = elf_load(exact, f->m.bytes, "k.elf", &layout, &f->out, &f->error);
	free(exact);
	return ret;
}

static void check_refused(struct fixture *f, const char *words)
{
	memset(&f->error, 0, sizeof(f->error));
	assert_int_equal(load(f), -EINVAL);
	assert_true(f->error.user);
	if (strncmp(f->error.text, "k.elf: ", 7) != 0 || !strstr(f->error.text, words))
		fail_msg("\"%s\" does not name \"%s\"", f->error.text, words);
}

static void test_good(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(load(f), 0);
	assert_true(f->out.entry == START + 0x10);
	assert_int_equal(f->out.nr_segments, 2);
	assert_true(f->out.segment[0].start == START);
	assert_true(f->out.segment[0].file_bytes == 0x1000);
	assert_true(f->out.segment[1].start == 0x200000);
	assert_true(f->out.segment[1].file_bytes == 0x800);
	assert_true(f->out.segment[1].memory_bytes == 0x3000);
}

/* Ends of memory and file, touching neighbours: all still good. */
static void test_edges(void **state)
{
	struct fixture *f = *state;

	f->m.p[1].p_paddr = START + 0x1000; /* right behind the other */
	assert_int_equal(load(f), 0);
	f->m.p[1].p_paddr = 64 * MIB - 0x3000; /* to the last byte of memory */
	assert_int_equal(load(f), 0);
	f->m.p[1].p_offset = IMAGE_BYTES - 0x800; /* from the last byte of the file */
	assert_int_equal(load(f), 0);
	f->m.h.e_entry = START + 0xfff;
	assert_int_equal(load(f), 0);
	f->m.h.e_entry = START;
	assert_int_equal(load(f), 0);
}

static void test_not_elf(void **state)
{
	struct fixture *f = *state;

	f->m.h.e_ident[EI_MAG0] = '#';
	check_refused(f, "not an ELF file");
	f->m.bytes = 0;
	check_refused(f, "not an ELF file");
	f->m.h.e_ident[EI_MAG0] = ELFMAG0;
	f->m.bytes = 4;
	check_refused(f, "not an ELF file");
}

static void test_wrong_kind(void **state)
{
	struct fixture *f = *state;

	f->m.h.e_ident[EI_CLASS] = ELFCLASS32;
	check_refused(f, "not a 64-bit");
	f->m.h.e_ident[EI_CLASS] = ELFCLASS64;
	f->m.h.e_ident[EI_DATA] = ELFDATA2MSB;
	check_refused(f, "little-endian");
	f->m.h.e_ident[EI_DATA] = ELFDATA2LSB;
	f->m.h.e_machine = EM_AARCH64;
	check_refused(f, "machine 183, not for x86-64");
	f->m.h.e_machine = EM_X86_64;
	f->m.h.e_type = ET_DYN;
	check_refused(f, "ELF type 3");
	f->m.h.e_type = ET_REL;
	check_refused(f, "ELF type 1");
}

static void test_dynamic(void **state)
{
	struct fixture *f = *state;

	f->m.p[0].p_type = PT_INTERP;
	check_refused(f, "dynamically linked");
	f->m.p[0].p_type = PT_DYNAMIC;
	check_refused(f, "dynamically linked");
}

static void test_truncated(void **state)
{
	struct fixture *f = *state;

	f->m.bytes = sizeof(Elf64_Ehdr) - 1;
	check_refused(f, "truncated");
	f->m.bytes = sizeof(Elf64_Ehdr) + 4 * sizeof(Elf64_Phdr) - 1;
	check_refused(f, "truncated: program headers");
	f->m.bytes = IMAGE_DATA + 0xfff; /* one byte of the text is missing */
	check_refused(f, "truncated: segment 1");
	f->m.p[1].p_offset = IMAGE_DATA;
	check_refused(f, "truncated: segment 2");
	f->m.bytes = IMAGE_DATA + 0x1000;
	assert_int_equal(load(f), 0);
}

/* Offsets whose sum with a size wraps around. */
static void test_overflow(void **state)
{
	struct fixture *f = *state;

	f->m.h.e_phoff = ~0ull - 16;
	check_refused(f, "truncated: program headers");
	f->m.h.e_phoff = sizeof(Elf64_Ehdr);
	f->m.p[2].p_offset = ~0ull - 0xfff;
	check_refused(f, "truncated: segment 2");
	f->m.p[2].p_offset = IMAGE_DATA;
	f->m.p[1].p_paddr = ~0ull - 0x1000;
	check_refused(f, "outside guest memory");
	f->m.p[1].p_paddr = 0x200000;
	f->m.p[1].p_memsz = ~0ull;
	check_refused(f, "outside guest memory");
}

static void test_bad_headers(void **state)
{
	struct fixture *f = *state;
	unsigned nr = f->m.h.e_phnum;

	f->m.h.e_phentsize = 32;
	check_refused(f, "bad program headers");
	f->m.h.e_phentsize = sizeof(Elf64_Phdr);
	f->m.h.e_phnum = 0;
	check_refused(f, "bad program headers");
	f->m.h.e_phnum = PN_XNUM;
	check_refused(f, "bad program headers");
	f->m.h.e_phnum = (uint16_t)nr;
	f->m.p[1].p_filesz = 0x3001;
	check_refused(f, "in the file");
}

static void test_places(void **state)
{
	struct fixture *f = *state;

	f->m.p[2].p_paddr = START - 0x1000;
	check_refused(f, "below 0x100000");
	f->m.p[2].p_paddr = 0;
	check_refused(f, "below 0x100000");
	f->m.p[2].p_paddr = START;
	f->m.p[1].p_paddr = 64 * MIB - 0x2fff;
	check_refused(f, "outside guest memory of 65536 KiB");
	f->pages = 8ull << 30 >> 12;
	f->m.p[1].p_paddr = GUEST_HOLE_START - 0x2fff;
	check_refused(f, "devices are from");
	f->m.p[1].p_paddr = GUEST_HOLE_START + 0x1000;
	check_refused(f, "devices are from");
	f->m.p[1].p_paddr = GUEST_HOLE_END;
	assert_int_equal(load(f), 0);
}

static void test_overlap(void **state)
{
	struct fixture *f = *state;

	f->m.p[1].p_paddr = START + 0xfff; /* by one byte */
	check_refused(f, "overlap");
	f->m.p[1].p_paddr = START;
	check_refused(f, "overlap");
	f->m.p[2].p_paddr = START + 0x2800; /* inside the other's .bss */
	f->m.h.e_entry = START;
	check_refused(f, "overlap");
}

static void test_entry(void **state)
{
	struct fixture *f = *state;

	f->m.h.e_entry = START + 0x1000;
	check_refused(f, "entry point 0x101000");
	f->m.h.e_entry = START - 1;
	check_refused(f, "entry point");
	f->m.h.e_entry = 0;
	check_refused(f, "entry point");
	f->m.p[1].p_type = f->m.p[2].p_type = PT_NOTE;
	check_refused(f, "no segments");
}

static void test_too_many_segments(void **state)
{
	struct fixture *f = *state;

	f->m.h.e_phnum = 0;
	for (unsigned i = 0; i < KERNEL_SEGMENTS_MAX; i++)
		image_add(&f->m, PT_LOAD, START + i * 0x1000, IMAGE_DATA, 16, 16);
	f->m.h.e_entry = START;
	assert_int_equal(load(f), 0);
	assert_int_equal(f->out.nr_segments, KERNEL_SEGMENTS_MAX);
	image_add(&f->m, PT_LOAD, 0x800000, IMAGE_DATA, 16, 16);
	check_refused(f, "more than 64 segments");
}

/* Whatever stands in the name cannot break the message. */
static void test_name(void **state)
{
	struct guest_layout layout = guest_layout_make(1024);
	struct kernel_image out;
	struct error error;

	(void)state;
	assert_int_equal(elf_load("x", 1, "bad\n\033name", &layout, &out, &error), -EINVAL);
	assert_memory_equal(error.text, "bad??name: not an ELF", 21);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_good, setup, teardown),
		cmocka_unit_test_setup_teardown(test_edges, setup, teardown),
		cmocka_unit_test_setup_teardown(test_not_elf, setup, teardown),
		cmocka_unit_test_setup_teardown(test_wrong_kind, setup, teardown),
		cmocka_unit_test_setup_teardown(test_dynamic, setup, teardown),
		cmocka_unit_test_setup_teardown(test_truncated, setup, teardown),
		cmocka_unit_test_setup_teardown(test_overflow, setup, teardown),
		cmocka_unit_test_setup_teardown(test_bad_headers, setup, teardown),
		cmocka_unit_test_setup_teardown(test_places, setup, teardown),
		cmocka_unit_test_setup_teardown(test_overlap, setup, teardown),
		cmocka_unit_test_setup_teardown(test_entry, setup, teardown),
		cmocka_unit_test_setup_teardown(test_too_many_segments, setup, teardown),
		cmocka_unit_test(test_name),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
