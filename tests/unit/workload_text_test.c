/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * workload_text_test.c: the text form of workloads: round trips, bounds, and everything that must be refused.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "guest/core/workload.h"

/* Parses a copy that ends where text ends, so that a sanitizer sees any byte read behind it. */
static int parse(const char *text, size_t length, struct workload_spec *spec, size_t *error_at)
{
	char *copy = malloc(length ? length : 1);
	int ret;

	assert_non_null(copy);
	memcpy(copy, text, length);
	memset(spec, 0x5a, sizeof(*spec));
	*error_at = 12345;
	ret = workload_parse(copy, length, spec, error_at);
	free(copy);
	return ret;
}

static void test_known(void **state)
{
	const struct workload_spec expected = {
		.nr_phases = 2,
		.phase = {{.kind = WORK_ZIPF,
			   .pages = 20000,
			   .write_ppm = 300000,
			   .rate = 20000,
			   .alpha_ppm = 900000,
			   .zero_ppm = 1,
			   .common_ppm = 2,
			   .class_ppm = 3,
			   .thin_ppm = 4,
			   .class_id = UINT64_MAX,
			   .duration_ns = 5000000000},
			  {.kind = WORK_IDLE}},
	};
	static const char text[] =
		"zipf,pages=20000,write=300000,rate=20000,alpha=900000,zero=1,common=2,"
		"class=3,thin=4,id=18446744073709551615,ns=5000000000+idle";
	static const char shuffled[] =
		"zipf,ns=5000000000,thin=4,class=3,common=2,zero=1,id=18446744073709551615,"
		"alpha=900000,rate=20000,pages=20000,write=300000+idle,ns=0";
	struct workload_spec spec;
	char buf[WORKLOAD_TEXT_BYTES];
	size_t at;

	(void)state;
	assert_int_equal(workload_format(&expected, buf, sizeof(buf)), (int)strlen(text));
	assert_string_equal(buf, text);
	assert_int_equal(parse(text, strlen(text), &spec, &at), 0);
	assert_int_equal(at, 0);
	assert_memory_equal(&spec, &expected, sizeof(spec));
	assert_int_equal(parse(shuffled, strlen(shuffled), &spec, &at), 0);
	assert_memory_equal(&spec, &expected, sizeof(spec));
	assert_int_equal(parse("fileserver,files=10,size=3,write=5", 34, &spec, &at), 0);
	assert_int_equal(spec.phase[0].kind, WORK_FILESERVER);
	assert_int_equal(spec.phase[0].files, 10);
	assert_int_equal(spec.phase[0].file_pages, 3);
	assert_int_equal(workload_blocks(&spec), 60);
	/* Only the first length bytes count. */
	assert_int_equal(parse("idle lab.seed=3", 4, &spec, &at), 0);
	assert_int_equal(spec.nr_phases, 1);
}

static void test_refused(void **state)
{
	static const struct {
		const char *text;
		size_t at;
	} bad[] = {
		{"", 0},
		{"zip", 0},
		{"zipfx,pages=1", 0},
		{"ZIPF,pages=1", 0},
		{" idle", 0},
		{"idle ", 0},
		{"zipf", 0}, /* no pages */
		{"zipf,pages=0", 0},
		{"idle,pages=1", 0},
		{"boot,pages=1", 0},
		{"fileserver", 0},
		{"fileserver,files=1", 0},
		{"fileserver,size=1", 0},
		{"fileserver,files=1,size=1,pages=1", 0},
		{"zipf,pages=1,files=1", 0},
		{"zipf,pages=1,size=1", 0},
		{"fileserver,files=67108864,size=2", 0}, /* 2^28 blocks */
		{"fileserver,files=4294967295,size=4294967295", 0},
		{"idle=", 4},
		{"idle,", 5},
		{"idle,,", 5},
		{"idle+", 5},
		{"idle+idle", 0}, /* the first lasts: the second never comes */
		{"idle,ns=1+zipf", 10},
		{"idle,ns", 7},
		{"idle,ns=", 8},
		{"idle,ns=-1", 8},
		{"idle,ns=+1", 8},
		{"idle,ns= 1", 8},
		{"idle,ns=1 ", 9},
		{"idle,ns=01", 8},
		{"idle,ns=00", 8},
		{"idle,ns=0x1", 9},
		{"idle,ns=1.5", 9},
		{"idle,ns=1,ns=1", 10},
		{"idle,sn=1", 5},
		{"idle,n=1", 5},
		{"idle,nsx=1", 5},
		{"idle,ns=18446744073709551616", 8},
		{"idle,ns=99999999999999999999", 8},
		{"idle,ns=184467440737095516150", 8},
		{"zipf,pages=4294967296", 11},
		{"zipf,pages=18446744073709551615", 11},
		{"zipf,pages=1,write=1000001", 0},
		{"zipf,pages=1,alpha=4000001", 0},
		{"zipf,pages=1,zero=500000,common=500000,class=1", 0},
		{"zipf,pages=1,zero=4294967295,common=2", 0},
		{"idle,ns=1+idle,ns=1+idle,ns=1+idle,ns=1+idle,ns=1+idle,ns=1+idle,ns=1+idle,ns=1+"
		 "idle",
		 80},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		struct workload_spec spec, zero = {0};
		size_t at;

		if (parse(bad[i].text, strlen(bad[i].text), &spec, &at) != -EINVAL)
			fail_msg("\"%s\" was taken", bad[i].text);
		if (at != bad[i].at)
			fail_msg("\"%s\": error at %zu, not %zu", bad[i].text, at, bad[i].at);
		assert_memory_equal(&spec, &zero, sizeof(spec));
	}
}

/* Edges often, else any size of number. */
static uint64_t draw_number(struct rng *rng, uint64_t max)
{
	switch (rng_below(rng, 4)) {
	case 0:
		return 0;
	case 1:
		return max;
	default:
		return (rng_next(rng) >> rng_below(rng, 64)) % (max + (max < UINT64_MAX));
	}
}

static struct workload_spec draw_spec(struct rng *rng)
{
	struct workload_spec spec = {.nr_phases = 1 + (uint32_t)rng_below(rng, WORKLOAD_PHASES)};
	uint32_t bad;

	for (uint32_t i = 0; i < spec.nr_phases; i++) {
		struct phase_spec *p = &spec.phase[i];

		p->kind = (enum workload_kind)rng_below(rng, WORKLOAD_KINDS);
		if (p->kind == WORK_FILESERVER) {
			p->files = (uint32_t)draw_number(rng, WORKLOAD_BLOCKS_MAX / 2 - 1) + 1;
			p->file_pages =
				(uint32_t)draw_number(rng, WORKLOAD_BLOCKS_MAX / 2 / p->files - 1) +
				1;
		} else if (p->kind != WORK_IDLE && p->kind != WORK_BOOT) {
			p->pages = (uint32_t)draw_number(rng, UINT32_MAX - 1) + 1;
		}
		p->write_ppm = (uint32_t)draw_number(rng, PPM);
		p->rate = (uint32_t)draw_number(rng, UINT32_MAX);
		p->alpha_ppm = (uint32_t)draw_number(rng, WORKLOAD_ALPHA_MAX);
		p->zero_ppm = (uint32_t)draw_number(rng, PPM);
		p->common_ppm = (uint32_t)draw_number(rng, PPM - p->zero_ppm);
		p->class_ppm = (uint32_t)draw_number(rng, PPM - p->zero_ppm - p->common_ppm);
		p->thin_ppm = (uint32_t)draw_number(rng, PPM - p->zero_ppm - p->common_ppm -
								 p->class_ppm);
		p->class_id = draw_number(rng, UINT64_MAX);
		p->duration_ns = draw_number(rng, UINT64_MAX);
		if (!p->duration_ns && i + 1 < spec.nr_phases)
			p->duration_ns = 1;
	}
	assert_int_equal(workload_check(&spec, &bad), 0);
	return spec;
}

static void test_round_trip(void **state)
{
	struct rng rng = rng_seeded(2024);

	(void)state;
	for (unsigned i = 0; i < 20000; i++) {
		struct workload_spec spec = draw_spec(&rng), back;
		char buf[WORKLOAD_TEXT_BYTES];
		int length = workload_format(&spec, buf, sizeof(buf));
		size_t at;

		assert_true(length > 0);
		assert_int_equal(length, (int)strlen(buf));
		assert_null(strpbrk(buf, " \t\n\"'"));
		assert_int_equal(parse(buf, (size_t)length, &back, &at), 0);
		assert_memory_equal(&back, &spec, sizeof(spec));
	}
}

static void test_longest_fits(void **state)
{
	struct workload_spec spec = {.nr_phases = WORKLOAD_PHASES};
	char buf[WORKLOAD_TEXT_BYTES];

	(void)state;
	for (unsigned i = 0; i < WORKLOAD_PHASES; i++)
		spec.phase[i] = (struct phase_spec){
			.kind = WORK_TOUCHER,
			.pages = UINT32_MAX,
			.write_ppm = PPM,
			.rate = UINT32_MAX,
			.alpha_ppm = WORKLOAD_ALPHA_MAX,
			.zero_ppm = 250000,
			.common_ppm = 250000,
			.class_ppm = 250000,
			.thin_ppm = 250000,
			.class_id = UINT64_MAX,
			.duration_ns = UINT64_MAX,
		};
	assert_in_range(workload_format(&spec, buf, sizeof(buf)), 1000, 1999);
	for (unsigned i = 0; i < WORKLOAD_PHASES; i++) {
		spec.phase[i].kind = WORK_FILESERVER;
		spec.phase[i].pages = 0;
		spec.phase[i].files = 10000000; /* eight digits and one: no two have more in all */
		spec.phase[i].file_pages = 6;
	}
	assert_in_range(workload_format(&spec, buf, sizeof(buf)), 1000, 1999);
}

static void test_small_buffers(void **state)
{
	const struct workload_spec spec = {
		.nr_phases = 1, .phase = {{.kind = WORK_SCAN, .pages = 1234, .duration_ns = 56}}};
	const struct workload_spec invalid = {.nr_phases = 1, .phase = {{.kind = WORK_SCAN}}};
	static const char text[] = "scan,pages=1234,ns=56";
	char one = 'x';

	(void)state;
	for (size_t size = 0; size <= sizeof(text); size++) {
		char *buf = malloc(size ? size : 1);
		int ret;

		assert_non_null(buf);
		buf[0] = 'x';
		ret = workload_format(&spec, buf, size);
		if (size < sizeof(text)) {
			assert_int_equal(ret, -ENOSPC);
			if (size)
				assert_int_equal(strlen(buf), size - 1);
			else
				assert_int_equal(buf[0], 'x');
		} else {
			assert_int_equal(ret, (int)sizeof(text) - 1);
			assert_string_equal(buf, text);
		}
		free(buf);
	}
	assert_int_equal(workload_format(&invalid, &one, 1), -EINVAL);
	assert_int_equal(one, 0);
}

/* Good texts with a few bytes changed, cut, doubled: refused, or a valid spec that survives the way there and back. */
static void test_mutations(void **state)
{
	static const char bytes[] = "0123456789,+=pageswritezrocmnlidhlk \0\xff-";
	struct rng rng = rng_seeded(4711);
	unsigned taken = 0, refused = 0;

	(void)state;
	for (unsigned i = 0; i < 100000; i++) {
		struct workload_spec spec = draw_spec(&rng), again;
		char buf[WORKLOAD_TEXT_BYTES], text[WORKLOAD_TEXT_BYTES];
		size_t length = (size_t)workload_format(&spec, buf, sizeof(buf)), at;

		for (uint64_t n = 1 + rng_below(&rng, 3); n > 0 && length > 0; n--) {
			size_t where = (size_t)rng_below(&rng, length);

			switch (rng_below(&rng, 4)) {
			case 0: /* drop a byte */
				memmove(&buf[where], &buf[where + 1], --length - where);
				break;
			case 1: /* cut */
				length = rng_below(&rng, 8) ? length : where;
				break;
			default:
				buf[where] = bytes[rng_below(&rng, sizeof(bytes))];
			}
		}
		if (parse(buf, length, &spec, &at)) {
			assert_true(at <= length);
			refused++;
			continue;
		}
		taken++;
		length = (size_t)workload_format(&spec, text, sizeof(text));
		assert_in_range(length, 4, sizeof(text) - 1);
		assert_int_equal(parse(text, length, &again, &at), 0);
		assert_memory_equal(&spec, &again, sizeof(spec));
	}
	print_message("seed 4711: %u taken, %u refused\n", taken, refused);
	assert_true(taken > 1000 && refused > 1000);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_known),         cmocka_unit_test(test_refused),
		cmocka_unit_test(test_round_trip),    cmocka_unit_test(test_longest_fits),
		cmocka_unit_test(test_small_buffers), cmocka_unit_test(test_mutations),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
