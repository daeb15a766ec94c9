/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * sample.c: how much of its memory a VM uses: statistical sampling (ESX 2002, section 5.3), and the periods that all
 * estimators go by.
 *
 * A period begins with n pages drawn at random from all that are configured and not ballooned. Each is *watched*: its
 * mapping is withdrawn if it has one, so the first touch is a fault, and is counted. A page that is not in memory is
 * watched as it is, and counts if it faults in. At the end f = touched / drawn, what was not touched is mapped again,
 * and the next period begins. So a period costs its VM n small faults at most, however much memory it has.
 *
 *	estimate = max(slow average, fast average, this period so far)
 *
 * The averages are exponential, avg += gain * (f - avg), one with a small and one with a large gain; both begin with the
 * first period's f. The fast one follows a rise, the period so far shows it while it happens, and the slow one lets go
 * late. Until a first period is over all of the VM counts as active: nobody is taxed unheard.
 *
 * Time is the VM's own: a period ends when the VM has run for period_ns, or, so that idle VMs' estimates fall too, after
 * SAMPLE_WAIT times that. Time in which a fault of the VM waits for a frame counts in neither.
 *
 * Not drawn, another page is: pages that never leave memory; pages with a write under way; pages that share a frame,
 * whose mapping cannot be withdrawn alone: they are taken to be used as the others are. A page that is ballooned during
 * the period is no longer part of it. The scanner that looks for equal pages passes withdrawn pages by, so it is never
 * taken for the guest; the pager may take a watched page, as any other. A page that is mapped again though nobody touched
 * it (it could not be written out, say), or placed, is no longer part of the sample either.
 *
 * That is the estimator *touch*. *write* draws the same sample and only watches for writes (sample_write.c); *refault*
 * draws none (refault.c). What refaults say is kept beside the other two as well, since it costs nothing.
 */
#include "mm/why.h"

#define SAMPLE_WAIT      4u /* periods of scenario time that are enough for a VM that does not run */
#define SAMPLE_VMS       4u    /* periods that end in one tick */
#define SAMPLE_TRIES     20u   /* draws for each page wanted */
#define SAMPLE_WITHDRAWN 4096u /* most pages withdrawn for this, all VMs */

_Static_assert(SAMPLE_WITHDRAWN <= MM_SAMPLED_LIMIT, "some are left for the pager's probation");

const char *mm_estimator_name(enum mm_estimator estimator)
{
	static const char *const names[MM_ESTIMATORS] = {
		[MM_ESTIMATE_TOUCH] = "touch",
		[MM_ESTIMATE_WRITE] = "write",
		[MM_ESTIMATE_REFAULT] = "refault",
	};

	return names[estimator];
}

int sample_vm_added(struct mm *m, struct mm_vm *v)
{
	if (!m->config.policy->uses_active || !m->config.sample_pages)
		return 0;
	v->sample.gfn = mm_zalloc(m, vm_id(m, v), m->config.sample_pages * sizeof *v->sample.gfn);
	if (v->sample.gfn && !refault_keep(m, v))
		return 0;
	sample_vm_free(m, v);
	return -12;
}

void sample_vm_free(struct mm *m, struct mm_vm *v)
{
	mm_free(m, vm_id(m, v), v->sample.gfn, m->config.sample_pages * sizeof *v->sample.gfn);
	v->sample = (struct mm_sample){.gfn = NULL};
	refault_vm_free(m, v);
}

void sample_touched(struct mm_vm *v, struct page *p)
{
	p->flags &= (uint8_t)~PAGE_WATCHED;
	v->sample.touched++;
}

void sample_dropped(struct mm_vm *v, struct page *p)
{
	p->flags &= (uint8_t)~PAGE_WATCHED;
	v->sample.drawn--;
}

bool sample_is_blind(const struct mm *m, const struct page *p)
{
	if (!(p->flags & PAGE_WATCHED) || sample_by_write(m, p))
		return false;
	return p->state == PAGE_RESIDENT ||
	       (p->state == PAGE_SHARED && (!(p->flags & PAGE_ZERO) || p->flags & PAGE_PROTECTED));
}

void sample_check(struct mm *m, struct mm_vm *v, uint32_t g)
{
	if (sample_is_blind(m, &v->page[g]))
		sample_dropped(v, &v->page[g]);
}

bool sample_restore(struct mm *m, struct mm_vm *v, uint32_t g, enum mm_why why)
{
	struct page *p = &v->page[g];
	bool protect = p->flags & PAGE_HAS_SLOT || sample_by_write(m, p);

	/* the copy's frame is in the reserve; it is one page, and the stage is emptied before anything else happens */
	if (m->ops->map_stage(m->body, vm_id(m, v), gfn(g), stage(p->stage), protect)) {
		v->body_errors++;
		return false;
	}
	stage_drop_put(m, &(stage_t){p->stage}, 1);
	p->flags = (uint8_t)(protect ? p->flags | PAGE_PROTECTED : p->flags & ~PAGE_PROTECTED);
	because(m, why, 0);
	page_move(m, v, g, PAGE_RESIDENT);
	return true;
}

static bool withdraw(struct mm *m, struct mm_vm *v, uint32_t g)
{
	struct page *p = &v->page[g];

	if (m->sampled >= SAMPLE_WITHDRAWN || !stage_get(m, false, &p->stage))
		return false;
	if (m->ops->withdraw(m->body, vm_id(m, v), gfn(g), stage(p->stage))) {
		stage_put(m, p->stage);
		v->body_errors++;
		return false;
	}
	p->flags &= (uint8_t)~PAGE_PROTECTED;
	because(m, MM_WHY_SAMPLE_DRAWN, 0);
	page_move(m, v, g, PAGE_SAMPLED);
	return true;
}

/* The kernel's zero page is unmapped; a read maps it again. */
static bool withdraw_zero(struct mm *m, struct mm_vm *v, uint32_t g)
{
	struct page *p = &v->page[g];

	if (p->flags & PAGE_PROTECTED && m->ops->discard(m->body, vm_id(m, v), gfn(g), 1))
		return false;
	p->flags &= (uint8_t)~PAGE_PROTECTED;
	return true;
}

/* The next touch of the page will be seen, or somebody waits for it already; false: not of this one. */
static bool touch_watch(struct mm *m, struct mm_vm *v, uint32_t g, bool wanted)
{
	struct page *p = &v->page[g];

	if (p->state == PAGE_RESIDENT)
		return !(p->flags & PAGE_HAS_SLOT && slot_busy(m, p->slot)) &&
		       (wanted || withdraw(m, v, g));
	if (p->state == PAGE_SHARED)
		return p->flags & PAGE_ZERO && withdraw_zero(m, v, g);
	return true;
}

static void touch_end(struct mm *m, struct mm_vm *v, uint32_t g)
{
	if (v->page[g].state == PAGE_SAMPLED && !page_on_probation(v, g))
		sample_restore(m, v, g, MM_WHY_SAMPLE_OVER);
}

/* Watches the page from now on; false: not this one. */
static bool watch(struct mm *m, struct mm_vm *v, uint32_t g)
{
	struct page *p = &v->page[g];
	bool writes = m->config.estimator == MM_ESTIMATE_WRITE;
	bool wanted = !writes && (p->flags & PAGE_WAITING || p->state == PAGE_ARRIVING);

	if (p->state == PAGE_BALLOONED || p->flags & (PAGE_PINNED | PAGE_WATCHED))
		return false;
	if (writes ? !sample_write_watch(m, v, g) : !touch_watch(m, v, g, wanted))
		return false;
	if (p->state != PAGE_SAMPLED)
		page_note(m, v, g, MM_WHY_SAMPLE_WATCHED, 0);
	v->sample.gfn[v->sample.nr++] = g;
	v->sample.drawn++;
	p->flags |= PAGE_WATCHED;
	if (wanted)
		sample_touched(v, p);
	return true;
}

static void begin(struct mm *m, struct mm_vm *v)
{
	struct mm_sample *s = &v->sample;
	uint32_t tries = m->config.sample_pages * SAMPLE_TRIES;

	s->nr = s->drawn = s->touched = 0;
	s->running = true;
	s->began_ns = m->now_ns;
	s->began_ran_ns = s->ran_ns;
	s->began_stalled_ns = v->stalled_ns;
	refault_begin(v);
	if (m->config.estimator == MM_ESTIMATE_REFAULT)
		return; /* no page is touched for it */
	while (s->nr < m->config.sample_pages && tries--) {
		uint32_t g = (uint32_t)rng_below(&v->rng, v->nr_gfns);

		if (page_exists(v, g))
			watch(m, v, g);
	}
}

uint32_t sample_moved(uint32_t average, uint32_t f, uint32_t gain_ppm)
{
	return (uint32_t)((int64_t)average + ((int64_t)f - average) * gain_ppm / (int64_t)PPM);
}

static uint32_t so_far_ppm(const struct mm_sample *s)
{
	return s->drawn ? (uint32_t)((uint64_t)s->touched * PPM / s->drawn) : 0;
}

static void end(struct mm *m, struct mm_vm *v)
{
	struct mm_sample *s = &v->sample;
	uint32_t f = so_far_ppm(s);

	for (uint32_t i = 0; i < s->nr; i++) {
		struct page *p = &v->page[s->gfn[i]];

		if (!(p->flags & PAGE_WATCHED))
			continue;
		p->flags &= (uint8_t)~PAGE_WATCHED;
		if (m->config.estimator == MM_ESTIMATE_WRITE)
			sample_write_end(m, v, s->gfn[i]);
		else
			touch_end(m, v, s->gfn[i]);
	}
	s->running = false;
	refault_end(m, v);
	if (m->config.estimator == MM_ESTIMATE_REFAULT)
		s->periods++;
	if (!s->drawn)
		return; /* all ballooned, or pinned: nothing was learnt */
	s->slow_ppm = s->periods ? sample_moved(s->slow_ppm, f, m->config.sample_slow_ppm) : f;
	s->fast_ppm = s->periods ? sample_moved(s->fast_ppm, f, m->config.sample_fast_ppm) : f;
	s->last_ppm = f;
	s->periods++;
}

static bool over(const struct mm *m, const struct mm_vm *v)
{
	const struct mm_sample *s = &v->sample;
	uint64_t waited = v->stalled_ns - s->began_stalled_ns;
	uint64_t passed = m->now_ns - s->began_ns;
	uint64_t period = m->config.sample_period_ns;

	return s->ran_ns - s->began_ran_ns >= period ||
	       (passed > waited && passed - waited >= SAMPLE_WAIT * period);
}

void sample_tick(struct mm *m)
{
	uint32_t left = SAMPLE_VMS;

	if (!m->started || m->stopping)
		return;
	for (uint32_t i = 0; i < m->top_vm && left; i++) {
		uint32_t vm = (m->sample_next + i) % m->top_vm;
		struct mm_vm *v = &m->vm[vm];

		if (!v->in_use || v->ended || v->doomed || !v->sample.gfn ||
		    (v->sample.running && !over(m, v)))
			continue;
		if (v->sample.running)
			end(m, v);
		begin(m, v);
		if (!--left)
			m->sample_next = (vm + 1) % m->top_vm;
	}
}

uint32_t sample_estimate_ppm(const struct mm_vm *v)
{
	const struct mm_sample *s = &v->sample;
	uint32_t most = s->slow_ppm > s->fast_ppm ? s->slow_ppm : s->fast_ppm, now = so_far_ppm(s);

	if (!s->periods)
		return PPM;
	return now > most ? now : most;
}

npages_t sample_active(const struct mm *m, const struct mm_vm *v)
{
	if (!v->sample.gfn)
		return v->config.pages;
	if (m->config.estimator == MM_ESTIMATE_REFAULT)
		return refault_pages(v);
	return ppm_of(v->config.pages - v->count[PAGE_BALLOONED], sample_estimate_ppm(v));
}

void do_vm_ran(struct mm *m, uint32_t vm, uint64_t ran_ns)
{
	struct mm_sample *s = vm < m->config.max_vms ? &m->vm[vm].sample : NULL;

	if (s && ran_ns > s->ran_ns)
		s->ran_ns = ran_ns;
}
