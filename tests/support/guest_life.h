/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * guest_life.h: a lab guest's life in a test: memory and disk of whole pages, a mailbox, and a clock that the test holds.
 */
#ifndef BALLAST_TESTS_GUEST_LIFE_H
#define BALLAST_TESTS_GUEST_LIFE_H

#include "ballast/guest_mail.h"
#include "guest/core/run.h"
#include "tests/support/fake_guest.h"

#define MS     1000000ull
#define EVENTS 16

/* Whole pages here: content is 512 words. */
struct life {
	struct guest guest;
	struct guest_stats stats;
	struct run run;
	struct workload_spec spec;
	void *records;
	uint64_t (*memory)[PAGE_WORDS];
	uint64_t (*disk)[PAGE_WORDS];
	uint64_t (*data)[PAGE_WORDS]; /* of files; NULL: none */
	bool lose_writes;             /* to data */
	enum guest_event event[EVENTS];
	unsigned nr_events;
	struct guest_mail box;
	uint64_t seen;
	uint64_t now;
};

static inline void no_invalidate(void *ctx, uint32_t page)
{
	(void)ctx;
	(void)page;
}

static inline void no_invalidate_all(void *ctx)
{
	(void)ctx;
}

static inline int swap_write(void *ctx, const gfn_t *frames, uint32_t nr, slot_t first)
{
	struct life *l = ctx;

	for (uint32_t i = 0; i < nr; i++)
		memcpy(l->disk[first.v + i], l->memory[frames[i].v], PAGE_BYTES);
	return 0;
}

static inline int swap_read(void *ctx, gfn_t frame, slot_t from)
{
	struct life *l = ctx;

	memcpy(l->memory[frame.v], l->disk[from.v], PAGE_BYTES);
	return 0;
}

static inline int file_write(void *ctx, const gfn_t *frames, uint32_t nr, uint32_t first)
{
	struct life *l = ctx;

	for (uint32_t i = 0; i < nr && !l->lose_writes; i++)
		memcpy(l->data[first + i], l->memory[frames[i].v], PAGE_BYTES);
	return 0;
}

static inline int file_read(void *ctx, const gfn_t *frames, uint32_t nr, uint32_t first)
{
	struct life *l = ctx;

	for (uint32_t i = 0; i < nr; i++)
		memcpy(l->memory[frames[i].v], l->data[first + i], PAGE_BYTES);
	return 0;
}

static const struct pager_ops pager_ops = {
	.invalidate = no_invalidate,
	.invalidate_all = no_invalidate_all,
	.swap_write = swap_write,
	.swap_read = swap_read,
	.file_write = file_write,
	.file_read = file_read,
};

static inline uint64_t *life_page(void *ctx, uint32_t page, bool write, int *err)
{
	struct life *l = ctx;
	gfn_t frame;

	*err = pager_access(&l->guest.pager, page, write, l->now, &frame);
	return *err ? NULL : l->memory[frame.v];
}

static inline void life_event(void *ctx, enum guest_event event)
{
	struct life *l = ctx;

	assert_true(l->nr_events < EVENTS);
	l->event[l->nr_events++] = event;
}

static inline bool life_mail(void *ctx, char *text, size_t *length, uint64_t *number)
{
	struct life *l = ctx;

	if (!guest_mail_take(&l->box, &l->seen, text, length))
		return false;
	*number = l->seen;
	return true;
}

static const struct run_ops run_ops = {.page = life_page, .event = life_event, .mail = life_mail};

static inline struct life *life_with_files(const char *workload, uint32_t frames, uint32_t pages,
					   uint32_t slots, uint32_t blocks)
{
	struct life *l = calloc(1, sizeof(*l));
	struct guest_config config = {
		.pager = {.ops = &pager_ops,
			  .ctx = l,
			  .policy = policy_find("clock"),
			  .pages = pages,
			  .swap_slots = slots,
			  .file_pages = blocks},
		.range = {{1, 1 + frames}},
		.nr_ranges = 1,
	};
	size_t bytes, at;

	assert_non_null(l);
	config.stats = &l->stats;
	bytes = pages_to_bytes(bytes_to_pages(guest_bytes(&config)));
	l->records = aligned_alloc(PAGE_BYTES, bytes);
	l->memory = calloc(1 + frames, PAGE_BYTES);
	l->disk = calloc(slots + 1, PAGE_BYTES);
	l->data = calloc(blocks + 1, PAGE_BYTES);
	assert_true(l->records && l->memory && l->disk && l->data);
	memset(l->records, 0, bytes);
	assert_int_equal(guest_init(&l->guest, &config, l->records), 0);
	assert_int_equal(workload_parse(workload, strlen(workload), &l->spec, &at), 0);
	run_init(&l->run, &l->guest, &l->spec, 1, 2, &run_ops, l);
	return l;
}

static inline struct life *life_create(const char *workload, uint32_t frames, uint32_t pages,
				       uint32_t slots)
{
	return life_with_files(workload, frames, pages, slots, 0);
}

static inline void life_destroy(struct life *l)
{
	free(l->data);
	free(l->records);
	free(l->memory);
	free(l->disk);
	free(l);
}

/* Runs until end; the clock goes from one wake-up to the next, and by tick for each slice of work. Last result. */
static inline int live_until(struct life *l, uint64_t end, uint64_t tick)
{
	uint64_t wake;
	int result = RUN_GOES_ON;

	while (l->now < end && result == RUN_GOES_ON) {
		result = run_slice(&l->run, l->now, &wake);
		if (result == RUN_GOES_ON) {
			assert_true(wake >= l->now && wake <= l->now + RUN_MAX_REST_NS);
			l->now = wake > l->now ? wake : l->now + tick;
		}
		assert_true(guest_consistent(&l->guest));
	}
	return result;
}

#endif
