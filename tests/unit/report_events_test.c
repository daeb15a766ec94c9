/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * report_events_test.c: pairs of snapshots and the events that tell them apart, and the manager's events in words.
 */
#include "lib/jsonl.h"
#include "tests/unit/report_support.h"

static const char *const names[] = {"web", "db"};

static void put_line(void *ctx, uint64_t now_ns, const char *kind, json_t *more)
{
	FILE *out = ctx;

	fprintf(out, "%d %s ", (int)(now_ns / NS_PER_S), kind);
	assert_int_equal(jsonl_write(out, more), 0);
}

static void expect(const struct machine_snapshot *before, const struct machine_snapshot *now,
		   bool *full, const char *lines)
{
	struct caught c;
	char *text;

	caught_begin(&c);
	report_compare(before, now, full, names, put_line, c.out);
	text = caught_end(&c);
	assert_string_equal(text, lines);
	free(text);
}

struct pair {
	struct machine_snapshot *a, *b;
	bool full;
};

static struct pair made_pair(void)
{
	struct pair p = {made_snapshot(2), made_snapshot(2), false};

	p.a->now_ns = 4 * NS_PER_S;
	p.b->now_ns = 5 * NS_PER_S;
	return p;
}

static void free_pair(struct pair *p)
{
	free(p->a);
	free(p->b);
}

static void test_nothing_happened(void **state)
{
	struct pair p = made_pair();

	(void)state;
	p.b->host.used_pages = 77; /* figures, not events */
	made_live(p.b, 0)->guest.work_units = 5;
	expect(p.a, p.b, &p.full, "");
	free_pair(&p);
}

/* The manager's events: words from its table, nested by the dots, counts that are 0 left out where it says so. */
static void test_told(void **state)
{
	static const struct {
		struct mm_event event;
		const char *line;
	} told[] = {
		{{.kind = MM_EVENT_STATE,
		  .vm = UINT32_MAX,
		  .value = {MM_HIGH, MM_LOW, 0, 0, 0, 2, 9, 60, 40, 20, 10, 1500000000}},
		 "{\"from\":\"high\",\"to\":\"low\",\"entered\":{\"low\":2},\"free_pages\":9,"
		 "\"thresholds\":{\"high\":60,\"soft\":40,\"hard\":20,\"low\":10},"
		 "\"since_seconds\":1.5}\n"},
		{{.kind = MM_EVENT_BALLOON_DRIVER, .vm = 1, .value = {1}},
		 "{\"vm\":\"db\",\"present\":true}\n"},
		{{.kind = MM_EVENT_BALLOON_ABSENT,
		  .vm = 0,
		  .value = {2100000000, 500, 521, MM_BALLOON_OUT_OF_MEMORY}},
		 "{\"vm\":\"web\",\"still_seconds\":2.1,\"ballooned_pages\":500,"
		 "\"balloon_target_pages\":521,\"reason\":\"out_of_memory\"}\n"},
		{{.kind = MM_EVENT_TARGET,
		  .vm = 0,
		  .value = {0, 50, 99, 3, 9, 7, 40, 0, 99, 90, 0, MM_ESTIMATE_WRITE + 1}},
		 "{\"vm\":\"web\",\"old_pages\":0,\"new_pages\":50,\"configured_pages\":99,"
		 "\"min_pages\":3,\"shares\":9,\"resident_pages\":7,\"active_pages\":40,"
		 "\"configured_sum_pages\":99,\"target_sum_pages\":90,\"pool_pages\":0,"
		 "\"estimator\":\"write\"}\n"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(told) / sizeof(told[0]); i++) {
		struct caught c;
		char *text;

		assert_int_equal(
			jsonl_write(caught_begin(&c), report_told_json(&told[i].event, names)), 0);
		text = caught_end(&c);
		assert_string_equal(text, told[i].line);
		free(text);
	}
}

/* Every kind has a name and members, all of which docs/output.md explains. Tests run at the top of the tree. */
static void test_kinds_are_documented(void **state)
{
	static char text[1 << 17];
	FILE *in = fopen("docs/output.md", "re");
	const char *chapter;
	char quoted[80];
	size_t n;

	(void)state;
	assert_non_null(in);
	n = fread(text, 1, sizeof(text) - 1, in);
	fclose(in);
	assert_in_range(n, 1, sizeof(text) - 2);
	chapter = strstr(text, "## events.jsonl");
	assert_non_null(chapter);
	for (unsigned k = 0; k < MM_EVENT_KINDS; k++) {
		const struct mm_event_info *info = mm_event_info((enum mm_event_kind)k);
		const char *row;

		snprintf(quoted, sizeof(quoted), "| `%s` |", info->name);
		row = strstr(chapter, quoted);
		if (!row)
			fail_msg("docs/output.md does not tell about %s", info->name);
		snprintf(quoted, sizeof(quoted), "\"kind\":\"%s\"", info->name);
		if (!strstr(chapter, quoted))
			fail_msg("docs/output.md shows no line of %s", info->name);
		for (unsigned i = 0; info->member[i].type != MM_EVENT_END; i++) {
			const char *found;

			snprintf(quoted, sizeof(quoted), "`%s`", info->member[i].name);
			found = strstr(row, quoted);
			if (!found || found > strchr(row, '\n'))
				fail_msg("docs/output.md: %s has no %s", info->name, quoted);
		}
	}
}

static void test_swap_full_begins_goes_on_and_ends(void **state)
{
	struct pair p = made_pair();

	(void)state;
	p.b->host.swap.capacity_pages = 100;
	p.b->host.swap.used_pages = 100;
	p.b->host.swap.full_ns = 300000000;
	expect(p.a, p.b, &p.full,
	       "5 swap_full_begin {\"used_pages\":100,\"capacity_pages\":100}\n");
	p.a->host.swap.full_ns = 300000000;
	p.b->host.swap.full_ns = 1300000000;
	expect(p.a, p.b, &p.full, "");
	p.a->host.swap.full_ns = 1300000000;
	p.b->host.swap.used_pages = 60;
	expect(p.a, p.b, &p.full, "5 swap_full_end {\"used_pages\":60,\"full_seconds\":1.3}\n");
	expect(p.a, p.b, &p.full, "");
	free_pair(&p);
}

static void test_swap_errors(void **state)
{
	struct pair p = made_pair();

	(void)state;
	p.a->host.swap.errors = 2;
	p.b->host.swap.errors = 5;
	expect(p.a, p.b, &p.full, "5 swap_error {\"errors\":3}\n");
	free_pair(&p);
}

static void test_vm_events(void **state)
{
	struct pair p = made_pair();
	struct vm_live_stats *web = made_live(p.b, 0), *db = made_live(p.b, 1);

	(void)state;
	made_live(p.a, 0)->boot_ns = web->boot_ns = 2500000;
	made_live(p.a, 0)->guest.integrity_errors = 1;
	web->guest.integrity_errors = 4;
	web->guest.phase = 1;
	db->boot_ns = 1500000;
	db->exit = VM_HALTED;
	db->guest.work_units = 99;
	expect(p.a, p.b, &p.full,
	       "5 phase {\"vm\":\"web\",\"phase\":1}\n"
	       "5 integrity_error {\"vm\":\"web\",\"errors\":3}\n"
	       "5 first_step {\"vm\":\"db\",\"boot_ms\":1.5}\n"
	       "5 vm_exit {\"vm\":\"db\",\"exit\":\"halted\",\"reason\":\"\",\"work_units\":99}\n");
	free_pair(&p);
}

/* VMs that came since have no figures before; one that was removed, and a guest that read its mail. */
static void test_vms_come_and_go(void **state)
{
	struct machine_snapshot *a = made_snapshot(1), *b = made_snapshot(2);
	bool full = false;

	(void)state;
	b->now_ns = 5 * NS_PER_S;
	made_live(a, 0)->guest.mail_taken = 1;
	made_live(b, 0)->guest.mail_taken = 3;
	made_live(b, 0)->guest.mail_refused = 1;
	made_live(b, 0)->exit = VM_REMOVED;
	made_live(b, 1)->boot_ns = 1500000;
	expect(a, b, &full,
	       "5 workload {\"vm\":\"web\",\"mail\":3,\"refused\":1}\n"
	       "5 vm_exit {\"vm\":\"web\",\"exit\":\"removed\",\"reason\":\"\",\"work_units\":0}\n"
	       "5 first_step {\"vm\":\"db\",\"boot_ms\":1.5}\n");
	free(a);
	free(b);
}

/* The first snapshot is compared with a machine on which nothing has happened. */
static void test_first_snapshot(void **state)
{
	struct machine_snapshot *s = made_run();
	bool full = true;

	(void)state;
	expect(NULL, s, &full,
	       "10 first_step {\"vm\":\"web\",\"boot_ms\":2.346}\n"
	       "10 vm_exit {\"vm\":\"db\",\"exit\":\"crashed\",\"reason\":\"triple fault at rip "
	       "0x100234\",\"work_units\":0}\n");
	assert_false(full);
	free(s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_nothing_happened),
		cmocka_unit_test(test_told),
		cmocka_unit_test(test_kinds_are_documented),
		cmocka_unit_test(test_swap_full_begins_goes_on_and_ends),
		cmocka_unit_test(test_swap_errors),
		cmocka_unit_test(test_vm_events),
		cmocka_unit_test(test_vms_come_and_go),
		cmocka_unit_test(test_first_snapshot),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
