/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * mm_seam_test.c: no call across the seam escapes a record: every entry point of mm.h that can change something stands in
 * the table, goes through entry.c and can be played; every op is told.
 *
 * Tests run at the top of the tree: mm.h and the files of mm/ are read as text.
 */
#include <glob.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/support/recorded.h"

#define TEXT_BYTES (1 << 18)

/* What changes something and is not recorded: after it there is nothing to record; it takes what nobody decides by. */
static const char *const unrecorded[] = {"destroy", "record_end", "page_events_take", NULL};

static char *text_of(const char *path)
{
	char *text = calloc(1, TEXT_BYTES);
	FILE *in = fopen(path, "re");

	assert_true(text && in);
	assert_in_range(fread(text, 1, TEXT_BYTES - 1, in), 1, TEXT_BYTES - 2);
	fclose(in);
	return text;
}

static bool is_entry(const char *name, size_t length)
{
	for (unsigned i = MM_SEAM_RETURN + 1; i < MM_ENTRIES_END; i++)
		if (strlen(mm_seam_info(i)->name) == length &&
		    memcmp(mm_seam_info(i)->name, name, length) == 0)
			return true;
	for (unsigned i = 0; unrecorded[i]; i++)
		if (strlen(unrecorded[i]) == length && memcmp(unrecorded[i], name, length) == 0)
			return true;
	return false;
}

static unsigned entries_of(const char *path)
{
	char *text = text_of(path);
	unsigned found = 0;

	for (char *at = text; (at = strstr(at, "(struct mm *m")) != NULL; at++) {
		char *name = at;

		while (name > text && (name[-1] == '_' || (name[-1] >= 'a' && name[-1] <= 'z')))
			name--;
		assert_memory_equal(name, "mm_", 3);
		if (!is_entry(name + 3, (size_t)(at - name - 3)))
			fail_msg("%.*s() has no line in MM_ENTRIES (mm/seam.h)", (int)(at - name),
				 name);
		found++;
	}
	free(text);
	return found;
}

/* mm_create has no manager yet. */
static void every_entry_point_is_in_the_table(void **state)
{
	(void)state;
	assert_int_equal(entries_of("mm/mm.h") + entries_of("mm/trace.h") + 1,
			 MM_ENTRIES_END - MM_SEAM_RETURN - 1 +
				 sizeof unrecorded / sizeof *unrecorded - 1);
}

/* Only entry.c has functions of these names. */
static void every_entry_point_is_in_entry_c(void **state)
{
	glob_t files;

	(void)state;
	assert_int_equal(glob("mm/*.c", 0, NULL, &files), 0);
	for (size_t i = 0; i < files.gl_pathc; i++) {
		char *text, wanted[80];

		if (strcmp(files.gl_pathv[i], "mm/entry.c") == 0)
			continue;
		text = text_of(files.gl_pathv[i]);
		for (unsigned k = MM_SEAM_RETURN + 1; k < MM_ENTRIES_END; k++) {
			for (unsigned t = 0; t < 4; t++) {
				static const char *const type[] = {"void", "int", "uint32_t",
								   "uint64_t"};

				snprintf(wanted, sizeof wanted, "\n%s mm_%s(", type[t],
					 mm_seam_info(k)->name);
				if (strstr(text, wanted))
					fail_msg("mm_%s() in %s is not recorded: see mm/entry.c",
						 mm_seam_info(k)->name, files.gl_pathv[i]);
			}
		}
		free(text);
	}
	assert_true(files.gl_pathc > 20);
	globfree(&files);
}

/* A machine on which everything happens; whoever adds a call must make it happen there. */
static void every_call_is_played(void **state)
{
	uint64_t of[MM_SEAM_CALLS] = {0};

	(void)state;
	for (uint64_t seed = 1; seed <= 4; seed++) {
		struct recorded r = {.bytes = NULL};
		enum mm_play_state end;
		struct mm_play *play;

		recorded_everything(&r, seed, 3000);
		recorded_must_replay(&r);
		play = recorded_play(&r, NULL, &end);
		for (unsigned i = 0; i < MM_SEAM_CALLS; i++)
			of[i] += mm_play_status(play)->of[i];
		mm_play_destroy(play);
		recorded_free(&r);
	}
	for (unsigned i = MM_SEAM_RETURN + 1; i < MM_SEAM_CALLS; i++)
		if (!of[i])
			fail_msg("%s() was not called: see recorded_everything()",
				 mm_seam_info(i)->name);
}

/* Each field has a value of its own, which comes back. */
static void the_configuration_comes_back(void **state)
{
	struct mm_config config = {.pager = policy_find("clock"), .policy = target_find("esx")},
			 back;
	uint64_t value[MM_CONFIG_VALUES], again[MM_CONFIG_VALUES];
	uint32_t nr, fields = 0;

	(void)state;
#define X(field) config.field = (__typeof__(config.field))++fields;
	MM_CONFIG_FIELDS(X)
#undef X
	nr = mm_config_values(&config, value);
	assert_int_equal(nr, fields + sizeof "clock" + sizeof "esx");
	assert_int_equal(mm_config_of_values(value, nr, &back), 0);
	assert_ptr_equal(back.pager, config.pager);
	assert_ptr_equal(back.policy, config.policy);
	assert_int_equal(back.memory_pages, 1);
	assert_int_equal(back.seed, config.seed);
	assert_int_equal(mm_config_values(&back, again), nr);
	assert_memory_equal(again, value, nr * sizeof *value);
	assert_int_equal(mm_config_of_values(value, nr - 1, &back), -22);
	value[fields] = 'x'; /* no pager "xlock" */
	assert_int_equal(mm_config_of_values(value, nr, &back), -22);
}

/* Every member of struct mm_config stands in the table, or is recorded otherwise, or is not the manager's to go by. */
static void every_field_is_recorded(void **state)
{
	static const char *const others[] = {"pager", "policy", "start_ns", "record", NULL};
	char *text = text_of("mm/mm.h"), *calls = calloc(1, 8192), *at, *end;
	unsigned found = 0;

	(void)state;
	assert_non_null(calls);
	assert_in_range(mm_seam_text(calls, 8192), 1, 8191);
	at = strstr(text, "struct mm_config {");
	assert_non_null(at);
	end = strstr(at, "\n};");
	while ((at = strpbrk(at, ";,/")) != NULL && at < end) { /* a name ends before each */
		char wanted[80], *name = at;
		bool known = false;

		if (at[0] == '/' && at[1] == '*') {
			at = strstr(at, "*/") + 2;
			continue;
		}
		if (at[-1] == ']')
			while (*--name != '[')
				;
		for (at++; name[-1] == '_' || (name[-1] >= 'a' && name[-1] <= 'z'); name--)
			;
		snprintf(wanted, sizeof wanted, "config %.*s", (int)strcspn(name, ";,["), name);
		for (const char *line = calls; (line = strstr(line, wanted)) != NULL; line++)
			known |= strcspn(line, ".[\n") == strlen(wanted);
		for (unsigned i = 0; others[i]; i++)
			known |= strcmp(wanted + strlen("config "), others[i]) == 0;
		if (!known)
			fail_msg("%s has no line in MM_CONFIG_FIELDS (mm/seam.h)", wanted);
		found++;
	}
	assert_true(found > 20);
	free(text);
	free(calls);
}

static void calls_in_words(void **state)
{
	const uint64_t fault[] = {5, 0, 812, 1, 0}, hash[] = {2, 7},
		       list[] = {8, 9, 10, 11, 12, 13};
	char text[200];

	(void)state;
	assert_string_equal(
		mm_args_text(&(struct mm_args){MM_ENTRY_FAULT, fault, 4, NULL, 0, 0}, text, 200),
		"fault(5 ns, vm 0, gfn 812, true)");
	assert_string_equal(
		mm_args_text(&(struct mm_args){MM_OP_HASH, hash, 2, NULL, 0, 0}, text, 200),
		"hash(vm 2, gfn 7)");
	assert_string_equal(
		mm_args_text(&(struct mm_args){MM_OP_SWAP_START, fault, 5, list, 6, 0}, text, 200),
		"swap_start(request 5, slot 0, true, true, false, 2: stage 8 vm 9 gfn 10; stage 11 "
		"vm 12 "
		"gfn 13)");
	assert_string_equal(mm_args_text(&(struct mm_args){.call = MM_SEAM_RETURN,
							   .fixed = hash,
							   .nr_fixed = 1,
							   .entry = MM_ENTRY_RECLAIM},
					 text, 200),
			    "return(2)");
	assert_string_equal(
		mm_args_text(&(struct mm_args){MM_ENTRY_FAULT, fault, 4, NULL, 0, 0}, text, 8),
		"fault(5");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_entry_point_is_in_the_table),
		cmocka_unit_test(every_entry_point_is_in_entry_c),
		cmocka_unit_test(every_call_is_played),
		cmocka_unit_test(the_configuration_comes_back),
		cmocka_unit_test(every_field_is_recorded),
		cmocka_unit_test(calls_in_words),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
