/* SPDX-License-Identifier: GPL-2.0-or-later */
/* guest_options_test.c: the guest's command line: what is read, what is skipped, what is refused. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "guest/core/options.h"

static int parse(const char *text, struct guest_options *o, const char **word, size_t *length)
{
	return guest_options_parse(text, strlen(text), o, word, length);
}

static void accepted(const char *text, struct guest_options *o)
{
	const char *word;
	size_t length;

	assert_int_equal(parse(text, o, &word, &length), 0);
	assert_null(word);
}

static void test_defaults(void **state)
{
	struct guest_options o;

	(void)state;
	accepted("", &o);
	assert_int_equal(o.seed, 1);
	assert_int_equal(o.vm, 0);
	assert_int_equal(o.tsc_khz, 0);
	assert_ptr_equal(o.pager, policy_find("clock"));
	assert_int_equal(o.balloon_ppm, 650000);
	assert_int_equal(o.workload.nr_phases, 1);
	assert_int_equal(o.workload.phase[0].kind, WORK_IDLE);
	assert_int_equal(o.nr_devices, 0);
	assert_int_equal(o.data, OPTIONS_DEVICES);
	assert_int_equal(o.pages, 0);
	accepted("  console=ttyS0   root=/dev/vda quiet ", &o); /* for other kernels */
	assert_int_equal(o.seed, 1);
}

static void test_everything(void **state)
{
	struct guest_options o;

	(void)state;
	accepted("lab.seed=18446744073709551615 lab.vm=3 lab.pager=lru lab.tsc_khz=2596122 "
		 "lab.workload=zipf,pages=500,rate=20 virtio_mmio.device=4K@0xd0000000:5 quiet "
		 "virtio_mmio.device=4K@0xd0001000:6 lab.vm=0x1f lab.balloon=1000000 "
		 "lab.reporting=1 lab.pages=700 lab.data=1",
		 &o);
	assert_int_equal(o.pages, 700);
	assert_int_equal(o.data, 1);
	assert_int_equal(o.balloon_ppm, 1000000);
	assert_true(o.reporting);
	assert_int_equal(o.seed, UINT64_MAX);
	assert_int_equal(o.vm, 31); /* the last one counts */
	assert_int_equal(o.tsc_khz, 2596122);
	assert_ptr_equal(o.pager, policy_find("lru"));
	assert_int_equal(o.workload.phase[0].kind, WORK_ZIPF);
	assert_int_equal(o.workload.phase[0].pages, 500);
	assert_int_equal(o.workload.phase[0].rate, 20);
	assert_int_equal(o.nr_devices, 2);
	assert_int_equal(o.device[0].gpa, 0xd0000000);
	assert_int_equal(o.device[0].irq, 5);
	assert_int_equal(o.device[1].gpa, 0xd0001000);
	assert_int_equal(o.device[1].irq, 6);
}

/* Each with a word before and behind, which must not be blamed. */
static void test_refused(void **state)
{
	static const char *const wrong[] = {
		"lab.",
		"lab.sed=1",
		"lab.seed",
		"lab.seed=",
		"lab.seed=-1",
		"lab.balloon=",
		"lab.reporting=",
		"lab.reporting=2",
		"lab.pages=",
		"lab.pages=1K",
		"lab.data=",
		"lab.data=8",
		"lab.data=-1",
		"lab.reporting=yes",
		"lab.balloon=65%",
		"lab.balloon=1000001",
		"lab.seed=+1",
		"lab.seed=1x",
		"lab.seed=0x",
		"lab.seed=0xg",
		"lab.seed=18446744073709551616",
		"lab.vm=0x10000000000000000",
		"lab.pager=",
		"lab.pager=Clock",
		"lab.pager=clockwork",
		"lab.pager=a-name-much-longer-than-any-policy-has",
		"lab.workload=",
		"lab.workload=zipf",
		"lab.workload=nap",
		"virtio_mmio.device=",
		"virtio_mmio.device=8K@0xd0000000:5",
		"virtio_mmio.device=4K@:5",
		"virtio_mmio.device=4K@0xd0000000",
		"virtio_mmio.device=4K@0xd0000000:",
		"virtio_mmio.device=4K@0xd0000000:4294967296",
		"virtio_mmio.device=4K@0xd0000000:5:1",
	};

	(void)state;
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		struct guest_options o;
		char text[200] = "lab.vm=7 ";
		const char *word;
		size_t length;

		strcat(text, wrong[i]);
		strcat(text, " lab.seed=2");
		assert_int_equal(parse(text, &o, &word, &length), -EINVAL);
		assert_ptr_equal(word, text + strlen("lab.vm=7 "));
		assert_int_equal(length, strlen(wrong[i]));
	}
}

static void test_too_many_devices(void **state)
{
	struct guest_options o;
	const char *word;
	char text[600] = "";
	size_t length;

	(void)state;
	for (int i = 0; i < OPTIONS_DEVICES; i++)
		strcat(text, "virtio_mmio.device=4K@0xd0000000:5 ");
	accepted(text, &o);
	assert_int_equal(o.nr_devices, OPTIONS_DEVICES);
	strcat(text, "virtio_mmio.device=4K@0xd0000000:5");
	assert_int_equal(parse(text, &o, &word, &length), -EINVAL);
}

/* The text need not end in 0: it is copied to a block of its exact size, for the address sanitizer to guard. */
static void test_reads_only_its_length(void **state)
{
	static const char *const cut[] = {"lab.seed=12", "lab.see", "lab.pager=loc", "virtio_mmio"};

	(void)state;
	for (size_t i = 0; i < sizeof(cut) / sizeof(cut[0]); i++) {
		size_t nr = strlen(cut[i]), length;
		char *exact = malloc(nr);
		struct guest_options o;
		const char *word;
		int err;

		assert_non_null(exact);
		memcpy(exact, cut[i], nr);
		err = guest_options_parse(exact, nr, &o, &word, &length);
		assert_int_equal(err, i == 0 || i == 3 ? 0 : -EINVAL);
		assert_int_equal(o.seed, i == 0 ? 12 : 1);
		free(exact);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_defaults),
		cmocka_unit_test(test_everything),
		cmocka_unit_test(test_refused),
		cmocka_unit_test(test_too_many_devices),
		cmocka_unit_test(test_reads_only_its_length),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
