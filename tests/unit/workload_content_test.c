/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * workload_content_test.c: which pages are equal between guests, and that no corruption stays unseen.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>
#include <lz4.h>

#include "guest/core/workload.h"

#define NR_PAGES 2000u

static const struct phase_spec mixed = {
	.kind = WORK_ZIPF,
	.pages = NR_PAGES,
	.zero_ppm = 100000,
	.common_ppm = 400000,
	.class_ppm = 200000,
	.class_id = 77,
};

static struct content content_of(uint64_t seed, uint64_t vm, uint32_t phase, uint64_t class_id)
{
	struct phase_spec spec = mixed;
	struct content c;

	spec.class_id = class_id;
	content_init(&c, &spec, seed, vm, phase);
	return c;
}

/* Are the freshly filled pages equal, and if not, do they differ in every word? */
static bool fills_equal(const struct content *a, const struct content *b, uint32_t page_a,
			uint32_t page_b)
{
	uint64_t x[PAGE_WORDS], y[PAGE_WORDS];
	unsigned equal = 0;

	content_fill(a, page_a, x);
	content_fill(b, page_b, y);
	for (unsigned i = 0; i < PAGE_WORDS; i++)
		equal += x[i] == y[i];
	assert_true(equal == 0 || equal == PAGE_WORDS);
	return equal == PAGE_WORDS;
}

static void test_between_guests(void **state)
{
	struct content a = content_of(1, 0, 0, 77), same_class = content_of(2, 1, 3, 77);
	struct content other_class = content_of(1, 2, 0, 78), other_vm = content_of(1, 1, 0, 77);
	struct content other_seed = content_of(2, 0, 0, 77), other_phase = content_of(1, 0, 1, 77);

	(void)state;
	for (uint32_t page = 0; page < NR_PAGES; page++) {
		enum content_class class = content_class_of(&a, page);
		bool shared = class == CONTENT_ZERO || class == CONTENT_COMMON;

		assert_int_equal(content_class_of(&other_class, page), class);
		assert_int_equal(fills_equal(&a, &other_class, page, page), shared);
		assert_int_equal(fills_equal(&a, &same_class, page, page),
				 class != CONTENT_PRIVATE);
		assert_int_equal(fills_equal(&a, &other_vm, page, page), class != CONTENT_PRIVATE);
		assert_int_equal(fills_equal(&a, &other_seed, page, page),
				 class != CONTENT_PRIVATE);
		assert_int_equal(fills_equal(&a, &other_phase, page, page),
				 class != CONTENT_PRIVATE);
	}
}

static void test_between_pages(void **state)
{
	struct content c = content_of(1, 0, 0, 77);

	(void)state;
	for (uint32_t page = 0; page < 100; page++) {
		for (uint32_t other = 0; other < page; other++) {
			bool both_zero = content_class_of(&c, page) == CONTENT_ZERO &&
					 content_class_of(&c, other) == CONTENT_ZERO;

			assert_int_equal(fills_equal(&c, &c, page, other), both_zero);
		}
	}
}

/* 100000 pages, five standard deviations: 475 of 10000, 775 of 40000, 632 of 20000, 725 of 30000. */
static void test_shares(void **state)
{
	struct content c = content_of(1, 0, 0, 77);
	unsigned count[4] = {0};

	(void)state;
	for (uint32_t page = 0; page < 100000; page++)
		count[content_class_of(&c, page)]++;
	assert_in_range(count[CONTENT_ZERO], 9525, 10475);
	assert_in_range(count[CONTENT_COMMON], 39225, 40775);
	assert_in_range(count[CONTENT_CLASS], 19368, 20632);
	assert_in_range(count[CONTENT_PRIVATE], 29275, 30725);
	for (unsigned i = 0; i < 5; i++) {
		struct phase_spec pure = {.kind = WORK_SCAN,
					  .pages = 1,
					  .zero_ppm = i == CONTENT_ZERO ? PPM : 0,
					  .common_ppm = i == CONTENT_COMMON ? PPM : 0,
					  .class_ppm = i == CONTENT_CLASS ? PPM : 0,
					  .thin_ppm = i == CONTENT_THIN ? PPM : 0};

		content_init(&c, &pure, 1, 1, 0);
		for (uint32_t page = 0; page < 1000; page++)
			assert_int_equal(content_class_of(&c, page), i);
	}
}

/* By LZ4 itself: every thin page to less than half with room to spare, on average to a third (the mean of 64 to 247
 * words of 512 is 30 %); written ones too; private ones not at all. */
static void test_thin_pages_compress(void **state)
{
	struct phase_spec spec = {.kind = WORK_ZIPF, .pages = NR_PAGES, .thin_ppm = 500000};
	uint64_t words[PAGE_WORDS], sum = 0, nr = 0;
	struct content c, other;
	char packed[PAGE_BYTES];

	(void)state;
	content_init(&c, &spec, 1, 0, 0);
	content_init(&other, &spec, 1, 1, 0);
	for (uint32_t page = 0; page < NR_PAGES; page++) {
		bool thin = content_class_of(&c, page) == CONTENT_THIN;

		assert_false(fills_equal(&c, &other, page, page));
		content_fill(&c, page, words);
		content_stamp(&c, page, 7, words);
		int bytes = LZ4_compress_default((const char *)words, packed, PAGE_BYTES,
						 PAGE_BYTES / 2 - 2);

		assert_int_equal(bytes > 0, thin);
		for (uint32_t i = 1; i < PAGE_WORDS - 1; i++)
			assert_int_equal(words[i], content_word(&c, page, 7, i));
		sum += (uint64_t)bytes;
		nr += thin;
	}
	assert_in_range(nr, 900, 1100);
	assert_in_range(sum / nr, PAGE_BYTES * 29 / 100, PAGE_BYTES * 35 / 100);
}

static void test_words(void **state)
{
	struct content c = content_of(1, 0, 0, 77);
	uint64_t words[PAGE_WORDS];

	(void)state;
	for (uint32_t page = 0; page < 50; page++) {
		bool zero = content_class_of(&c, page) == CONTENT_ZERO;

		content_fill(&c, page, words);
		for (uint32_t i = 0; i < PAGE_WORDS; i++) {
			assert_int_equal(words[i], content_word(&c, page, 0, i));
			assert_int_equal(words[i] == 0, zero);
		}
		content_stamp(&c, page, 3, words);
		for (uint32_t i = 0; i < PAGE_WORDS; i++) {
			bool stamped = i == 0 || i == 511;

			assert_int_equal(words[i], content_word(&c, page, 3, i));
			assert_int_equal(words[i] == content_word(&c, page, 0, i), !stamped);
			assert_int_equal(words[i] == content_word(&c, page, 4, i), !stamped);
		}
		assert_int_not_equal(words[0], words[511]);
	}
}

/* A written page is private, whatever it was. */
static void test_written_is_private(void **state)
{
	struct content a = content_of(1, 0, 0, 77), b = content_of(1, 1, 0, 77);

	(void)state;
	for (uint32_t page = 0; page < NR_PAGES; page++) {
		assert_int_not_equal(content_word(&a, page, 1, 0), content_word(&b, page, 1, 0));
		assert_int_not_equal(content_word(&a, page, 1, 511),
				     content_word(&b, page, 1, 511));
	}
}

/* Every word, one bit wrong in it: seen at once in words 0 and 511, within 510 touches elsewhere, and named. */
static void test_corruption_is_seen(void **state)
{
	struct content c = content_of(9, 4, 0, 77);
	uint32_t page = 0, mark = 0;
	uint64_t words[PAGE_WORDS];
	struct content_error error;

	(void)state;
	content_fill(&c, page, words);
	for (uint32_t word = 0; word < PAGE_WORDS; word++) {
		uint64_t good = words[word], bad = good ^ 1ull << word % 64;
		unsigned touches = 0;

		words[word] = bad;
		while (content_touch(&c, page, &mark, false, words, &error))
			assert_true(++touches < 510);
		if (word == 0 || word == 511)
			assert_int_equal(touches, 0);
		assert_int_equal(error.word, word);
		assert_int_equal(error.found, bad);
		assert_int_equal(error.expected, good);
		assert_int_equal(words[word], bad); /* a read repairs nothing */
		words[word] = good;
		/* Some writes, so that the next word is tested at another version and another turn. */
		for (uint32_t i = 0; i < word % 7; i++)
			assert_true(content_touch(&c, page, &mark, i % 2, words, &error));
	}
	assert_true(content_touch(&c, page, &mark, false, words, &error));
	assert_int_equal(error.word, 0);
	assert_int_equal(error.found, 0);
	assert_int_equal(error.expected, 0);
}

/* Stale and foreign pages: an older version, a fresh one, another page, another VM's, zeros. */
static void test_wrong_page_is_seen(void **state)
{
	struct content c = content_of(1, 0, 0, 77), other = content_of(1, 1, 0, 77);

	(void)state;
	for (uint32_t page = 0; page < 200; page++) {
		uint64_t words[PAGE_WORDS], old[PAGE_WORDS];
		uint32_t mark = 0, again;
		struct content_error error;

		content_fill(&c, page, words);
		memcpy(old, words, sizeof(old));
		for (uint32_t version = 1; version < 5; version++) {
			assert_true(content_touch(&c, page, &mark, true, words, &error));
			assert_int_equal(content_mark_version(mark), version);
			again = mark;
			assert_false(content_touch(&c, page, &again, false, old, &error));
			assert_int_equal(error.word, 0);
			memcpy(old, words, sizeof(old));
		}
		again = mark;
		assert_false(content_touch(&c, page + 1, &again, false, words, &error));
		again = mark;
		assert_false(content_touch(&other, page, &again, false, words, &error));
		memset(old, 0, sizeof(old));
		again = mark;
		assert_false(content_touch(&c, page, &again, false, old, &error));
		assert_true(content_touch(&c, page, &mark, false, words, &error));
	}
}

/* 2^23 writes of one page: the version starts over, at 1, and never again claims to be what filling wrote. */
static void test_version_wraps(void **state)
{
	struct content c = content_of(1, 0, 0, 77);
	uint64_t words[PAGE_WORDS];
	struct content_error error;
	uint32_t mark = 0;

	(void)state;
	content_fill(&c, 5, words);
	for (uint32_t i = 1; i < 1u << 23; i++) {
		if (!content_touch(&c, 5, &mark, true, words, &error))
			fail_msg("write %u", i);
	}
	assert_int_equal(content_mark_version(mark), (1u << 23) - 1);
	assert_true(content_touch(&c, 5, &mark, true, words, &error));
	assert_int_equal(content_mark_version(mark), 1);
	assert_true(content_touch(&c, 5, &mark, false, words, &error));
}

/* Whatever was there: all words as filled, but for the next version's stamps. The turn in the mark stays. */
static void test_rewrite(void **state)
{
	struct content c = content_of(1, 0, 0, 77);

	(void)state;
	for (uint32_t page = 0; page < 200; page++) {
		uint64_t words[PAGE_WORDS], identity = 0x5a5a;
		uint32_t mark = 7u << 23 | page, other = mark;

		memset(words, 0x5a, sizeof(words));
		content_rewrite(&c, page, &mark, words);
		assert_int_equal(mark, 7u << 23 | (page + 1));
		for (uint32_t i = 0; i < PAGE_WORDS; i++)
			assert_true(words[i] == content_word(&c, page, page + 1, i));
		content_rewrite_identity(&c, page, &other, &identity);
		assert_int_equal(content_mark_version(other), page + 1);
		assert_true(identity == content_identity(&c, page, page + 1));
	}
}

static void test_class_id(void **state)
{
	(void)state;
	assert_int_equal(content_class_id("web"), content_class_id("web"));
	assert_int_not_equal(content_class_id("web"), content_class_id("wed"));
	assert_int_not_equal(content_class_id("web"), content_class_id("bew"));
	assert_int_not_equal(content_class_id("web"), content_class_id("webb"));
	assert_int_not_equal(content_class_id("a"), content_class_id(""));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_between_guests),
		cmocka_unit_test(test_between_pages),
		cmocka_unit_test(test_shares),
		cmocka_unit_test(test_thin_pages_compress),
		cmocka_unit_test(test_words),
		cmocka_unit_test(test_written_is_private),
		cmocka_unit_test(test_corruption_is_seen),
		cmocka_unit_test(test_wrong_page_is_seen),
		cmocka_unit_test(test_version_wraps),
		cmocka_unit_test(test_rewrite),
		cmocka_unit_test(test_class_id),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
