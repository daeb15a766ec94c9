/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * mm_trace_test.c: the history of a page: every change of state with its cause, in order and without a gap.
 *
 * A machine of 400 pages: reserve 192, thresholds 24, 16, 8, 4, targets sum to 400 - 192 - 24 = 184. With 193 pages
 * resident 15 are free, below soft, and 9 must leave to reach high: pages 0 to 8, to slots 0 to 8 (fifo).
 */
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "tests/support/mm_world.h"

#define FULL 193u
#define OUT  9u

/* The event must be the line "from to why call slot detail"; slot -1: none. */
static void must_be_line(const struct mm_page_event *e, const char *expected)
{
	char line[128];

	snprintf(line, sizeof line, "%s %s %s %s %d %u", mm_page_state_name(e->from),
		 mm_page_state_name(e->to), mm_why_info((enum mm_why)e->why)->name,
		 mm_call_name((enum mm_call)e->call), (int)e->slot, e->detail);
	assert_string_equal(line, expected);
}

static void take_all(struct mm_world *w, const char *const *lines, uint32_t nr)
{
	struct mm_page_event got[64];
	uint64_t lost;
	uint32_t n = mm_page_events_take(w->mm, got, 64, &lost);

	assert_int_equal(lost, 0);
	for (uint32_t i = 0; i < n && i < nr; i++)
		must_be_line(&got[i], lines[i]);
	assert_int_equal(n, nr);
}
#define MUST_BE(w, ...)                                 \
	take_all(w, (const char *const[]){__VA_ARGS__}, \
		 sizeof((const char *const[]){__VA_ARGS__}) / sizeof(char *))

static struct mm_world *make(struct mm_world_options o)
{
	o.memory = 400;
	return world_make(o);
}

static void trace(struct mm_world *w, uint32_t vm, uint64_t g)
{
	assert_int_equal(mm_trace_page(w->mm, vm, gfn(g), w->body.now_ns), 0);
}

static void in_and_out(void **state)
{
	struct mm_world *w = make((struct mm_world_options){0});

	(void)state;
	trace(w, 0, 1); /* its VM comes later */
	world_add(w, 1000, 0);
	world_fill(w, 0, 0, FULL);
	w->body.now_ns = 7;
	world_page_out(w, 0, 0, OUT);
	MUST_BE(w, "untouched resident first_touch fault -1 0",
		"resident leaving out_write reclaim 1 8", "leaving swapped written io_done 1 0");
	assert_false(world_read(w, 0, 1));
	world_finish_all(w);
	MUST_BE(w, "swapped arriving read_begins fault 1 2", "arriving resident read io_done 1 0");
	assert_true(world_write(w, 0, 1, 5));
	MUST_BE(w, "resident resident first_write write -1 0");
	/* a page that is traced from now on, and what is read ahead of it */
	trace(w, 0, 3);
	assert_false(world_read(w, 0, 2));
	world_finish_all(w);
	assert_true(world_read(w, 0, 3));
	MUST_BE(w, "swapped swapped traced other 3 0", "swapped swapped ahead_begins fault 3 2",
		"swapped swapped ahead_kept io_done 3 0", "swapped resident ahead_used fault 3 0");
	world_free(w);
}

static void by_the_guests_word(void **state)
{
	struct mm_world *w = make((struct mm_world_options){.balloon = true});
	const gfn_t page = gfn(2);

	(void)state;
	world_add(w, 1000, 0);
	world_fill(w, 0, 0, FULL);
	world_page_out(w, 0, 0, OUT);
	trace(w, 0, 2);
	mm_disk_access(w->mm, 0, &page, 1, false, 0);
	mm_disk_access(w->mm, 0, &page, 1, true, 0);
	mm_balloon_gave(w->mm, 0, &page, 1, 0);
	mm_balloon_took(w->mm, 0, &page, 1, 0);
	assert_true(world_read(w, 0, 2));
	mm_balloon_gave(w->mm, 0, &page, 1, 0);
	assert_true(world_read(w, 0, 2));
	mm_pages_reported(w->mm, 0, page, 1, 0);
	mm_balloon_gave(w->mm, 0, &page, 1, 0);
	mm_balloon_driver(w->mm, 0, false, 0);
	assert_true(world_read(w, 0, 2));
	mm_vm_end(w->mm, 0, 0);
	MUST_BE(w, "swapped swapped traced other 2 0", "swapped swapped disk_reads disk 2 0",
		"swapped swapped disk_overwrites disk 2 0",
		"swapped ballooned ballooned balloon -1 0",
		"ballooned untouched deflated balloon -1 0",
		"untouched resident first_touch fault -1 0",
		"resident ballooned ballooned balloon -1 0", "ballooned resident popped fault -1 0",
		"resident untouched reported report -1 0",
		"untouched ballooned ballooned balloon -1 0",
		"ballooned untouched balloon_reset balloon -1 0",
		"untouched resident first_touch fault -1 0",
		"resident untouched vm_ended vm_end -1 0");
	world_free(w);
}

/* With compression the reserve is 194 and the target 182: 11 of 193 pages are too much. */
static void compressed_and_back(void **state)
{
	struct mm_world *w = make((struct mm_world_options){.compress_ppm = 100000});

	(void)state;
	w->body.compress_bytes = 2048;
	trace(w, 0, 1);
	world_add(w, 1000, 0);
	world_fill(w, 0, 0, FULL);
	assert_int_equal(world_reclaim(w, 2), 2);
	MUST_BE(w, "untouched resident first_touch fault -1 0",
		"resident compressed out_compress reclaim -1 11");
	assert_true(world_read(w, 0, 1));
	MUST_BE(w, "compressed resident decompressed fault -1 0");
	world_free(w);
}

/* A pinned page comes to its turn now and then, some ten times in so many draws of 190, and is told once. */
static void what_the_pager_passes_by(void **state)
{
	struct mm_world *w = make((struct mm_world_options){.pager = "random"});
	uint64_t next = FULL - 1;

	(void)state;
	world_add(w, 4000, 0);
	trace(w, 0, 3999);
	assert_int_equal(mm_place(w->mm, 0, gfn(3999), NULL, true, 0), 0);
	world_fill(w, 0, 0, next);
	for (unsigned i = 0; i < 200; i++) {
		assert_true(world_reclaim(w, OUT) > 0);
		world_finish_all(w);
		while (!mm_reclaim_needed(w->mm)) {
			world_fill(w, 0, next, next + 1);
			next++;
		}
	}
	assert_true(world_vm(w, 0).paging_reason[MM_PAGING_PINNED] > 1);
	MUST_BE(w, "untouched untouched traced other -1 0", "untouched resident placed place -1 0",
		"resident resident passed_by reclaim -1 8");
	assert_string_equal(mm_paging_reason_name(MM_PAGING_PINNED), "pinned");
	world_free(w);
}

static void which_pages_can_be_traced(void **state)
{
	struct mm_world *w = make((struct mm_world_options){0});
	struct mm_page_event events[32];
	uint64_t lost;

	(void)state;
	assert_int_equal(mm_page_events_take(w->mm, events, 32, &lost), 0);
	assert_int_equal(mm_trace_page(w->mm, FAKE_VMS, gfn(0), 0), -22);
	assert_int_equal(mm_trace_page(w->mm, 0, gfn(1ull << 32), 0), -22);
	world_add(w, 1000, 0);
	assert_int_equal(mm_trace_page(w->mm, 0, gfn(1000), 0), -14);
	for (uint64_t g = 0; g < MM_TRACED_PAGES; g++)
		trace(w, 0, g);
	trace(w, 0, 3); /* again */
	assert_int_equal(mm_trace_page(w->mm, 0, gfn(16), 0), -28);
	world_fill(w, 0, 15, 17); /* 16 is not traced */
	assert_int_equal(mm_page_events_take(w->mm, events, 10, &lost), 10);
	assert_int_equal(mm_page_events_take(w->mm, events, 32, &lost), 7);
	assert_int_equal(events[5].gfn, 15);
	assert_int_equal(events[5].to, PAGE_UNTOUCHED);
	assert_int_equal(events[6].to, PAGE_RESIDENT);
	world_free(w);
}

/* Nobody takes them: 4096 are kept, the latest. */
static void too_many_events(void **state)
{
	struct mm_world *w = make((struct mm_world_options){.balloon = true});
	struct mm_page_event event;
	const gfn_t page = gfn(5);
	uint64_t lost;

	(void)state;
	world_add(w, 1000, 0);
	trace(w, 0, 5); /* 1 */
	for (unsigned i = 0; i < 2100; i++) {
		w->body.now_ns = i;
		mm_balloon_gave(w->mm, 0, &page, 1, i);
		mm_balloon_took(w->mm, 0, &page, 1, i);
	}
	assert_int_equal(mm_page_events_take(w->mm, &event, 1, &lost), 1);
	assert_int_equal(lost, 1 + 4200 - 4096);
	assert_int_equal(event.at_ns, (4200 - 4096) / 2);
	assert_int_equal(mm_page_events_take(w->mm, &event, 1, &lost), 1);
	assert_int_equal(lost, 0);
	world_free(w);
}

/* Anything may happen to two VMs of 200 pages, in any order. */

static struct mm_world *chaos_make(const char *pager)
{
	struct mm_world *w = calloc(1, sizeof *w);
	struct mm_config config =
		world_config(&(struct mm_world_options){.memory = 450,
							.swap = 500,
							.pager = pager,
							.policy = "esx",
							.balloon = true,
							.sample_pages = 20,
							.spare_overwritten = true});

	assert_non_null(w);
	config.share_capacity_pages = 1000;
	config.scan = (struct dedup_scan_config){.order = DEDUP_SCAN_RANDOM,
						 .rate_pages = DEDUP_SCAN_UNLIMITED,
						 .vm_rate_pages = DEDUP_SCAN_UNLIMITED};
	fake_body_init(&w->body, config.swap_pages, 1);
	fake_body_add_pool(&w->body, config.share_capacity_pages);
	assert_int_equal(mm_create(&config, &fake_body_ops, &w->body, &w->mm), 0);
	w->body.mm = w->mm;
	for (unsigned i = 0; i < MM_TRACED_PAGES; i++)
		trace(w, i % 2, i * 11);
	for (uint32_t vm = 0; vm < 2; vm++) {
		world_add(w, 200, 0);
		mm_balloon_driver(w->mm, vm, true, 0);
	}
	mm_start(w->mm, 0);
	w->body.refuse_map_ppm = w->body.refuse_withdraw_ppm = w->body.fail_write_ppm = 20000;
	return w;
}

static void chaos_step(struct mm_world *w, struct rng *rng)
{
	uint32_t vm = (uint32_t)rng_below(rng, 2);
	gfn_t page = gfn(rng_below(rng, 200));
	uint64_t now = w->body.now_ns += rng_below(rng, 20000000), again;

	switch (rng_below(rng, 10)) {
	case 0:
	case 1:
	case 2:
		world_read(w, vm, page.v);
		break;
	case 3:
	case 4:
		/* 0: zeros; a quarter of the pages equal to others */
		world_write(w, vm, page.v,
			    rng_below(rng, 4) ? 9 + rng_below(rng, 100000) : rng_below(rng, 6));
		break;
	case 5:
		mm_reclaim(w->mm, 8, now);
		break;
	case 6:
		if (w->body.nr_io)
			fake_body_finish(&w->body, 0);
		break;
	case 7:
		mm_vm_ran(w->mm, vm, now);
		mm_tick(w->mm, now);
		break;
	case 8:
		mm_scan(w->mm, 8, now, &again);
		break;
	default:
		if (rng_below(rng, 2))
			mm_disk_access(w->mm, vm, &page, 1, rng_below(rng, 2), now);
		else if (rng_below(rng, 3) == 0)
			mm_balloon_gave(w->mm, vm, &page, 1, now);
		else if (rng_below(rng, 3))
			mm_balloon_took(w->mm, vm, &page, 1, now);
		else
			mm_pages_reported(w->mm, vm, page, 1, now);
	}
}

static uint32_t drop_events(struct mm_world *w)
{
	struct mm_page_event e[64];
	uint64_t lost;

	return mm_page_events_take(w->mm, e, 64, &lost);
}

static void shared_and_broken(void **state)
{
	struct mm_world *w = chaos_make("fifo");
	uint64_t again;
	char shared[80], broken[80];

	(void)state;
	w->body.refuse_map_ppm = 0;
	world_write(w, 0, 0, 7);
	world_write(w, 1, 1, 7); /* not traced */
	world_write(w, 0, 22, FAKE_ZERO);
	assert_true(drop_events(w) > 0);
	for (unsigned i = 0; i < 100 && (world_state(w, 0, 0) != PAGE_SHARED ||
					 world_state(w, 0, 22) != PAGE_SHARED);
	     i++)
		mm_scan(w->mm, 1, 0, &again);
	snprintf(shared, sizeof shared, "resident shared shared scan -1 %u",
		 world_page(w, 0, 0)->slot);
	snprintf(broken, sizeof broken, "shared resident share_broken write -1 %u",
		 world_page(w, 0, 0)->slot);
	assert_true(world_write(w, 0, 0, 8));
	assert_true(world_read(w, 0, 22));
	assert_true(world_write(w, 0, 22, 9));
	{
		struct mm_page_event e[64];
		uint64_t lost;
		uint32_t nr = mm_page_events_take(w->mm, e, 64, &lost);
		const char *const of_0[] = {shared, broken};
		const char *const of_22[] = {"resident shared shared_zero scan -1 0",
					     "shared resident zero_broken write -1 0"};
		unsigned at_0 = 0, at_22 = 0;

		assert_int_equal(nr, 4);
		for (uint32_t i = 0; i < nr; i++)
			must_be_line(&e[i], e[i].gfn ? of_22[at_22++] : of_0[at_0++]);
	}
	world_free(w);
}

static void zeros_and_probation(void **state)
{
	struct mm_world *w = make((struct mm_world_options){.pager = "clock"});

	(void)state;
	world_add(w, 1000, 0);
	world_fill_zero(w, 0, 0, 2);
	world_fill(w, 0, 2, FULL);
	trace(w, 0, 0);
	assert_int_equal(world_reclaim(w, 1), 1); /* the oldest of those withdrawn */
	assert_true(world_read(w, 0, 0));
	MUST_BE(w, "resident resident traced other -1 0", "resident sampled probation reclaim -1 9",
		"sampled swapped out_zero reclaim -1 9", "swapped resident zero_in fault -1 0");
	trace(w, 0, 5);
	assert_int_equal(world_state(w, 0, 5), PAGE_SAMPLED);
	assert_true(world_read(w, 0, 5));
	MUST_BE(w, "sampled sampled traced other -1 0",
		"sampled resident caught_withdrawn fault -1 0");
	world_free(w);
}

static uint64_t chaos(const char *pager, uint64_t seed)
{
	struct mm_world *w = chaos_make(pager);
	struct rng rng = rng_seeded(seed);
	uint8_t now[2][200] = {{PAGE_UNTOUCHED}};
	bool seen[MM_WHYS] = {false};
	uint64_t lost, kinds = 0;

	for (unsigned i = 0; i < 20000; i++) {
		struct mm_page_event e[256];
		uint32_t nr;

		chaos_step(w, &rng);
		nr = mm_page_events_take(w->mm, e, 256, &lost);
		assert_true(nr < 256 && !lost);
		for (uint32_t k = 0; k < nr; k++) {
			if (e[k].why == MM_WHY_NONE || e[k].from != now[e[k].vm][e[k].gfn])
				fail_msg("%s -> %s without a cause or a beginning (%s, step %u)",
					 mm_page_state_name(e[k].from), mm_page_state_name(e[k].to),
					 mm_call_name((enum mm_call)e[k].call), i);
			now[e[k].vm][e[k].gfn] = e[k].to;
			kinds += !seen[e[k].why];
			seen[e[k].why] = true;
		}
		for (unsigned k = 0; k < MM_TRACED_PAGES; k++)
			assert_int_equal(now[k % 2][k * 11], world_state(w, k % 2, k * 11));
	}
	fake_body_settle(&w->body);
	world_free(w);
	return kinds;
}

static void no_change_without_a_cause(void **state)
{
	uint64_t seed = (uint64_t)time(NULL);

	(void)state;
	printf("seed %llu\n", (unsigned long long)seed);
	/* few of the whys do not come up in this */
	assert_true(chaos("clock", seed) > 20);
	assert_true(chaos("random", seed + 1) > 20);
}

/* All have names of their own and words. */
static void all_have_words(void **state)
{
	(void)state;
	for (unsigned i = 0; i < MM_WHYS; i++) {
		assert_non_null(mm_why_info((enum mm_why)i)->name);
		assert_true(i == MM_WHY_NONE || *mm_why_info((enum mm_why)i)->words);
		for (unsigned k = 0; k < i; k++)
			assert_string_not_equal(mm_why_info((enum mm_why)i)->name,
						mm_why_info((enum mm_why)k)->name);
	}
	for (unsigned i = 0; i < MM_CALLS; i++)
		assert_non_null(mm_call_name((enum mm_call)i));
	for (unsigned i = 0; i < PAGE_STATES; i++)
		assert_non_null(mm_page_state_name(i));
	for (unsigned i = 0; i < MM_PAGING_REASONS; i++)
		assert_non_null(mm_paging_reason_name(i));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(in_and_out),
		cmocka_unit_test(by_the_guests_word),
		cmocka_unit_test(what_the_pager_passes_by),
		cmocka_unit_test(compressed_and_back),
		cmocka_unit_test(which_pages_can_be_traced),
		cmocka_unit_test(too_many_events),
		cmocka_unit_test(shared_and_broken),
		cmocka_unit_test(zeros_and_probation),
		cmocka_unit_test(no_change_without_a_cause),
		cmocka_unit_test(all_have_words),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
