/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * main.c: the lab guest from its first C function to its end: reads its command line and memory map, puts its records
 * behind the kernel image, and runs its workload, asleep when nothing is due.
 *
 * The way to the first workload page is kept short, since experiments start and stop guests by the dozen: nothing is
 * initialised that is not needed yet (the swap disk's queue, interrupt controllers), every fresh page touched costs the
 * host a fault, and every device register an exit. The first line on the console comes after the first step.
 */
#include "guest/boot/interrupt.h"
#include "guest/boot/lab.h"
#include "guest/boot/machine.h"
#include "guest/boot/memmap.h"
#include "guest/boot/text.h"

#include <errno.h>
#include <string.h>

#define ZERO_PAGE_CMDLINE 0x228
#define WINDOW_PAGES_MAX  (1u << 27)
#define PAGER_SEED_MIX    0x706167657273ull /* the pager's random numbers are not the workload's */

_Noreturn void lab_exit(enum guest_exit status)
{
	port_out32(GUEST_EXIT_PORT, status);
	for (;;)
		wait_interrupt();
}

static _Noreturn void fail(enum guest_exit status, const char *why)
{
	struct text t = text_start(why);

	text_print(&t);
	lab_exit(status);
}

_Noreturn void lab_paging_failed(const struct lab *lab, int err)
{
	const struct pager *p = &lab->guest.pager;
	struct text t = text_start(err == -ENOMEM ? "out of memory: " : "panic: a disk failed: ");

	text_add_number(&t, lab->guest.frames.total_pages);
	text_add(&t, " pages of memory, ");
	text_add_number(&t, lab->guest.frames.free_pages);
	text_add(&t, " free, ");
	text_add_number(&t, p->slots.nr);
	text_add(&t, " of swap, ");
	text_add_number(&t, p->slots.free);
	text_add(&t, " free, balloon of ");
	text_add_number(&t, lab->stats->balloon_pages);
	text_add(&t, ", workload of ");
	text_add_number(&t, lab->run.workload.pages);
	text_print(&t);
	lab_exit(err == -ENOMEM ? GUEST_EXIT_OUT_OF_MEMORY : GUEST_EXIT_PANIC);
}

/* --- what core asks for ----------------------------------------------------------------------------------------- */

static uint64_t window_address(uint32_t page)
{
	return WINDOW_BASE + ((uint64_t)page << PAGE_SHIFT_BITS);
}

static void lab_invalidate(void *ctx, uint32_t page)
{
	(void)ctx;
	invalidate_page(window_address(page));
}

static void lab_invalidate_all(void *ctx)
{
	(void)ctx;
	invalidate_all();
}

static int lab_swap_write(void *ctx, const gfn_t *frames, uint32_t nr, slot_t first)
{
	struct lab *lab = ctx;

	return disk_write(&lab->swap, frames, nr, first.v, &lab->interrupts_ready);
}

static int lab_swap_read(void *ctx, gfn_t frame, slot_t from)
{
	struct lab *lab = ctx;

	return disk_read(&lab->swap, &frame, 1, from.v, &lab->interrupts_ready);
}

static int lab_file_write(void *ctx, const gfn_t *frames, uint32_t nr, uint32_t first)
{
	struct lab *lab = ctx;

	return disk_write(&lab->data, frames, nr, first, &lab->interrupts_ready);
}

static int lab_file_read(void *ctx, const gfn_t *frames, uint32_t nr, uint32_t first)
{
	struct lab *lab = ctx;

	return disk_read(&lab->data, frames, nr, first, &lab->interrupts_ready);
}

static const struct pager_ops pager_ops = {
	.invalidate = lab_invalidate,
	.invalidate_all = lab_invalidate_all,
	.swap_write = lab_swap_write,
	.swap_read = lab_swap_read,
	.file_write = lab_file_write,
	.file_read = lab_file_read,
};

/*
 * The processor faults on it if it is not there, and trap_handle() does the rest: within content_fill() and
 * content_touch(), which the compiler cannot look into from run.c, so nothing of the pager's is in registers then. A block of
 * a file is brought in without a trap, as read(2) and write(2) would.
 */
static uint64_t *lab_page(void *ctx, uint32_t page, bool write, int *err)
{
	struct lab *lab = ctx;

	*err = 0;
	if (page >= lab->guest.pager.pages && !pager_frame_of(&lab->guest.pager, page).v)
		*err = lab_fault(lab, page, write);
	return *err ? NULL : at_gpa(window_address(page));
}

static void say_hello(const struct lab *lab)
{
	struct text t = text_start("");

	text_add_number(&t, lab->guest.frames.total_pages);
	text_add(&t, " pages free, ");
	text_add_number(&t, lab->swap.pages);
	text_add(&t, " of swap, pager ");
	text_add(&t, lab->options.pager->name);
	text_add(&t, ", workload ");
	text_add(&t, workload_kind_names[lab->options.workload.phase[0].kind]);
	text_add(&t, lab->options.workload.nr_phases > 1 ? " and more" : "");
	text_print(&t);
}

static void lab_event(void *ctx, enum guest_event event)
{
	port_out32(GUEST_EVENT_PORT, event);
	if (event == GUEST_EVENT_FIRST_STEP)
		say_hello(ctx);
}

static bool lab_mail(void *ctx, char *text, size_t *bytes, uint64_t *number)
{
	struct lab *lab = ctx;

	if (!guest_mail_take(at_gpa(GUEST_MAIL_GPA), &lab->mail_seen, text, bytes))
		return false;
	*number = lab->mail_seen;
	return true;
}

static const struct run_ops run_ops = {.page = lab_page, .event = lab_event, .mail = lab_mail};

/* --- start ------------------------------------------------------------------------------------------------------- */

static void read_command_line(struct lab *lab, const uint8_t *zero_page)
{
	const char *text, *word;
	size_t length = 0, word_length;
	struct text t;
	uint32_t gpa;

	memcpy(&gpa, zero_page + ZERO_PAGE_CMDLINE, sizeof(gpa));
	text = at_gpa(gpa);
	while (gpa && length < GUEST_CMDLINE_BYTES && text[length])
		length++;
	if (!guest_options_parse(text, length, &lab->options, &word, &word_length))
		return;
	t = text_start("bad word on the command line: ");
	text_add_bytes(&t, word, word_length);
	text_print(&t);
	lab_exit(GUEST_EXIT_BAD_COMMAND_LINE);
}

/* Pages the pager needs numbers for, without files': the largest phase's, of workloads to come too; boot takes all of
 * memory. */
static uint32_t window_pages(const struct guest_options *options, npages_t memory_pages)
{
	const struct workload_spec *spec = &options->workload;
	uint64_t pages = options->pages ? options->pages : 1;

	for (uint32_t i = 0; i < spec->nr_phases; i++) {
		const struct phase_spec *p = &spec->phase[i];
		uint64_t wanted = p->kind == WORK_BOOT ? memory_pages : p->pages;

		if (wanted > pages)
			pages = wanted;
	}
	if (pages > WINDOW_PAGES_MAX)
		fail(GUEST_EXIT_BAD_COMMAND_LINE, "a phase has too many pages, 134217728 is most");
	return (uint32_t)pages;
}

/* Takes records and page tables off the memory behind the kernel, and makes the guest of the rest. */
static void make_guest(struct lab *lab, const uint8_t *zero_page)
{
	struct guest_config config = {
		.pager =
			{
				.ops = &pager_ops,
				.ctx = lab,
				.policy = lab->options.pager,
				.seed = rng_mix(lab->options.seed ^ PAGER_SEED_MIX) +
					lab->options.vm,
				.swap_slots = lab->swap.pages,
				.file_pages = lab->data.pages,
			},
		.stats = lab->stats,
	};
	struct frame_range *behind; /* the kernel */
	unsigned ours;
	uint32_t window;
	npages_t memory_pages = 0, record_pages, table_pages;
	uint64_t base;

	if (!memmap_read(zero_page, config.range, &config.nr_ranges, &ours))
		fail(GUEST_EXIT_PANIC, "panic: no memory behind the kernel in the e820 map");
	behind = &config.range[ours];
	for (unsigned i = 0; i < config.nr_ranges; i++)
		memory_pages += config.range[i].end - config.range[i].start;
	config.pager.pages = window_pages(&lab->options, memory_pages);
	if (workload_blocks(&lab->options.workload) > lab->data.pages)
		fail(GUEST_EXIT_BAD_COMMAND_LINE, "the data disk is too small for the files");
	if ((uint64_t)config.pager.pages + lab->data.pages > WINDOW_PAGES_MAX)
		fail(GUEST_EXIT_BAD_COMMAND_LINE, "too large a data disk");
	window = config.pager.pages + lab->data.pages;
	record_pages = bytes_to_pages(guest_bytes(&config));
	table_pages = memmap_tables(config.range, config.nr_ranges, window);
	if (record_pages + table_pages + PAGER_RESERVE >= behind->end - behind->start)
		fail(GUEST_EXIT_OUT_OF_MEMORY, "out of memory: the pager's records do not fit");
	base = pages_to_bytes(behind->start);
	memmap_map(config.range, config.nr_ranges, at_gpa(base), window,
		   at_gpa(base + pages_to_bytes(record_pages)));
	behind->start += (uint32_t)(record_pages + table_pages);
	if (guest_init(&lab->guest, &config, at_gpa(base)))
		fail(GUEST_EXIT_PANIC, "panic: guest_init refused its configuration");
}

/* Or until the balloon's device wants something. */
static void sleep_until(struct lab *lab, uint64_t wake_ns)
{
	uint64_t from = clock_ns(&lab->clock), now = from;

	interrupt_start(&lab->interrupts_ready);
	lab->stats->resting = 1;
	while (now < wake_ns && !balloon_rang(&lab->balloon)) {
		uint64_t left = wake_ns - now;

		interrupt_timer(left < NS_PER_S ? (uint32_t)left : (uint32_t)NS_PER_S);
		wait_interrupt();
		now = clock_ns(&lab->clock);
	}
	lab->stats->resting = 0;
	lab->stats->idle_ns += now - from;
}

void lab_main(const uint8_t *zero_page)
{
	struct lab lab = {.stats = at_gpa(GUEST_STATS_GPA)};
	uint64_t now, wake;
	int result;

	trap_context = &lab;
	read_command_line(&lab, zero_page);
	clock_init(&lab.clock, lab.options.tsc_khz);
	disk_find_swap(&lab.swap, &lab.options);
	disk_find_data(&lab.data, &lab.options);
	make_guest(&lab, zero_page);
	lab.stats->magic = GUEST_STATS_MAGIC;
	lab.stats->total_pages = lab.guest.frames.total_pages;
	run_init(&lab.run, &lab.guest, &lab.options.workload, lab.options.seed, lab.options.vm,
		 &run_ops, &lab);
	do {
		now = clock_ns(&lab.clock);
		result = run_slice(&lab.run, now, &wake);
		if (lab.run.stepped && !run_boots(&lab.run) && result == RUN_GOES_ON) {
			uint64_t at = balloon_serve(&lab.balloon, &lab.options, &lab.guest.pager,
						    &lab.clock, &lab.interrupts_ready);

			wake = at < wake ? at : wake;
		}
		lab.stats->interrupts = interrupt_count;
		lab.stats->resident_pages = lab.guest.pager.resident;
		if (result == RUN_GOES_ON && wake > now)
			sleep_until(&lab, wake);
	} while (result == RUN_GOES_ON);
	if (result < 0)
		lab_paging_failed(&lab, result);
	lab_exit(GUEST_EXIT_HALTED);
}
