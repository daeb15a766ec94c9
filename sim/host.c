/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * host.c: the host's threads: the pager, which also ticks, and the scanner. Batches, pauses and periods are the live
 * body's (vmm/threads.c, vmm/scanner.c): a scenario must not find another machine here.
 */
#include "sim/machine_internal.h"

#define RECLAIM_BATCH 16u
#define TICK_NS       10000000u
#define IN_VAIN_NS    2000000u

#define SCAN_BATCH   16u
#define SCAN_HOLD_NS 300000u
#define SCAN_REST    3u
#define SCAN_WAIT_NS 1000000u

static bool policy_samples(const struct sim_machine *m)
{
	return m->config.mm.sample_pages && m->config.mm.policy && m->config.mm.policy->uses_active;
}

static void tick(struct sim_machine *m, uint64_t now_ns)
{
	for (unsigned i = 0; i < m->nr_vms && policy_samples(m); i++) {
		struct vm_live_stats live;

		sim_guest_live(m->vm[i], &live);
		mm_vm_ran(m->mm, i, live.run_ns);
	}
	mm_tick(m->mm, now_ns);
	for (unsigned i = 0; i < m->nr_vms; i++)
		sim_guest_watch(m->vm[i]);
	m->host.ticked_ns = now_ns;
}

static uint64_t pager_run(void *ctx, uint64_t now_ns)
{
	struct sim_machine *m = ctx;

	m->host.pager_listens = false;
	sim_queue_drop(&m->queue, &m->host.pager_timer);
	m->host.reclaimed = mm_reclaim(m->mm, RECLAIM_BATCH, now_ns);
	if (now_ns - m->host.ticked_ns >= TICK_NS)
		tick(m, now_ns);
	m->host.pager_wished = false;
	return now_ns + sim_spent(m);
}

static void pager_after(void *ctx, uint64_t now_ns)
{
	struct sim_machine *m = ctx;
	bool in_vain = mm_reclaim_needed(m->mm);

	if (m->host.reclaimed || m->host.pager_wished) {
		sim_task_ready(&m->host.pager);
		return;
	}
	m->host.pager_listens = !in_vain;
	sim_queue_put(&m->queue, &m->host.pager_timer, now_ns + (in_vain ? IN_VAIN_NS : TICK_NS));
}

static void pager_due(void *ctx, uint64_t now_ns)
{
	struct sim_machine *m = ctx;

	(void)now_ns;
	sim_task_ready(&m->host.pager);
}

void sim_host_wish(struct sim_machine *m)
{
	if (m->host.pager_listens)
		sim_task_ready(&m->host.pager);
	m->host.pager_wished = true; /* heard at the end of its turn, if it has one */
}

void sim_host_fault(struct sim_machine *m, uint64_t now_ns)
{
	struct sim_host *h = &m->host;

	h->fault_gap_ns = (h->fault_gap_ns * 7 + now_ns - h->fault_ns) / 8;
	h->fault_ns = now_ns;
}

/* The live scanner lets go when a fault waits for the lock: after as long as faults come apart. */
static uint64_t hold_ns(const struct sim_machine *m, uint64_t now_ns)
{
	uint64_t since = now_ns - m->host.fault_ns;
	uint64_t gap = since > m->host.fault_gap_ns ? since : m->host.fault_gap_ns;

	return gap < SCAN_HOLD_NS ? gap : SCAN_HOLD_NS;
}

static uint64_t scanner_run(void *ctx, uint64_t now_ns)
{
	struct sim_machine *m = ctx;
	uint64_t most = hold_ns(m, now_ns), spent = 0, again;

	do {
		mm_scan(m->mm, SCAN_BATCH, now_ns, &again);
		spent += m->config.cost.scan_ns + sim_spent(m);
	} while (again <= now_ns && m->config.cost.scan_ns && spent < most);
	m->host.scan_rest_ns = spent * SCAN_REST + m->config.cost.nap_ns;
	if (again > now_ns && m->host.scan_rest_ns < SCAN_WAIT_NS)
		m->host.scan_rest_ns = SCAN_WAIT_NS;
	return now_ns + spent;
}

static void scanner_after(void *ctx, uint64_t now_ns)
{
	struct sim_machine *m = ctx;

	sim_queue_put(&m->queue, &m->host.scanner_timer, now_ns + m->host.scan_rest_ns);
}

static void scanner_due(void *ctx, uint64_t now_ns)
{
	struct sim_machine *m = ctx;

	(void)now_ns;
	sim_task_ready(&m->host.scanner);
}

int sim_host_init(struct sim_machine *m)
{
	struct sim_host *h = &m->host;
	int result;

	h->pager =
		(struct sim_task){.run = pager_run, .after = pager_after, .ctx = m, .urgent = true};
	h->scanner = (struct sim_task){
		.run = scanner_run, .after = scanner_after, .ctx = m, .urgent = true};
	h->pager_timer = (struct sim_event){.happens = pager_due, .ctx = m};
	h->scanner_timer = (struct sim_event){.happens = scanner_due, .ctx = m};
	result = sim_queue_promise(&m->queue, 2 + SIM_IOS);
	if (!result)
		result = sim_task_init(&m->cpus, &h->pager);
	return result ? result : sim_task_init(&m->cpus, &h->scanner);
}

void sim_host_start(struct sim_machine *m)
{
	m->host.ticked_ns = m->now_ns;
	sim_task_ready(&m->host.pager);
	if (m->config.mm.share_capacity_pages)
		sim_task_ready(&m->host.scanner);
}
