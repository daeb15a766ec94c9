/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * what_if.c: what another configuration would have decided: a manager beside the one that plays the record.
 *
 * It is an *open loop*: the guests do what they did in the record, whatever this manager decides. It is given the same
 * entry calls (faults, balloon moves, scans, ticks, VMs that come and go) at the same times. What it asks its body for,
 * always works, but for questions about content. Of those
 *   - what a page holds is what the record's body last said of it (a hash, or that it is all zeros), at the latest in
 *     the call under way;
 *   - a page of which it said nothing, or that was written since, is busy: it cannot be looked at. It is not zero. It
 *     does not compress, either, unless it did when it was last tried.
 * Swap requests take as long as the recorded ones took on average so far, and never fail; pages are reclaimed as soon as
 * the manager wants to, and two milliseconds after it could not: the recorded calls of both kinds are not used.
 * Estimates of working sets are those of the first manager: which pages guests touched is known for its sample only.
 *
 * So targets are what they would have been, as far as they follow from estimates, shares and sizes. Pages out are what
 * would have left at first; a page that stays in the record and leaves here (counted: unseen_pages) is touched in the
 * record without a fault, so that it never comes back here: pages in, and with them all that follows, are too few.
 */
#include "mm/what_if.h"

#include <stdlib.h>
#include <string.h>

#define RECLAIM_PAGES  16u
#define IN_VAIN_NS     2000000u
#define LATENCY_NS     100000u /* of a request, while none of the record has ended */
#define LATENCY_WEIGHT 16      /* of the past against one that ends */

struct what_if *what_if_make(const struct mm_play_change *change)
{
	struct what_if *w = calloc(1, sizeof *w);

	if (!w)
		return NULL;
	w->player.tape = (struct mm_tape){.call = what_if_call, .answer = what_if_answer};
	w->player.change = change;
	w->player.open_loop = true;
	w->latency_ns[0] = w->latency_ns[1] = LATENCY_NS;
	memset(w->stage, 0xff, sizeof w->stage); /* nobody's; what is read into stays so */
	return w;
}

void what_if_destroy(struct what_if *w)
{
	if (!w)
		return;
	mm_destroy(w->player.tape.mm);
	for (uint32_t i = 0; w->known && i < w->nr_vms; i++)
		free(w->known[i]);
	for (uint32_t i = 0; w->packed && i < w->nr_vms; i++)
		free(w->packed[i]);
	free(w->known);
	free(w->packed);
	free(w->nr_known);
	free(w->frame);
	free(w);
}

void what_if_follow(struct what_if *w, const struct mm *first)
{
	w->first = first;
}

struct player *what_if_player(struct what_if *w)
{
	return &w->player;
}

void what_if_status(const struct what_if *w, struct mm_play_status *out)
{
	out->unseen_pages = w->unseen_pages;
	out->known_answers = w->known_answers;
	out->unknown_answers = w->unknown_answers;
}

/* The manager is there. */
static int made(struct what_if *w)
{
	struct mm *m = w->player.tape.mm;

	if (!m)
		return 0; /* what becomes of it is for the caller to say */
	m->estimates_of = w->first;
	w->nr_vms = m->config.max_vms;
	w->nr_frames = m->config.share_capacity_pages;
	w->known = calloc(w->nr_vms, sizeof *w->known);
	w->packed = calloc(w->nr_vms, sizeof *w->packed);
	w->nr_known = calloc(w->nr_vms, sizeof *w->nr_known);
	w->frame = calloc(w->nr_frames + 1ull, sizeof *w->frame);
	return w->known && w->packed && w->nr_known && w->frame ? 0 : -12;
}

static int added(struct what_if *w, uint32_t vm)
{
	const struct mm_vm *v = &w->player.tape.mm->vm[vm];

	if (!v->in_use || w->known[vm])
		return 0;
	w->known[vm] = calloc(v->nr_gfns, sizeof **w->known);
	w->packed[vm] = calloc(v->nr_gfns, sizeof **w->packed);
	if (!w->known[vm] || !w->packed[vm])
		return -12;
	w->nr_known[vm] = v->nr_gfns;
	return 0;
}

/* What the manager wants to reclaim, as far as it can now. */
static void reclaim(struct what_if *w)
{
	struct mm *m = w->player.tape.mm;

	while (mm_reclaim_needed(m) && w->now_ns >= w->in_vain_ns)
		if (!mm_reclaim(m, RECLAIM_PAGES, w->now_ns))
			w->in_vain_ns = w->now_ns + IN_VAIN_NS;
}

/* The request that ends first, of those that end until then; MM_IOS: none. */
static uint32_t next_due(const struct what_if *w, uint64_t until_ns)
{
	uint32_t best = MM_IOS;

	for (uint32_t i = 0; i < MM_IOS; i++)
		if (w->request[i].io && w->request[i].due_ns <= until_ns &&
		    (best == MM_IOS || w->request[i].due_ns < w->request[best].due_ns))
			best = i;
	return best;
}

/* What happens by itself until then: requests end, and frames that came free by it are reclaimed on. */
static void pass_time(struct what_if *w, uint64_t until_ns)
{
	uint32_t i;

	while ((i = next_due(w, until_ns)) < MM_IOS) {
		struct mm_io *io = w->request[i].io;

		w->request[i].io = NULL;
		w->now_ns = w->request[i].due_ns > w->now_ns ? w->request[i].due_ns : w->now_ns;
		mm_io_done(w->player.tape.mm, io, 0, w->now_ns);
		reclaim(w);
	}
	w->now_ns = until_ns > w->now_ns ? until_ns : w->now_ns;
}

static void learn_latency(struct what_if *w, const struct mm_args *a)
{
	uint64_t *mean = &w->latency_ns[w->writes[a->fixed[1]] ? 1 : 0];
	uint64_t took = a->fixed[0] - w->began_ns[a->fixed[1]];

	if (took < NS_PER_S) /* else it began before it could be known */
		*mean = *mean - *mean / LATENCY_WEIGHT + took / LATENCY_WEIGHT;
}

int what_if_enter(struct what_if *w, const struct mm_args *a)
{
	int result = 0;

	w->player.nr_events = 0;
	if (a->call == MM_ENTRY_CREATE) {
		result = play_enter(&w->player, a);
		w->now_ns = a->fixed[0];
		return result ? result : made(w);
	}
	if (!w->player.tape.mm)
		return 0;
	if (*mm_seam_info(a->call)->form == 't')
		pass_time(w, a->fixed[0]);
	if (a->call == MM_ENTRY_IO_DONE)
		learn_latency(w, a);
	else if (a->call != MM_ENTRY_RECLAIM)
		result = play_enter(&w->player, a);
	if (!result && a->call == MM_ENTRY_VM_ADD)
		result = added(w, (uint32_t)a->fixed[1]);
	reclaim(w);
	return result;
}
