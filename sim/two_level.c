/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * two_level.c: see two_level.h. Both levels are the same thing, a policy over numbers: pages of the trace in the guest,
 * frames of the guest in the host. The guest uses a frame again as soon as its page has left.
 *
 * A test holds the identity that makes the model plausible: LRU over LRU has as many host faults as LRU with H frames
 * has misses, whatever G > H is, if all pages are written out. For the host's order of frames is the guest's order of
 * pages; what the guest misses is deeper than G, so deeper than H.
 */
#include "sim/two_level.h"

#include <errno.h>

#include "sim/big.h"
#include "sim/parallel.h"
#include "sim/replay_loop.h"

struct level {
	const struct policy_ops *ops;
	void *mem;
	uint64_t *in, *dirty; /* bits by number */
	uint32_t numbers, frames, used;
	size_t mem_bytes, bit_bytes;
};

struct pair {
	struct level guest, host;
	uint64_t *known;    /* frames the host has held before */
	uint32_t *frame_of; /* by page that is in the guest */
	struct two_level_run *run;
	uint64_t now;
};

static bool bit(const uint64_t *bits, uint32_t i)
{
	return bits[i / 64] >> i % 64 & 1;
}

static int level_init(struct level *l, const struct policy_ops *ops, uint32_t frames,
		      uint32_t numbers, struct rng *rng)
{
	*l = (struct level){.ops = ops, .frames = frames, .numbers = numbers};
	l->mem_bytes = ops->bytes(frames, numbers);
	l->bit_bytes = page_bits_bytes(numbers);
	l->mem = big_alloc(l->mem_bytes);
	l->in = big_alloc(l->bit_bytes);
	l->dirty = big_alloc(l->bit_bytes);
	if (!l->mem || !l->in || !l->dirty)
		return -ENOMEM;
	return ops->init(l->mem, frames, numbers, rng);
}

static void level_free(struct level *l)
{
	big_free(l->mem, l->mem_bytes);
	big_free(l->in, l->bit_bytes);
	big_free(l->dirty, l->bit_bytes);
}

/* Makes room for `incoming` if all frames are used; *victim leaves then. 1: it does; 0: nobody need; -EDOM. */
static int level_room(struct level *l, uint32_t incoming, uint32_t *victim)
{
	const struct victim_filter filter = {
		.incoming = &incoming, .dirty = replay_dirty, .ctx = l->dirty};

	if (l->used < l->frames) {
		l->used++;
		return 0;
	}
	if (!l->ops->victim(l->mem, &filter, victim))
		return -EDOM;
	l->ops->removed(l->mem, *victim, POLICY_EVICTED);
	page_bit_clear(l->in, *victim);
	return 1;
}

/* The guest, or its disk, accesses a frame. Returns whether the host had to bring it in, or -EDOM. */
static int host_access(struct pair *p, uint32_t frame, bool write)
{
	struct level *h = &p->host;
	int faulted = !bit(h->in, frame), leaves;
	uint32_t victim = 0;

	if (!faulted) {
		h->ops->accessed(h->mem, frame, write, p->now);
	} else {
		p->run->host_faults++;
		p->run->host_in += bit(p->known, frame);
		leaves = level_room(h, frame, &victim);
		if (leaves < 0)
			return leaves;
		if (leaves)
			p->run->host_out += page_bit_take(h->dirty, victim);
		h->ops->inserted(h->mem, frame, p->now);
		page_bit_set(h->in, frame);
		page_bit_set(p->known, frame);
	}
	if (write)
		page_bit_set(h->dirty, frame);
	return faulted;
}

static int guest_fault(struct pair *p, uint32_t page)
{
	struct level *g = &p->guest;
	uint32_t victim = 0, frame = g->used;
	int leaves = level_room(g, page, &victim), faulted = 0;

	if (leaves < 0)
		return leaves;
	p->run->guest_faults++;
	if (leaves) {
		frame = p->frame_of[victim];
		if (page_bit_take(g->dirty, victim)) {
			p->run->guest_out++;
			faulted = host_access(p, frame, false);
			if (faulted < 0)
				return faulted;
			p->run->double_faults += (uint64_t)faulted;
		}
	}
	p->frame_of[page] = frame;
	g->ops->inserted(g->mem, page, p->now);
	page_bit_set(g->in, page);
	faulted = host_access(p, frame, true);
	return faulted < 0 ? faulted : 0;
}

static int request(struct pair *p, uint32_t page, bool write)
{
	struct level *g = &p->guest;
	int err = 0;

	if (bit(g->in, page)) {
		g->ops->accessed(g->mem, page, write, p->now);
		err = host_access(p, p->frame_of[page], write);
	} else {
		err = guest_fault(p, page);
	}
	if (write)
		page_bit_set(g->dirty, page);
	return err < 0 ? err : 0;
}

static int pair_run(struct pair *p, const struct trace *t, const struct sim_watch *watch)
{
	for (uint32_t i = 0; i < t->requests; i++) {
		int err = request(p, t->page[i], !t->write || t->write[i]);

		if (!err && i % REPLAY_SPAN == 0 && sim_watch_stopped(watch))
			err = -ECANCELED;
		if (err)
			return err;
		p->now++;
	}
	return 0;
}

static void run_one(const struct trace *t, struct two_level_run *run, const struct sim_watch *watch)
{
	uint32_t frames = run->guest_frames < t->pages ? run->guest_frames : t->pages;
	size_t bits = page_bits_bytes(frames), numbers = (size_t)t->pages * sizeof(uint32_t);
	struct rng guest_rng = rng_seeded(run->seed), host_rng = rng_seeded(rng_mix(run->seed));
	struct pair p = {.run = run, .known = big_alloc(bits), .frame_of = big_alloc(numbers)};
	uint64_t begin = replay_clock_ns();

	run->err = p.known && p.frame_of ? 0 : -ENOMEM;
	if (!run->err)
		run->err =
			level_init(&p.guest, run->guest, run->guest_frames, t->pages, &guest_rng);
	/* frames that the guest never uses are no concern of the host's */
	if (!run->err)
		run->err = level_init(&p.host, run->host, run->host_frames, frames, &host_rng);
	if (!run->err)
		run->err = pair_run(&p, t, watch);
	run->seconds_ns = replay_clock_ns() - begin;
	level_free(&p.guest);
	level_free(&p.host);
	big_free(p.known, bits);
	big_free(p.frame_of, numbers);
}

struct sweep {
	const struct trace *trace;
	struct two_level_run *run;
	void (*done)(void *context, const struct two_level_run *run);
	void *context;
	const struct sim_watch *watch;
};

static void sweep_work(void *context, unsigned i)
{
	struct sweep *s = context;

	run_one(s->trace, &s->run[i], s->watch);
}

static void sweep_done(void *context, unsigned i)
{
	struct sweep *s = context;

	if (s->done && !s->run[i].err)
		s->done(s->context, &s->run[i]);
}

int two_level_sweep(const struct trace *t, struct two_level_run *run, unsigned nr, unsigned threads,
		    void (*done)(void *context, const struct two_level_run *run), void *context,
		    const struct sim_watch *watch, struct error *error)
{
	struct sweep s = {.trace = t, .run = run, .done = done, .context = context, .watch = watch};
	const struct parallel work = {.nr = nr,
				      .threads = threads,
				      .work = sweep_work,
				      .done = sweep_done,
				      .context = &s};
	int err = parallel_run(&work);

	if (err)
		return error_host(error, -err, "%u runs", nr);
	for (unsigned i = 0; i < nr; i++) {
		if (run[i].err == -ECANCELED)
			return -ECANCELED;
		if (run[i].err)
			return error_host(error, -run[i].err, "%s over %s", run[i].guest->name,
					  run[i].host->name);
	}
	return 0;
}
