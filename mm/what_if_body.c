/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * what_if_body.c: the body of a manager in a what-if: what pages hold is what the record last said of them, all else works.
 * See what_if.c.
 */
#include "mm/what_if.h"

#define AGAIN    ((uint64_t)-11) /* -EAGAIN */
#define TOO_LONG ((uint64_t)-28) /* -ENOSPC */
#define BUSY     ((uint64_t)-16) /* -EBUSY */

#define KNOWN_ZERO   1u                 /* what a page held, by the record; 0: unknown */
#define SOME_HASH(h) ((h) | 1ull << 63) /* neither 0 nor 1 */

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

static void learn_packed(struct what_if *w, const struct mm_record_reader *r)
{
	const struct at_stage *at = &w->stage[0][r->args.fixed[0] % MM_STAGES];
	bool fits = !r->result[0] && r->result[1] <= PAGE_BYTES;

	if (at->vm < w->nr_vms && at->gfn < w->nr_known[at->vm])
		w->packed[at->vm][at->gfn] = fits ? (uint16_t)r->result[1] : 0;
}

static uint16_t packed(const struct what_if *w, uint64_t s)
{
	const struct at_stage *at = &w->stage[1][s];

	return at->vm < w->nr_vms && at->gfn < w->nr_known[at->vm] ? w->packed[at->vm][at->gfn] : 0;
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
	case MM_OP_COMPRESS:
		learn_packed(w, r);
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

bool what_if_call(struct mm_tape *t, const struct mm_args *args)
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
	case MM_OP_COMPRESS:
		return packed(w, f[0]) ? 0 : TOO_LONG;
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
	case MM_OP_COMPRESS:
		return packed(w, f[0]);
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

uint64_t what_if_answer(struct mm_tape *t, uint64_t value)
{
	struct what_if *w = (struct what_if *)t;

	(void)value;
	return w->answers++ ? second_answer(w) : first_answer(w);
}
