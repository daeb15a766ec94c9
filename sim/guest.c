/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * guest.c: a guest's life inside its fiber, as guest/boot/main.c has it.
 *
 * A touch on the fast path costs no more than two looks: at the core's page table entry and at the page's record. Only
 * a page out of reach, a fault of the guest's own or the end of a slice leaves the fiber.
 */
#include "sim/guest.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ballast/rng.h"

static struct sim_vm *vm_of(void *ctx)
{
	return ctx;
}

void sim_guest_stop(struct sim_vm *v, enum sim_stop why)
{
	v->stop = why;
	sim_fiber_leave(&v->fiber);
}

void sim_guest_pause(struct sim_vm *v, uint64_t ns)
{
	v->pause_until_ns = v->now_ns + ns;
	sim_guest_stop(v, SIM_STOP_PAUSE);
	v->stats.interrupts++;
}

struct sim_page *sim_guest_reach(struct sim_vm *v, gfn_t g, bool write)
{
	struct sim_page *p = &v->page[g.v];

	while (__builtin_expect(!sim_page_within_reach(p, write), false)) {
		v->wanted = g;
		v->wanted_protected = p->flags & SIM_PRESENT;
		sim_guest_stop(v, SIM_STOP_PAGE);
	}
	return p;
}

static void spend(struct sim_vm *v, uint64_t ns)
{
	v->now_ns += ns;
	if (__builtin_expect(v->now_ns >= v->slice_end_ns, false))
		sim_guest_stop(v, SIM_STOP_SLICE);
}

static _Noreturn void leave(struct sim_vm *v, enum vm_exit exit, const char *reason)
{
	v->exit = exit;
	snprintf(v->exit_reason, sizeof(v->exit_reason), "%s", reason);
	v->over = true;
	for (;;)
		sim_guest_stop(v, SIM_STOP_OVER);
}

static int own_fault(struct sim_vm *v, uint32_t page, bool write)
{
	int err;

	if (page < v->guest.pager.pages) /* a block of a file is fetched without a trap */
		spend(v, v->m->config.cost.guest_fault_ns);
	sim_guest_touch_records(v, page);
	v->busy = true;
	do
		err = pager_fault(&v->guest.pager, page, write, v->now_ns);
	while (err == -ENOMEM && sim_guest_balloon_relieve(v));
	v->busy = false;
	if (!err)
		sim_guest_touch_records(v, page);
	return err;
}

static bool writes_whole(const struct workload_step *s)
{
	return s->op == STEP_FILL || (s->file && s->write);
}

static uint64_t *guest_identity(void *ctx, uint32_t page, bool write, int *err)
{
	struct sim_vm *v = vm_of(ctx);
	struct pager *p = &v->guest.pager;
	uint64_t *pte = &p->pte[page];

	*err = 0;
	spend(v,
	      writes_whole(&v->run.step) ? v->m->config.cost.fill_ns : v->m->config.cost.touch_ns);
	if (__builtin_expect(!(*pte & PTE_PRESENT), false)) {
		*err = own_fault(v, page, write);
		if (*err)
			return NULL;
	}
	*pte |= PTE_ACCESSED | (write ? PTE_DIRTY : 0);
	if (__builtin_expect(v->range->kernel_out != 0, false)) {
		sim_guest_touch_image(v);
		sim_guest_touch_entry(v, page);
	}
	return &sim_guest_reach(v, pager_frame_of(p, page), write)->content;
}

static void guest_event(void *ctx, enum guest_event event)
{
	struct sim_vm *v = vm_of(ctx);

	if (event == GUEST_EVENT_FIRST_STEP)
		v->boot_ns = v->now_ns - v->made_ns;
}

static bool guest_mail(void *ctx, char *text, size_t *bytes, uint64_t *number)
{
	struct sim_vm *v = vm_of(ctx);

	if (!guest_mail_take(&v->mail, &v->mail_seen, text, bytes))
		return false;
	*number = v->mail_seen;
	return true;
}

static const struct run_ops run_ops = {
	.event = guest_event, .identity = guest_identity, .mail = guest_mail};

static void nothing(void *ctx, uint32_t page)
{
	(void)ctx;
	(void)page;
}

static void nothing_at_all(void *ctx)
{
	(void)ctx;
}

static uint64_t disk_ns(const struct sim_vm *v, uint32_t nr)
{
	return v->m->config.cost.guest_disk_ns + nr * v->m->config.cost.guest_disk_page_ns;
}

/* What the driver does, mostly leaving the guest and coming back. */
static void drive(struct sim_vm *v)
{
	spend(v, v->m->config.cost.guest_disk_cpu_ns);
}

static void announce(struct sim_vm *v, const gfn_t *frames, uint32_t nr, bool overwrites)
{
	v->disk_access = (struct sim_disk_access){frames, nr, overwrites};
	sim_guest_stop(v, SIM_STOP_DISK);
}

/* The device reads the frames before it writes: they must be there. */
static void to_disk(struct sim_vm *v, const gfn_t *frames, uint32_t nr, uint64_t *disk)
{
	announce(v, frames, nr, false);
	for (uint32_t i = 0; i < nr; i++)
		disk[i] = sim_guest_reach(v, frames[i], false)->content;
	v->disk_writes++;
	drive(v);
	sim_guest_pause(v, disk_ns(v, nr));
}

static void from_disk(struct sim_vm *v, const gfn_t *frames, uint32_t nr, const uint64_t *disk)
{
	v->disk_reads++;
	drive(v);
	sim_guest_pause(v, disk_ns(v, nr));
	announce(v, frames, nr, true);
	for (uint32_t i = 0; i < nr; i++)
		sim_guest_reach(v, frames[i], true)->content = disk[i];
}

static int swap_write(void *ctx, const gfn_t *frames, uint32_t nr, slot_t first)
{
	struct sim_vm *v = vm_of(ctx);

	if (first.v + nr > v->disk_slots)
		return -EIO;
	to_disk(v, frames, nr, v->disk + first.v);
	return 0;
}

static int swap_read(void *ctx, gfn_t frame, slot_t from)
{
	struct sim_vm *v = vm_of(ctx);

	if (from.v >= v->disk_slots)
		return -EIO;
	from_disk(v, &frame, 1, v->disk + from.v);
	return 0;
}

/* Blocks are written back while the workload runs, too: the core is in the middle of it then. */
static int file_write(void *ctx, const gfn_t *frames, uint32_t nr, uint32_t first)
{
	struct sim_vm *v = vm_of(ctx);
	bool was_busy = v->busy;

	if ((uint64_t)first + nr > v->data_blocks)
		return -EIO;
	v->busy = true;
	to_disk(v, frames, nr, v->data + first);
	v->busy = was_busy;
	return 0;
}

static int file_read(void *ctx, const gfn_t *frames, uint32_t nr, uint32_t first)
{
	struct sim_vm *v = vm_of(ctx);

	if ((uint64_t)first + nr > v->data_blocks)
		return -EIO;
	from_disk(v, frames, nr, v->data + first);
	return 0;
}

const struct pager_ops sim_guest_pager_ops = {
	.invalidate = nothing,
	.invalidate_all = nothing_at_all,
	.swap_write = swap_write,
	.swap_read = swap_read,
	.file_write = file_write,
	.file_read = file_read,
};

static void sleep_until(struct sim_vm *v, uint64_t wake_ns)
{
	uint64_t from = v->now_ns;

	v->stats.resting = 1;
	while (v->now_ns < wake_ns && !v->balloon.rang) {
		v->pause_until_ns = wake_ns - v->now_ns < NS_PER_S ? wake_ns : v->now_ns + NS_PER_S;
		sim_guest_stop(v, SIM_STOP_SLEEP);
		v->stats.interrupts++;
		sim_guest_touch_image(v);
	}
	v->stats.resting = 0;
	v->stats.idle_ns += v->now_ns - from;
}

void sim_guest_main(void *ctx)
{
	struct sim_vm *v = vm_of(ctx);
	int result;

	sim_guest_touch_image(v);
	v->stats.magic = GUEST_STATS_MAGIC;
	v->stats.total_pages = v->guest.frames.total_pages;
	run_init(&v->run, &v->guest, &v->options.workload, v->options.seed, v->options.vm, &run_ops,
		 v);
	do {
		uint64_t now = v->now_ns, wake;

		result = run_slice(&v->run, now, &wake);
		if (v->run.stepped && !run_boots(&v->run) && result == RUN_GOES_ON) {
			uint64_t at;

			v->busy = true;
			at = sim_guest_balloon_serve(v);
			v->busy = false;
			wake = at < wake ? at : wake;
		}
		v->stats.resident_pages = v->guest.pager.resident;
		if (result == RUN_GOES_ON && wake > now)
			sleep_until(v, wake);
	} while (result == RUN_GOES_ON);
	if (result == -ENOMEM)
		leave(v, VM_CRASHED, "out of memory: its memory and swap are full");
	leave(v, result < 0 ? VM_CRASHED : VM_HALTED, result < 0 ? "panic: a disk failed" : "");
}
