/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * cmd_manual_test.c: docs/ballast.1 says of each command exactly what its option table says, and lists the replacement
 * policies; so do the documents that list them.
 *
 * When it fails: paste the COMMANDS and POLICIES sections that `ballast help --man` prints. Tests run at the top of the
 * tree.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cmd/commands.h"
#include "cmd/policies.h"
#include "mm/policy/policy.h"

/* The program has the lab guest here; no command gets as far as starting one. */
extern const char lab_image_start[], lab_image_end[];
const char lab_image_start[1], lab_image_end[1];

#define TEXT_BYTES (1 << 16)

static char *read_file(int fd)
{
	char *text = calloc(1, TEXT_BYTES);

	assert_non_null(text);
	assert_in_range(pread(fd, text, TEXT_BYTES - 1, 0), 1, TEXT_BYTES - 2);
	close(fd);
	return text;
}

/* What the command prints for the manual. */
static char *section_of(int (*command)(int argc, char **argv), const char *name)
{
	char word[16], man[] = "--man", path[] = "/tmp/manual-test-XXXXXX";
	char *argv[] = {word, man, NULL};
	int fd = mkstemp(path), kept = dup(STDOUT_FILENO);

	assert_true(fd >= 0 && kept >= 0);
	unlink(path);
	snprintf(word, sizeof(word), "%s", name);
	fflush(stdout);
	dup2(fd, STDOUT_FILENO);
	assert_int_equal(command(2, argv), COMMAND_DONE);
	fflush(stdout);
	dup2(kept, STDOUT_FILENO);
	close(kept);
	return read_file(fd);
}

static void test_manual_has_every_command(void **state)
{
	static const struct {
		const char *name;
		int (*command)(int argc, char **argv);
	} commands[] = {{"run", cmd_run},
			{"sim", cmd_sim},
			{"calibrate", cmd_calibrate},
			{"validate", cmd_validate},
			{"replay", cmd_replay},
			{"mrc", cmd_mrc},
			{"trace", cmd_trace},
			{"compare", cmd_compare},
			{"sweep", cmd_sweep},
			{"mm-replay", cmd_mm_replay},
			{"bench", cmd_bench},
			{"doctor", cmd_doctor}};
	int fd = open("docs/ballast.1", O_RDONLY | O_CLOEXEC);
	char *manual;

	(void)state;
	assert_true(fd >= 0);
	manual = read_file(fd);
	for (size_t i = 0; i < sizeof(commands) / sizeof(commands[0]); i++) {
		char *section = section_of(commands[i].command, commands[i].name);

		if (!strstr(manual, section))
			fail_msg("docs/ballast.1 is out of date for %s; it should have:\n%s",
				 commands[i].name, section);
		free(section);
	}
	/* written by hand: gone if somebody took the program's part for all of it */
	assert_non_null(strstr(manual, ".SH FILES"));
	assert_non_null(strstr(manual, ".SH EXAMPLES"));
	free(manual);
}

static char *document(const char *path)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);

	assert_true(fd >= 0);
	return read_file(fd);
}

static void test_policies_are_documented(void **state)
{
	char *manual = document("docs/ballast.1"), *scenario = document("docs/scenario.md");
	char *readme = document("mm/policy/README.md"), *section = calloc(1, TEXT_BYTES);
	FILE *out = fmemopen(section, TEXT_BYTES - 1, "w");

	(void)state;
	assert_true(section && out);
	policies_man(out);
	fclose(out);
	if (!strstr(manual, section))
		fail_msg("docs/ballast.1 is out of date; it should have:\n%s", section);
	for (size_t i = 0; policy_table[i]; i++) {
		char row[64], word[64];

		snprintf(row, sizeof(row), "\n| `%s` |", policy_table[i]->name);
		snprintf(word, sizeof(word), "`%s`", policy_table[i]->name);
		if (!strstr(readme, row))
			fail_msg("mm/policy/README.md has no row for %s", word);
		if (!strstr(scenario, word))
			fail_msg("docs/scenario.md does not name %s", word);
	}
	free(section);
	free(readme);
	free(scenario);
	free(manual);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_manual_has_every_command),
		cmocka_unit_test(test_policies_are_documented),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
