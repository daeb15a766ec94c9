/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * what_if.c: what another configuration would have decided: a manager beside the one that plays the record.
 *
 * It is an *open loop*: the guests do what they did in the record, whatever this manager decides. It is given the same
 * entry calls (faults, balloon moves, scans, ticks, VMs that come and go) at the same times. What it asks its body for,
 * always works, but for questions about content. Of those
 *   - what a page holds is what the record's body last said of it (a hash, or that it is all zeros), at the latest in
 *     the call under way;
 *   - a page of which it said nothing, or that was written since, is busy: it cannot be looked at. It is not zero.
 * Swap requests take as long as the recorded ones took on average so far, and never fail; pages are reclaimed as soon as
 * the manager wants to, and two milliseconds after it could not: the recorded calls of both kinds are not used.
 * Estimates of working sets are those of the first manager: which pages guests touched is known for its sample only.
 *
 * So targets are what they would have been, as far as they follow from estimates, shares and sizes. Pages out are what
 * would have left at first; a page that stays in the record and leaves here (counted: unseen_pages) is touched in the
 * record without a fault, so that it never comes back here: pages in, and with them all that follows, are too few.
 */
#include <stdlib.h>
#include <string.h>

#include "mm/entry.h"
#include "mm/page.h"
#include "mm/play_entry.h"

#define RECLAIM_PAGES  16u
#define IN_VAIN_NS     2000000u
#define LATENCY_NS     100000u /* of a request, while none of the record has ended */
#define LATENCY_WEIGHT 16      /* of the past against one that ends */

#define AGAIN ((uint64_t)-11) /* -EAGAIN */
#define BUSY  ((uint64_t)-16) /* -EBUSY */

#define KNOWN_ZERO   1u                 /* what a page held, by the record; 0: unknown */
#define SOME_HASH(h) ((h) | 1ull << 63) /* neither 0 nor 1 */

struct under_way {
	struct mm_io *io; /* NULL: none */
	uint64_t due_ns;
};

struct at_stage {
	uint32_t vm, gfn;
};

struct what_if {
	struct player player;   /* first */
	const struct mm *first; /* the manager that plays the record */
	uint64_t unseen_pages, known_answers, unknown_answers;
	uint64_t now_ns, in_vain_ns;
	struct mm_args asked; /* the op under way */
	uint64_t fixed[MM_SEAM_ARGS];
	unsigned answers; /* given of it */
	struct under_way request[MM_IOS];
	uint64_t latency_ns[2];    /* of reads, of writes */
	uint64_t began_ns[MM_IOS]; /* the recorded ones */
	bool writes[MM_IOS];
	uint64_t **known; /* a VM's gfns: what they held */
	uint32_t *nr_known;
	uint32_t nr_vms;
	uint64_t *frame; /* what the pool's frames hold */
	uint32_t nr_frames;
	struct at_stage stage[2][MM_STAGES]; /* whose page is there: recorded, ours */
};

/* What a page holds by the record; 0: unknown. */
static uint64_t content(const struct what_if *w, uint64_t vm, uint64_t g)
{
	return vm < w->nr_vms && g < w->nr_known[vm] ? w->known[vm][g] : 0;
}

/* The same, counted. */
static uint64_t ask(struct what_if *w, uint64_t vm, uint64_t g)
{
	uint64_t held = content(w, vm, g);

	w->known_answers += held != 0;
	w->unknown_answers += held == 0;
	return held;
}

static void learn(struct what_if *w, uint64_t vm, uint64_t g, uint64_t held)
{
	if (vm < w->nr_vms && g < w->nr_known[vm])
		w->known[vm][g] = held;
}

static void learn_zero(struct what_if *w, uint64_t vm, uint64_t g, bool zero)
{
	if (zero || content(w, vm, g) == KNOWN_ZERO)
		learn(w, vm, g, zero ? KNOWN_ZERO : 0);
}

static void learn_request(struct what_if *w, const struct mm_args *a)
{
	w->began_ns[a->fixed[0]] = w->now_ns;
	w->writes[a->fixed[0]] = a->fixed[2];
}

void what_if_learn(struct what_if *w, const struct mm_record_reader *r)
{
	const uint64_t *f = r->args.fixed;
	bool ok = r->nr_results && !r->result[0];

	switch (r->args.call) {
	case MM_OP_HASH:
		if (ok)
			learn(w, f[0], f[1], SOME_HASH(r->result[1]));
		break;
	case MM_OP_PAGE_IS_ZERO:
		if (ok)
			learn_zero(w, f[0], f[1], r->result[1]);
		break;
	case MM_OP_WITHDRAW:
		if (ok && f[2] < MM_STAGES)
			w->stage[0][f[2]] = (struct at_stage){(uint32_t)f[0], (uint32_t)f[1]};
		break;
	case MM_OP_STAGE_IS_ZERO:
		if (f[0] < MM_STAGES)
			learn_zero(w, w->stage[0][f[0]].vm, w->stage[0][f[0]].gfn, r->result[0]);
		break;
	case MM_OP_MAP_ZERO:
	case MM_OP_BREAK_SHARED:
	case MM_OP_UNPROTECT: /* it is about to be written */
		if (ok)
			learn(w, f[0], f[1], 0);
		break;
	case MM_OP_SWAP_START:
		learn_request(w, &r->args);
		break;
	default:
		break;
	}
}

/* A page leaves that the record's machine still has. */
static void count_unseen(struct what_if *w, const struct mm_args *a)
{
	for (uint32_t i = 0; a->fixed[2] && i + 2 < a->nr_list; i += 3) {
		uint64_t vm = a->list[i + 1], g = a->list[i + 2];
		const struct mm_vm *v = vm < w->first->config.max_vms ? &w->first->vm[vm] : NULL;

		if (v && v->in_use && page_exists(v, g))
			w->unseen_pages += v->page[g].state == PAGE_RESIDENT ||
					   v->page[g].state == PAGE_SHARED;
	}
}

static bool what_if_call(struct mm_tape *t, const struct mm_args *args)
{
	struct what_if *w = (struct what_if *)t;
	const uint64_t *f = args->fixed;

	for (unsigned i = 0; i < args->nr_fixed; i++)
		w->fixed[i] = f[i];
	w->asked = (struct mm_args){.call = args->call, .fixed = w->fixed};
	w->answers = 0;
	if (args->call == MM_OP_WITHDRAW)
		w->stage[1][f[2]] = (struct at_stage){(uint32_t)f[0], (uint32_t)f[1]};
	if (args->call != MM_OP_SWAP_START)
		return false;
	count_unseen(w, args);
	w->request[f[0]] = (struct under_way){t->io, w->now_ns + w->latency_ns[f[2] ? 1 : 0]};
	return false;
}

/* How many of the pages hold what the frames do; all, which are filled, if fill. */
static int64_t share(struct what_if *w, const uint64_t *f)
{
	uint64_t n = 0;

	for (; n < f[2] && f[3] + n < w->nr_frames; n++) {
		uint64_t held = content(w, f[0], f[1] + n);

		if (f[4])
			w->frame[f[3] + n] = held;
		else if (w->frame[f[3] + n] != held)
			break;
	}
	return n ? (int64_t)n : (int64_t)AGAIN;
}

static uint64_t first_answer(struct what_if *w)
{
	const uint64_t *f = w->fixed;
	const struct at_stage *at;

	switch (w->asked.call) {
	case MM_OP_ZALLOC:
		return true;
	case MM_OP_STAGE_IS_ZERO:
		at = &w->stage[1][f[0]];
		return ask(w, at->vm, at->gfn) == KNOWN_ZERO;
	case MM_OP_STAGE_HASH: /* for counters only; unknown is never what it was */
		at = &w->stage[1][f[0]];
		return content(w, at->vm, at->gfn) ? content(w, at->vm, at->gfn) : w->now_ns;
	case MM_OP_HASH:
	case MM_OP_PAGE_IS_ZERO:
	case MM_OP_EQUAL_FRAME:
		return ask(w, f[0], f[1]) ? 0 : BUSY;
	case MM_OP_EQUAL:
		return ask(w, f[0], f[1]) && ask(w, f[2], f[3]) ? 0 : BUSY;
	case MM_OP_SHARE:
		return (uint64_t)share(w, f);
	case MM_OP_SHARE_ZERO:
		return content(w, f[0], f[1]) == KNOWN_ZERO ? 0 : AGAIN;
	default:
		return 0;
	}
}

static uint64_t second_answer(const struct what_if *w)
{
	const uint64_t *f = w->fixed;

	switch (w->asked.call) {
	case MM_OP_HASH:
		return content(w, f[0], f[1]);
	case MM_OP_EQUAL:
		return content(w, f[0], f[1]) == content(w, f[2], f[3]);
	case MM_OP_EQUAL_FRAME:
		return f[2] < w->nr_frames && content(w, f[0], f[1]) == w->frame[f[2]];
	case MM_OP_PAGE_IS_ZERO:
		return content(w, f[0], f[1]) == KNOWN_ZERO;
	default:
		return 0;
	}
}

static uint64_t what_if_answer(struct mm_tape *t, uint64_t value)
{
	struct what_if *w = (struct what_if *)t;

	(void)value;
	return w->answers++ ? second_answer(w) : first_answer(w);
}

struct what_if *what_if_make(const struct mm_play_change *change)
{
	struct what_if *w = calloc(1, sizeof *w);

	if (!w)
		return NULL;
	w->player.tape = (struct mm_tape){.call = what_if_call, .answer = what_if_answer};
	w->player.change = change;
	w->player.open_loop = true;
	w->latency_ns[0] = w->latency_ns[1] = LATENCY_NS;
	return w;
}

void what_if_destroy(struct what_if *w)
{
	if (!w)
		return;
	mm_destroy(w->player.tape.mm);
	for (uint32_t i = 0; w->known && i < w->nr_vms; i++)
		free(w->known[i]);
	free(w->known);
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
	w->nr_known = calloc(w->nr_vms, sizeof *w->nr_known);
	w->frame = calloc(w->nr_frames + 1ull, sizeof *w->frame);
	return w->known && w->nr_known && w->frame ? 0 : -12;
}

static int added(struct what_if *w, uint32_t vm)
{
	const struct mm_vm *v = &w->player.tape.mm->vm[vm];

	free(w->known[vm]);
	w->nr_known[vm] = 0;
	w->known[vm] = v->in_use ? calloc(v->nr_gfns, sizeof **w->known) : NULL;
	if (!v->in_use)
		return 0;
	w->nr_known[vm] = w->known[vm] ? v->nr_gfns : 0;
	return w->known[vm] ? 0 : -12;
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
