/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * vmm_boot_test.c: what boot_place() hands over, parsed back as a kernel and a processor would.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <asm/bootparam.h>
#include <cmocka.h>
#include <errno.h>

#include "tests/unit/vmm_elf.h"
#include "vmm/boot.h"

#define START    0x100000ull
#define PAGES    1024u /* of guest memory that are kept: 4 MiB */
#define NO_PLACE (~0ull)

struct fixture {
	struct image m;
	struct boot_image image;
	struct boot_words words;
	struct error error;
	struct guest_layout layout;
	uint64_t entry;
	uint8_t mem[PAGES * PAGE_BYTES];
	unsigned placed[PAGES]; /* how often */
	bool was_null[PAGES];
	unsigned nr_placed;
	uint64_t fail_at; /* gfn whose placing fails */
};

static int place(void *ctx, gfn_t g, const void *page)
{
	struct fixture *f = ctx;

	if (g.v == f->fail_at)
		return -ENOSPC;
	assert_true(g.v < PAGES);
	f->placed[g.v]++;
	f->nr_placed++;
	f->was_null[g.v] = !page;
	if (page)
		memcpy(f->mem + g.v * PAGE_BYTES, page, PAGE_BYTES);
	return 0;
}

static int setup(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));

	image_init(&f->m);
	image_add(&f->m, PT_LOAD, START, IMAGE_DATA, 0x1000, 0x1000);
	f->m.h.e_entry = START + 8;
	f->image = (struct boot_image){f->m.file, IMAGE_BYTES, "k", "lab.seed=1", false};
	f->layout = guest_layout_make(64 << 20 >> 12);
	f->fail_at = NO_PLACE;
	*state = f;
	return 0;
}

static int teardown(void **state)
{
	free(*state);
	return 0;
}

static int boot(struct fixture *f)
{
	image_write(&f->m);
	memset(f->placed, 0, sizeof(f->placed));
	f->nr_placed = 0;
	return boot_place(&f->image, &f->layout, &f->words, place, f, &f->entry, &f->error);
}

static const char *cmdline(const struct fixture *f)
{
	return (const char *)f->mem + GUEST_CMDLINE_GPA;
}

static void test_pages(void **state)
{
	static const unsigned expected[] = {7, 9, 10, 11, 12, 13, 14, 15, 32, 256};
	struct fixture *f = *state;

	assert_int_equal(boot(f), 0);
	assert_true(f->entry == START + 8);
	for (size_t i = 0; i < sizeof(expected) / sizeof(expected[0]); i++)
		assert_int_equal(f->placed[expected[i]], 1);
	assert_int_equal(f->nr_placed, sizeof(expected) / sizeof(expected[0]));
	assert_memory_equal(f->mem + START, f->m.file + IMAGE_DATA, 0x1000);
}

static void check_e820(const struct fixture *f, unsigned i, uint64_t start, uint64_t end)
{
	const struct boot_params *b = (const void *)(f->mem + GUEST_ZERO_PAGE_GPA);

	assert_true(b->e820_table[i].addr == start);
	assert_true(b->e820_table[i].addr + b->e820_table[i].size == end);
	assert_int_equal(b->e820_table[i].type, 1);
}

static void test_zero_page(void **state)
{
	struct fixture *f = *state;
	const struct boot_params *b = (const void *)(f->mem + GUEST_ZERO_PAGE_GPA);

	assert_int_equal(boot(f), 0);
	assert_memory_equal(f->mem + GUEST_ZERO_PAGE_GPA + 0x202, "HdrS", 4);
	assert_int_equal(b->hdr.boot_flag, 0xaa55);
	assert_int_equal(b->hdr.type_of_loader, 0xff);
	assert_true(b->hdr.version >= 0x20c);
	assert_int_equal(b->hdr.cmd_line_ptr, 0x20000);
	assert_int_equal(b->hdr.ramdisk_image, 0);
	assert_int_equal(b->e820_entries, 2);
	check_e820(f, 0, 0, 0x9fc00);
	check_e820(f, 1, 0x100000, 64 << 20);
	f->layout = guest_layout_make(5ull << 30 >> 12);
	assert_int_equal(boot(f), 0);
	assert_int_equal(b->e820_entries, 3);
	check_e820(f, 1, 0x100000, 0xd0000000);
	check_e820(f, 2, 1ull << 32, (1ull << 32) + (5ull << 30) - 0xd0000000);
	f->layout = guest_layout_make(0xd0000000 >> 12);
	assert_int_equal(boot(f), 0);
	assert_int_equal(b->e820_entries, 2);
}

/* What a processor makes of an address: NO_PLACE if it is not mapped. */
static uint64_t walk(const struct fixture *f, uint64_t address)
{
	uint64_t table = GUEST_PAGE_TABLES_GPA, entry;

	for (int shift = 39;; shift -= 9) {
		memcpy(&entry, f->mem + table + (address >> shift & 511) * 8, sizeof(entry));
		if (!(entry & 1) || !(entry & 2) || address >> 48)
			return NO_PLACE;
		if (shift == 21) {
			assert_true(entry & 0x80);
			return (entry & 0xffffffe00000) | (address & 0x1fffff);
		}
		assert_false(entry & 0x80);
		table = entry & 0xfffffffff000;
		assert_true(table < sizeof(f->mem));
	}
}

static void test_page_tables(void **state)
{
	static const uint64_t mapped[] = {0,          0x1fffff,   0x200000,
					  0x3fffffff, 0x40000000, 0xbfffffff,
					  0xd0000050, 0xfee00000, 0xffffffff};
	static const uint64_t unmapped[] = {0x100000000, 0x8000000000, 0x7fffffffffff};
	struct fixture *f = *state;

	assert_int_equal(boot(f), 0);
	for (size_t i = 0; i < sizeof(mapped) / sizeof(mapped[0]); i++)
		assert_true(walk(f, mapped[i]) == mapped[i]);
	for (size_t i = 0; i < sizeof(unmapped) / sizeof(unmapped[0]); i++)
		assert_true(walk(f, unmapped[i]) == NO_PLACE);
}

static void test_gdt(void **state)
{
	struct fixture *f = *state;
	const uint8_t *gdt = f->mem + GUEST_GDT_GPA;

	assert_int_equal(boot(f), 0);
	assert_memory_equal(gdt, "\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0", 16);
	/* access byte, then flags and upper limit: present ring 0 code, long mode; present ring 0 data */
	assert_int_equal(gdt[0x10 + 5] & 0xfe, 0x9a);
	assert_int_equal(gdt[0x10 + 6], 0xaf);
	assert_int_equal(gdt[0x18 + 5] & 0xfe, 0x92);
	assert_int_equal(gdt[0x18 + 6], 0xcf);
}

static void test_cmdline(void **state)
{
	struct fixture *f = *state;
	char longest[GUEST_CMDLINE_BYTES + 10];

	assert_int_equal(boot(f), 0);
	assert_string_equal(cmdline(f), "lab.seed=1");
	f->words = (struct boot_words){.nr_devices = 2, .tsc_khz = 2500000};
	assert_int_equal(boot(f), 0);
	assert_string_equal(cmdline(f), "lab.seed=1 virtio_mmio.device=4K@0xd0000000:5 "
					"virtio_mmio.device=4K@0xd0001000:6 lab.tsc_khz=2500000");
	f->words.data_disk = 2; /* counted from 1 */
	assert_int_equal(boot(f), 0);
	assert_non_null(strstr(cmdline(f), ":6 lab.tsc_khz=2500000 lab.data=1"));
	f->image.cmdline = "";
	f->words.tsc_khz = f->words.data_disk = 0;
	f->words.nr_devices = 1;
	assert_int_equal(boot(f), 0);
	assert_string_equal(cmdline(f), "virtio_mmio.device=4K@0xd0000000:5");

	memset(longest, 'x', sizeof(longest));
	f->image.cmdline = longest;
	f->words.nr_devices = 0;
	longest[GUEST_CMDLINE_BYTES - 1] = '\0';
	assert_int_equal(boot(f), 0);
	assert_int_equal(strlen(cmdline(f)), GUEST_CMDLINE_BYTES - 1);
	f->words.nr_devices = 1; /* 1 + 34 bytes more */
	assert_int_equal(boot(f), -EINVAL);
	assert_true(f->error.user);
	assert_non_null(strstr(f->error.text, "command line too long: 4130 bytes"));
	longest[GUEST_CMDLINE_BYTES - 1 - 35] = '\0';
	assert_int_equal(boot(f), 0);
	f->words.nr_devices = 0;
	longest[GUEST_CMDLINE_BYTES - 1 - 35] = 'x';
	longest[GUEST_CMDLINE_BYTES - 1] = 'x';
	longest[GUEST_CMDLINE_BYTES] = '\0';
	assert_int_equal(boot(f), -EINVAL);
}

/* Segments that share pages: each page comes once, with all that is in it; .bss is zero, and NULL where it is all. */
static void test_shared_pages(void **state)
{
	struct fixture *f = *state;
	uint8_t expected[5 * PAGE_BYTES];

	f->m.h.e_phnum = 0;
	image_add(&f->m, PT_LOAD, START + 0x1800, 0x4000, 0x400, 0x2300); /* to 0x3b00 */
	image_add(&f->m, PT_LOAD, START + 0x100, 0x3000, 0x1500, 0x1700); /* to 0x1800 */
	image_add(&f->m, PT_LOAD, START + 0x3c00, 0x5000, 0x10, 0x20);    /* to 0x3c20 */
	f->m.h.e_entry = START + 0x100;
	memset(f->mem, 0, sizeof(f->mem));
	assert_int_equal(boot(f), 0);
	memset(expected, 0, sizeof(expected));
	memcpy(expected + 0x100, f->m.file + 0x3000, 0x1500);
	memcpy(expected + 0x1800, f->m.file + 0x4000, 0x400);
	memcpy(expected + 0x3c00, f->m.file + 0x5000, 0x10);
	assert_memory_equal(f->mem + START, expected, sizeof(expected));
	for (unsigned i = 0; i < 5; i++) {
		assert_int_equal(f->placed[256 + i], i < 4);
		if (i < 4)
			assert_int_equal(f->was_null[256 + i], i == 2);
	}
}

static void test_errors(void **state)
{
	struct fixture *f = *state;

	f->m.h.e_machine = EM_386;
	assert_int_equal(boot(f), -EINVAL);
	assert_true(f->error.user);
	assert_int_equal(f->nr_placed, 0);
	f->m.h.e_machine = EM_X86_64;
	f->fail_at = 11;
	assert_int_equal(boot(f), -ENOSPC);
	assert_false(f->error.user);
	assert_non_null(strstr(f->error.text, "0xb000"));
	f->fail_at = 256;
	assert_int_equal(boot(f), -ENOSPC);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_pages, setup, teardown),
		cmocka_unit_test_setup_teardown(test_zero_page, setup, teardown),
		cmocka_unit_test_setup_teardown(test_page_tables, setup, teardown),
		cmocka_unit_test_setup_teardown(test_gdt, setup, teardown),
		cmocka_unit_test_setup_teardown(test_cmdline, setup, teardown),
		cmocka_unit_test_setup_teardown(test_shared_pages, setup, teardown),
		cmocka_unit_test_setup_teardown(test_errors, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
