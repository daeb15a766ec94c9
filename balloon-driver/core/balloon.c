/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * balloon.c: the balloon driver's state machine.
 *
 * Time is cut into cycles, which begin when there is something to do. A cycle has a budget of pages to take and one of
 * pages to give back; a new target in the middle of a cycle goes on with what is left of them, so that a host that
 * changes its mind every moment cannot make the guest work more. A cycle in which an allocation of the easy kind failed
 * goes on with the hard kind and the smaller budget, and the next slow_cycles begin with the smaller one at once; all
 * begin with easy allocations, as pages may have become free. The rates are adapted when a cycle is over.
 *
 * Pages are told before they are freed and taken before they are told: at any moment the guest's allocator has no page
 * that the host believes ballooned. Held pages form a list, last in first out, through one word that the body keeps with
 * each: no memory is needed for it, and none of the pages touched.
 *
 * A page that is given to a guest out of memory would be taken again at once; so for hold cycles nothing is taken, and
 * longer each time until a target is reached: the two do not fight.
 * Reference: Waldspurger, OSDI 2002, section 3; vmw_balloon.c for the adaptive rates.
 */
#include "balloon-driver/core/balloon.h"

struct balloon_config balloon_config_usual(npages_t memory_pages)
{
	return (struct balloon_config){
		.memory_pages = memory_pages,
		.cap_ppm = 650000,
		.cycle_ns = NS_PER_S / 10,
		.slice_ns = NS_PER_S / 500,
		.easy_pages = 1u << 20,
		.get_min = 512,
		.get_max = 2048,
		.get_step = 16,
		.slow_cycles = 4,
		.put_min = 512,
		.put_max = 1u << 20,
		.put_step = 16,
		.oom_pages = 256,
		.hold_min = 4,
		.hold_max = 128,
	};
}

static void forget_cycle(struct balloon *b)
{
	b->cycle_end_ns = 0;
	b->got = b->put = 0;
	b->hard = b->get_over = b->put_over = b->get_failed = b->put_failed = false;
	b->settled = false;
}

/* Everything learnt of guest and host is forgotten; no pages are held. */
static void start_over(struct balloon *b)
{
	b->size = 0;
	b->first = 0;
	b->target = 0;
	b->rate_get = b->config.get_max;
	b->rate_put = b->config.put_max;
	b->slow = b->hold = 0;
	b->hold_next = b->config.hold_min;
	b->state = GUEST_BALLOON_NONE;
	forget_cycle(b);
}

void balloon_init(struct balloon *b, const struct balloon_config *config,
		  const struct balloon_ops *ops, void *ctx)
{
	*b = (struct balloon){.config = *config, .ops = ops, .ctx = ctx};
	b->cap = config->memory_pages / PPM * config->cap_ppm +
		 config->memory_pages % PPM * config->cap_ppm / PPM;
	start_over(b);
}

void balloon_start(struct balloon *b, bool deflate_on_oom)
{
	b->runs = true;
	b->deflate_on_oom = deflate_on_oom;
	b->state = GUEST_BALLOON_REACHED;
}

static npages_t goal(const struct balloon *b)
{
	return b->target < b->cap ? b->target : b->cap;
}

void balloon_set_target(struct balloon *b, npages_t pages)
{
	if (pages == b->target)
		return;
	b->target = pages;
	b->settled = false;
	if (b->runs && b->size != goal(b))
		b->state = GUEST_BALLOON_SLOW;
}

/* Work stopped for this reason. */
static void note_end(struct balloon *b, enum guest_balloon_state why)
{
	b->state = why;
	b->stats.ends[why]++;
}

static uint32_t grown(uint32_t rate, uint32_t step, uint32_t max)
{
	return max - rate < step ? max : rate + step;
}

static uint32_t halved(uint32_t rate, uint32_t min)
{
	return rate / 2 < min ? min : rate / 2;
}

/* --- cycles ------------------------------------------------------------------------------------------------------ */

/* What the cycle that is over teaches: a rate that was used up and did no harm may be higher. */
static void adapt(struct balloon *b)
{
	const struct balloon_config *c = &b->config;

	if (!b->get_failed && b->got >= b->rate_get)
		b->rate_get = grown(b->rate_get, c->get_step, c->get_max);
	if (!b->put_failed && b->put >= b->rate_put)
		b->rate_put = grown(b->rate_put, c->put_step, c->put_max);
}

static void begin_cycle(struct balloon *b, uint64_t now_ns)
{
	bool settled = b->settled;

	adapt(b);
	forget_cycle(b);
	b->settled = settled;
	b->cycle_end_ns = now_ns + b->config.cycle_ns;
	b->stats.cycles++;
	if (b->hold) {
		b->hold--;
		b->get_over = true;
		if (b->size < goal(b))
			note_end(b, GUEST_BALLOON_NO_MEMORY);
	} else if (b->slow) {
		b->slow--;
		b->hard = true;
	}
}

/* --- taking pages ------------------------------------------------------------------------------------------------ */

static npages_t may_get(const struct balloon *b)
{
	npages_t budget = b->hard ? b->rate_get : b->config.easy_pages;
	npages_t left = budget > b->got ? budget - b->got : 0;
	npages_t wanted = goal(b) - b->size;

	return wanted < left ? wanted : left;
}

/* A page of the guest. False: none in this cycle any more. */
static bool get_page(struct balloon *b, bool *easy, gfn_t *out)
{
	if (*easy) {
		if (b->ops->page_get(b->ctx, true, b->first, out))
			return true;
		b->stats.easy_failed++;
		b->slow = b->config.slow_cycles;
		b->hard = true;
		*easy = false;
		if (!may_get(b))
			return false;
	}
	if (b->ops->page_get(b->ctx, false, b->first, out))
		return true;
	b->stats.hard_failed++;
	b->rate_get = halved(b->rate_get, b->config.get_min);
	b->get_over = b->get_failed = true;
	note_end(b, GUEST_BALLOON_NO_MEMORY);
	return false;
}

static uint32_t get_batch(struct balloon *b, bool *easy)
{
	uint32_t nr = 0;
	gfn_t page;

	while (nr < (*easy ? BALLOON_BATCH : BALLOON_HARD_BATCH) && may_get(b) &&
	       get_page(b, easy, &page)) {
		b->pfn[nr++] = b->first = (uint32_t)page.v;
		b->size++;
		b->got++;
	}
	return nr;
}

/* The nr pages taken last are free again. */
static void put_batch(struct balloon *b, uint32_t nr)
{
	while (nr--) {
		gfn_t page = gfn(b->first);

		b->first = b->ops->page_link(b->ctx, page);
		b->ops->page_put(b->ctx, page);
		b->size--;
	}
}

static void inflate(struct balloon *b, uint64_t until_ns)
{
	bool easy = true;

	do {
		uint32_t nr = get_batch(b, &easy);

		if (nr && b->ops->tell(b->ctx, true, b->pfn, nr)) {
			put_batch(b, nr);
			b->stats.errors++;
			b->get_over = b->get_failed = true;
			note_end(b, GUEST_BALLOON_FAILED);
		} else if (nr) {
			b->stats.inflated_pages += nr;
			b->stats.inflate_batches++;
		}
		if (b->get_over || b->size >= goal(b))
			return;
		if (!may_get(b)) {
			b->get_over = true;
			note_end(b, GUEST_BALLOON_SLOW);
			return;
		}
	} while (b->ops->now_ns(b->ctx) < until_ns);
}

/* --- giving pages back ------------------------------------------------------------------------------------------- */

/* The nr pages taken last go back to the guest. False: the host was not told, all is as before. */
static bool give_back(struct balloon *b, uint32_t nr)
{
	uint32_t page = b->first;

	for (uint32_t i = 0; i < nr; i++) {
		b->pfn[i] = page;
		page = b->ops->page_link(b->ctx, gfn(page));
	}
	if (b->ops->tell(b->ctx, false, b->pfn, nr)) {
		b->stats.errors++;
		return false;
	}
	put_batch(b, nr);
	b->stats.deflated_pages += nr;
	b->stats.deflate_batches++;
	return true;
}

static void deflate(struct balloon *b, uint64_t until_ns)
{
	do {
		npages_t nr = b->size - goal(b);
		npages_t left = b->rate_put > b->put ? b->rate_put - b->put : 0;

		nr = nr < left ? nr : left;
		nr = nr < BALLOON_BATCH ? nr : BALLOON_BATCH;
		if (!nr) {
			b->put_over = true;
			note_end(b, GUEST_BALLOON_SLOW);
			return;
		}
		if (!give_back(b, (uint32_t)nr)) {
			b->rate_put = halved(b->rate_put, b->config.put_min);
			b->put_over = b->put_failed = true;
			note_end(b, GUEST_BALLOON_FAILED);
			return;
		}
		b->put += nr;
	} while (b->size > goal(b) && b->ops->now_ns(b->ctx) < until_ns);
}

/* --- the body's calls -------------------------------------------------------------------------------------------- */

static void settle(struct balloon *b)
{
	if (!b->settled)
		note_end(b, b->size == b->target ? GUEST_BALLOON_REACHED : GUEST_BALLOON_CAPPED);
	b->settled = true;
	b->hold_next = b->config.hold_min;
}

uint64_t balloon_run(struct balloon *b)
{
	uint64_t now;

	if (!b->runs)
		return UINT64_MAX;
	if (b->size == goal(b)) {
		settle(b);
		return UINT64_MAX;
	}
	now = b->ops->now_ns(b->ctx);
	if (now >= b->cycle_end_ns)
		begin_cycle(b, now);
	if (b->size < goal(b) && !b->get_over)
		inflate(b, now + b->config.slice_ns);
	else if (b->size > goal(b) && !b->put_over)
		deflate(b, now + b->config.slice_ns);
	if (b->size == goal(b)) {
		settle(b);
		return UINT64_MAX;
	}
	return (b->size < goal(b) ? b->get_over : b->put_over) ? b->cycle_end_ns : now;
}

npages_t balloon_oom(struct balloon *b)
{
	npages_t nr = b->size < b->config.oom_pages ? b->size : b->config.oom_pages;
	npages_t given = 0;

	b->stats.oom_calls++;
	if (!b->runs || !b->deflate_on_oom)
		return 0;
	while (given < nr) {
		npages_t left = nr - given;
		uint32_t batch = left < BALLOON_BATCH ? (uint32_t)left : BALLOON_BATCH;

		if (!give_back(b, batch))
			break;
		given += batch;
	}
	b->stats.oom_pages += given;
	if (!given)
		return 0;
	if (!b->hold) {
		b->hold = b->hold_next;
		b->hold_next = b->hold_next > b->config.hold_max / 2 ? b->config.hold_max
								     : b->hold_next * 2;
	}
	b->rate_get = halved(b->rate_get, b->config.get_min);
	b->slow = b->config.slow_cycles;
	b->get_over = b->get_failed = true;
	b->settled = false;
	b->state = GUEST_BALLOON_NO_MEMORY;
	return given;
}

void balloon_reset(struct balloon *b)
{
	b->stats.resets++;
	b->stats.reset_pages += b->size;
	put_batch(b, (uint32_t)b->size);
	start_over(b);
	b->runs = false;
}

bool balloon_consistent(const struct balloon *b)
{
	npages_t held = 0;

	for (uint32_t page = b->first; page; page = b->ops->page_link(b->ctx, gfn(page)))
		if (++held > b->size)
			return false;
	return held == b->size && b->rate_get >= b->config.get_min &&
	       b->rate_get <= b->config.get_max && b->rate_put >= b->config.put_min &&
	       b->rate_put <= b->config.put_max && (b->runs || !b->size) &&
	       b->stats.inflated_pages - b->stats.deflated_pages - b->stats.reset_pages == b->size;
}
