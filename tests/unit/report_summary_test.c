/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * report_summary_test.c: summary.json has every name of the contract, and the numbers of the snapshot under them.
 *
 * The names are typed here from the contract, not taken from the program's tables: a renamed or dropped field fails.
 */
#include "cmd/report_fields.h"
#include "tests/unit/report_support.h"

static const char *const contract_top[] = {"schema", "scenario", "body",          "seed", "seconds",
					   "host",   "vms",      "double_paging", NULL};

static const char *const contract_host[] = {"memory_pages",
					    "peak_used_pages",
					    "free_pages",
					    "metadata_bytes",
					    "state_seconds.high",
					    "state_seconds.soft",
					    "state_seconds.hard",
					    "state_seconds.low",
					    "states_entered.high",
					    "states_entered.soft",
					    "states_entered.hard",
					    "states_entered.low",
					    "swap.capacity_pages",
					    "swap.used_pages",
					    "swap.written_pages",
					    "swap.read_pages",
					    "swap.clean_drops",
					    "swap.zero_drops",
					    "swap.errors",
					    "share.scanned_pages",
					    "share.hashed_pages",
					    "share.hints",
					    "share.shared_frames",
					    "share.shared_pages",
					    "share.saved_pages",
					    "share.zero_pages",
					    "share.matches",
					    "share.stale_hints",
					    "share.false_matches",
					    "share.cow_breaks",
					    "kernel.guest_bytes",
					    "kernel.guest_bytes_peak",
					    "kernel.pool_bytes",
					    "kernel.host_swap_bytes",
					    "kernel.mappings",
					    "kernel.page_table_bytes",
					    NULL};

static const char *const contract_vm[] = {"name",
					  "vmid",
					  "configured_pages",
					  "min_pages",
					  "shares",
					  "target_pages",
					  "resident_pages",
					  "shared_pages",
					  "saved_pages",
					  "swapped_pages",
					  "compressed_pages",
					  "ballooned_pages",
					  "balloon_target_pages",
					  "untouched_pages",
					  "active_estimate_pages",
					  "faults.zero",
					  "faults.swap_in",
					  "faults.cow",
					  "faults.pop",
					  "faults.sampled",
					  "paged_out_pages",
					  "share_before_swap_pages",
					  "stalled_seconds",
					  "run_seconds",
					  "guest.faults",
					  "guest.swap_in_pages",
					  "guest.swap_out_pages",
					  "guest.free_pages",
					  "guest.balloon_pages",
					  "work_units",
					  "work_per_second",
					  "integrity_checks",
					  "integrity_errors",
					  "exit",
					  NULL};

static const char *const contract_double_paging[] = {"guest_out_of_swapped",
						     "guest_in_of_swapped",
						     "swapped_while_guest_free",
						     "ballooned_from_swapped",
						     "zero_writebacks",
						     "identical_writebacks",
						     NULL};

/* object.a.b for "a.b"; fails if there is no such member. */
static json_t *member(json_t *object, const char *path)
{
	char name[64];
	size_t length = strcspn(path, ".");
	json_t *value;

	snprintf(name, sizeof(name), "%.*s", (int)length, path);
	value = json_object_get(object, name);
	if (!value)
		fail_msg("no member %s", path);
	return path[length] ? member(value, path + length + 1) : value;
}

static long long count(json_t *object, const char *path)
{
	json_t *value = member(object, path);

	if (!json_is_integer(value))
		fail_msg("%s is no integer", path);
	return json_integer_value(value);
}

struct fixture {
	struct scenario *scenario;
	struct machine_snapshot *last;
	struct report_about about;
	json_t *summary;
};

static int setup(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));

	assert_non_null(f);
	f->scenario = made_scenario();
	f->last = made_run();
	f->about = (struct report_about){.scenario = f->scenario,
					 .scenario_path = "two.yaml",
					 .body = "kvm",
					 .facts = {.evicts_by_move = true}};
	f->summary = report_summary(&f->about, f->last, REPORT_END_TIME);
	assert_non_null(f->summary);
	*state = f;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *f = *state;

	json_decref(f->summary);
	scenario_free(f->scenario);
	free(f->last);
	free(f);
	return 0;
}

static void test_contract_names(void **state)
{
	struct fixture *f = *state;
	json_t *vm;
	size_t i;

	for (i = 0; contract_top[i]; i++)
		member(f->summary, contract_top[i]);
	for (i = 0; contract_host[i]; i++)
		member(member(f->summary, "host"), contract_host[i]);
	for (i = 0; contract_double_paging[i]; i++)
		member(member(f->summary, "double_paging"), contract_double_paging[i]);
	assert_int_equal(json_array_size(member(f->summary, "vms")), 2);
	json_array_foreach(member(f->summary, "vms"), i, vm) for (size_t k = 0; contract_vm[k]; k++)
		member(vm, contract_vm[k]);
}

static void test_values(void **state)
{
	struct fixture *f = *state;
	json_t *host = member(f->summary, "host");
	json_t *web = json_array_get(member(f->summary, "vms"), 0);
	json_t *db = json_array_get(member(f->summary, "vms"), 1);

	assert_int_equal(count(f->summary, "schema"), 1);
	assert_string_equal(json_string_value(member(f->summary, "body")), "kvm");
	assert_int_equal(count(f->summary, "seed"), 7);
	assert_true(json_real_value(member(f->summary, "seconds")) == 10.0);
	assert_true(json_real_value(member(f->summary, "seconds_asked")) == 30.0);
	assert_string_equal(json_string_value(member(f->summary, "ended")), "time");
	assert_int_equal(count(host, "memory_pages"), 1000);
	assert_int_equal(count(host, "peak_used_pages"), 990);
	assert_true(json_real_value(member(host, "state_seconds.high")) == 7.5);
	assert_int_equal(count(host, "states_entered.soft"), 3);
	assert_int_equal(count(host, "reclaimed.soft.paged_out_pages"), 61);
	assert_int_equal(count(host, "reclaimed.soft.shared_pages"), 62);
	assert_int_equal(count(host, "reclaimed.hard.ballooned_pages"), 63);
	assert_int_equal(count(host, "reclaimed.low.reported_pages"), 64);
	assert_int_equal(count(host, "reclaimed.high.paged_out_pages"), 0);
	assert_int_equal(count(host, "swap.read_ahead_hits"), 30);
	assert_int_equal(count(host, "kernel.guest_bytes"), 940 * 4096);
	assert_int_equal(count(host, "share.cow_breaks"), 0);
	assert_string_equal(json_string_value(member(host, "swap.evict_path")), "move");
	assert_string_equal(json_string_value(member(host, "pager")), "clock");
	assert_int_equal(count(web, "faults.swap_in"), 400);
	assert_int_equal(count(web, "faults.write_protected"), 60);
	assert_true(json_real_value(member(web, "stalled_seconds")) == 0.25);
	assert_true(json_real_value(member(web, "boot_ms")) == 2.346);
	assert_true(json_real_value(member(web, "work_per_second")) == 20000.5);
	assert_true(json_is_null(member(web, "active_estimate_pages")));
	assert_true(json_is_null(member(web, "estimator")));
	assert_string_equal(json_string_value(member(db, "estimator")), "refault");
	assert_string_equal(json_string_value(member(web, "exit")), "running");
	assert_true(json_is_null(member(web, "exit_reason")));
	assert_int_equal(count(db, "vmid"), 1);
	assert_int_equal(count(db, "shares"), 2000);
	assert_true(json_is_null(member(db, "boot_ms")));
	assert_string_equal(json_string_value(member(db, "exit")), "crashed");
	assert_string_equal(json_string_value(member(db, "exit_reason")),
			    "triple fault at rip 0x100234");
	assert_int_equal(count(f->summary, "totals.configured_pages"), 1600);
	assert_int_equal(count(f->summary, "totals.integrity_checks"), 200005);
	assert_int_equal(count(f->summary, "totals.crashed"), 1);
}

/* configured = untouched + resident + shared + swapped + compressed + ballooned, in the names of the report. */
static void test_identity(void **state)
{
	struct fixture *f = *state;
	json_t *vm;
	size_t i;

	json_array_foreach(member(f->summary, "vms"), i, vm) assert_int_equal(
		count(vm, "configured_pages"),
		count(vm, "untouched_pages") + count(vm, "resident_pages") +
			count(vm, "shared_pages") + count(vm, "swapped_pages") +
			count(vm, "compressed_pages") + count(vm, "ballooned_pages"));
	assert_int_equal(
		count(member(f->summary, "host"), "used_pages"),
		count(json_array_get(member(f->summary, "vms"), 0), "resident_pages") +
			count(json_array_get(member(f->summary, "vms"), 1), "resident_pages") +
			count(member(f->summary, "host"), "reserve_pages"));
}

/* A guest may write anything into its statistics: nothing wraps to something innocent, nothing is invalid JSON. */
static void test_lying_guest(void **state)
{
	struct fixture *f = *state;
	struct guest_stats *g = &made_live(f->last, 0)->guest;
	struct report_totals totals;
	json_t *summary, *web;

	memset(g, 0xff, sizeof(*g));
	made_live(f->last, 1)->guest.integrity_errors = 2;
	report_totals(f->last, &totals);
	assert_true(totals.integrity_errors == UINT64_MAX);
	summary = report_summary(&f->about, f->last, REPORT_END_STOP);
	assert_non_null(summary);
	web = json_array_get(member(summary, "vms"), 0);
	assert_true(count(web, "work_units") == INT64_MAX);
	assert_string_equal(json_string_value(member(web, "integrity_first_error.found")),
			    "0xffffffffffffffff");
	json_decref(summary);
}

static void test_large_seed_is_exact(void **state)
{
	struct fixture *f = *state;
	json_t *summary;

	f->scenario->seed = UINT64_MAX;
	summary = report_summary(&f->about, f->last, REPORT_END_TIME);
	assert_string_equal(json_string_value(member(summary, "seed")), "18446744073709551615");
	json_decref(summary);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_contract_names, setup, teardown),
		cmocka_unit_test_setup_teardown(test_values, setup, teardown),
		cmocka_unit_test_setup_teardown(test_identity, setup, teardown),
		cmocka_unit_test_setup_teardown(test_lying_guest, setup, teardown),
		cmocka_unit_test_setup_teardown(test_large_seed_is_exact, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
