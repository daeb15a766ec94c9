/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * page_trace_test.c: --trace-page: which pages it takes, what it says of the others, and how events read.
 */
#include <errno.h>
#include <inttypes.h>

#include "ballast/guest_abi.h"
#include "cmd/page_trace.h"
#include "tests/unit/report_support.h"

/* web: 1000 pages, db: 600; made by report_support.h. */
static int read_one(const struct scenario *s, const char *item, struct page_trace *t,
		    struct error *error)
{
	return page_trace_read(t, &item, 1, s, error);
}

static void must_be(const struct scenario *s, const char *item, unsigned vm, uint32_t g)
{
	struct page_trace t;
	struct error error;

	assert_int_equal(read_one(s, item, &t, &error), 0);
	assert_int_equal(t.nr, 1);
	assert_int_equal(t.page[0].vm, vm);
	assert_int_equal(t.page[0].gfn, g);
}

static void must_not_be(const struct scenario *s, const char *item, const char *words)
{
	struct page_trace t;
	struct error error;

	assert_int_equal(read_one(s, item, &t, &error), -EINVAL);
	assert_true(error.user);
	if (!strstr(error.text, words) || !strstr(error.text, item) ||
	    !strstr(error.text, "allowed"))
		fail_msg("%s: %s", item, error.text);
}

static struct scenario *two(void)
{
	struct scenario *s = made_scenario();

	s->vms[0].memory_pages = 1000;
	s->vms[1].memory_pages = 600;
	return s;
}

static void drop(struct scenario *s)
{
	free(s->vms);
	free(s);
}

static void pages_by_name_and_number(void **state)
{
	struct scenario *s = two();

	(void)state;
	must_be(s, "web:0", 0, 0);
	must_be(s, "web:999", 0, 999);
	must_be(s, "db:0x1f", 1, 31);
	must_be(s, "1:0X1F", 1, 31);
	must_be(s, "0:0", 0, 0);
	must_be(s, "0x1:599", 1, 599);
	must_not_be(s, "web:1000", "web:0 to web:999");
	must_not_be(s, "db:600", "db:0 to db:599");
	must_not_be(s, "1:-1", "no page of db");
	must_not_be(s, "web:", "no page of web");
	must_not_be(s, "web:0x", "no page of web");
	must_not_be(s, "web:1 ", "no page of web");
	must_not_be(s, "web:18446744073709551616", "no page of web");
	must_not_be(s, "web:99999999999", "no page of web");
	must_not_be(s, "we:1", "web to db");
	must_not_be(s, "2:1", "0 to 1");
	must_not_be(s, "web", "VM:GFN");
	must_not_be(s, ":1", "VM:GFN");
	must_not_be(s, "", "VM:GFN");
	s->nr_vms = 1;
	must_not_be(s, "db:1", "web:GFN");
	drop(s);
}

/* Memory above the hole below 4 GiB has other numbers. */
static void a_guest_with_a_hole(void **state)
{
	const uint64_t hole = GUEST_HOLE_START >> PAGE_SHIFT_BITS;
	const uint64_t high = GUEST_HOLE_END >> PAGE_SHIFT_BITS;
	struct scenario *s = two();
	char item[40];

	(void)state;
	s->vms[0].memory_pages = hole;
	snprintf(item, sizeof item, "web:%" PRIu64, hole - 1);
	must_be(s, item, 0, (uint32_t)hole - 1);
	snprintf(item, sizeof item, "web:%" PRIu64, high);
	must_not_be(s, item, "no page");
	s->vms[0].memory_pages = hole + 2;
	must_be(s, item, 0, (uint32_t)high);
	snprintf(item, sizeof item, "web:%" PRIu64, high + 1);
	must_be(s, item, 0, (uint32_t)high + 1);
	snprintf(item, sizeof item, "web:%" PRIu64, high + 2);
	must_not_be(s, item, "web:0x");
	snprintf(item, sizeof item, "web:%" PRIu64, hole);
	must_not_be(s, item, "web:0x");
	snprintf(item, sizeof item, "web:%" PRIu64, high - 1);
	must_not_be(s, item, "web:0x");
	drop(s);
}

static void sixteen_at_most(void **state)
{
	static const char *const items[] = {"web:0",  "web:1",  "web:2",  "web:3",  "web:4",
					    "web:5",  "web:6",  "web:7",  "web:8",  "web:9",
					    "web:10", "web:3",  "0:3",    "web:11", "web:12",
					    "web:13", "web:14", "web:15", "db:15"};
	struct scenario *s = two();
	struct page_trace t;
	struct error error;

	(void)state;
	assert_int_equal(page_trace_read(&t, items, 18, s, &error), 0);
	assert_int_equal(t.nr, 16); /* web:3 stands there three times */
	assert_int_equal(page_trace_read(&t, items, 19, s, &error), -EINVAL);
	assert_non_null(strstr(error.text, "'db:15'"));
	assert_non_null(strstr(error.text, "allowed: 16"));
	assert_int_equal(page_trace_read(&t, NULL, 0, s, &error), 0);
	assert_int_equal(t.nr, 0);
	assert_int_equal(page_trace_end(&t, &error), 0);
	drop(s);
}

static void reads_as(const struct mm_page_event *e, const char *line, const char *object)
{
	struct caught c;
	json_t *json = page_trace_json(e, "web", "clock");
	char *text;

	page_trace_line(caught_begin(&c), e, "web", "clock");
	text = caught_end(&c);
	assert_string_equal(text, line);
	free(text);
	text = json_dumps(json, JSON_REAL_PRECISION(15));
	assert_string_equal(text, object);
	free(text);
	json_decref(json);
}

static void events_in_words(void **state)
{
	struct mm_page_event e = {.at_ns = 3422117900,
				  .gfn = 77,
				  .from = 1, /* resident */
				  .to = 3,   /* leaving */
				  .why = MM_WHY_OUT_WRITE,
				  .call = MM_CALL_RECLAIM,
				  .slot = 5,
				  .detail = 12};

	(void)state;
	reads_as(&e,
		 "3.422117  web:77  resident -> leaving: chosen: a write to its slot begins "
		 "(reclaim, clock, slot 5, over_target_pages 12)",
		 "{\"t_seconds\": 3.422117, \"vm\": \"web\", \"gfn\": 77, \"from\": \"resident\", "
		 "\"to\": \"leaving\", \"why\": \"out_write\", \"call\": \"reclaim\", "
		 "\"policy\": \"clock\", \"slot\": 5, \"over_target_pages\": 12}");
	e.to = 1;
	e.why = MM_WHY_PASSED_BY;
	e.slot = MM_NO_SLOT;
	e.detail = MM_PAGING_JUST_IN;
	reads_as(&e,
		 "3.422117  web:77  resident: came to its turn and was left where it is "
		 "(reclaim, clock, just_in)",
		 "{\"t_seconds\": 3.422117, \"vm\": \"web\", \"gfn\": 77, \"from\": \"resident\", "
		 "\"to\": \"resident\", \"why\": \"passed_by\", \"call\": \"reclaim\", "
		 "\"policy\": \"clock\", \"reason\": \"just_in\"}");
	e.why = MM_WHY_FIRST_TOUCH;
	e.call = MM_CALL_WAITING;
	e.from = 0;
	e.at_ns = 0;
	reads_as(&e,
		 "0.000000  web:77  untouched -> resident: touched: gets a frame of zeros "
		 "(waiting_fault)",
		 "{\"t_seconds\": 0.0, \"vm\": \"web\", \"gfn\": 77, \"from\": \"untouched\", "
		 "\"to\": \"resident\", \"why\": \"first_touch\", \"call\": \"waiting_fault\"}");
}

/* Tests run at the top of the tree. */
static void all_is_documented(void **state)
{
	static char text[1 << 17];
	FILE *in = fopen("docs/output.md", "re");
	const char *chapter;
	char quoted[80];
	size_t n;

	(void)state;
	assert_non_null(in);
	n = fread(text, 1, sizeof(text) - 1, in);
	fclose(in);
	assert_in_range(n, 1, sizeof(text) - 2);
	chapter = strstr(text, "## page-VM-GFN.jsonl");
	assert_non_null(chapter);
	for (unsigned i = MM_WHY_NONE + 1; i < MM_WHYS; i++) {
		const struct mm_why_info *why = mm_why_info((enum mm_why)i);
		const char *row, *end;

		snprintf(quoted, sizeof quoted, "\n| `%s` |", why->name);
		row = strstr(chapter, quoted);
		if (!row)
			fail_msg("docs/output.md does not tell about %s", why->name);
		end = strchr(row + 1, '\n');
		snprintf(quoted, sizeof quoted, "`%s`", why->detail ? why->detail : why->name);
		if (!strstr(row, quoted) || strstr(row, quoted) > end || !strstr(row, why->words) ||
		    strstr(row, why->words) > end)
			fail_msg("docs/output.md: %s has other words or no %s", why->name, quoted);
	}
	for (unsigned i = 0; i < MM_CALLS; i++) {
		snprintf(quoted, sizeof quoted, "`%s`", mm_call_name((enum mm_call)i));
		assert_non_null(strstr(chapter, quoted));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(pages_by_name_and_number), cmocka_unit_test(a_guest_with_a_hole),
		cmocka_unit_test(sixteen_at_most),          cmocka_unit_test(events_in_words),
		cmocka_unit_test(all_is_documented),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
