/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * state.c: the free-memory state (ESX 2002, section 6.3), and what every entry into the manager begins and ends with.
 *
 * Four thresholds, high > soft > hard > low. Down: free memory below soft, hard or low is that state at once. Up: one
 * level at a time, and only when free memory has reached the threshold above the one that was crossed: low ends at
 * hard, hard at soft, soft at high. So between two thresholds either state is possible, which is the hysteresis.
 * Paging runs in every state but high and aims at free memory of high.
 */
#include "mm/page.h"

void mm_levels_init(struct mm *m)
{
	for (unsigned i = 0; i < MM_STATES; i++)
		m->level_pages[i] = ppm_of(m->config.memory_pages, m->config.state_ppm[i]);
	m->state = MM_HIGH;
	m->state_entered[MM_HIGH] = 1;
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
	m->state_ns[m->state] += passed;
	if (!m->nr_waiting)
		return;
	if (m->swap_full)
		m->swap.full_ns += passed;
	for (uint32_t i = 0; i < m->top_vm; i++)
		if (m->vm[i].nr_waiting)
			m->vm[i].stalled_ns += passed;
}

void mm_leave(struct mm *m)
{
	enum mm_state next;

	while ((next = next_state(m)) != m->state) {
		m->state = next;
		m->state_entered[next]++;
	}
	if (mm_reclaim_needed(m))
		m->ops->reclaim_wanted(m->body);
}
