/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * timeline.c: walks a timeline without running it, for what must be known before: how many VMs there are at most, how
 * much swap all of them need, and whether each fits when it comes.
 */
#include "cmd/timeline.h"

#include <errno.h>
#include <stdlib.h>

#include "mm/mm.h"

int timeline_walk_begin(struct timeline_walk *w, const struct scenario *s)
{
	unsigned nr = s->nr_vms ? s->nr_vms : 1;

	*w = (struct timeline_walk){.scenario = s,
				    .present = calloc(nr, sizeof(*w->present)),
				    .min_pages = calloc(nr, sizeof(*w->min_pages))};
	if (!w->present || !w->min_pages) {
		timeline_walk_end(w);
		return -ENOMEM;
	}
	w->nr_present = s->nr_vms - s->nr_later;
	for (unsigned i = 0; i < s->nr_vms; i++) {
		w->present[i] = i < w->nr_present;
		w->min_pages[i] = s->vms[i].min_pages;
	}
	return 0;
}

const struct timeline_action *timeline_walk_next(struct timeline_walk *w)
{
	const struct timeline_action *a;

	if (w->next == w->scenario->nr_actions)
		return NULL;
	a = &w->scenario->actions[w->next++];
	if (a->kind == TIMELINE_ADD || a->kind == TIMELINE_REMOVE) {
		w->present[a->vm] = a->kind == TIMELINE_ADD;
		w->nr_present += a->kind == TIMELINE_ADD ? 1u : -1u;
	}
	if (a->kind == TIMELINE_MIN)
		w->min_pages[a->vm] = a->value;
	return a;
}

void timeline_walk_end(struct timeline_walk *w)
{
	free(w->present);
	free(w->min_pages);
	w->present = NULL;
	w->min_pages = NULL;
}

static void raise_to(npages_t *peak, npages_t now)
{
	if (*peak < now)
		*peak = now;
}

static void see(const struct timeline_walk *w, struct timeline_peaks *out)
{
	npages_t min = 0, least = 0, beyond = 0;

	for (unsigned i = 0; i < w->scenario->nr_vms; i++) {
		const struct mm_vm_config vm = {.pages = w->scenario->vms[i].memory_pages,
						.min_pages = w->min_pages[i]};

		if (!w->present[i])
			continue;
		min += vm.min_pages;
		least += mm_vm_least_pages(&vm);
		beyond += vm.pages - vm.min_pages;
	}
	out->vms = w->nr_present > out->vms ? w->nr_present : out->vms;
	raise_to(&out->min_pages, min);
	raise_to(&out->least_pages, least);
	raise_to(&out->beyond_pages, beyond);
}

int timeline_peaks(const struct scenario *s, struct timeline_peaks *out)
{
	const struct timeline_action *a;
	struct timeline_walk w;

	*out = (struct timeline_peaks){.vms = 0};
	if (timeline_walk_begin(&w, s))
		return -ENOMEM;
	see(&w, out);
	while ((a = timeline_walk_next(&w)) != NULL)
		if (a->kind == TIMELINE_ADD || a->kind == TIMELINE_MIN)
			see(&w, out);
	timeline_walk_end(&w);
	return 0;
}

npages_t timeline_most_pages(const struct scenario *s, unsigned vm)
{
	npages_t most = 0;

	for (unsigned i = 0; i < s->nr_actions; i++) {
		const struct workload_spec *spec = s->actions[i].workload;

		for (uint32_t k = 0; spec && s->actions[i].vm == vm && k < spec->nr_phases; k++)
			raise_to(&most, spec->phase[k].kind == WORK_BOOT ? s->vms[vm].memory_pages
									 : spec->phase[k].pages);
	}
	return most;
}

npages_t timeline_most_blocks(const struct scenario *s, unsigned vm)
{
	npages_t most = workload_blocks(&s->vms[vm].workload);

	for (unsigned i = 0; i < s->nr_actions; i++)
		if (s->actions[i].workload && s->actions[i].vm == vm)
			raise_to(&most, workload_blocks(s->actions[i].workload));
	return most;
}
