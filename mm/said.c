/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * said.c: what guests say of themselves, and balloons that are set by it (struct target_policy.sizes).
 *
 * A guest tells how many of its pages are free, whenever it likes. It may lie: a figure is cut to what the guest can
 * have, and all that it can win or lose by a lie is its own balloon, within the VM's bounds. A figure older than
 * SAID_OLD_NS is forgotten: the guest is then one that says nothing.
 *
 * Such policies judge by averages. Twice every rebalance_ns the machine's free pages, and each guest's size and what it
 * last said, are put into a ring of MM_SAID_SAMPLES, and every rebalance_ns the policy is asked: MOM's own intervals, 5 s
 * and 10 s, and its history of 10, at a rebalance of 10 s.
 */
#include "mm/page.h"

#define SAID_OLD_NS (5 * NS_PER_S) /* guests are asked every second */

void do_vm_said(struct mm *m, uint32_t vm, npages_t free_pages, uint64_t now_ns)
{
	struct mm_vm *v = &m->vm[vm];

	mm_enter(m, now_ns);
	if (v->in_use && !v->ended && v->balloon.driver) {
		v->said.free = free_pages;
		v->said.at_ns = m->now_ns;
		v->said.known = true;
	}
	mm_leave(m);
}

void said_forget(struct mm_vm *v)
{
	v->said = (struct mm_said){.known = false};
}

void said_restart(struct mm *m)
{
	m->said = (struct mm_said_host){.sampled_ns = m->now_ns};
	for (uint32_t i = 0; i < m->top_vm; i++)
		m->vm[i].said.nr = m->vm[i].said.next = 0;
}

static npages_t size_of(const struct mm_vm *v)
{
	return v->config.pages - v->count[PAGE_BALLOONED];
}

static void sample_vm(struct mm *m, struct mm_vm *v)
{
	struct mm_said *s = &v->said;
	npages_t size = size_of(v);

	if (s->known && m->now_ns - s->at_ns > SAID_OLD_NS)
		said_forget(v);
	if (!s->known)
		return;
	s->sample[s->next] =
		(struct mm_said_sample){.size = size, .free = s->free < size ? s->free : size};
	s->next = (s->next + 1) % MM_SAID_SAMPLES;
	s->nr += s->nr < MM_SAID_SAMPLES;
}

static void sample_all(struct mm *m)
{
	m->said.free[m->said.next] = mm_free_pages(m);
	m->said.next = (m->said.next + 1) % MM_SAID_SAMPLES;
	m->said.nr += m->said.nr < MM_SAID_SAMPLES;
	for (uint32_t i = 0; i < m->top_vm; i++)
		if (m->vm[i].in_use && !m->vm[i].ended)
			sample_vm(m, &m->vm[i]);
}

static struct target_vm as_target(const struct mm_vm *v)
{
	struct target_vm t = {.least = mm_vm_least_pages(&v->config),
			      .most = v->config.pages,
			      .size = size_of(v),
			      .samples = v->said.nr};

	for (uint32_t i = 0; i < v->said.nr; i++) {
		t.size_sum += v->said.sample[i].size;
		t.free_sum += v->said.sample[i].free;
	}
	return t;
}

static void set_sizes(struct mm *m)
{
	struct target_request request = {.memory = m->config.memory_pages, .samples = m->said.nr};
	uint32_t nr = 0;

	for (uint32_t i = 0; i < m->said.nr; i++)
		request.host_free_sum += m->said.free[i];
	for (uint32_t i = 0; i < m->top_vm; i++)
		if (m->vm[i].in_use && !m->vm[i].ended)
			m->target_vm[nr++] = as_target(&m->vm[i]);
	m->config.policy->sizes(m->target_vm, nr, &request);
	nr = 0;
	for (uint32_t i = 0; i < m->top_vm; i++) {
		struct mm_vm *v = &m->vm[i];

		if (!v->in_use || v->ended)
			continue;
		event_sized(m, v, &m->target_vm[nr], &request);
		balloon_size(m, v, m->target_vm[nr].new_size);
		nr++;
	}
}

void said_tick(struct mm *m)
{
	uint64_t half = m->config.rebalance_ns / 2;

	if (!m->config.policy->sizes || !half || !m->config.balloon || m->stopping ||
	    m->now_ns - m->said.sampled_ns < half)
		return;
	m->said.sampled_ns = m->now_ns;
	sample_all(m);
	m->said.second = !m->said.second;
	if (!m->said.second)
		set_sizes(m);
}
