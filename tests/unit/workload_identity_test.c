/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * workload_identity_test.c: a page's identity is as good as its bytes: two pages have the same one if and only if they
 * hold the same words, whatever their classes, guests, phases and versions; and touching by identity finds what touching
 * by words finds.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "guest/core/workload.h"

#define PAGES    20u
#define VERSIONS 3u
#define CONTENTS 4u

static const struct phase_spec spec = {
	.kind = WORK_TOUCHER,
	.pages = PAGES,
	.zero_ppm = 250000,
	.common_ppm = 250000,
	.class_ppm = 150000,
	.thin_ppm = 200000,
	.class_id = 7,
};

struct each {
	uint64_t words[PAGE_WORDS], identity;
};

static void make(struct each *e, const struct content *c, uint32_t page, uint32_t version)
{
	content_fill(c, page, e->words);
	if (version)
		content_stamp(c, page, version, e->words);
	e->identity = content_identity(c, page, version);
}

/* What the identity says of how the page repeats is so, but for the words of stamps. */
static void check_period(const struct each *e, bool zero)
{
	uint32_t period = content_identity_period(e->identity);

	assert_int_equal(period == 0, zero);
	for (unsigned w = 1; period && w + period < PAGE_WORDS - 1; w++)
		assert_true(e->words[w] == e->words[w + period]);
}

static void test_same_words_same_identity(void **state)
{
	static struct each all[CONTENTS * PAGES * VERSIONS];
	struct content c[CONTENTS];
	unsigned nr = 0, equal = 0, zeros = 0;

	(void)state;
	content_init(&c[0], &spec, 1, 0, 0);
	content_init(&c[1], &spec, 1, 1, 0); /* another guest */
	content_init(&c[2], &spec, 1, 0, 1); /* another phase */
	content_init(&c[3], &spec, 2, 0, 0); /* another seed */
	for (unsigned i = 0; i < CONTENTS; i++)
		for (uint32_t page = 0; page < PAGES; page++)
			for (uint32_t version = 0; version < VERSIONS; version++)
				make(&all[nr++], &c[i], page, version);
	for (unsigned a = 0; a < nr; a++) {
		bool zero = true;

		for (unsigned w = 0; w < PAGE_WORDS; w++)
			zero &= all[a].words[w] == 0;
		assert_int_equal(all[a].identity == 0, zero);
		check_period(&all[a], zero);
		zeros += zero;
		for (unsigned b = 0; b < a; b++) {
			bool same = memcmp(all[a].words, all[b].words, PAGE_BYTES) == 0;

			assert_int_equal(all[a].identity == all[b].identity, same);
			equal += same;
		}
	}
	assert_true(equal > 0 && zeros > 0); /* the shares above made some of each */
}

static void test_touches_agree(void **state)
{
	uint32_t mark = 0, mark_words = 0;
	struct content_error error;
	uint64_t words[PAGE_WORDS], identity;
	struct content c;

	(void)state;
	content_init(&c, &spec, 1, 0, 0);
	content_fill(&c, 3, words);
	identity = content_identity(&c, 3, 0);
	for (unsigned i = 0; i < 20; i++) {
		bool write = i % 3 == 1;

		assert_true(content_touch(&c, 3, &mark_words, write, words, &error));
		assert_true(content_touch_identity(&c, 3, &mark, write, &identity, &error));
		assert_int_equal(content_mark_version(mark), content_mark_version(mark_words));
		assert_true(identity == content_identity(&c, 3, content_mark_version(mark)));
	}
	/* an older version, as a lost write leaves it */
	identity = content_identity(&c, 3, content_mark_version(mark) - 1);
	assert_false(content_touch_identity(&c, 3, &mark, false, &identity, &error));
	assert_int_equal(error.word, CONTENT_IDENTITY);
	assert_true(error.found == identity && error.expected != identity);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_same_words_same_identity),
		cmocka_unit_test(test_touches_agree),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
