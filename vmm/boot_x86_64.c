/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * boot_x86_64.c: the Linux x86-64 boot protocol, 64-bit entry, page by page.
 *
 * The VMM does not write guest memory here: it assembles each page in its own and hands it over, once, so that the
 * memory manager sees every page that becomes resident, and no guest page is touched before the guest runs. A kernel
 * page may hold the end of one segment and the start of the next; whatever falls into it is gathered before it goes.
 * Pages without content (.bss) are handed over as NULL, and it is the other side's choice what to do about them.
 *
 *   0x7000   zero page: e820 map, command line pointer, the fields of the setup header a 64-bit kernel reads
 *   0x9000   page tables: 4 GiB identity, 2 MiB pages, so 6 pages. Accessed and dirty are set, so the processor does not
 *            write to them; the user bit too, so that a small guest may enter ring 3 before it has its own
 *   0xf000   GDT: code at 0x10, data at 0x18, where the protocol wants them
 *   0x20000  command line
 *
 * A loader (elf.c; a bzImage loader would stand beside it) only fills in struct kernel_image.
 * Reference: Linux Documentation/arch/x86/boot.rst and zero-page.rst.
 */
#include "vmm/boot.h"

#include <asm/bootparam.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "vmm/elf.h"

#define PAGE_TABLE_PAGES 6u
#define ENTRIES          512u

#define PTE_TABLE 0x27ull /* present, writable, user, accessed */
#define PTE_PAGE  0xe7ull /* the same, dirty, large */

#define E820_RAM          1u
#define BOOT_FLAG         0xaa55
#define HEADER_MAGIC      0x53726448 /* "HdrS" */
#define PROTOCOL_VERSION  0x020c
#define LOADER_UNASSIGNED 0xff

_Static_assert(sizeof(struct boot_params) == PAGE_BYTES, "the zero page is a page");
_Static_assert(GUEST_CMDLINE_BYTES <= PAGE_BYTES, "the command line is one page");
_Static_assert(GUEST_PAGE_TABLES_GPA + PAGE_TABLE_PAGES * PAGE_BYTES <= GUEST_GDT_GPA,
	       "the GDT lies behind the page tables");

struct placer {
	boot_place_fn *place;
	void *ctx;
	struct error *error;
};

static int place(const struct placer *p, uint64_t at, const void *page)
{
	int ret = p->place(p->ctx, gpa_to_gfn(gpa(at)), page);

	if (ret)
		error_host(p->error, -ret, "placing the boot page at %#llx",
			   (unsigned long long)at);
	return ret;
}

static void add_memory(struct boot_params *b, uint64_t start, uint64_t end)
{
	if (start >= end)
		return;
	b->e820_table[b->e820_entries++] =
		(struct boot_e820_entry){.addr = start, .size = end - start, .type = E820_RAM};
}

static int place_zero_page(const struct placer *p, const struct guest_layout *layout,
			   struct boot_params *b)
{
	uint64_t low = layout->low_bytes;

	memset(b, 0, sizeof(*b));
	b->hdr.boot_flag = BOOT_FLAG;
	b->hdr.header = HEADER_MAGIC;
	b->hdr.version = PROTOCOL_VERSION;
	b->hdr.type_of_loader = LOADER_UNASSIGNED;
	b->hdr.loadflags = LOADED_HIGH;
	b->hdr.cmd_line_ptr = GUEST_CMDLINE_GPA;
	b->hdr.cmdline_size = GUEST_CMDLINE_BYTES - 1;
	add_memory(b, 0, low < GUEST_LOW_END ? low : GUEST_LOW_END);
	add_memory(b, GUEST_KERNEL_GPA, low);
	add_memory(b, GUEST_HOLE_END, GUEST_HOLE_END + layout->high_bytes);
	return place(p, GUEST_ZERO_PAGE_GPA, b);
}

/* PML4, PDPT, four page directories. */
static int place_page_tables(const struct placer *p, uint64_t *table)
{
	uint64_t at = GUEST_PAGE_TABLES_GPA;
	int ret;

	memset(table, 0, PAGE_BYTES);
	table[0] = (at + PAGE_BYTES) | PTE_TABLE;
	ret = place(p, at, table);
	for (unsigned i = 0; i < 4; i++)
		table[i] = (at + (2 + i) * PAGE_BYTES) | PTE_TABLE;
	if (!ret)
		ret = place(p, at + PAGE_BYTES, table);
	for (uint64_t i = 0; i < 4 && !ret; i++) {
		for (uint64_t j = 0; j < ENTRIES; j++)
			table[j] = (i * ENTRIES + j) << 21 | PTE_PAGE;
		ret = place(p, at + (2 + i) * PAGE_BYTES, table);
	}
	return ret;
}

static int place_gdt(const struct placer *p, uint64_t *gdt)
{
	memset(gdt, 0, PAGE_BYTES);
	gdt[2] = 0x00af9b000000ffff; /* 0x10: 64-bit code, accessed */
	gdt[3] = 0x00cf93000000ffff; /* 0x18: data, accessed */
	return place(p, GUEST_GDT_GPA, gdt);
}

/* Adds words to the line, with a blank between; keeps counting when it is full, so that the caller can tell. */
__attribute__((format(printf, 3, 4))) static void add_word(char *line, size_t *used,
							   const char *format, ...)
{
	size_t room = *used < GUEST_CMDLINE_BYTES ? GUEST_CMDLINE_BYTES - *used : 0;
	va_list args;
	int n;

	va_start(args, format);
	n = vsnprintf(room ? line + *used : NULL, room, format, args);
	va_end(args);
	*used += n > 0 ? (size_t)n : 0;
}

static int place_cmdline(const struct placer *p, const char *given, const struct boot_words *words,
			 char *page)
{
	size_t used = 0;

	memset(page, 0, PAGE_BYTES);
	add_word(page, &used, "%s", given);
	for (unsigned i = 0; i < words->nr_devices; i++)
		add_word(page, &used, "%svirtio_mmio.device=4K@%#llx:%u", used ? " " : "",
			 GUEST_MMIO_GPA + (uint64_t)i * GUEST_MMIO_DEVICE_BYTES,
			 GUEST_MMIO_IRQ + i);
	if (words->tsc_khz)
		add_word(page, &used, "%slab.tsc_khz=%u", used ? " " : "", words->tsc_khz);
	if (words->data_disk)
		add_word(page, &used, "%slab.data=%u", used ? " " : "", words->data_disk - 1);
	if (used >= GUEST_CMDLINE_BYTES)
		return error_user(p->error,
				  "kernel command line too long: %zu bytes with what the machine "
				  "adds, at most %u",
				  used, GUEST_CMDLINE_BYTES - 1);
	return place(p, GUEST_CMDLINE_GPA, page);
}

/* Gathers what falls into the page at start. True if any byte is not zero. */
static bool assemble(const struct kernel_image *image, uint64_t start, uint8_t *page)
{
	const uint64_t end = start + PAGE_BYTES;
	uint8_t any = 0;

	memset(page, 0, PAGE_BYTES);
	for (unsigned i = 0; i < image->nr_segments; i++) {
		const struct kernel_segment *s = &image->segment[i];
		uint64_t from = s->start > start ? s->start : start;
		uint64_t to = s->start + s->file_bytes < end ? s->start + s->file_bytes : end;

		if (from < to)
			memcpy(page + (from - start), s->data + (from - s->start), to - from);
	}
	for (unsigned i = 0; i < PAGE_BYTES; i++)
		any |= page[i];
	return any;
}

static int place_kernel(const struct placer *p, const struct kernel_image *image, uint8_t *page)
{
	uint64_t next = 0; /* first page not placed yet */

	for (unsigned i = 0; i < image->nr_segments; i++) {
		const struct kernel_segment *s = &image->segment[i];
		uint64_t start = s->start & ~(uint64_t)(PAGE_BYTES - 1);

		if (start < next)
			start = next;
		for (; start < s->start + s->memory_bytes; start += PAGE_BYTES) {
			int ret = place(p, start, assemble(image, start, page) ? page : NULL);

			if (ret)
				return ret;
			next = start + PAGE_BYTES;
		}
	}
	return 0;
}

int boot_place(const struct boot_image *image, const struct guest_layout *layout,
	       const struct boot_words *words, boot_place_fn *fn, void *ctx, uint64_t *entry,
	       struct error *error)
{
	const struct placer p = {.place = fn, .ctx = ctx, .error = error};
	struct kernel_image *kernel = malloc(sizeof(*kernel));
	void *page = malloc(PAGE_BYTES);
	int ret;

	*entry = 0;
	if (!page || !kernel) {
		ret = error_host(error, ENOMEM, "boot pages");
		goto out;
	}
	ret = elf_load(image->kernel, image->kernel_bytes, image->kernel_name, layout, kernel,
		       error);
	if (!ret)
		ret = place_cmdline(&p, image->cmdline, words, page);
	if (!ret)
		ret = place_zero_page(&p, layout, page);
	if (!ret)
		ret = place_page_tables(&p, page);
	if (!ret)
		ret = place_gdt(&p, page);
	if (!ret)
		ret = place_kernel(&p, kernel, page);
	if (!ret)
		*entry = kernel->entry;
out:
	free(page);
	free(kernel);
	return ret;
}
