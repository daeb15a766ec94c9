/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * report_accounts_test.c: three counts of the same memory, and from where on they disagree: 2 MiB are 512 pages.
 */
#include "tests/unit/report_support.h"

/* 1000 pages by the guest's word: 5000 less 3000 free less 1000 ballooned. */
static struct machine_snapshot *made_accounts(void)
{
	struct machine_snapshot *s = made_snapshot(1);
	struct vm_live_stats *live = made_live(s, 0);

	s->host.reserve_pages = 200;
	s->vm[0].resident_pages = 700;
	s->vm[0].shared_pages = 60;
	s->vm[0].swapped_pages = 240;
	s->kernel.guest_bytes = 900 * PAGE_BYTES;
	s->kernel.used_pages = 950;
	live->kernel = (struct vm_kernel_stats){
		.bytes = 710 * PAGE_BYTES + 5, .resident_pages = 700, .moving_pages = 40};
	live->said = (struct vm_said_stats){.actual_pages = 1000, .touched_pages = 1000};
	live->balloon.deflate_on_oom = true;
	live->balloon.actual_pages = 77; /* of now, not of then */
	live->balloon.stat[VM_BALLOON_TOTAL] =
		(struct vm_balloon_stat){.known = true, .value = 5000 * PAGE_BYTES};
	live->balloon.stat[VM_BALLOON_FREE] =
		(struct vm_balloon_stat){.known = true, .value = 3000 * PAGE_BYTES};
	return s;
}

static void test_the_three(void **state)
{
	struct machine_snapshot *s = made_accounts();
	struct report_account_host h;
	struct report_account a;

	(void)state;
	report_account_vm(s, 0, &a);
	assert_true(a.guest_said);
	assert_int_equal(a.guest_in_use_pages, 1000);
	assert_int_equal(a.resident_pages, 700);
	assert_int_equal(a.shared_pages, 60);
	assert_int_equal(a.swapped_pages, 240);
	assert_int_equal(a.kernel_pages, 710);
	assert_true(a.guest_agrees && a.kernel_agrees);
	report_account_host(s, &h);
	assert_int_equal(h.guests_said, 1);
	assert_int_equal(h.guest_in_use_pages, 1000);
	assert_int_equal(h.used_pages, 950);
	assert_int_equal(h.kernel_pages, 900);
	assert_int_equal(h.difference_pages, -50);
	assert_true(h.agrees);
	/* a driver that may not deflate has taken the balloon off its total */
	made_live(s, 0)->balloon.deflate_on_oom = false;
	report_account_vm(s, 0, &a);
	assert_int_equal(a.guest_in_use_pages, 2000);
	free(s);
}

static void expect_vm(struct machine_snapshot *s, bool guest, bool kernel)
{
	struct report_account_host h;
	struct report_account a;

	report_account_vm(s, 0, &a);
	assert_int_equal(a.guest_agrees, guest);
	assert_int_equal(a.kernel_agrees, kernel);
	report_account_host(s, &h);
	assert_int_equal(h.agrees, guest && kernel);
}

static void test_limits_of_a_vm(void **state)
{
	struct machine_snapshot *s = made_accounts();
	struct vm_live_stats *live = made_live(s, 0);

	(void)state;
	live->said.touched_pages = 1000 - 512;
	expect_vm(s, true, true);
	live->said.touched_pages--;
	expect_vm(s, false, true);
	live->said.touched_pages = 100000; /* the guest freed it without telling */
	expect_vm(s, true, true);
	live->kernel.bytes = (700 + 512) * PAGE_BYTES;
	expect_vm(s, true, true);
	live->kernel.bytes += PAGE_BYTES;
	expect_vm(s, true, false);
	live->kernel.bytes = (700 - 40 - 512) * PAGE_BYTES;
	expect_vm(s, true, true);
	live->kernel.bytes -= PAGE_BYTES;
	expect_vm(s, true, false);
	free(s);
}

static void test_limits_of_the_machine(void **state)
{
	struct machine_snapshot *s = made_accounts();
	struct report_account_host h;
	static const struct {
		uint64_t pages;
		bool agrees;
	} kernel[] = {{950 + 512, true}, {950 + 513, false}, {950 - 712, true}, {950 - 713, false}};

	(void)state;
	for (unsigned i = 0; i < 4; i++) {
		s->kernel.guest_bytes = kernel[i].pages * PAGE_BYTES;
		report_account_host(s, &h);
		assert_int_equal(h.agrees, kernel[i].agrees);
	}
	free(s);
}

static void expect_json(json_t *json, const char *expected)
{
	char *text = json_dumps(json, JSON_COMPACT);

	assert_non_null(text);
	assert_string_equal(text, expected);
	free(text);
	json_decref(json);
}

/* What nobody said is null, and disagrees with nothing; a guest that lies beyond its memory has nothing in use. */
static void test_unknown(void **state)
{
	struct machine_snapshot *s = made_accounts();
	struct vm_live_stats *live = made_live(s, 0);

	(void)state;
	expect_json(report_account_vm_json(s, 0),
		    "{\"guest_in_use_pages\":1000,\"manager_resident_pages\":700,"
		    "\"manager_shared_pages\":60,\"manager_swapped_pages\":240,"
		    "\"manager_compressed_pages\":0,"
		    "\"kernel_pss_pages\":710,\"guest_agrees\":true,\"kernel_agrees\":true}");
	live->balloon.stat[VM_BALLOON_FREE].value = UINT64_MAX;
	expect_json(report_account_host_json(s),
		    "{\"guests_said\":1,\"guest_in_use_pages\":0,\"manager_used_pages\":950,"
		    "\"manager_reserve_pages\":200,\"kernel_pss_pages\":900,"
		    "\"difference_pages\":-50,\"tolerance_bytes\":2097152,\"agree\":true}");
	live->balloon.stat[VM_BALLOON_FREE].known = false;
	s->kernel.guest_bytes = 0;
	expect_json(report_account_vm_json(s, 0),
		    "{\"guest_in_use_pages\":null,\"manager_resident_pages\":700,"
		    "\"manager_shared_pages\":60,\"manager_swapped_pages\":240,"
		    "\"manager_compressed_pages\":0,"
		    "\"kernel_pss_pages\":null,\"guest_agrees\":null,\"kernel_agrees\":null}");
	expect_json(report_account_host_json(s),
		    "{\"guests_said\":0,\"guest_in_use_pages\":null,\"manager_used_pages\":null,"
		    "\"manager_reserve_pages\":200,\"kernel_pss_pages\":null,"
		    "\"difference_pages\":null,\"tolerance_bytes\":2097152,\"agree\":true}");
	free(s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_the_three),
		cmocka_unit_test(test_limits_of_a_vm),
		cmocka_unit_test(test_limits_of_the_machine),
		cmocka_unit_test(test_unknown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
