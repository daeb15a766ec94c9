/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * sweep_full_test.c: a sweep or comparison whose folder gets full: the file is named, what was there before stays whole,
 * and when there is place again the same command finishes. Jobs are those of the program itself, on a trace of a few
 * lines; the disk is one that takes 1000 bytes a file, which a job's result fits into and the merged ones do not, or
 * /dev/full in the place of a file.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#define TEXT_BYTES 20000

static struct world {
	char dir[100], program[PATH_MAX];
} w;

/* In the world's folder, $ballast being the program; standard error to the file "err". Returns the exit status. */
static int shell_limited(rlim_t file_bytes, const char *command)
{
	const struct rlimit limit = {file_bytes, file_bytes};
	char words[PATH_MAX + 2000];
	int status;
	pid_t pid;

	snprintf(words, sizeof(words), "cd '%s' && ballast='%s' && { %s; } >out 2>err", w.dir,
		 w.program, command);
	fflush(NULL);
	pid = fork();
	assert_true(pid >= 0);
	if (!pid) {
		if (setrlimit(RLIMIT_FSIZE, &limit) == 0)
			execl("/bin/sh", "sh", "-c", words, NULL);
		_exit(126);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	return WEXITSTATUS(status);
}

static int shell(const char *command)
{
	return shell_limited(RLIM_INFINITY, command);
}

static char *file_read(const char *name)
{
	char path[200], *text = calloc(1, TEXT_BYTES);
	FILE *in;

	snprintf(path, sizeof(path), "%s/%s", w.dir, name);
	in = fopen(path, "r");
	assert_true(in && text);
	assert_true(fread(text, 1, TEXT_BYTES - 1, in) < TEXT_BYTES - 1);
	fclose(in);
	return text;
}

static void err_says(const char *words)
{
	char *text = file_read("err");

	if (!strstr(text, words))
		fail_msg("'%s' lacks '%s'", text, words);
	free(text);
}

static void setup(void)
{
	const char *tmp = getenv("TMPDIR");
	ssize_t nr = readlink("/proc/self/exe", w.program, sizeof(w.program) - 10);

	assert_true(nr > 0);
	w.program[nr] = '\0';
	for (int i = 0; i < 3; i++) /* BUILD/tests/unit/NAME */
		*strrchr(w.program, '/') = '\0';
	strcat(w.program, "/ballast");
	snprintf(w.dir, sizeof(w.dir), "%s/full-XXXXXX", tmp ? tmp : "/tmp");
	assert_non_null(mkdtemp(w.dir));
	assert_int_equal(shell("printf '%s\\n' 1 2 3 1 2 4 1 2 5 >t.txt && "
			       "printf 'trace: t.txt\\nrepeat: 20\\nset: {frames: 3}\\n"
			       "vary: {policy: [lru, fifo]}\\n' >p.yaml"),
			 0);
}

static void teardown(void)
{
	char command[150];

	snprintf(command, sizeof(command), "rm -rf '%s'", w.dir);
	assert_int_equal(system(command), 0);
}

static unsigned lines(const char *name)
{
	char *text = file_read(name);
	unsigned nr = 0;

	for (const char *c = text; *c; c++)
		nr += *c == '\n';
	free(text);
	return nr;
}

static void test_sweep(void **state)
{
	(void)state;
	setup();
	assert_int_equal(shell_limited(1000, "$ballast sweep p.yaml -q -o r"), 1);
	err_says("r/results.csv: File too large");
	/* all that was done is there, nothing that is not whole */
	assert_int_equal(shell("ls r | tr '\\n' ' ' | grep -x 'jobs lock '"), 0);
	assert_int_equal(shell("[ $(ls r/jobs/*.json | wc -l) = 40 ]"), 0);
	assert_int_equal(shell("$ballast sweep p.yaml -q -o r"), 0);
	assert_int_equal(lines("r/results.csv"), 41);
	/* once more: the old ones stay */
	assert_int_equal(shell("cp -r r before; sed -i 's/20/21/' p.yaml"), 0);
	assert_int_equal(shell_limited(1000, "$ballast sweep p.yaml -q -o r"), 1);
	err_says("r/results.csv: File too large");
	assert_int_equal(
		shell("for f in results.csv results.json; do cmp r/$f before/$f || exit 1; done; "
		      "! ls r/*.part"),
		0);
	assert_int_equal(shell("$ballast sweep p.yaml -q -o r"), 0);
	assert_int_equal(lines("r/results.csv"), 43);
	teardown();
}

static void test_compare(void **state)
{
	(void)state;
	setup();
	assert_int_equal(shell("$ballast compare t.txt --vary policy=lru,fifo --set frames=3 -r 20 "
			       "-q -o r && cp -r r before"),
			 0);
	assert_int_equal(shell_limited(1000, "$ballast compare t.txt --vary policy=lru,fifo "
					     "--set frames=3 -r 21 -q -o r"),
			 1);
	err_says("r/results.csv: File too large");
	assert_int_equal(shell("for f in results.csv results.json compare.csv compare.json "
			       "compare.gp; do cmp r/$f before/$f || exit 1; done; ! ls r/*.part"),
			 0);
	assert_int_equal(shell("$ballast compare t.txt --vary policy=lru,fifo --set frames=3 -r 21 "
			       "-q -o r"),
			 0);
	assert_int_equal(lines("r/results.csv"), 43);
	assert_int_equal(lines("r/compare.csv"), 5); /* two settings, two figures */
	teardown();
}

/* Any of the files, on a disk without a byte left. */
static void test_each_file(void **state)
{
	static const char *const files[] = {"results.csv", "results.json", "compare.json",
					    "compare.csv", "compare.gp"};

	(void)state;
	setup();
	for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++) {
		char command[300], says[80];

		snprintf(command, sizeof(command),
			 "rm -rf r; mkdir r; ln -s /dev/full r/%s; $ballast compare t.txt "
			 "--vary policy=lru --set frames=3 -r 1 -q -o r",
			 files[i]);
		snprintf(says, sizeof(says), "ballast: r/%s: No space left on device", files[i]);
		assert_int_equal(shell(command), 1);
		err_says(says);
	}
	teardown();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_sweep),
		cmocka_unit_test(test_compare),
		cmocka_unit_test(test_each_file),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
