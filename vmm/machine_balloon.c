/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * machine_balloon.c: between balloon devices and the manager. What a guest gives up is handed on in small pieces, so
 * that faults come in between: the machine lock is held for some 0.1 ms at a time.
 */
#include "vmm/machine_internal.h"

#define REPORT_BATCH 512u     /* reported pages a hold of the lock */
#define STATS_NS     NS_PER_S /* how often guests are asked for their statistics */
/* A hold of the lock while a balloon grows: pages, and stretches of neighbours, each a system call or two. */
#define HOLD_PAGES 128u
#define HOLD_RUNS  32u

/* Pages at most: shared ones leave one by one, each by a mapping moved over it, some 40 us. */
static unsigned hold_pages(const struct machine *m, unsigned most)
{
	return m->config.share ? HOLD_RUNS : most;
}

/* How many of pages[0, nr), in ascending order, may be taken from their guest in one hold of the lock. */
static unsigned one_hold(const gfn_t *pages, unsigned nr, unsigned most)
{
	unsigned runs = 1, n = 1;

	for (; n < nr && n < most; n++) {
		runs += pages[n].v > pages[n - 1].v + 1;
		if (runs > HOLD_RUNS)
			break;
	}
	return n;
}

static uint64_t on_balloon_gave(void *ctx, vmid_t vm, const gfn_t *pages, unsigned nr)
{
	struct machine *m = ctx;
	uint64_t accepted = 0;

	for (unsigned done = 0, n; done < nr; done += n) { /* faults come in between */
		n = one_hold(pages + done, nr - done, hold_pages(m, HOLD_PAGES));
		machine_lock(m);
		accepted += mm_balloon_gave(m->mm, vm.v, pages + done, n, machine_now_ns());
		machine_unlock(m);
	}
	return accepted;
}

static uint64_t on_balloon_took(void *ctx, vmid_t vm, const gfn_t *pages, unsigned nr)
{
	struct machine *m = ctx;
	uint64_t accepted;

	machine_lock(m);
	accepted = mm_balloon_took(m->mm, vm.v, pages, nr, machine_now_ns());
	machine_unlock(m);
	return accepted;
}

static uint64_t on_pages_reported(void *ctx, vmid_t vm, gfn_t start, npages_t nr)
{
	struct machine *m = ctx;
	unsigned batch = hold_pages(m, REPORT_BATCH);
	uint64_t accepted = 0;

	/* a guest may report all it has at once: faults come in between */
	for (npages_t done = 0; done < nr && accepted == done; done += batch) {
		npages_t now = nr - done < batch ? nr - done : batch;

		machine_lock(m);
		accepted +=
			mm_pages_reported(m->mm, vm.v, gfn(start.v + done), now, machine_now_ns());
		machine_unlock(m);
	}
	return accepted;
}

static void on_balloon_forget(void *ctx, vmid_t vm)
{
	struct machine *m = ctx;

	machine_lock(m);
	mm_balloon_driver(m->mm, vm.v, false, machine_now_ns());
	m->vm[vm.v].balloon_driver = false; /* looked for again at the next tick */
	machine_unlock(m);
}

void machine_balloon_ask(struct machine *m, vmid_t vm, npages_t pages)
{
	machine_lock(m);
	if (vm.v < m->nr_vms && m->vm[vm.v].vm)
		vm_balloon_set_target(m->vm[vm.v].vm, pages);
	machine_unlock(m);
}

void machine_balloon_watch(struct machine *m, uint32_t id)
{
	struct machine_vm *v = &m->vm[id];
	struct vm_balloon_stats s;

	vm_balloon_get(v->vm, &s);
	if (s.driver != v->balloon_driver)
		mm_balloon_driver(m->mm, id, s.driver, machine_now_ns());
	v->balloon_driver = s.driver;
	if (s.stats_updates != v->stats_updates) {
		struct mm_vm_stats now;

		mm_vm_stats(m->mm, id, machine_now_ns(), &now);
		v->said = (struct vm_said_stats){.actual_pages = s.stats_actual_pages,
						 .touched_pages =
							 now.resident_pages + now.shared_pages +
							 now.swapped_pages + now.compressed_pages};
		/* Given up since: in use when it spoke. */
		if (now.ballooned_pages > s.stats_actual_pages)
			v->said.touched_pages += now.ballooned_pages - s.stats_actual_pages;
		v->stats_updates = s.stats_updates;
		if (s.stat[VM_BALLOON_FREE].known)
			mm_vm_said(m->mm, id, s.stat[VM_BALLOON_FREE].value / PAGE_BYTES,
				   machine_now_ns());
	}
	if (s.tells_stats && machine_now_ns() - v->stats_asked_ns >= STATS_NS) {
		v->stats_asked_ns = machine_now_ns();
		vm_balloon_poll_stats(v->vm);
	}
}

void machine_balloon_callbacks(struct vm_callbacks *c)
{
	c->balloon_gave = on_balloon_gave;
	c->balloon_took = on_balloon_took;
	c->balloon_forget = on_balloon_forget;
	c->pages_reported = on_pages_reported;
}
