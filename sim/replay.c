/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * replay.c: one run of replay, and many at once.
 *
 * The trace is only read, so runs need nothing of each other: threads take the next run that nobody has. Results are
 * told in order, by whichever thread closes a gap.
 */
#include "sim/replay.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "sim/big.h"
#include "sim/replay_fast.h"
#include "sim/replay_loop.h"
#include "sim/replay_opt.h"

#define THREADS_MAX 256u

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
	unsigned taken; /* runs somebody has; under lock, as all below */
	unsigned told;
	bool *finished;
	pthread_mutex_t lock;
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

static void run_policy(const struct trace *t, struct replay_run *run, const struct sim_watch *watch)
{
	struct rng rng = rng_seeded(run->seed);
	/* more frames than pages are never filled: the policies would only need more memory for them */
	size_t bits = page_bits_bytes(t->pages), bytes = run->policy->bytes(run->frames, t->pages);
	struct replay_loop l = {
		.trace = t,
		.policy = big_alloc(bytes),
		.resident = big_alloc(bits),
		.dirty = t->write ? big_alloc(bits) : NULL,
		.watch = watch,
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

static void run_finished(struct sweep *s, unsigned i)
{
	s->finished[i] = true;
	for (; s->told < s->nr && s->finished[s->told]; s->told++)
		if (s->done && !s->run[s->told].err)
			s->done(s->context, &s->run[s->told]);
}

static void *sweep_thread(void *arg)
{
	struct sweep *s = arg;

	pthread_mutex_lock(&s->lock);
	while (s->taken < s->nr) {
		unsigned i = s->taken++;

		pthread_mutex_unlock(&s->lock);
		if (s->run[i].policy)
			run_policy(s->trace, &s->run[i], s->watch);
		else
			replay_opt(s->trace, s->next, &s->run[i], s->watch);
		pthread_mutex_lock(&s->lock);
		run_finished(s, i);
	}
	pthread_mutex_unlock(&s->lock);
	return NULL;
}

static void sweep_run(struct sweep *s, unsigned threads)
{
	pthread_t thread[THREADS_MAX];
	unsigned started = 0;

	/* this thread is one of them; one that cannot be had leaves its work to the others */
	while (started + 1 < threads &&
	       pthread_create(&thread[started], NULL, sweep_thread, s) == 0)
		started++;
	sweep_thread(s);
	while (started)
		pthread_join(thread[--started], NULL);
}

int replay_sweep(const struct trace *t, struct replay_run *run, unsigned nr, unsigned threads,
		 void (*done)(void *context, const struct replay_run *run), void *context,
		 const struct sim_watch *watch, struct error *error)
{
	struct sweep s = {.trace = t,
			  .run = run,
			  .nr = nr,
			  .finished = calloc(nr ? nr : 1, sizeof(bool)),
			  .lock = PTHREAD_MUTEX_INITIALIZER,
			  .done = done,
			  .context = context,
			  .watch = watch};
	uint32_t *next = NULL;
	bool opt = false;
	int err = 0;

	for (unsigned i = 0; i < nr; i++)
		opt |= !run[i].policy;
	if (opt)
		s.next = next = replay_next_use(t);
	if (!s.finished || (opt && !next)) {
		err = error_host(error, ENOMEM, "replay of %u requests", t->requests);
		goto out;
	}
	if (!threads)
		threads = (unsigned)sysconf(_SC_NPROCESSORS_ONLN);
	threads = threads < nr ? threads : nr;
	sweep_run(&s, threads < THREADS_MAX ? threads : THREADS_MAX);
	for (unsigned i = 0; i < nr && !err; i++)
		if (run[i].err)
			err = run[i].err == -ECANCELED
				      ? -ECANCELED
				      : error_host(error, -run[i].err, "policy %s with %u frames",
						   replay_policy_name(&run[i]), run[i].frames);
out:
	big_free(next, (size_t)t->requests * sizeof(*next));
	free(s.finished);
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
