/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * trace_workload.c: what a lab guest with this workload and seed would touch, by the code that the guest runs
 * (guest/core/workload.c and pace.c), under a clock on which touching takes no time.
 *
 * So filling, which a guest does as fast as it can, happens at one instant; touches come in the guest's slices. On KVM
 * filling and faults take time, and where a phase ends by its seconds, fewer touches fit into it: the touches are the same,
 * only where one phase gives way to the next differs.
 *
 * Ids: the number of the phase above bit 32, the workload's page, or block of a file, below. A phase frees its pages at its
 * end, so page 5 of the next one is another page. A deleted file's blocks are only not touched until they are written.
 */
#include "sim/trace_workload.h"

#include <errno.h>
#include <stdlib.h>

#define PHASE_SHIFT 32

static uint32_t most_files(const struct workload_spec *spec)
{
	uint32_t most = 0;

	for (uint32_t i = 0; i < spec->nr_phases; i++)
		most = spec->phase[i].files > most ? spec->phase[i].files : most;
	return most;
}

static int give_files(struct trace_workload *w, uint32_t nr, struct error *error)
{
	w->files = calloc(nr, sizeof(*w->files));
	if (!w->files)
		return error_host(error, ENOMEM, "%u files", nr);
	workload_files(&w->workload, w->files, nr);
	return 0;
}

int trace_workload_init(struct trace_workload *w, const struct workload_spec *spec, uint64_t seed,
			npages_t free_pages, uint64_t requests, struct error *error)
{
	for (uint32_t i = 0; i < spec->nr_phases; i++) {
		const struct phase_spec *p = &spec->phase[i];

		if (p->duration_ns && (p->pages || p->files) && !p->rate)
			return error_user(
				error,
				"--workload: phase %u has rate 'max' for a time: how many "
				"touches is that? allowed: a number",
				i + 1);
	}
	*w = (struct trace_workload){
		.left = requests, .free_pages = free_pages, .phase_end_ns = UINT64_MAX};
	workload_init(&w->workload, spec, seed, 0);
	return most_files(spec) ? give_files(w, most_files(spec), error) : 0;
}

void trace_workload_end(struct trace_workload *w)
{
	free(w->files);
	w->files = NULL;
}

/* The clock goes on to next_ns, or to the phase's end. False: neither will ever be. */
static bool wait_until(struct trace_workload *w, uint64_t next_ns)
{
	w->now_ns = next_ns < w->phase_end_ns ? next_ns : w->phase_end_ns;
	if (w->now_ns == UINT64_MAX)
		return false;
	if (w->now_ns == w->phase_end_ns) {
		w->phase_end_ns = UINT64_MAX;
		w->due = 0;
		w->has_step = false;
		workload_phase_over(&w->workload);
	}
	return true;
}

static void begin_phase(struct trace_workload *w)
{
	const struct phase_spec *phase = workload_phase(&w->workload);

	workload_phase_begin(&w->workload, w->free_pages);
	w->phase_end_ns = phase->duration_ns ? w->now_ns + phase->duration_ns : UINT64_MAX;
	w->working = false;
}

/* Is a touch due now? Else not before *next_ns. */
static bool is_due(struct trace_workload *w, uint64_t *next_ns)
{
	if (!w->working)
		pace_start(&w->pace, workload_phase(&w->workload)->rate, w->now_ns);
	w->working = true;
	if (!w->due)
		w->due = pace_due(&w->pace, w->now_ns, next_ns);
	return w->due;
}

/* The next step that touches a page. False: there is none. */
static bool next_touch(struct trace_workload *w)
{
	for (;;) {
		uint64_t next_ns = UINT64_MAX;

		if (!w->has_step)
			w->step = workload_next(&w->workload);
		w->has_step = true;
		if (w->step.op == STEP_DONE)
			return false;
		if (w->step.op == STEP_WAIT || (w->step.op == STEP_TOUCH && !is_due(w, &next_ns))) {
			if (!wait_until(w, next_ns))
				return false;
			continue;
		}
		w->has_step = false;
		if (w->step.op == STEP_BEGIN)
			begin_phase(w);
		w->due -= w->step.op == STEP_TOUCH;
		if (w->step.op == STEP_TOUCH || w->step.op == STEP_FILL)
			return true;
	}
}

void trace_workload_next(struct trace_workload *w, struct trace_batch *b)
{
	for (b->nr = 0; b->nr < TRACE_BATCH && w->left && next_touch(w); w->left--) {
		b->id[b->nr] = (uint64_t)w->workload.phase << PHASE_SHIFT | w->step.page;
		b->write[b->nr] = w->step.write || w->step.op == STEP_FILL;
		b->time_ns[b->nr++] = w->now_ns;
	}
}
