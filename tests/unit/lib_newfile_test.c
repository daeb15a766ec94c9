/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * lib_newfile_test.c: a file is there when it is whole and not before; what was there stays until then; and what is no
 * plain file is never removed.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "lib/newfile.h"

struct place {
	char dir[40], file[60], part[60], link[60];
};

static void place_make(struct place *p)
{
	strcpy(p->dir, "/tmp/ballast-newfile-XXXXXX");
	assert_non_null(mkdtemp(p->dir));
	snprintf(p->file, sizeof(p->file), "%s/x", p->dir);
	snprintf(p->part, sizeof(p->part), "%s/x.part", p->dir);
	snprintf(p->link, sizeof(p->link), "%s/link", p->dir);
}

static void place_remove(const struct place *p)
{
	unlink(p->link);
	unlink(p->file);
	assert_int_equal(rmdir(p->dir), 0); /* so no part is left either */
}

static void assert_holds(const char *path, const char *want)
{
	char text[20] = "";
	FILE *f = fopen(path, "re");

	assert_non_null(f);
	assert_true(fread(text, 1, sizeof(text) - 1, f) < sizeof(text));
	fclose(f);
	assert_string_equal(text, want);
}

static void write_new(const char *path, const char *text, bool keep)
{
	struct newfile f;

	assert_int_equal(newfile_open(&f, path), 0);
	assert_true(fputs(text, f.file) >= 0);
	assert_int_equal(newfile_close(&f, keep), 0);
}

static void test_kept_and_given_up(void **state)
{
	struct place p;

	(void)state;
	place_make(&p);
	write_new(p.file, "new", false);
	assert_int_equal(access(p.file, F_OK), -1);
	write_new(p.file, "old", true);
	assert_holds(p.file, "old");
	write_new(p.file, "other", false);
	assert_holds(p.file, "old");
	place_remove(&p);
}

/* What is written comes from the file that it replaces. */
static void test_old_until_closed(void **state)
{
	struct newfile f;
	struct stat st;
	struct place p;

	(void)state;
	place_make(&p);
	write_new(p.file, "old", true);
	assert_int_equal(chmod(p.file, 0640), 0);
	assert_int_equal(symlink("x", p.link), 0);
	assert_int_equal(newfile_open(&f, p.link), 0);
	assert_true(fputs("new", f.file) >= 0);
	assert_holds(p.file, "old");
	assert_int_equal(newfile_close(&f, true), 0);
	assert_holds(p.file, "new");
	assert_int_equal(lstat(p.link, &st), 0);
	assert_true(S_ISLNK(st.st_mode));
	assert_int_equal(stat(p.file, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0640);
	place_remove(&p);
}

/* A pipe stands for devices, too: it is there afterwards, whatever happened. */
static void test_no_plain_file(void **state)
{
	struct newfile f;
	struct stat st;
	struct place p;
	FILE *reader;

	(void)state;
	place_make(&p);
	assert_int_equal(mkfifo(p.file, 0600), 0);
	reader = fopen(p.file, "r+e");
	assert_non_null(reader);
	assert_int_equal(newfile_open(&f, p.file), 0);
	assert_int_equal(newfile_close(&f, false), 0);
	assert_int_equal(stat(p.file, &st), 0);
	assert_true(S_ISFIFO(st.st_mode));
	fclose(reader);
	assert_int_equal(newfile_open(&f, p.dir), -EISDIR);
	assert_int_equal(newfile_open(&f, "/dev/null/x"), -ENOTDIR);
	place_remove(&p);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_kept_and_given_up),
		cmocka_unit_test(test_old_until_closed),
		cmocka_unit_test(test_no_plain_file),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
