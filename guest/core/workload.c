/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * workload.c: the sequence of steps of a workload, as workload.h describes it.
 *
 * A state machine over enum workload_op: `stage` is the kind of the next step.
 *
 *   BEGIN -> FILL (each page once) -> TOUCH or WAIT, until the user calls workload_phase_over()
 *         -> PHASE_END -> BEGIN of the next phase, or DONE
 *
 * Each phase has two generators of its own, made from (seed, phase) alone: one draws pages, one draws which touches
 * write. So a phase's pages are the same whatever came before it, and whatever its share of writes.
 */
#include "guest/core/workload.h"

#include <errno.h>

const char *const workload_kind_names[WORKLOAD_KINDS] = {
	[WORK_IDLE] = "idle", [WORK_TOUCHER] = "toucher", [WORK_ZIPF] = "zipf",
	[WORK_SCAN] = "scan", [WORK_BOOT] = "boot",       [WORK_FILESERVER] = "fileserver",
};

static bool phase_valid(const struct phase_spec *p, bool last)
{
	bool sized = p->kind == WORK_TOUCHER || p->kind == WORK_ZIPF || p->kind == WORK_SCAN;

	bool serves = p->kind == WORK_FILESERVER;

	return (unsigned)p->kind < WORKLOAD_KINDS && sized == (p->pages > 0) &&
	       serves == (p->files > 0) && serves == (p->file_pages > 0) &&
	       fileserver_blocks(p) <= WORKLOAD_BLOCKS_MAX && p->write_ppm <= PPM &&
	       p->alpha_ppm <= WORKLOAD_ALPHA_MAX &&
	       (uint64_t)p->zero_ppm + p->common_ppm + p->class_ppm + p->thin_ppm <= PPM &&
	       (p->duration_ns || last);
}

int workload_check(const struct workload_spec *spec, uint32_t *phase_out)
{
	*phase_out = 0;
	if (spec->nr_phases < 1 || spec->nr_phases > WORKLOAD_PHASES)
		return -EINVAL;
	for (uint32_t i = 0; i < spec->nr_phases; i++) {
		if (!phase_valid(&spec->phase[i], i + 1 == spec->nr_phases)) {
			*phase_out = i;
			return -EINVAL;
		}
	}
	return 0;
}

static void enter_phase(struct workload *w, uint32_t phase)
{
	w->phase = phase;
	w->stage = phase < w->spec->nr_phases ? STEP_BEGIN : STEP_DONE;
	w->pages = 0;
	w->at = 0;
	if (w->stage == STEP_BEGIN)
		content_init(&w->content, &w->spec->phase[phase], w->seed, w->vm, phase);
}

void workload_init(struct workload *w, const struct workload_spec *spec, uint64_t seed, uint64_t vm)
{
	*w = (struct workload){.spec = spec, .seed = seed, .vm = vm};
	enter_phase(w, 0);
}

void workload_files(struct workload *w, struct fileserver_file *file, uint32_t room_files)
{
	w->file = file;
	w->room_files = room_files;
}

uint32_t workload_blocks(const struct workload_spec *spec)
{
	uint64_t most = 0;

	for (uint32_t i = 0; i < spec->nr_phases; i++) {
		uint64_t blocks = fileserver_blocks(&spec->phase[i]);

		most = blocks > most ? blocks : most;
	}
	return (uint32_t)most;
}

/* All pages are filled: on to the touches, if this kind has any. */
static void start_running(struct workload *w)
{
	const struct phase_spec *p = workload_phase(w);

	w->stage = w->pages && p->kind != WORK_BOOT ? STEP_TOUCH : STEP_WAIT;
	w->at = p->kind == WORK_SCAN ? (uint32_t)rng_below(&w->pages_rng, w->pages) : 0;
}

void workload_phase_begin(struct workload *w, npages_t free_pages)
{
	const struct phase_spec *p = workload_phase(w);
	uint64_t key = rng_mix(rng_mix(w->seed) + w->phase);

	if (w->stage != STEP_BEGIN)
		return;
	w->pages_rng = rng_seeded(key);
	w->writes_rng = rng_seeded(rng_mix(~key));
	w->pages = p->pages;
	if (p->kind == WORK_BOOT)
		w->pages = free_pages < UINT32_MAX ? (uint32_t)free_pages : UINT32_MAX;
	if (p->kind == WORK_ZIPF) {
		zipf_init(&w->zipf, w->pages, p->alpha_ppm);
		scatter_init(&w->scatter, w->pages, &w->pages_rng);
	}
	if (p->kind == WORK_FILESERVER && p->files <= w->room_files) {
		w->pages = (uint32_t)fileserver_blocks(p);
		fileserver_begin(&w->server, p, w->file, key);
	}
	w->stage = STEP_FILL;
	if (!w->pages)
		start_running(w);
}

static __attribute__((noinline)) struct workload_step next_fill(struct workload *w)
{
	struct workload_step step = {.op = STEP_FILL, .page = w->at};
	bool last;

	if (workload_phase(w)->kind == WORK_FILESERVER)
		fileserver_fill(&w->server, &step, &last);
	else
		last = ++w->at == w->pages;
	if (last)
		start_running(w);
	return step;
}

/* Not inlined, so that the steps of the other kinds stay in registers. */
static __attribute__((noinline)) struct workload_step next_of_files(struct workload *w)
{
	struct workload_step step;

	fileserver_next(&w->server, workload_phase(w)->write_ppm, &step);
	return step;
}

static uint32_t next_page(struct workload *w)
{
	uint32_t page = w->at;

	if (workload_phase(w)->kind == WORK_ZIPF)
		return scatter_of(&w->scatter, zipf_draw(&w->zipf, &w->pages_rng));
	w->at = page + 1 < w->pages ? page + 1 : 0;
	return page;
}

struct workload_step workload_next(struct workload *w)
{
	struct workload_step step = {.op = w->stage};

	switch (w->stage) {
	case STEP_FILL:
		return next_fill(w);
	case STEP_TOUCH:
		if (__builtin_expect(workload_phase(w)->kind == WORK_FILESERVER, false))
			return next_of_files(w);
		step.page = next_page(w);
		step.write = rng_below(&w->writes_rng, PPM) < workload_phase(w)->write_ppm;
		break;
	case STEP_PHASE_END:
		enter_phase(w, w->phase + 1);
		break;
	case STEP_BEGIN:
	case STEP_WAIT:
	case STEP_DROP:
	case STEP_DONE:
		break;
	}
	return step;
}

void workload_phase_over(struct workload *w)
{
	if (w->stage == STEP_FILL || w->stage == STEP_TOUCH || w->stage == STEP_WAIT)
		w->stage = STEP_PHASE_END;
}

static bool same_pages(const struct phase_spec *a, const struct phase_spec *b)
{
	return a->kind == b->kind && a->pages == b->pages && a->files == b->files &&
	       a->file_pages == b->file_pages && a->zero_ppm == b->zero_ppm &&
	       a->common_ppm == b->common_ppm && a->class_ppm == b->class_ppm &&
	       a->class_id == b->class_id && a->duration_ns == b->duration_ns;
}

bool workload_same_pages(const struct workload_spec *a, const struct workload_spec *b)
{
	bool same = a->nr_phases == b->nr_phases;

	for (uint32_t i = 0; i < a->nr_phases && same; i++)
		same = same_pages(&a->phase[i], &b->phase[i]);
	return same;
}

void workload_go_on(struct workload *w, const struct workload_spec *spec)
{
	const struct phase_spec *p;

	w->spec = spec;
	p = workload_phase(w);
	if (p->kind == WORK_ZIPF && w->pages)
		zipf_init(&w->zipf, w->pages, p->alpha_ppm);
	if (p->kind == WORK_FILESERVER && w->pages)
		fileserver_go_on(&w->server, p);
}

const struct phase_spec *workload_phase(const struct workload *w)
{
	uint32_t last = w->spec->nr_phases - 1;

	return &w->spec->phase[w->phase < last ? w->phase : last];
}

const struct content *workload_content(const struct workload *w)
{
	return &w->content;
}
