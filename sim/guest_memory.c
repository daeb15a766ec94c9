/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * guest_memory.c: what of a guest's memory its own kernel takes, and which of it is touched when.
 *
 * The same layout as the lab guest's (guest/boot/main.c, memmap.c): behind the kernel's image the records of the core,
 * in the order of guest_bytes(), then page tables, and the rest is for pages, from the top of the map down. The core's
 * records are this program's memory here; what is simulated is only that the guest's frames under them are touched: an
 * entry of the page table lies in the frame of entry / 512, and so on. As in a real guest these frames can be paged out,
 * shared and sampled like any other.
 *
 * A touch of the workload goes through the page table entry and the mark of its page, and through the kernel's code; a
 * fault through the frame's record, the slot's and the policy's besides. Where in its memory a policy keeps what it knows
 * of a page is its own affair: it is taken to lie in proportion to the page's number. All that is in reach most of the
 * time, and then two counts say so (struct sim_range).
 *
 * What a kernel writes is content of its own, one for each frame: never shared with another guest's.
 */
#include <string.h>

#include "ballast/guest_abi.h"
#include "ballast/rng.h"
#include "guest/core/slots.h"
#include "sim/guest.h"

#define GIB_PAGES  (1u << 18)
#define FIRST_HIGH 4u
#define TABLE_END  512u /* GiBs that one root table maps */

static uint32_t frame_of(uint64_t at)
{
	return (uint32_t)(at >> PAGE_SHIFT_BITS);
}

static void add_range(struct guest_config *c, uint64_t start, uint64_t end)
{
	if (start < end)
		c->range[c->nr_ranges++] = (struct frame_range){(uint32_t)start, (uint32_t)end};
}

/* Free memory, from the top down; returns which range lies behind the kernel. */
static unsigned memory_map(const struct sim_vm *v, const struct sim_vm_config *config,
			   struct guest_config *out)
{
	uint64_t low = config->mm.hole_end > config->mm.hole_start ? config->mm.hole_start
								   : config->mm.pages;
	uint64_t high = config->mm.pages - low;
	uint64_t cmdline_end = frame_of(GUEST_CMDLINE_GPA + GUEST_CMDLINE_BYTES);
	uint64_t low_end = frame_of(GUEST_LOW_END);
	unsigned ours;

	add_range(out, config->mm.hole_end, config->mm.hole_end + high);
	ours = out->nr_ranges;
	add_range(out, v->layout.image_end, low);
	add_range(out, cmdline_end, low < low_end ? low : low_end);
	return ours;
}

/* Pages the pager needs numbers for: the largest phase's, of workloads to come too; boot takes all of memory. */
static uint32_t window_pages(const struct guest_options *options, npages_t memory_pages)
{
	const struct workload_spec *spec = &options->workload;
	uint64_t pages = options->pages ? options->pages : 1;

	for (uint32_t i = 0; i < spec->nr_phases; i++) {
		const struct phase_spec *p = &spec->phase[i];
		uint64_t wanted = p->kind == WORK_BOOT ? memory_pages : p->pages;

		pages = wanted > pages ? wanted : pages;
	}
	return pages < FRAMES_END ? (uint32_t)pages : FRAMES_END;
}

static bool gib_used(const struct guest_config *c, uint32_t gib)
{
	for (unsigned i = 0; i < c->nr_ranges; i++)
		if (c->range[i].start < (gib + 1) * GIB_PAGES && c->range[i].end > gib * GIB_PAGES)
			return true;
	return false;
}

static uint32_t table_pages(const struct guest_config *c)
{
	uint32_t nr = (c->pager.pages + c->pager.file_pages + GIB_PAGES - 1) / GIB_PAGES;

	for (uint32_t gib = FIRST_HIGH; gib < TABLE_END; gib++)
		nr += gib_used(c, gib);
	return nr;
}

/* Where the core's arrays begin, by guest/core/guest.c. */
static void record_offsets(struct sim_layout *l, const struct guest_config *c)
{
	const size_t mask = ~(size_t)15;
	size_t pages = (size_t)c->pager.pages + c->pager.file_pages;
	uint32_t end = 0;

	for (unsigned i = 0; i < c->nr_ranges; i++)
		end = c->range[i].end > end ? c->range[i].end : end;
	l->pte = 0;
	l->frames = (pages * sizeof(uint64_t) + 15) & mask;
	l->marks = l->frames + ((frames_bytes(end) + 15) & mask);
	l->slots = l->marks + ((pages * sizeof(uint32_t) + 15) & mask);
	l->files = l->slots + ((slots_bytes(c->pager.swap_slots) + 15) & mask);
	l->policy =
		l->files + ((c->pager.file_pages / 2 * sizeof(struct fileserver_file) + 15) & mask);
	l->end = guest_bytes(c);
}

static void boot_pages(struct sim_vm *v, const struct sim_vm_config *config)
{
	struct sim_layout *l = &v->layout;

	l->image = frame_of(GUEST_KERNEL_GPA);
	l->image_end = l->image;
	for (unsigned i = 0; i < config->nr_boot; i++)
		if (config->boot[i].gfn.v >= l->image_end)
			l->image_end = (uint32_t)config->boot[i].gfn.v + 1;
}

/* What of the image is written is known by what it was: pages of zeros are variables, and the tables beside them. */
static void own_image(struct sim_vm *v, const struct sim_vm_config *config)
{
	for (unsigned i = 0; i < config->nr_boot; i++)
		if (config->boot[i].gfn.v >= v->layout.image)
			sim_memory_kernel_page(
				&v->m->memory, v->id, config->boot[i].gfn,
				SIM_KERNEL | SIM_IMAGE |
					(config->boot[i].content ? SIM_READ_ONLY : 0));
	for (uint32_t i = 0; i < v->layout.table_pages; i++)
		sim_memory_kernel_page(&v->m->memory, v->id,
				       gfn(v->layout.records + v->layout.record_pages + i),
				       SIM_KERNEL | SIM_IMAGE);
}

int sim_guest_layout(struct sim_vm *v, const struct sim_vm_config *config, struct guest_config *out,
		     struct error *error)
{
	struct sim_layout *l = &v->layout;
	npages_t memory = 0;
	struct frame_range *behind;
	unsigned ours;

	boot_pages(v, config);
	ours = memory_map(v, config, out);
	if (ours >= out->nr_ranges || out->range[ours].start != l->image_end)
		return error_user(error, "%s: memory of %llu KiB does not hold its kernel", v->name,
				  (unsigned long long)pages_to_bytes(config->mm.pages) >> 10);
	behind = &out->range[ours];
	for (unsigned i = 0; i < out->nr_ranges; i++)
		memory += out->range[i].end - out->range[i].start;
	out->pager.pages = window_pages(&v->options, memory);
	record_offsets(l, out);
	l->records = behind->start;
	l->record_pages = (uint32_t)bytes_to_pages(l->end);
	l->table_pages = table_pages(out);
	if (l->record_pages + l->table_pages + PAGER_RESERVE >= behind->end - behind->start)
		return error_user(error, "%s: memory of %llu KiB does not hold its pager's records",
				  v->name,
				  (unsigned long long)pages_to_bytes(config->mm.pages) >> 10);
	behind->start += l->record_pages + l->table_pages;
	record_offsets(l, out); /* less memory: what follows the frames' records may lie lower */
	own_image(v, config);
	return 0;
}

/* --- touches --------------------------------------------------------------------------------------------------------- */

/* A frame of the kernel's own is read, or written. */
static void touch(struct sim_vm *v, uint32_t frame)
{
	struct sim_page *p = &v->page[frame];
	bool write = !(p->flags & SIM_READ_ONLY);
	uint64_t own;

	if (sim_page_within_reach(p, write) && p->content)
		return;
	if (!(p->flags & SIM_KERNEL)) /* the first time */
		sim_memory_kernel_page(&v->m->memory, v->id, gfn(frame), SIM_KERNEL);
	own = content_identity_of(rng_mix(v->own_key + frame));
	sim_guest_reach(v, gfn(frame), write);
	if (write && p->content && p->content != own)
		v->stats.integrity_errors++;
	if (write)
		p->content = own;
}

static void touch_record(struct sim_vm *v, size_t offset)
{
	touch(v, v->layout.records + frame_of(offset));
}

void sim_guest_touch_image(struct sim_vm *v)
{
	if (!v->range->image_out)
		return;
	for (uint32_t frame = v->layout.image; frame < v->layout.image_end; frame++)
		touch(v, frame);
	for (uint32_t i = 0; i < v->layout.table_pages; i++)
		touch(v, v->layout.records + v->layout.record_pages + i);
}

void sim_guest_touch_entry(struct sim_vm *v, uint32_t page)
{
	touch_record(v, v->layout.pte + page * sizeof(uint64_t));
	touch_record(v, v->layout.marks + page * sizeof(uint32_t));
}

void sim_guest_touch_records(struct sim_vm *v, uint32_t page)
{
	const struct sim_layout *l = &v->layout;
	const struct pager *p = &v->guest.pager;
	gfn_t frame = pager_frame_of(p, page);
	uint32_t slot;

	sim_guest_touch_image(v);
	sim_guest_touch_entry(v, page);
	touch_record(v, l->policy +
				(l->end - l->policy) * (uint64_t)page / (p->pages + p->file_pages));
	if (!frame.v)
		return;
	touch_record(v, l->frames + frame.v * sizeof(struct frame_info));
	slot = p->frames->info[frame.v].slot;
	if (slot)
		touch_record(v, l->slots + (slot - 1) / 64 * sizeof(uint64_t));
}
