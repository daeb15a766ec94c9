/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * vmm_host_probe_test.c: the checks behind `ballast doctor`, as far as they can be told what to find: absent, forbidden
 * and wrong devices and folders. What this host itself offers is not asserted, only that every check says something.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "vmm/host_probe.h"

static struct probe_result probe(const char *name, const char *kvm, const char *dir)
{
	struct probe_place place = {.kvm_path = kvm, .work_dir = dir};
	struct probe_result r;

	for (unsigned i = 0; i < host_probe_count(); i++) {
		host_probe_run(i, &place, &r);
		if (strcmp(r.name, name) == 0)
			return r;
	}
	fail_msg("no check %s", name);
	return (struct probe_result){0};
}

static void test_every_check_speaks(void **state)
{
	struct probe_place place = {.kvm_path = "/dev/kvm", .work_dir = "."};

	(void)state;
	assert_in_range(host_probe_count(), 10, 100);
	for (unsigned i = 0; i < host_probe_count(); i++) {
		struct probe_result r;

		memset(&r, 0xff, sizeof(r));
		host_probe_run(i, &place, &r);
		assert_true(*r.name && *r.found);
		assert_in_range(r.status, PROBE_OK, PROBE_MISSING);
		/* What is lacking has a price and a remedy; what is there has neither. */
		assert_int_equal(r.status != PROBE_OK, *r.cost != '\0');
		assert_int_equal(r.status != PROBE_OK, *r.remedy != '\0');
	}
}

static void test_kvm_absent(void **state)
{
	struct probe_result r = probe("kvm", "/nonexistent/kvm", ".");

	(void)state;
	assert_int_equal(r.status, PROBE_MISSING);
	assert_string_equal(r.found, "/nonexistent/kvm: No such file or directory");
	assert_non_null(strstr(r.remedy, "kvm_intel or kvm_amd"));
	assert_int_equal(probe("kvm-features", "/nonexistent/kvm", ".").status, PROBE_MISSING);
}

static void test_kvm_is_something_else(void **state)
{
	struct probe_result r = probe("kvm", "/dev/null", ".");

	(void)state;
	assert_int_equal(r.status, PROBE_MISSING);
	assert_string_equal(r.found, "/dev/null: is not KVM");
	r = probe("kvm-features", "/dev/null", ".");
	assert_int_equal(r.status, PROBE_MISSING);
	assert_string_equal(r.found,
			    "KVM lacks: user memory irqchip irqfd ioeventfd immediate exit");
}

static void test_kvm_forbidden(void **state)
{
	char path[] = "kvm-XXXXXX";
	int fd = mkstemp(path);
	struct probe_result r;

	(void)state;
	assert_true(fd >= 0);
	close(fd);
	assert_int_equal(chmod(path, 0), 0);
	/* For root a file without permissions opens all the same and is merely not KVM. */
	r = probe("kvm", path, ".");
	unlink(path);
	assert_int_equal(r.status, PROBE_MISSING);
	if (geteuid() != 0) {
		assert_non_null(strstr(r.found, "Permission denied"));
		assert_non_null(strstr(r.remedy, "usermod -aG kvm"));
	} else {
		assert_non_null(strstr(r.found, "is not KVM"));
	}
}

static void test_folder(void **state)
{
	struct probe_result r = probe("swap-folder", "/dev/kvm", "/nonexistent");

	(void)state;
	assert_int_equal(r.status, PROBE_WARN);
	assert_string_equal(r.found, "/nonexistent: No such file or directory");
	/* /proc is a file system that makes no files at all. */
	assert_int_equal(probe("swap-folder", "/dev/kvm", "/proc").status, PROBE_WARN);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_every_check_speaks),
		cmocka_unit_test(test_kvm_absent),
		cmocka_unit_test(test_kvm_is_something_else),
		cmocka_unit_test(test_kvm_forbidden),
		cmocka_unit_test(test_folder),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
