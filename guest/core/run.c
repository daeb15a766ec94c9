/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * run.c: from steps to touches.
 *
 * A step is drawn before it is known whether it is due; a touch that is not stays in r->step until it is, or until its
 * phase is over. Filling is not paced. Only the first integrity error's details are kept: the later ones are often its
 * consequences.
 */
#include "guest/core/run.h"

#include "guest/core/files.h"

void run_init(struct run *r, struct guest *guest, const struct workload_spec *spec, uint64_t seed,
	      uint64_t vm, const struct run_ops *ops, void *ctx)
{
	*r = (struct run){.guest = guest,
			  .ops = ops,
			  .ctx = ctx,
			  .seed = seed,
			  .vm = vm,
			  .phase_end_ns = UINT64_MAX};
	workload_init(&r->workload, spec, seed, vm);
	workload_files(&r->workload, guest->files, guest->nr_files);
}

static void begin_phase(struct run *r, uint64_t now_ns)
{
	const struct phase_spec *phase = workload_phase(&r->workload);
	npages_t unused = r->guest->frames.free_pages;

	/* What boot can take without paging, and what the records have room for. */
	unused = unused > PAGER_RESERVE ? unused - PAGER_RESERVE : 0;
	if (unused > r->guest->pager.pages)
		unused = r->guest->pager.pages;
	workload_phase_begin(&r->workload, unused);
	r->guest->stats->phase = r->workload.phase;
	r->phase_end_ns = phase->duration_ns ? now_ns + phase->duration_ns : UINT64_MAX;
	r->filling = true;
	if (!r->stepped)
		r->ops->event(r->ctx, GUEST_EVENT_FIRST_STEP);
	r->stepped = true;
}

/* The page's words, or its identity. */
static uint64_t *page_at(struct run *r, uint32_t page, bool write, int *err)
{
	return (r->ops->identity ? r->ops->identity : r->ops->page)(r->ctx, page, write, err);
}

static int fill_page(struct run *r, uint32_t page, uint32_t at)
{
	const struct content *content = workload_content(&r->workload);
	int err = 0;
	uint64_t *words = page_at(r, at, true, &err);

	if (!words)
		return err;
	if (r->ops->identity)
		*words = content_identity(content, page, 0);
	else
		content_fill(content, page, words);
	r->guest->marks[at] = 0;
	r->guest->stats->filled_pages++;
	return 0;
}

/* page: of the workload; at: of the pager. */
static int touch_page(struct run *r, uint32_t page, uint32_t at, bool write)
{
	bool (*touch)(const struct content *c, uint32_t page, uint32_t *mark, bool write,
		      uint64_t *words, struct content_error *error) =
		r->ops->identity ? content_touch_identity : content_touch;
	struct guest_stats *stats = r->guest->stats;
	struct content_error bad;
	int err = 0;
	uint64_t *words = page_at(r, at, write, &err);

	if (!words)
		return err;
	if (!touch(workload_content(&r->workload), page, &r->guest->marks[at], write, words,
		   &bad)) {
		if (!stats->integrity_errors) {
			stats->bad_page = page;
			stats->bad_gfn = pager_frame_of(&r->guest->pager, at).v;
			stats->bad_word = bad.word;
			stats->bad_found = bad.found;
			stats->bad_expected = bad.expected;
		}
		stats->integrity_errors++;
	}
	stats->integrity_checks++;
	stats->work_units++;
	return 0;
}

/* A block is written whole, whatever it held. */
static int write_block(struct run *r, uint32_t block, uint32_t at)
{
	const struct content *content = workload_content(&r->workload);
	int err = 0;
	uint64_t *words = page_at(r, at, true, &err);

	if (!words)
		return err;
	if (r->ops->identity)
		content_rewrite_identity(content, block, &r->guest->marks[at], words);
	else
		content_rewrite(content, block, &r->guest->marks[at], words);
	r->guest->stats->work_units++;
	return 0;
}

/* A step on a block of a file, which the file cache is told of first. */
static int do_block(struct run *r, const struct workload_step *s)
{
	struct pager *p = &r->guest->pager;
	uint32_t at = pager_file_page(p, s->page);

	if (s->op == STEP_FILL || s->write)
		pager_file_write(p, s->page);
	else
		pager_file_read(p, s->page, s->blocks);
	if (s->op == STEP_FILL)
		return fill_page(r, s->page, at);
	return s->write ? write_block(r, s->page, at) : touch_page(r, s->page, at, false);
}

/* Filling is over: the phase's own work begins. */
static void begin_work(struct run *r, uint64_t now_ns)
{
	if (!r->filling)
		return;
	r->filling = false;
	r->due = 0;
	pace_start(&r->pace, workload_phase(&r->workload)->rate, now_ns);
	r->ops->event(r->ctx, GUEST_EVENT_FILLED);
}

/* Does r->step if it is due. 1: not before *wake_ns. */
static int do_step(struct run *r, uint64_t now_ns, uint64_t *wake_ns)
{
	const struct workload_step *s = &r->step;

	switch (s->op) {
	case STEP_BEGIN:
		begin_phase(r, now_ns);
		return 0;
	case STEP_FILL:
		return s->file ? do_block(r, s) : fill_page(r, s->page, s->page);
	case STEP_TOUCH:
		begin_work(r, now_ns);
		if (!r->due)
			r->due = pace_due(&r->pace, now_ns, wake_ns);
		if (!r->due)
			return 1;
		r->due--;
		return s->file ? do_block(r, s) : touch_page(r, s->page, s->page, s->write);
	case STEP_DROP:
		pager_file_drop(&r->guest->pager, s->page, s->blocks);
		return 0;
	case STEP_PHASE_END:
		pager_release_all(&r->guest->pager);
		return 0;
	case STEP_WAIT:
		begin_work(r, now_ns);
		*wake_ns = UINT64_MAX;
		return 1;
	case STEP_DONE:
		break;
	}
	return 0;
}

static bool has_room(const struct run *r, const struct workload_spec *spec)
{
	for (uint32_t i = 0; i < spec->nr_phases; i++)
		if (spec->phase[i].pages > r->guest->pager.pages)
			return false;
	return workload_blocks(spec) <= r->guest->pager.file_pages;
}

/* Another workload, from its beginning. Its seed depends on the mail's number, so that no page of an earlier one could
 * be taken for one of its own. */
static void begin_mailed(struct run *r, const struct workload_spec *spec, uint64_t number)
{
	pager_release_all(&r->guest->pager);
	r->mailed = *spec;
	r->has_step = r->filling = false;
	r->due = 0;
	r->phase_end_ns = UINT64_MAX;
	workload_init(&r->workload, &r->mailed, rng_mix(r->seed ^ rng_mix(number)), r->vm);
	workload_files(&r->workload, r->guest->files, r->guest->nr_files);
}

/* The running workload goes on, with what is new of it. */
static void go_on_as_mailed(struct run *r, const struct workload_spec *spec, uint64_t now_ns)
{
	uint32_t rate = workload_phase(&r->workload)->rate;

	r->mailed = *spec;
	workload_go_on(&r->workload, &r->mailed);
	if (r->filling || workload_phase(&r->workload)->rate == rate)
		return;
	r->due = 0;
	pace_start(&r->pace, workload_phase(&r->workload)->rate, now_ns);
}

static void look_for_mail(struct run *r, uint64_t now_ns)
{
	struct guest_stats *stats = r->guest->stats;
	char text[GUEST_MAIL_BYTES];
	struct workload_spec spec;
	size_t bytes, error_at;
	uint64_t number;

	if (!r->ops->mail || !r->ops->mail(r->ctx, text, &bytes, &number))
		return;
	if (workload_parse(text, bytes, &spec, &error_at) || !has_room(r, &spec))
		stats->mail_refused++;
	else if (workload_same_pages(r->workload.spec, &spec))
		go_on_as_mailed(r, &spec, now_ns);
	else
		begin_mailed(r, &spec, number);
	stats->mail_taken = number;
}

int run_slice(struct run *r, uint64_t now_ns, uint64_t *wake_ns)
{
	look_for_mail(r, now_ns);
	*wake_ns = now_ns;
	if (now_ns >= r->phase_end_ns) {
		r->phase_end_ns = UINT64_MAX;
		r->has_step = false;
		workload_phase_over(&r->workload);
	}
	for (uint32_t i = 0; i < RUN_CHUNK; i++) {
		int err;

		if (!r->has_step)
			r->step = workload_next(&r->workload);
		if (r->step.op == STEP_DONE)
			return RUN_OVER;
		r->has_step = true;
		err = do_step(r, now_ns, wake_ns);
		if (err < 0)
			return err;
		if (err) {
			uint64_t latest = now_ns + RUN_MAX_REST_NS;

			if (*wake_ns > r->phase_end_ns)
				*wake_ns = r->phase_end_ns;
			if (*wake_ns > latest)
				*wake_ns = latest;
			return RUN_GOES_ON;
		}
		r->has_step = false;
	}
	return RUN_GOES_ON;
}

bool run_boots(const struct run *r)
{
	const struct workload *w = &r->workload;

	return r->filling && w->phase < w->spec->nr_phases && workload_phase(w)->kind == WORK_BOOT;
}
