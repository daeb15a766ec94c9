/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * replay.c: one run of replay, and many at once.
 *
 * The trace is only read, so runs need nothing of each other, and go on beside each other (parallel.h).
 */
#include "sim/replay.h"

#include <string.h>

#include "sim/big.h"
#include "sim/parallel.h"
#include "sim/replay_fast.h"
#include "sim/replay_loop.h"
#include "sim/replay_opt.h"

#define DECLARED(name)                                \
	extern const struct policy_ops policy_##name; \
	replay_loop_fn replay_loop_##name;
#define LISTED(name) {&policy_##name, replay_loop_##name},

REPLAY_FAST(DECLARED)

static const struct {
	const struct policy_ops *ops;
	replay_loop_fn *loop;
} fast[] = {REPLAY_FAST(LISTED)};

struct sweep {
	const struct trace *trace;
	const uint32_t *next; /* for opt, or NULL */
	struct replay_run *run;
	unsigned nr;
	void (*done)(void *context, const struct replay_run *run);
	void *context;
	const struct sim_watch *watch;
};

const char *replay_policy_name(const struct replay_run *run)
{
	return run->policy ? run->policy->name : "opt";
}

static int loop_any(const struct policy_ops *ops, struct replay_loop *l)
{
	for (size_t i = 0; i < sizeof(fast) / sizeof(fast[0]); i++)
		if (fast[i].ops == ops)
			return fast[i].loop(l);
	return replay_requests(ops, l);
}

static void run_policy(const struct trace *t, struct replay_run *run, const struct sim_watch *watch,
		       bool alone)
{
	struct rng rng = rng_seeded(run->seed);
	size_t bits = page_bits_bytes(t->pages), bytes = run->policy->bytes(run->frames, t->pages);
	struct replay_loop l = {
		.trace = t,
		.policy = big_alloc(bytes),
		.resident = big_alloc(bits),
		.dirty = t->write ? big_alloc(bits) : NULL,
		.watch = watch,
		.alone = alone,
		.frames = run->frames,
	};

	run->err = l.policy && l.resident && (l.dirty || !t->write) ? 0 : -ENOMEM;
	if (!run->err)
		run->err = run->policy->init(l.policy, run->frames, t->pages, &rng);
	if (!run->err) {
		uint64_t begin = replay_clock_ns();

		run->err = loop_any(run->policy, &l);
		run->seconds_ns = replay_clock_ns() - begin;
		run->misses = l.misses;
		run->written = l.written;
	}
	big_free(l.policy, bytes);
	big_free(l.resident, bits);
	big_free(l.dirty, bits);
}

static void sweep_work(void *context, unsigned i)
{
	struct sweep *s = context;

	if (s->run[i].policy)
		run_policy(s->trace, &s->run[i], s->watch, s->nr == 1);
	else
		replay_opt(s->trace, s->next, &s->run[i], s->watch);
}

static void sweep_done(void *context, unsigned i)
{
	struct sweep *s = context;

	sim_watch_tell(s->watch, "runs", i + 1, s->nr);
	if (s->done && !s->run[i].err)
		s->done(s->context, &s->run[i]);
}

int replay_sweep(const struct trace *t, struct replay_run *run, unsigned nr, unsigned threads,
		 void (*done)(void *context, const struct replay_run *run), void *context,
		 const struct sim_watch *watch, struct error *error)
{
	struct sweep s = {
		.trace = t, .run = run, .nr = nr, .done = done, .context = context, .watch = watch};
	const struct parallel work = {.nr = nr,
				      .threads = threads,
				      .work = sweep_work,
				      .done = sweep_done,
				      .context = &s};
	uint32_t *next = NULL;
	bool opt = false;
	int err = 0;

	for (unsigned i = 0; i < nr; i++)
		opt |= !run[i].policy;
	if (opt)
		s.next = next = replay_next_use(t);
	if ((opt && !next) || parallel_run(&work))
		err = error_host(error, ENOMEM, "replay of %u requests", t->requests);
	for (unsigned i = 0; i < nr && !err; i++)
		if (run[i].err)
			err = run[i].err == -ECANCELED
				      ? -ECANCELED
				      : error_host(error, -run[i].err, "policy %s with %u frames",
						   replay_policy_name(&run[i]), run[i].frames);
	big_free(next, (size_t)t->requests * sizeof(*next));
	return err;
}

const char *replay_refuses(const struct trace *t, const struct policy_ops *policy, uint32_t frames)
{
	bool lru = policy && strcmp(policy->name, "lru") == 0;

	if (t->thinning == TRACE_WHOLE)
		return NULL;
	if (!lru && (policy || t->thinning != TRACE_SAD))
		return t->thinning == TRACE_SAD ? "only lru and opt are exact on it"
						: "only lru is exact on it";
	return frames <= t->thinning_pages ? "it is exact only above that many frames" : NULL;
}
