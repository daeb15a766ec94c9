/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * cost_file_test.c: presets by name, files that change some figures, and what is wrong with others.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cmd/cost_file.h"

static char path[64];

static const char *file(const char *text)
{
	FILE *out;
	int fd;

	snprintf(path, sizeof(path), "/tmp/cost-test-XXXXXX");
	fd = mkstemp(path);
	assert_true(fd >= 0);
	out = fdopen(fd, "w");
	fputs(text, out);
	fclose(out);
	return path;
}

static void test_presets(void **state)
{
	struct sim_cost a, b;
	struct error error;

	(void)state;
	assert_int_equal(cost_file_load(NULL, &a, &error), 0);
	assert_int_equal(cost_file_load("host", &b, &error), 0);
	assert_memory_equal(&a, &b, sizeof(a));
	assert_int_equal(cost_file_load("disk2002", &b, &error), 0);
	assert_int_equal(b.swap.depth, 1);
	assert_int_equal(b.touch_ns, a.touch_ns);
	for (const struct sim_preset *p = sim_presets; p->name; p++) {
		struct sim_cost c = p->cost;

		assert_int_equal(cost_file_load(p->name, &b, &error), 0);
		for (const struct sim_cost_field *f = sim_cost_fields; f->name; f++)
			assert_in_range(*sim_cost_at(&c, f), f->min, f->max);
	}
}

static void test_every_field_is_in_the_table(void **state)
{
	unsigned nr = 0;

	(void)state;
	while (sim_cost_fields[nr].name)
		nr++;
	assert_int_equal(nr * sizeof(uint64_t), sizeof(struct sim_cost));
}

/* docs/simulator.md has a row for each, with the default. */
static void test_documented(void **state)
{
	struct sim_cost cost = sim_presets[0].cost;
	char *text = calloc(1, 1 << 16), row[400];
	FILE *in = fopen("docs/simulator.md", "r");

	(void)state;
	assert_true(in && text);
	assert_true(fread(text, 1, (1 << 16) - 1, in) > 0);
	fclose(in);
	for (const struct sim_cost_field *f = sim_cost_fields; f->name; f++) {
		snprintf(row, sizeof(row), "\n| `%s` | %llu | %s |", f->name,
			 (unsigned long long)*sim_cost_at(&cost, f), f->what);
		if (!strstr(text, row))
			fail_msg("docs/simulator.md lacks%s", row);
	}
	free(text);
}

static void test_a_file_changes_a_preset(void **state)
{
	struct sim_cost cost;
	struct error error;

	(void)state;
	assert_int_equal(
		cost_file_load(file("touch_ns: 77\npreset: ssd\n# more\ncpus: 9\n"), &cost, &error),
		0);
	unlink(path);
	assert_int_equal(cost.touch_ns, 77);
	assert_int_equal(cost.cpus, 9);
	assert_int_equal(cost.swap.page_ns, 8192);
}

static void test_what_is_written_is_read(void **state)
{
	struct sim_cost wrote = sim_presets[0].cost, read;
	struct error error;
	uint64_t n = 1000;
	FILE *out;

	(void)state;
	for (const struct sim_cost_field *f = sim_cost_fields; f->name; f++)
		*sim_cost_at(&wrote, f) = f->max < 1000 ? f->max : n++;
	file("");
	out = fopen(path, "w");
	cost_file_write(out, &wrote, "a comment");
	fclose(out);
	assert_int_equal(cost_file_load(path, &read, &error), 0);
	unlink(path);
	assert_memory_equal(&read, &wrote, sizeof(read));
}

static void refused(const char *text, const char *says)
{
	struct sim_cost cost;
	struct error error;

	assert_int_equal(cost_file_load(file(text), &cost, &error), -EINVAL);
	unlink(path);
	assert_true(error.user);
	if (!strstr(error.text, says) || !strstr(error.text, path))
		fail_msg("'%s' does not say '%s' and the file", error.text, says);
}

static void test_what_is_wrong(void **state)
{
	struct sim_cost cost;
	struct error error;

	(void)state;
	refused("touch: 1\n", ":1:1: unknown key 'touch'");
	refused("cpus: 0\n", ":1:7: cpus");
	refused("swap_depth: 65\n", ":1:13: swap_depth");
	refused("touch_ns: -3\n", "touch_ns");
	refused("touch_ns: [1]\n", "touch_ns");
	/* a guest that works as fast as it can would never stop */
	refused("touch_ns: 0\n", ":1:11: touch_ns");
	refused("fill_ns: 0\n", ":1:10: fill_ns");
	refused("touch_ns: 3\ntouch_ns: 4\n", ":2:1: key 'touch_ns' is repeated");
	refused("preset: floppy\n", "allowed: host, nvme, ssd, disk2002");
	refused("preset: [host]\n", "preset");
	refused("- 1\n", "a map of names and numbers");
	assert_true(cost_file_load("/nowhere/costs.yaml", &cost, &error) < 0);
	assert_non_null(strstr(error.text, "/nowhere/costs.yaml"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_presets),
		cmocka_unit_test(test_every_field_is_in_the_table),
		cmocka_unit_test(test_documented),
		cmocka_unit_test(test_a_file_changes_a_preset),
		cmocka_unit_test(test_what_is_written_is_read),
		cmocka_unit_test(test_what_is_wrong),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
