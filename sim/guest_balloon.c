/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * guest_balloon.c: a simulated guest's balloon: the lab guest's driver (balloon-driver/lab) with a call in place of the
 * virtio device, and the host's half of that call.
 *
 * The guest's side does what guest/boot/balloon.c does: it looks for the device after the first step, hears of targets
 * by an interrupt when it sleeps and every few milliseconds when it works, and waits while the host takes its pages. The
 * host's side is that of vmm/machine_balloon.c: pages in ascending order, in small batches; the driver is seen at the next
 * tick and asked for its statistics once a second.
 */
#include <stdlib.h>
#include <string.h>

#include "sim/guest.h"

#define LOOK_NS    2000000u
#define STATS_NS   NS_PER_S
#define HOLD_PAGES 128u

/* --- the guest's side ------------------------------------------------------------------------------------------------ */

static int tell(struct sim_vm *v, struct sim_tell what)
{
	v->tell = what;
	sim_guest_stop(v, SIM_STOP_TELL);
	v->stats.interrupts++;
	return v->tell_result;
}

static int port_tell(void *ctx, bool inflate, const uint32_t *pfn, uint32_t nr)
{
	return tell(ctx, (struct sim_tell){.what = inflate ? SIM_TELL_INFLATE : SIM_TELL_DEFLATE,
					   .pfn = pfn,
					   .nr = nr});
}

static int port_report(void *ctx, const struct lab_report_run *run, unsigned nr)
{
	return tell(ctx, (struct sim_tell){.what = SIM_TELL_FREE, .run = run, .nr = nr});
}

static void port_actual(void *ctx, npages_t pages)
{
	struct sim_vm *v = ctx;

	v->balloon.seen.actual_pages = pages;
}

static uint64_t port_now_ns(void *ctx)
{
	const struct sim_vm *v = ctx;

	return v->now_ns;
}

static const struct lab_balloon_port port = {
	.tell = port_tell,
	.actual = port_actual,
	.now_ns = port_now_ns,
};

static void say_stats(struct sim_balloon *b)
{
	lab_balloon_stats(&b->driver, b->stats);
	b->stats_said = true;
	b->stats_asked = false;
}

static void take_target(struct sim_balloon *b)
{
	lab_balloon_set_target(&b->driver, b->target);
	b->wake_ns = 0;
}

static void find(struct sim_vm *v)
{
	struct sim_balloon *b = &v->balloon;

	b->looked_for = true;
	if (!v->balloon_device || !v->options.balloon_ppm)
		return;
	b->there = true;
	b->seen.driver = b->seen.tells_stats = b->seen.deflate_on_oom = true;
	b->seen.reporting = v->options.reporting;
	lab_report_init(&b->report, &v->guest.frames, port_report, v);
	lab_balloon_init(&b->driver, &v->guest.pager, v->options.balloon_ppm, &port, v);
	lab_balloon_start(&b->driver, true);
	say_stats(b);
	take_target(b);
}

static void interrupted(struct sim_balloon *b)
{
	b->rang = false;
	if (b->stats_asked)
		say_stats(b);
	if (b->target != b->driver.core.target)
		take_target(b);
}

uint64_t sim_guest_balloon_serve(struct sim_vm *v)
{
	struct sim_balloon *b = &v->balloon;
	uint64_t now = v->now_ns, wake;

	if (!b->looked_for)
		find(v);
	if (!b->there)
		return UINT64_MAX;
	if (b->rang && (v->run.due == 0 || now >= b->next_look_ns)) {
		b->next_look_ns = now + LOOK_NS;
		interrupted(b);
	}
	if (now >= b->wake_ns)
		b->wake_ns = lab_balloon_run(&b->driver);
	wake = b->wake_ns;
	if (v->options.reporting && wake > now) {
		uint64_t at = lab_report_run(&b->report, now);

		v->stats.free_pages = v->guest.frames.free_pages;
		wake = at < wake ? at : wake;
	}
	return wake;
}

bool sim_guest_balloon_relieve(struct sim_vm *v)
{
	if (!v->balloon.there || !lab_balloon_oom(&v->balloon.driver))
		return false;
	v->balloon.wake_ns = 0;
	return true;
}

/* --- the host's side --------------------------------------------------------------------------------------------------- */

static int ascending(const void *a, const void *b)
{
	const gfn_t *x = a, *y = b;

	return x->v < y->v ? -1 : x->v > y->v;
}

static void told_pages(struct sim_vm *v, const struct sim_tell *t, uint64_t now_ns)
{
	struct vm_balloon_stats *s = &v->balloon.seen;
	gfn_t page[BALLOON_BATCH];
	uint64_t accepted = 0;

	for (uint32_t i = 0; i < t->nr; i++)
		page[i] = gfn(t->pfn[i]);
	qsort(page, t->nr, sizeof(page[0]), ascending);
	for (uint32_t done = 0, n; done < t->nr; done += n) {
		n = t->nr - done < HOLD_PAGES ? t->nr - done : HOLD_PAGES;
		accepted += t->what == SIM_TELL_INFLATE
				    ? mm_balloon_gave(v->m->mm, v->id, page + done, n, now_ns)
				    : mm_balloon_took(v->m->mm, v->id, page + done, n, now_ns);
	}
	if (t->what == SIM_TELL_INFLATE) {
		s->inflate_requests++;
		s->inflated_pages += accepted;
		s->bad_inflated += t->nr - accepted;
	} else {
		s->deflate_requests++;
		s->deflated_pages += accepted;
		s->bad_deflated += t->nr - accepted;
	}
}

static void told_free(struct sim_vm *v, const struct sim_tell *t, uint64_t now_ns)
{
	struct vm_balloon_stats *s = &v->balloon.seen;

	s->report_requests++;
	for (uint32_t i = 0; i < t->nr; i++) {
		uint64_t accepted =
			mm_pages_reported(v->m->mm, v->id, t->run[i].first, t->run[i].nr, now_ns);

		s->reported_pages += accepted;
		s->bad_reported += t->run[i].nr - accepted;
	}
}

uint64_t sim_guest_told(struct sim_vm *v, uint64_t now_ns)
{
	const struct sim_cost *c = &v->m->config.cost;
	const struct sim_tell *t = &v->tell;
	uint64_t pages = 0;

	if (t->what == SIM_TELL_FREE) {
		told_free(v, t, now_ns);
		for (uint32_t i = 0; i < t->nr; i++)
			pages += t->run[i].nr;
	} else {
		told_pages(v, t, now_ns);
		pages = t->nr;
	}
	v->tell_result = 0;
	sim_spent(v->m); /* what it takes is known as a whole */
	return c->tell_ns + pages * c->balloon_page_ns;
}

/* The driver's figures: a tag of 16 bits and a value of 64 each, little endian. */
static void read_stats(struct sim_vm *v)
{
	struct sim_balloon *b = &v->balloon;
	struct mm_vm_stats now;

	for (unsigned i = 0; i < LAB_BALLOON_TAGS; i++) {
		const uint8_t *at = b->stats + i * 10;
		unsigned tag = at[0] | (unsigned)at[1] << 8;
		uint64_t value = 0;

		for (unsigned k = 8; k-- > 0;)
			value = value << 8 | at[2 + k];
		if (tag < VM_BALLOON_TAGS)
			b->seen.stat[tag] = (struct vm_balloon_stat){.known = true, .value = value};
	}
	b->seen.stats_updates++;
	b->seen.stats_actual_pages = b->seen.actual_pages;
	mm_vm_stats(v->m->mm, v->id, v->m->now_ns, &now);
	b->said = (struct vm_said_stats){.actual_pages = b->seen.actual_pages,
					 .touched_pages = now.resident_pages + now.shared_pages +
							  now.swapped_pages};
	if (now.ballooned_pages > b->seen.actual_pages)
		b->said.touched_pages += now.ballooned_pages - b->seen.actual_pages;
	b->said_ns = v->m->now_ns;
	b->stats_said = false;
	if (b->seen.stat[VM_BALLOON_FREE].known)
		mm_vm_said(v->m->mm, v->id, b->seen.stat[VM_BALLOON_FREE].value / PAGE_BYTES,
			   v->m->now_ns);
}

void sim_guest_watch(struct sim_vm *v)
{
	struct sim_balloon *b = &v->balloon;
	uint64_t now = v->m->now_ns;

	if (v->over) {
		sim_guest_end(v);
		return;
	}
	if (b->there != b->known)
		mm_balloon_driver(v->m->mm, v->id, b->there, now);
	b->known = b->there;
	if (b->stats_said)
		read_stats(v);
	if (b->there && now - b->asked_ns >= STATS_NS) {
		b->asked_ns = now;
		b->stats_asked = true;
		b->seen.stats_polls++;
		sim_guest_ring(v);
	}
}

void sim_guest_live(const struct sim_vm *v, struct vm_live_stats *out)
{
	const struct sim_balloon *b = &v->balloon;

	if (v->removed) {
		*out = *v->removed;
		return;
	}
	*out = (struct vm_live_stats){
		.exit = v->exit,
		.guest = v->stats,
		.run_ns = v->task.ran_ns - v->host_ns,
		.boot_ns = v->boot_ns,
		.disk_reads = v->disk_reads,
		.disk_writes = v->disk_writes,
		.balloon = b->seen,
		.said = b->said,
	};
	for (unsigned i = 0; i < VM_BALLOON_TAGS; i++)
		if (b->seen.stat[i].known)
			out->balloon.stat[i].age_ns = v->m->now_ns - b->said_ns;
	memcpy(out->exit_reason, v->exit_reason, sizeof(v->exit_reason));
}
