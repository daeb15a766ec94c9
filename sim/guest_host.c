/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * guest_host.c: what the host does with a guest: runs it, carries out what it stopped for, wakes it, makes it and takes it
 * down.
 *
 * A guest that was removed or broke may still have a turn to finish; its memory goes when it has, at a tick.
 */
#include "sim/guest.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ballast/rng.h"

#define SLICE_NS       100000u
#define PAGER_SEED_MIX 0x706167657273ull /* as guest/boot/main.c */

static struct sim_vm *vm_of(void *ctx)
{
	return ctx;
}

static uint64_t task_run(void *ctx, uint64_t now_ns)
{
	struct sim_vm *v = vm_of(ctx);

	if (v->over)
		return now_ns;
	v->now_ns = now_ns + v->debt_ns + v->host_debt_ns;
	v->host_turn_ns = v->host_debt_ns;
	v->debt_ns = v->host_debt_ns = 0;
	v->slice_end_ns = v->now_ns + SLICE_NS;
	sim_fiber_enter(&v->fiber);
	return v->now_ns;
}

static void page_wanted(struct sim_vm *v, uint64_t now_ns)
{
	struct sim_machine *m = v->m;

	v->waits_for_page = true;
	sim_host_fault(m, now_ns);
	mm_fault(m->mm, v->id, v->wanted,
		 v->wanted_protected ? MM_FAULT_WRITE_PROTECTED : MM_FAULT_MISSING, now_ns);
	v->debt_ns += m->config.cost.fault_ns;
	v->host_debt_ns += m->config.cost.serve_ns + sim_spent(m);
}

static void task_after(void *ctx, uint64_t now_ns)
{
	struct sim_vm *v = vm_of(ctx);

	v->host_ns += v->host_turn_ns; /* as the turn's whole time counts when it has ended */
	v->host_turn_ns = 0;
	if (v->over)
		return;
	switch (v->stop) {
	case SIM_STOP_SLICE:
		sim_task_ready(&v->task);
		break;
	case SIM_STOP_PAGE:
		page_wanted(v, now_ns);
		break;
	case SIM_STOP_DISK:
		mm_disk_access(v->m->mm, v->id, v->disk_access.frames, v->disk_access.nr,
			       v->disk_access.overwrites, now_ns);
		v->host_debt_ns += sim_spent(v->m);
		sim_task_ready(&v->task);
		break;
	case SIM_STOP_TELL:
		v->pause_until_ns = now_ns + sim_guest_told(v, now_ns);
		/* fall through */
	case SIM_STOP_PAUSE:
		sim_queue_put(&v->m->queue, &v->timer, v->pause_until_ns);
		break;
	case SIM_STOP_SLEEP:
		v->asleep = true;
		sim_queue_put(&v->m->queue, &v->timer,
			      v->balloon.rang ? now_ns : v->pause_until_ns);
		break;
	case SIM_STOP_OVER:
		break;
	}
}

static void timer_due(void *ctx, uint64_t now_ns)
{
	struct sim_vm *v = vm_of(ctx);

	(void)now_ns;
	if (v->over)
		return;
	if (v->asleep)
		v->debt_ns += v->m->config.cost.wake_ns;
	v->asleep = false;
	sim_task_ready(&v->task);
}

void sim_guest_wake(struct sim_vm *v, gfn_t g)
{
	if (!v->waits_for_page || v->wanted.v != g.v)
		return;
	v->waits_for_page = false;
	if (!v->over)
		sim_task_ready(&v->task);
}

void sim_guest_ring(struct sim_vm *v)
{
	if (!v->balloon.there)
		return;
	v->balloon.rang = true;
	if (v->asleep)
		sim_queue_put(&v->m->queue, &v->timer, v->m->now_ns);
}

void sim_guest_balloon_target(struct sim_vm *v, npages_t pages)
{
	v->balloon.target = pages;
	v->balloon.seen.target_pages = pages;
	sim_guest_ring(v);
}

void sim_guest_break(struct sim_vm *v, int error)
{
	v->exit = VM_CRASHED;
	snprintf(v->exit_reason, sizeof(v->exit_reason),
		 "a page could not be read back from swap: %s", strerror(-error));
	v->over = true;
}

bool sim_guest_over(const struct sim_vm *v)
{
	return v->over;
}

static int make_guest(struct sim_vm *v, const struct sim_vm_config *config, struct error *error)
{
	struct guest_config guest = {
		.pager = {.ops = &sim_guest_pager_ops,
			  .ctx = v,
			  .policy = v->options.pager,
			  .seed = rng_mix(v->options.seed ^ PAGER_SEED_MIX) + v->options.vm,
			  .swap_slots = v->disk_slots,
			  .file_pages = v->data_blocks},
		.stats = &v->stats,
	};
	int result = sim_guest_layout(v, config, &guest, error);

	if (result)
		return result;
	v->records = calloc(1, guest_bytes(&guest));
	if (!v->records)
		return error_host(error, ENOMEM, "%s: records", v->name);
	result = guest_init(&v->guest, &guest, v->records);
	return result ? error_host(error, -result, "%s: guest", v->name) : 0;
}

static int read_options(struct sim_vm *v, const char *cmdline, struct error *error)
{
	const char *word;
	size_t length;

	if (guest_options_parse(cmdline, strlen(cmdline), &v->options, &word, &length))
		return error_host(error, EINVAL, "%s: command line of the guest: '%.*s'", v->name,
				  (int)length, word);
	return 0;
}

int sim_guest_alloc(struct sim_machine *m, uint32_t id, struct sim_vm **out)
{
	struct sim_vm *v = calloc(1, sizeof(*v));

	*out = v;
	if (!v)
		return -ENOMEM;
	v->m = m;
	v->id = id;
	v->range = &m->memory.range[id];
	v->balloon_device = v->balloon.seen.present = m->config.mm.balloon;
	v->timer = (struct sim_event){.happens = timer_due, .ctx = v};
	v->task = (struct sim_task){.run = task_run, .after = task_after, .ctx = v};
	return sim_task_init(&m->cpus, &v->task) || sim_queue_promise(&m->queue, 1) ? -ENOMEM : 0;
}

int sim_guest_create(struct sim_vm *v, const struct sim_vm_config *config, struct error *error)
{
	int result;

	snprintf(v->name, sizeof(v->name), "%s", config->name);
	v->page = v->range->page;
	v->disk_slots = config->guest_swap_pages < FRAMES_END ? (uint32_t)config->guest_swap_pages
							      : FRAMES_END;
	v->disk = calloc(v->disk_slots + 1ull, sizeof(*v->disk));
	v->data_blocks = config->guest_data_pages < FRAMES_END ? (uint32_t)config->guest_data_pages
							       : FRAMES_END;
	v->data = calloc(v->data_blocks + 1ull, sizeof(*v->data));
	result = v->disk && v->data ? 0 : error_host(error, ENOMEM, "%s: disk", v->name);
	if (!result)
		result = read_options(v, config->cmdline, error);
	v->own_key = rng_mix(rng_mix(v->options.seed) + ~v->options.vm);
	if (!result)
		result = make_guest(v, config, error);
	if (!result && sim_fiber_create(&v->fiber, sim_guest_main, v))
		result = error_host(error, ENOMEM, "%s: stack", v->name);
	return result;
}

static void release(struct sim_vm *v)
{
	sim_fiber_destroy(&v->fiber);
	free(v->records);
	free(v->disk);
	free(v->data);
	v->records = NULL;
	v->disk = v->data = NULL;
	sim_memory_remove(&v->m->memory, v->id);
}

void sim_guest_destroy(struct sim_vm *v)
{
	if (!v)
		return;
	release(v);
	free(v->removed);
	free(v);
}

void sim_guest_remove(struct sim_vm *v, const char *why)
{
	struct vm_live_stats *last = malloc(sizeof(*last));

	sim_guest_live(v, last ? last : &(struct vm_live_stats){.exit = VM_REMOVED});
	v->exit = VM_REMOVED;
	snprintf(v->exit_reason, sizeof(v->exit_reason), "%s", why);
	if (last) {
		last->exit = VM_REMOVED;
		memcpy(last->exit_reason, v->exit_reason, sizeof(v->exit_reason));
		v->removed = last;
	}
	v->over = true;
	sim_queue_drop(&v->m->queue, &v->timer);
	if (!v->m->started)
		sim_guest_end(v);
}

/* Nothing of it may run, or wait to. */
void sim_guest_end(struct sim_vm *v)
{
	uint64_t now = v->m->now_ns;

	if (v->ended || v->task.state != SIM_TASK_ASLEEP)
		return;
	sim_queue_drop(&v->m->queue, &v->timer);
	mm_vm_doom(v->m->mm, v->id, now);
	mm_vm_end(v->m->mm, v->id, now);
	v->ended = true;
	release(v);
}

void sim_guest_start(struct sim_vm *v)
{
	v->made_ns = v->m->now_ns;
	v->debt_ns = v->m->config.cost.boot_ns;
	sim_task_ready(&v->task);
}

bool sim_guest_consistent(const struct sim_vm *v)
{
	return v->ended || v->busy || guest_consistent(&v->guest);
}
