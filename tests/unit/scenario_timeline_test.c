/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * scenario_timeline_test.c: timelines that are right, as actions, and those that are wrong, with the place the message must
 * point to (line and column, by hand) and what it must hold; who is there when, and what that takes at most.
 */
#include <errno.h>
#include <stdlib.h>

#include "cmd/run_machine.h"
#include "cmd/run_options.h"
#include "cmd/timeline.h"
#include "tests/unit/scenario_support.h"

/* no guest is started here */
extern const char lab_image_start[], lab_image_end[];
const char lab_image_start[1], lab_image_end[1];

/* Lines 1 to 4; entries of the timeline begin in line 6, column 3, what follows "- {at: 10s, " in column 15. */
#define BASE                                                                                       \
	"host: {memory: 64M}\n"                                                                    \
	"vms: [{name: web, count: 2, memory: 16M, min: 4M, workload: {kind: zipf, pages: 100}},\n" \
	"  {name: db, memory: 16M}, {name: web-x, memory: 16M,\n"                                  \
	"   workload: {kind: phased, phases: [{kind: idle}]}}]\n"                                  \
	"timeline:\n"
#define AT(what) "- {at: 10s, " what "}\n"

static const struct bad {
	const char *text;
	unsigned line, column;
	const char *offending, *allowed;
} bad[] = {
	{" 5\n", 6, 2, "'5' is not a list", "{at: 10s, set: {host.tax: 0%}}"},
	{"- 5\n", 6, 3, "'5' is not a map", "a map of keys"},
	{"- {set: {host.tax: 0%}}\n", 6, 3, "'at' is missing", "timeline"},
	{"- {at: 10s}\n", 6, 3, "does nothing", "one of set, add, remove"},
	{AT("remove: db, set: {host.tax: 0%}"), 6, 3, "several things", "one of"},
	{AT("remov: db"), 6, 13, "'remov'", "did you mean remove?"},
	{"- {at: 10, remove: db}\n", 6, 8, "'10' has no unit", "10s or 500ms"},
	{"- {at: 30s, remove: db}\n", 6, 8, "'30s' is not before the end", "less than 30s"},
	{AT("remove: db") "- {at: 9999ms, remove: web}\n", 7, 8, "'9999ms' is before",
	 "10s or later"},
	/* set: which key */
	{AT("set: 5"), 6, 18, "'5' is not a map", "{host.tax: 0%}"},
	{AT("set: {}"), 6, 18, "a map is given", "one or more keys"},
	{AT("set: {host.memory: 1G}"), 6, 19, "'host.memory' cannot be set", "host.policy"},
	{AT("set: {host.tax.x: 1}"), 6, 19, "'host.tax.x' cannot be set", "host.tax"},
	{AT("set: {seed: 1}"), 6, 19, "'seed' cannot be set", "vms.NAME.workload.KEY"},
	{AT("set: {vms.db: 1}"), 6, 19, "'vms.db' cannot be set", "vms.NAME.shares"},
	{AT("set: {vms.db.: 1}"), 6, 19, "cannot be set", "vms.NAME.min"},
	{AT("set: {vms.db.memory: 8M}"), 6, 19, "'vms.db.memory' cannot be set", "vms.NAME.min"},
	{AT("set: {vms.db.min.x: 8M}"), 6, 19, "'vms.db.min.x' cannot be set", "vms.NAME.min"},
	{AT("set: {vms.db.workload.: 8M}"), 6, 19, "cannot be set", "vms.NAME.workload.KEY"},
	{AT("set: {vms.web-x.workload.phases.0.pages: 8}"), 6, 19, "cannot be set", "workload.KEY"},
	{AT("set: {host.tax: 1%, host.tax: 2%}"), 6, 33, "'host.tax' in set is repeated", "once"},
	/* set: which value */
	{AT("set: {host.tax: 100%}"), 6, 29, "'100%' is out of range", "to 99%"},
	{AT("set: {host.policy: mum}"), 6, 32, "'mum' is unknown", "did you mean mom?"},
	{AT("set: {host.rebalance: 15}"), 6, 35, "'15' has no unit", "10s"},
	{AT("set: {host.sampling.period: 1ms}"), 6, 41, "'1ms' is out of range", "10ms"},
	{AT("set: {host.share.per-vm: many}"), 6, 38, "'many' is not a number", "whole number"},
	{AT("set: {vms.db.shares: few}"), 6, 34, "'few' is not a number of shares", "low, normal"},
	{AT("set: {vms.db.min: 17M}"), 6, 31, "'17M' is more than memory", "16M"},
	{AT("set: {vms.db.min: 5K}"), 6, 31, "'5K' is not whole pages", "multiples of 4K"},
	/* set: workloads */
	{AT("set: {vms.db.workload: 5}"), 6, 36, "'5' is not a map", "{kind: KIND, ..}"},
	{AT("set: {vms.db.workload: {kind: zip}}"), 6, 43, "'zip' is unknown",
	 "did you mean zipf?"},
	{AT("set: {vms.db.workload.pages: 5}"), 6, 19, "inapplicable key 'pages'", "allowed: kind"},
	{AT("set: {vms.web.workload.pagez: 5}"), 6, 19, "unknown key 'pagez'", "mean pages?"},
	{AT("set: {vms.web.workload.pages: 9000}"), 6, 43, "'9000' are more", "up to 8192"},
	{AT("set: {vms.web.workload.rate: 0}"), 6, 42, "'0' is not a rate", "or max"},
	{AT("set: {vms.web-x.workload.pages: 5}"), 6, 19, "inapplicable key 'pages'", "phases"},
	{AT("set: {vms.web-x.workload.kind: kv}"), 6, 44, "not built yet", "idle"},
	{AT("set: {vms.db.workload: {kind: fileserver, files: 1025}}"), 6, 62,
	 "'1025' need a disk of 262400K", "up to 256M"},
	{AT("set: {vms.web.workload.kind: scan}") AT("set: {vms.web.workload.alpha: 1}"), 7, 19,
	 "inapplicable key 'alpha' in workload scan", "pages"},
	/* which VM */
	{AT("set: {vms.wed.shares: 5}"), 6, 19, "'wed' is no VM", "web-0, web-1, db, web-x"},
	{AT("set: {vms.0.shares: 5}"), 6, 19, "'0' is no VM", "web-0, web-1, db, web-x"},
	{AT("remove: wev-1"), 6, 21, "'wev-1' is no VM", "did you mean web-1?"},
	{AT("remove: [db]"), 6, 21, "a list is given", "the name of a VM"},
	{AT("remove: db") "- {at: 11s, set: {vms.db.min: 0}}\n", 7, 19, "'db' was removed at 10s",
	 "web-0, web-1, web-x"},
	{AT("remove: web") "- {at: 11s, remove: web-1}\n", 7, 21, "'web-1' was removed at 10s",
	 "db, web-x"},
	{AT("remove: web") "- {at: 11s, remove: web}\n", 7, 21, "'web' was removed at 10s",
	 "db, web-x"},
	{AT("set: {vms.late.min: 0}") AT("add: {name: late, memory: 8M}"), 6, 19,
	 "'late' is no VM that is there then", "db"},
	/* add */
	{AT("add: 5"), 6, 18, "'5' is not a map", "a map of keys"},
	{AT("add: {name: late}"), 6, 18, "'memory' is missing in a VM", ""},
	{AT("add: {name: db, memory: 8M}"), 6, 25, "'db' is taken", "a name of its own"},
	{AT("remove: db") AT("add: {name: db, memory: 8M}"), 7, 25, "'db' is taken", "of its own"},
	{AT("add: {name: late, memory: 8M, count: 1021}"), 6, 18, "'1025' VMs", "up to 1024"},
};

static void test_bad(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		char path[32], prefix[64], text[2000];
		struct scenario *s;
		struct error error;

		snprintf(text, sizeof(text), BASE "%s", bad[i].text);
		if (load(text, NULL, 0, path, &s, &error) != -EINVAL)
			fail_msg("not refused:\n%s", bad[i].text);
		assert_null(s);
		assert_true(error.user);
		snprintf(prefix, sizeof(prefix), "%s:%u:%u: ", path, bad[i].line, bad[i].column);
		if (strncmp(error.text, prefix, strlen(prefix)) != 0)
			fail_msg("'%s'\nis not at '%s', for\n%s", error.text, prefix, bad[i].text);
		if (!strstr(error.text, bad[i].offending) || !strstr(error.text, bad[i].allowed))
			fail_msg("'%s'\ndoes not hold '%s' and '%s', for\n%s", error.text,
				 bad[i].offending, bad[i].allowed, bad[i].text);
		assert_null(strchr(error.text, '\n'));
		assert_true(strlen(error.text) < sizeof(error.text) - 1);
	}
}

/* Sharing that is off has no rates, and without balloons no policy works by them. */
static void test_mechanisms(void **state)
{
	struct scenario *s;
	struct error error;
	char path[32];

	(void)state;
	assert_int_equal(load("host: {memory: 64M, mechanisms: [swap]}\n"
			      "vms: [{name: a, memory: 16M}]\n"
			      "timeline: [{at: 1s, set: {host.policy: mom}}]\n",
			      NULL, 0, path, &s, &error),
			 -EINVAL);
	assert_non_null(strstr(error.text, ":3:40: policy 'mom' works by balloons"));
	assert_int_equal(load("host: {memory: 64M, mechanisms: [swap]}\n"
			      "vms: [{name: a, memory: 16M}]\n"
			      "timeline: [{at: 1s, set: {host.share.per-vm: 5}}]\n",
			      NULL, 0, path, &s, &error),
			 -EINVAL);
	assert_non_null(strstr(error.text, ":3:27: 'host.share.per-vm' is set but 'share'"));
}

static void expect(const struct timeline_action *a, uint64_t at_ms, enum timeline_kind kind,
		   unsigned vm, const char *key, const char *text)
{
	assert_int_equal(a->at_ns, at_ms * 1000000);
	assert_int_equal(a->kind, kind);
	assert_int_equal(a->vm, vm);
	if (key)
		assert_string_equal(a->key, key);
	else
		assert_null(a->key);
	if (text)
		assert_string_equal(a->text, text);
}

static void test_host(void **state)
{
	struct scenario *s = load_good(
		BASE
		"- {at: 0s, set: {host.tax: 0%, host.policy: static, host.rebalance: 100ms}}\n"
		"- {at: 500ms, set: {host.share.per-vm: 7}}\n"
		"- {at: 500ms, set: {host.share.pages-per-second: 9, host.sampling.period: 2s}}\n",
		NULL);
	const struct timeline_action *a = s->actions;

	(void)state;
	assert_int_equal(s->nr_actions, 6);
	assert_int_equal(s->nr_later, 0);
	expect(&a[0], 0, TIMELINE_TAX, 0, "host.tax", "0%");
	assert_int_equal(a[0].value, 0);
	expect(&a[1], 0, TIMELINE_POLICY, 0, "host.policy", "static");
	assert_ptr_equal(a[1].policy, &target_static);
	expect(&a[2], 0, TIMELINE_REBALANCE, 0, "host.rebalance", "100ms");
	assert_int_equal(a[2].value, NS_PER_S / 10);
	expect(&a[3], 500, TIMELINE_SCAN_RATES, 0, "host.share.per-vm", "7");
	assert_int_equal(a[3].scan_rate, 20000);
	assert_int_equal(a[3].vm_scan_rate, 7);
	expect(&a[4], 500, TIMELINE_SCAN_RATES, 0, "host.share.pages-per-second", "9");
	assert_int_equal(a[4].scan_rate, 9);
	assert_int_equal(a[4].vm_scan_rate, 7);
	assert_int_equal(a[5].value, 2 * NS_PER_S);
	assert_int_equal(s->tax_ppm, 750000); /* the start is as it was */
	assert_ptr_equal(s->policy, &target_esx);
	scenario_free(s);
}

/* web-x is a VM of its own; web is both of the first entry, until one is gone. */
static void test_vms_by_name(void **state)
{
	struct scenario *s =
		load_good(BASE AT("set: {vms.web.shares: high}")
				  AT("set: {vms.web-1.min: 8M, vms.web-x.shares: 7}")
					  AT("remove: web-0") AT("set: {vms.web.shares: low}"),
			  NULL);
	const struct timeline_action *a = s->actions;

	(void)state;
	assert_int_equal(s->nr_actions, 6);
	expect(&a[0], 10000, TIMELINE_SHARES, 0, "vms.web-0.shares", "high");
	assert_int_equal(a[0].value, 2000);
	expect(&a[1], 10000, TIMELINE_SHARES, 1, "vms.web-1.shares", "high");
	expect(&a[2], 10000, TIMELINE_MIN, 1, "vms.web-1.min", "8M");
	assert_int_equal(a[2].value, 2048);
	expect(&a[3], 10000, TIMELINE_SHARES, 3, "vms.web-x.shares", "7");
	expect(&a[4], 10000, TIMELINE_REMOVE, 0, NULL, NULL);
	expect(&a[5], 10000, TIMELINE_SHARES, 1, "vms.web-1.shares", "low");
	assert_int_equal(s->vms[0].shares, 1000);
	scenario_free(s);
}

/* Key by key on what the VM runs by then; another kind keeps what it has a use for. */
static void test_workloads(void **state)
{
	struct scenario *s =
		load_good(BASE AT("set: {vms.web.workload.rate: max, vms.web-0.workload.pages: 50}")
				  AT("set: {vms.web-0.workload.alpha: 2, vms.db.workload: {kind: "
				     "scan, pages: 5}}") AT("set: {vms.web-0.workload.kind: scan, "
							    "vms.web-x.workload.kind: toucher}"),
			  NULL);
	const struct timeline_action *a = s->actions;

	(void)state;
	assert_int_equal(s->nr_actions, 7);
	for (unsigned i = 0; i < 7; i++) {
		assert_int_equal(a[i].kind, TIMELINE_WORKLOAD);
		assert_int_equal(a[i].workload->nr_phases, 1);
	}
	assert_int_equal(a[0].workload->phase[0].rate, 0);
	assert_int_equal(a[0].workload->phase[0].pages, 100);
	assert_int_equal(a[1].vm, 1);
	assert_int_equal(a[1].workload->phase[0].rate, 0);
	assert_int_equal(a[2].workload->phase[0].pages, 50);
	assert_int_equal(a[2].workload->phase[0].rate, 0);
	assert_string_equal(a[2].key, "vms.web-0.workload.pages");
	assert_int_equal(a[3].workload->phase[0].alpha_ppm, 2000000);
	assert_int_equal(a[3].workload->phase[0].pages, 50);
	assert_string_equal(a[4].text, "{kind: scan, pages: 5}");
	assert_int_equal(a[4].workload->phase[0].kind, WORK_SCAN);
	assert_int_equal(a[5].workload->phase[0].kind, WORK_SCAN);
	assert_int_equal(a[5].workload->phase[0].pages, 50);
	assert_int_equal(a[5].workload->phase[0].alpha_ppm, 0);
	assert_int_equal(a[6].vm, 3);
	assert_int_equal(a[6].workload->phase[0].kind, WORK_TOUCHER);
	assert_int_equal(a[6].workload->phase[0].pages, 2048); /* half of memory, as ever */
	assert_int_equal(s->vms[0].workload.phase[0].pages, 100);
	scenario_free(s);
}

static bool told_pages(const struct scenario *s, unsigned vm, const char *word)
{
	char words[GUEST_CMDLINE_BYTES];

	assert_int_equal(run_guest_cmdline(s, vm, words, sizeof(words)), 0);
	return strstr(words, word) != NULL;
}

/* A guest is told how many pages to be ready for. */
static void test_room(void **state)
{
	struct scenario *s = load_good(BASE AT("set: {vms.web-0.workload.pages: 4000}")
					       AT("set: {vms.web.workload.pages: 50}")
						       AT("set: {vms.db.workload: {kind: boot}}"),
				       NULL);

	(void)state;
	assert_int_equal(timeline_most_pages(s, 0), 4000);
	assert_int_equal(timeline_most_pages(s, 1), 50);
	assert_int_equal(timeline_most_pages(s, 2), 4096);
	assert_int_equal(timeline_most_pages(s, 3), 0);
	assert_true(told_pages(s, 0, " lab.pages=4000 "));
	assert_true(told_pages(s, 2, " lab.pages=4096 "));
	assert_false(told_pages(s, 3, "lab.pages"));
	scenario_free(s);
}

/*
 * memory - min is 12, 12, 16 and 16 MiB at the start; then a VM of 32 with min 8 (80 MiB in all), then one leaves with 12
 * (68), then one gives its minimum up (72), then another of 16 comes (88).
 */
static void test_peaks(void **state)
{
	struct scenario *s = load_good(
		BASE AT("add: {name: late, memory: 32M, min: 8M}") AT("remove: web-0")
			AT("set: {vms.web-1.min: 0}") AT("add: {name: last, count: 2, memory: 8M}"),
		NULL);
	struct timeline_peaks peaks;

	(void)state;
	assert_int_equal(s->nr_vms, 7);
	assert_int_equal(s->nr_later, 3);
	assert_string_equal(s->vms[4].name, "late");
	assert_string_equal(s->vms[6].name, "last-1");
	assert_int_equal(s->nr_actions, 5);
	expect(&s->actions[0], 10000, TIMELINE_ADD, 4, NULL, NULL);
	expect(&s->actions[4], 10000, TIMELINE_ADD, 6, NULL, NULL);
	assert_int_equal(timeline_peaks(s, &peaks), 0);
	assert_int_equal(peaks.vms, 6);
	assert_int_equal(peaks.min_pages, 16 * 256);
	assert_int_equal(peaks.least_pages, 16 * 256 + 2 * 64);
	assert_int_equal(peaks.beyond_pages, 88 * 256);
	assert_int_equal(s->swap_pages, 88 * 256);
	scenario_free(s);
}

/* Giving minimums up takes more swap: 12, 12, 16 and 16 MiB, then 4 each more. */
static void test_peak_of_a_minimum(void **state)
{
	struct scenario *s = load_good(BASE AT("set: {vms.web.min: 0}") AT("remove: web"), NULL);
	struct timeline_peaks peaks;

	(void)state;
	assert_int_equal(timeline_peaks(s, &peaks), 0);
	assert_int_equal(peaks.vms, 4);
	assert_int_equal(peaks.min_pages, 8 * 256);
	assert_int_equal(peaks.beyond_pages, 64 * 256);
	scenario_free(s);
}

static void must_not_fit(const char *text, const char *words)
{
	struct scenario *s = load_good(text, NULL);
	struct error error;

	assert_int_equal(run_machine_admit(s, &error), -EINVAL);
	assert_true(error.user);
	if (strncmp(error.text, words, strlen(words)) != 0)
		fail_msg("'%s'\ndoes not begin with\n'%s'", error.text, words);
	scenario_free(s);
}

/*
 * 64 MiB keep 3.84 free and have a reserve of 768 KiB and 32 KiB a VM: 59.2 MiB for 5 VMs. (61.4 with the reserve are 94 %
 * of 65.3.) 48 MiB fit beside 4 and 4 (and
 * 256 KiB for each without), 52 do not, unless one has gone.
 */
static void test_admission(void **state)
{
	struct scenario *s;
	struct error error;

	(void)state;
	must_not_fit(
		BASE AT("add: {name: late, memory: 52M, min: 52M}"),
		"timeline, at 10s: late does not fit: up to it VMs need 66 MiB of memory (min 61,");
	must_not_fit(BASE "- {at: 500ms, set: {vms.db.min: 16M}}\n"
			  "- {at: 1s, add: {name: late, memory: 48M, min: 32M}}\n"
			  "- {at: 2s, set: {vms.web-1.min: 8M}}\n",
		     "timeline, at 2s: web-1 does not fit:");
	s = load_good(BASE AT("remove: web-1") AT("add: {name: late, memory: 52M, min: 52M}"),
		      NULL);
	assert_int_equal(run_machine_admit(s, &error), 0);
	scenario_free(s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_bad),       cmocka_unit_test(test_mechanisms),
		cmocka_unit_test(test_host),      cmocka_unit_test(test_vms_by_name),
		cmocka_unit_test(test_workloads), cmocka_unit_test(test_room),
		cmocka_unit_test(test_peaks),     cmocka_unit_test(test_peak_of_a_minimum),
		cmocka_unit_test(test_admission),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
