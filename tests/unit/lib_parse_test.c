/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * lib_parse_test.c: numbers with units: every unit, every bound, exactness, overflow, and what the messages say.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <string.h>

#include "lib/parse.h"

#define MAX UINT64_MAX

static void test_good(void **state)
{
	static const struct {
		const struct parse_kind *kind;
		const char *text;
		uint64_t value;
	} good[] = {
		{&parse_count, "0", 0},
		{&parse_count, "007", 7},
		{&parse_count, "18446744073709551615", MAX},
		{&parse_count, "5.000", 5},
		{&parse_bytes, "0", 0},
		{&parse_bytes, "4095", 4095},
		{&parse_bytes, "4K", 4096},
		{&parse_bytes, "4KiB", 4096},
		{&parse_bytes, "1M", 1048576},
		{&parse_bytes, "64MiB", 67108864},
		{&parse_bytes, "1.5G", 1610612736},
		{&parse_bytes, "1GiB", 1073741824},
		{&parse_bytes, "1T", 1099511627776},
		{&parse_bytes, "2TiB", 2199023255552},
		{&parse_bytes, "0.5K", 512},
		{&parse_bytes, "0.001953125K", 2},
		{&parse_bytes, "16777215T", 18446742974197923840ull},
		{&parse_percent, "0%", 0},
		{&parse_percent, "30%", 300000},
		{&parse_percent, "0.1%", 1000},
		{&parse_percent, "0.0001%", 1},
		{&parse_percent, "100%", 1000000},
		{&parse_percent, "12.50000000000000000000%", 125000},
		{&parse_time, "7ns", 7},
		{&parse_time, "1us", 1000},
		{&parse_time, "500ms", 500000000},
		{&parse_time, "10s", 10000000000},
		{&parse_time, "2m", 120000000000},
		{&parse_time, "1.5h", 5400000000000},
		{&parse_time, "0.000000001s", 1},
		{&parse_seconds, "30", 30000000000},
		{&parse_seconds, "0.25", 250000000},
		{&parse_decimal, "0.9", 900000},
		{&parse_decimal, "4", 4000000},
		{&parse_decimal, "0.000001", 1},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
		struct error error = {0};
		uint64_t value = 99;

		if (parse_value(good[i].kind, good[i].text, 0, MAX, &value, &error))
			fail_msg("%s: %s", good[i].text, error.text);
		assert_int_equal(value, good[i].value);
	}
}

static void test_bad(void **state)
{
	static const struct {
		const struct parse_kind *kind;
		const char *text, *says;
	} bad[] = {
		{&parse_count, "", "'' is empty; allowed: a whole number from 0 to"},
		{&parse_count, "x", "'x' is not a number"},
		{&parse_count, "-1", "'-1' is not a number"},
		{&parse_count, "+1", "'+1' is not a number"},
		{&parse_count, " 1", "' 1' is not a number"},
		{&parse_count, "1 ", "'1 ' has a unit or trailing text"},
		{&parse_count, "1x", "'1x' has a unit or trailing text"},
		{&parse_count, "0x10", "trailing text"},
		{&parse_count, "1e3", "trailing text"},
		{&parse_count, "1.", "trailing text"},
		{&parse_count, ".5", "is not a number"},
		{&parse_count, "1.5", "'1.5' is not a whole number; allowed"},
		{&parse_count, "1.5.2", "trailing text"},
		{&parse_count, "18446744073709551616", "is out of range"},
		{&parse_count, "99999999999999999999999999", "is out of range"},
		{&parse_bytes, "12Q", "'12Q' has an unknown unit; allowed: a size from 0"},
		{&parse_bytes, "12k", "has an unknown unit"},
		{&parse_bytes, "12MB", "has an unknown unit"},
		{&parse_bytes, "12 M", "has an unknown unit"},
		{&parse_bytes, "M", "is not a number"},
		{&parse_bytes, "0.1K", "is not a whole number of bytes"},
		{&parse_bytes, "0.0009765625K", "is not a whole number of bytes"}, /* 10 decimals */
		{&parse_bytes, "0.00000000001T", "is not a whole number of bytes"},
		{&parse_bytes, "16777216T", "is out of range"},
		{&parse_percent, "30", "'30' has no unit; allowed: a percentage from 0%"},
		{&parse_percent, "30%%", "has an unknown unit"},
		{&parse_percent, "0.00001%", "is not a whole number of parts per million"},
		{&parse_time, "10", "'10' has no unit"},
		{&parse_time, "10min", "has an unknown unit"},
		{&parse_time, "10S", "has an unknown unit"},
		{&parse_time, "0.1ns", "is not a whole number of nanoseconds"},
		{&parse_time, "5124096h", "is out of range"},
		{&parse_seconds, "10s", "'10s' has a unit or trailing text"},
		{&parse_decimal, "0.9%", "has a unit or trailing text"},
		{&parse_decimal, "0.0000001", "is not a whole number of millionths"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		struct error error = {0};
		uint64_t value = 99;

		if (parse_value(bad[i].kind, bad[i].text, 0, MAX, &value, &error) != -EINVAL)
			fail_msg("'%s' is not refused", bad[i].text);
		assert_int_equal(value, 0);
		assert_true(error.user);
		if (!strstr(error.text, bad[i].says))
			fail_msg("'%s' lacks '%s'", error.text, bad[i].says);
	}
}

static void test_bounds(void **state)
{
	struct error error;
	uint64_t value;

	(void)state;
	assert_int_equal(parse_value(&parse_bytes, "4K", 4096, 1ull << 40, &value, &error), 0);
	assert_int_equal(parse_value(&parse_bytes, "1T", 4096, 1ull << 40, &value, &error), 0);
	assert_int_equal(value, 1ull << 40);
	assert_int_equal(parse_value(&parse_bytes, "4095", 4096, 1ull << 40, &value, &error),
			 -EINVAL);
	assert_string_equal(error.text,
			    "'4095' is out of range; allowed: a size from 4K to 1T, such "
			    "as 256M; units K, M, G, T or none for bytes");
	assert_int_equal(
		parse_value(&parse_bytes, "1099511627777", 4096, 1ull << 40, &value, &error),
		-EINVAL);
	assert_int_equal(parse_value(&parse_count, "5", 5, 5, &value, &error), 0);
	assert_int_equal(parse_value(&parse_count, "4", 5, 5, &value, &error), -EINVAL);
	assert_int_equal(parse_value(&parse_count, "6", 5, 5, &value, &error), -EINVAL);
	/* The words may be unwanted, and long texts are cut, with control characters masked. */
	assert_int_equal(parse_value(&parse_count, "x", 0, 5, &value, NULL), -EINVAL);
	assert_int_equal(parse_value(&parse_count,
				     "\n\x1b[2Jxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"
				     "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx",
				     0, 5, &value, &error),
			 -EINVAL);
	assert_non_null(strstr(error.text, "'??[2Jxxx"));
	assert_non_null(strstr(error.text, "...' is not a number"));
}

static void test_format(void **state)
{
	static const struct {
		const struct parse_kind *kind;
		uint64_t value;
		const char *text;
	} cases[] = {
		{&parse_count, 0, "0"},
		{&parse_count, MAX, "18446744073709551615"},
		{&parse_bytes, 0, "0"},
		{&parse_bytes, 1, "1"},
		{&parse_bytes, 4096, "4K"},
		{&parse_bytes, 1610612736, "1536M"},
		{&parse_bytes, 1ull << 40, "1T"},
		{&parse_bytes, MAX, "18446744073709551615"},
		{&parse_percent, 0, "0%"},
		{&parse_percent, 300000, "30%"},
		{&parse_percent, 1000, "0.1%"},
		{&parse_percent, 125001, "12.5001%"},
		{&parse_time, 500000000, "500ms"},
		{&parse_time, 90000000000, "90s"},
		{&parse_time, 7200000000000, "2h"},
		{&parse_seconds, 1, "0.000000001"},
		{&parse_seconds, 1500000000, "1.5"},
		{&parse_decimal, 4000000, "4"},
	};
	char buf[PARSE_FORMAT_BYTES];

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		uint64_t back;

		assert_string_equal(parse_format(cases[i].kind, cases[i].value, buf, sizeof(buf)),
				    cases[i].text);
		assert_int_equal(parse_value(cases[i].kind, buf, 0, MAX, &back, NULL), 0);
		assert_int_equal(back, cases[i].value);
	}
	assert_string_equal(parse_format(&parse_count, 12345, buf, 4), "123");
}

static void test_names(void **state)
{
	struct error error;

	(void)state;
	assert_int_equal(parse_name("a", 2, &error), 0);
	assert_int_equal(parse_name("web-0", 64, &error), 0);
	assert_int_equal(parse_name("z9--", 64, &error), 0);
	assert_int_equal(parse_name("ab", 2, &error), -EINVAL);
	assert_string_equal(error.text,
			    "'ab' is too long; allowed: a name of letters a-z, digits and "
			    "'-', at most 1 of them");
	assert_int_equal(parse_name("", 64, &error), -EINVAL);
	assert_non_null(strstr(error.text, "'' is empty"));
	assert_int_equal(parse_name("-a", 64, &error), -EINVAL);
	assert_int_equal(parse_name("0a", 64, &error), -EINVAL);
	assert_int_equal(parse_name("Web", 64, &error), -EINVAL);
	assert_int_equal(parse_name("a.b", 64, &error), -EINVAL);
	assert_int_equal(parse_name("a/b", 64, &error), -EINVAL);
	assert_non_null(strstr(error.text, "has a character that names may not have"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_good),   cmocka_unit_test(test_bad),
		cmocka_unit_test(test_bounds), cmocka_unit_test(test_format),
		cmocka_unit_test(test_names),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
