/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * state.c: the free-memory state (ESX 2002, section 6.3), and what every entry into the manager begins and ends with.
 *
 * Four thresholds, high > soft > hard > low. Down: free memory below soft, hard or low is that state at once. Up: one
 * level at a time, and only when free memory has reached the threshold above the one that was crossed: low ends at
 * hard, hard at soft, soft at high. So between two thresholds either state is possible, which is the hysteresis.
 * Paging runs in every state but high and aims at free memory of high.
 *
 * In state low, VMs above their targets are *held*: their faults wait, until the VM is at its target or the state
 * rises. VMs at or below their targets go on. A held VM's vCPUs may run on in what they have; they cannot get more.
 *
 * Why this ends. Let E be the sum over VMs of what they have above their targets. (1) In state low E does not grow but
 * by one page a VM: only a VM at its target or below gets a frame (and by pages that a VM is left alone with in the
 * pool, which take no frame: as many as there are, each once). (2) While E > 0 some VM V is above its target, which
 * is at least MM_FLOOR_PAGES (or all its memory, and then it cannot be above); of V's pages at most MM_GUARD_PAGES and
 * the pinned ones are no victims, so V has one. The pager takes the VM that is furthest above first, under the lock
 * names a victim and withdraws it, and a held VM's touch of it waits until its write is done: each write frees a frame,
 * and of two pages that are compressed at least one; a cache is no larger than half of what its VM's target has above the
 * floor, or is written out, so it leaves victims (compress.c).
 * So E falls, by at least a page a write, to a page a VM at most. (3) Targets sum to what leaves *high* free: E of so
 * little means free memory above *hard*, where low ends. Waiting for one another is no danger: the pager waits for no
 * fault. (4) Where the pager cannot do it, because there is no swap or it is full, nobody is held, and faults wait
 * only for the last pages, as in any state. Nor are VMs held whose threads must leave.
 */
#include "mm/why.h"

bool vm_held(const struct mm *m, const struct mm_vm *v)
{
	bool can_shrink = m->config.swap_pages && !m->swap_full;

	return m->state == MM_LOW && can_shrink && vm_charged(v) > v->target && !m->stopping &&
	       !v->doomed && !v->broken && !v->ended;
}

npages_t mm_min_free_pages(npages_t memory_pages)
{
	static const struct {
		npages_t until;
		uint32_t ppm;
	} part[] = {
		{4ull << 18, 60000}, {12ull << 18, 40000}, {28ull << 18, 20000}, {~0ull, 10000}};
	npages_t from = 0, sum = 0;

	for (unsigned i = 0; from < memory_pages; i++) {
		npages_t end = part[i].until < memory_pages ? part[i].until : memory_pages;

		sum += ppm_of(end - from, part[i].ppm);
		from = end;
	}
	return sum;
}

void mm_thresholds(const struct mm_config *config, npages_t memory_pages, npages_t level[MM_STATES])
{
	npages_t whole = config->states_sliding ? mm_min_free_pages(memory_pages) : memory_pages;

	for (unsigned i = 0; i < MM_STATES; i++)
		level[i] = ppm_of(whole, config->state_ppm[i]);
}

void mm_levels_init(struct mm *m)
{
	mm_thresholds(&m->config, m->config.memory_pages, m->level_pages);
	m->state = MM_HIGH;
	m->state_entered[MM_HIGH] = 1;
}

void mm_reclaimed(struct mm *m, enum mm_reclaimer by, npages_t used_before)
{
	npages_t used = mm_used(m);

	m->reclaimed[m->state][by] += used_before > used ? used_before - used : 0;
}

static enum mm_state next_state(const struct mm *m)
{
	npages_t free = mm_free_pages(m);
	enum mm_state s = m->state;

	for (enum mm_state down = MM_LOW; down > s; down--)
		if (free < m->level_pages[down])
			return down;
	if (s != MM_HIGH && free >= m->level_pages[s - 1])
		return s - 1;
	return s;
}

void mm_enter(struct mm *m, uint64_t now_ns)
{
	uint64_t passed = now_ns > m->now_ns ? now_ns - m->now_ns : 0;

	m->now_ns += passed;
	m->call = MM_CALL_OTHER;
	because(m, MM_WHY_NONE, 0);
	m->state_ns[m->state] += passed;
	if (!m->nr_waiting)
		return;
	if (m->swap_full)
		m->swap.full_ns += passed;
	for (uint32_t i = 0; i < m->top_vm; i++) {
		struct mm_vm *v = &m->vm[i];

		if (!v->nr_waiting)
			continue;
		v->stalled_ns += passed;
		if (vm_held(m, v))
			v->held_ns += passed;
	}
}

static void step(struct mm *m)
{
	enum mm_state next, was = m->state;

	while ((next = next_state(m)) != m->state) {
		m->state = next;
		m->state_entered[next]++;
		m->state_since_ns = m->now_ns;
		m->state_free = mm_free_pages(m);
	}
	if (m->state != was)
		mm_targets(m);
}

void mm_leave(struct mm *m)
{
	bool was_low = m->state == MM_LOW;

	step(m);
	if (was_low && m->state != MM_LOW && m->nr_waiting) { /* those that were held */
		fault_serve_waiting(m);
		step(m);
	}
	if (mm_reclaim_needed(m))
		m->ops->reclaim_wanted(m->body);
}
