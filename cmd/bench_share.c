/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * bench_share.c: what it costs to find and share equal pages, beside the kernel's KSM on the same contents.
 *
 *   scan    pages passed a second when nothing changes: all pages differ, all have their hints. A page that is shared
 *           already, or that KSM merged, counts as passed: rescan measures that
 *   merge   the time until 99 % of the duplicates share a frame, from the moment that the scanner may look
 *
 * Ours is measured twice. As such: the scanner goes on without rest, as ksmd does with sleep_millisecs=0. And in a run:
 * with the rest that keeps it from starving guests (vmm/scanner.c), at unlimited rates. Processor seconds are those of
 * the whole process, threads that answer the kernel's events included; KSM's are ksmd's.
 *
 * Layouts: cmd/bench_layout.h. Every single page that is shared away from its neighbours is a mapping, and the kernel
 * limits these (vm.max_map_count), KSM's it does not. So the scattered layout is small enough to fit; a big one tells
 * how far the limit lets us go, without a reference.
 *
 * The order within a round is ours, ours in a run, KSM, so that drift of the host hits all. Memory is filled before the
 * clock runs. Guests there are none: what they would do meanwhile is not sharing's cost.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "cmd/bench.h"
#include "cmd/bench_sharer.h"

#define PAGES           (128u << 10)
#define PAGES_SCATTERED (32u << 10)
#define SCAN_S          0.7 /* at least so long, and one pass */
#define SETTLE_PASSES   3u  /* KSM looks at a page twice before it looks for others like it */
#define SMART_PASSES    24u /* until smart_scan passes as many over as it ever will */
#define MERGED_PERCENT  99u

/* Medians over the rounds. */
struct figures {
	struct samples scan, scan_cpu_us; /* pages a second, microseconds a page */
	struct samples merge_s, merge_cpu_s;
};

struct plan {
	const char *name;
	npages_t pages;
	uint32_t contents;
	bool scattered;
};
static const struct plan plans[] = {
	{"unique", PAGES, 0, false},
	{"1000", PAGES, 1000, false},
	{"60000", PAGES, 60000, false},
	{"scattered", PAGES_SCATTERED, 1000, true},
};

struct share_bench {
	struct bench *b;
	struct sharer sharer;
	struct figures figures[SHARERS];
};

/* From one page, or one pass of KSM's, to another. */
static int measure_scan(struct share_bench *s, struct figures *f)
{
	struct reading from, to;
	int result = sharer_read(&s->sharer, false, &from);

	if (!result)
		result = sharer_wait(&s->sharer, from.passed + 1, 0, &from);
	to = from;
	while (!result && to.at_s - from.at_s < SCAN_S)
		result = sharer_wait(&s->sharer, to.passed + 1, 0, &to);
	if (result)
		return result;
	result = samples_add(&f->scan, (double)(to.passed - from.passed) / (to.at_s - from.at_s));
	if (!result)
		result = samples_add(&f->scan_cpu_us, (to.cpu_s - from.cpu_s) * 1e6 /
							      (double)(to.passed - from.passed));
	return result ? error_host(s->sharer.error, -result, "figures") : 0;
}

static int measure_merge(struct share_bench *s, const struct reading *from, struct figures *f)
{
	uint64_t enough = (layout_duplicates(&s->sharer.layout) * MERGED_PERCENT + 99) / 100;
	struct reading to;
	int result = enough ? sharer_wait(&s->sharer, 0, enough, &to) : 0;

	if (result || !enough)
		return result;
	result = samples_add(&f->merge_s, to.at_s - from->at_s);
	if (!result)
		result = samples_add(&f->merge_cpu_s, to.cpu_s - from->cpu_s);
	return result ? error_host(s->sharer.error, -result, "figures") : 0;
}

static int measure(struct share_bench *s, enum sharer_kind kind)
{
	struct figures *f = &s->figures[kind];
	struct reading r = {0};
	int result;

	s->sharer.kind = kind;
	result = sharer_make(&s->sharer);
	if (!result)
		result = sharer_read(&s->sharer, false, &r);
	if (!result)
		result = sharer_go(&s->sharer);
	if (!result)
		result = measure_merge(s, &r, f);
	if (!result)
		result = sharer_read(&s->sharer, false, &r);
	if (!result)
		result = sharer_wait(&s->sharer, r.passed + SETTLE_PASSES * s->sharer.layout.pages,
				     0, &r);
	if (!result)
		result = measure_scan(s, f);
	sharer_drop(&s->sharer);
	return result;
}

static void print(struct share_bench *s, const char *stem, const char *name, const char *end,
		  const char *unit, const struct samples *ours, const struct samples *ksm,
		  double goal, enum bench_goal goal_is)
{
	char full[64];
	struct samples value = *ours, reference = *ksm;
	struct bench_result r = {.name = full,
				 .value = samples_percentile(&value, 50),
				 .unit = unit,
				 .reference = samples_percentile(&reference, 50),
				 .reference_what = s->sharer.ksm.usable ? "KSM, same contents"
									: s->sharer.ksm.why,
				 .goal = s->sharer.ksm.usable ? goal : 0,
				 .goal_is = goal_is,
				 .samples = ours->nr};

	snprintf(full, sizeof full, "share.%s%s%s", stem, name, end);
	s->b->print(s->b, &r);
}

static void print_plan(struct share_bench *s, const struct plan *p)
{
	const struct figures *f = s->figures;
	const char *scan = p->contents ? "rescan." : "scan", *name = p->contents ? p->name : "";

	if (p->contents) {
		print(s, "merge.", name, "", "s", &f[OURS].merge_s, &f[KSM].merge_s,
		      p->scattered ? 0 : 1, GOAL_RATIO_MOST);
		print(s, "merge.", name, ".cpu", "s", &f[OURS].merge_cpu_s, &f[KSM].merge_cpu_s, 0,
		      GOAL_RATIO_MOST);
		print(s, "merge.", name, ".in_run", "s", &f[IN_RUN].merge_s, &f[KSM].merge_s, 0,
		      GOAL_RATIO_MOST);
		print(s, "merge.", name, ".in_run.cpu", "s", &f[IN_RUN].merge_cpu_s,
		      &f[KSM].merge_cpu_s, 0, GOAL_RATIO_MOST);
	}
	print(s, scan, name, "", "pages/s", &f[OURS].scan, &f[KSM].scan, p->contents ? 0 : 3,
	      GOAL_RATIO_LEAST);
	print(s, scan, name, ".cpu", "us/page", &f[OURS].scan_cpu_us, &f[KSM].scan_cpu_us, 0,
	      GOAL_RATIO_MOST);
	print(s, scan, name, ".in_run", "pages/s", &f[IN_RUN].scan, &f[KSM].scan, 0,
	      GOAL_RATIO_LEAST);
}

static void figures_free(struct share_bench *s)
{
	for (unsigned i = 0; i < SHARERS; i++) {
		struct figures *f = &s->figures[i];

		samples_free(&f->scan);
		samples_free(&f->scan_cpu_us);
		samples_free(&f->merge_s);
		samples_free(&f->merge_cpu_s);
	}
}

static int run_plan(struct share_bench *s, const struct plan *p)
{
	int result = layout_make(&s->sharer.layout, p->pages, p->contents, p->scattered);

	if (result)
		return error_host(s->sharer.error, -result, "share benchmark");
	for (unsigned round = 0; round < s->b->rounds && !result; round++) {
		result = measure(s, OURS);
		if (!result)
			result = measure(s, IN_RUN);
		if (!result && s->sharer.ksm.usable)
			result = measure(s, KSM);
	}
	if (!result)
		print_plan(s, p);
	figures_free(s);
	layout_free(&s->sharer.layout);
	return result;
}

/* Passes, until one saves nothing more. The machine counts its mappings now and then, as a run does. */
static int saturate(struct share_bench *s, struct reading *r)
{
	uint64_t before;
	int result = 0;

	do {
		before = r->saved;
		result = sharer_wait(&s->sharer, r->passed + s->sharer.layout.pages, 0, r);
		if (!result)
			result = sharer_read(&s->sharer, true, r);
	} while (!result && r->saved > before);
	return result;
}

/* How far sharing gets when every page is a mapping. */
static int run_limit(struct share_bench *s)
{
	struct reading r = {0};
	char what[160];
	int result = layout_make(&s->sharer.layout, PAGES, 1000, true);

	if (result)
		return error_host(s->sharer.error, -result, "share benchmark");
	s->sharer.kind = OURS;
	result = sharer_make(&s->sharer);
	if (!result)
		result = sharer_go(&s->sharer);
	if (!result)
		result = saturate(s, &r);
	if (!result) {
		snprintf(what, sizeof what,
			 "none: %llu of %llu pages saved%s; refused for lack of mappings: %llu",
			 (unsigned long long)r.saved,
			 (unsigned long long)layout_duplicates(&s->sharer.layout),
			 r.refused ? ", then vm.max_map_count stops it" : "",
			 (unsigned long long)r.refused);
		s->b->print(s->b, &(struct bench_result){
					  .name = "share.scattered.big.saved",
					  .value = 100.0 * (double)r.saved /
						   (double)layout_duplicates(&s->sharer.layout),
					  .unit = "% of duplicates",
					  .reference_what = what,
					  .samples = 1});
	}
	sharer_drop(&s->sharer);
	layout_free(&s->sharer.layout);
	return result;
}

/* KSM's rate when nothing changes, without smart_scan and with it. */
static int measure_smart(struct share_bench *s, struct figures *plain, struct figures *smart)
{
	struct reading r;
	int result = sharer_go(&s->sharer);

	if (!result)
		result = sharer_wait(&s->sharer, SETTLE_PASSES * s->sharer.layout.pages, 0, &r);
	if (!result)
		result = measure_scan(s, plain);
	if (!result && ksm_smart(&s->sharer.ksm, true))
		result = error_host(s->sharer.error, EIO, "smart_scan of KSM");
	if (!result)
		result = sharer_wait(&s->sharer, r.passed + SMART_PASSES * s->sharer.layout.pages,
				     0, &r);
	return result ? result : measure_scan(s, smart);
}

/* What smart_scan makes of KSM's rate when nothing changes: it passes most pages over. */
static int run_smart(struct share_bench *s)
{
	struct figures *plain = &s->figures[KSM], *smart = &s->figures[OURS];
	int result = layout_make(&s->sharer.layout, PAGES, 0, false);

	if (result)
		return error_host(s->sharer.error, -result, "share benchmark");
	s->sharer.kind = KSM;
	result = sharer_make(&s->sharer);
	if (!result)
		result = measure_smart(s, plain, smart);
	if (!result)
		s->b->print(s->b,
			    &(struct bench_result){"share.ksm.smart_scan", smart->scan.value[0],
						   "pages/s", plain->scan.value[0],
						   "KSM without smart_scan, as in all other rows",
						   0, GOAL_RATIO_MOST, 1});
	ksm_smart(&s->sharer.ksm, false);
	sharer_drop(&s->sharer);
	figures_free(s);
	layout_free(&s->sharer.layout);
	return result;
}

static void put_back(void *ksm)
{
	ksm_put_back(ksm);
}

int bench_share(struct bench *b, struct error *error)
{
	struct share_bench s = {.b = b, .sharer = {.dir = b->dir, .error = error}};
	int result = 0;

	/* A signal waits meanwhile: what was changed is put back. */
	pthread_mutex_lock(&b->lock);
	ksm_begin(&s.sharer.ksm);
	b->undo = put_back;
	b->undo_context = &s.sharer.ksm;
	pthread_mutex_unlock(&b->lock);
	for (unsigned i = 0; i < sizeof plans / sizeof plans[0] && !result; i++)
		result = run_plan(&s, &plans[i]);
	if (!result)
		result = run_limit(&s);
	if (!result && s.sharer.ksm.smart)
		result = run_smart(&s);
	ksm_end(&s.sharer.ksm);
	pthread_mutex_lock(&b->lock);
	b->undo = NULL;
	pthread_mutex_unlock(&b->lock);
	return result;
}
