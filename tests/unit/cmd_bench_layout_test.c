/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * cmd_bench_layout_test.c: the memory that sharing is measured on holds the contents that it says, no more and no fewer.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include "cmd/bench_layout.h"

#define PAGES 200u
#define WORDS (PAGE_BYTES / sizeof(uint64_t))

static uint64_t (*fill(struct layout *l, uint32_t contents, bool scattered))[WORDS]
{
	uint64_t(*page)[WORDS] = calloc(PAGES, sizeof *page);

	assert_non_null(page);
	assert_int_equal(layout_make(l, PAGES, contents, scattered), 0);
	for (npages_t i = 0; i < PAGES; i++)
		layout_fill(l, i, page[i]);
	return page;
}

/* Pages that are equal to an earlier one. */
static npages_t duplicates(uint64_t (*page)[WORDS])
{
	npages_t nr = 0;

	for (npages_t i = 0; i < PAGES; i++)
		for (npages_t before = 0; before < i; before++)
			if (memcmp(page[i], page[before], PAGE_BYTES) == 0) {
				nr++;
				break;
			}
	return nr;
}

static void says(uint32_t contents, bool scattered, npages_t expected)
{
	struct layout l;
	uint64_t(*page)[WORDS] = fill(&l, contents, scattered);

	assert_int_equal(layout_duplicates(&l), expected);
	assert_int_equal(duplicates(page), expected);
	free(page);
	layout_free(&l);
}

/* Of 100 pages in the first half, so many less the contents can be saved. */
static void as_many_as_it_says(void **state)
{
	(void)state;
	says(0, false, 0);
	says(7, false, 93);
	says(99, false, 1);
	says(100, false, 0);
	says(150, false, 0);
	says(7, true, 93);
}

static void in_turn(void **state)
{
	struct layout l;
	uint64_t(*page)[WORDS] = fill(&l, 7, false);

	(void)state;
	for (npages_t i = 0; i < 100; i++)
		assert_memory_equal(page[i], page[i % 7], PAGE_BYTES);
	free(page);
	layout_free(&l);
}

/* Few neighbours are those of the layout in turn: of 199 pairs by chance one or so. */
static void out_of_order(void **state)
{
	struct layout l;
	unsigned kept = 0;

	(void)state;
	assert_int_equal(layout_make(&l, PAGES, 7, true), 0);
	for (npages_t i = 1; i < PAGES; i++)
		kept += l.order[i] == l.order[i - 1] + 1;
	assert_in_range(kept, 0, 10);
	layout_free(&l);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(as_many_as_it_says),
		cmocka_unit_test(in_turn),
		cmocka_unit_test(out_of_order),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
