/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * cmd_main_test.c: dispatch, help, exit statuses and lost output of the program, as its user sees them.
 *
 * main.c is compiled in under another name, with commands of the test's own in place of run and bench, and run in a
 * child process whose standard descriptors the test chooses.
 */
int program_main(int argc, char **argv);
#define main program_main
#include "cmd/main.c"
#undef main

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdlib.h>
#include <sys/wait.h>

/* The program has the lab guest here; nothing gets as far as starting one. */
extern const char lab_image_start[], lab_image_end[];
const char lab_image_start[1], lab_image_end[1];

/* "run N" prints the operand and exits with it, "run big" prints more than a pipe holds. */
int cmd_run(int argc, char **argv)
{
	if (argc > 1 && strcmp(argv[1], "big") == 0)
		for (int i = 0; i < 100000; i++)
			puts("0123456789");
	printf("%s", argc > 1 ? argv[1] : "none");
	return argc > 1 ? atoi(argv[1]) : 0;
}

int cmd_sim(int argc, char **argv)
{
	(void)argc;
	(void)argv;
	return COMMAND_DONE;
}

int cmd_validate(int argc, char **argv)
{
	return cmd_sim(argc, argv);
}

int cmd_calibrate(int argc, char **argv)
{
	return cmd_sim(argc, argv);
}

int cmd_bench(int argc, char **argv)
{
	struct error error;

	if (argc > 1 && strcmp(argv[1], "--man") == 0)
		return COMMAND_DONE;
	if (argc == 1)
		error_host(&error, EACCES, "no bench");
	else
		error_user(&error, "bench '%s' is unknown", argv[1]);
	return command_fail(&error);
}

enum output { OUT_KEPT, OUT_FULL, OUT_CLOSED, OUT_BROKEN };

struct outcome {
	int status;
	char out[64 * 1024], err[2000];
};

static void read_all(int fd, char *buf, size_t bytes)
{
	size_t used = 0;
	ssize_t n;

	while (used < bytes - 1 && (n = read(fd, buf + used, bytes - 1 - used)) > 0)
		used += (size_t)n;
	buf[used] = '\0';
	close(fd);
}

static void child(char **argv, int argc, enum output where, int out, int err)
{
	int full = open("/dev/full", O_WRONLY);

	dup2(err, STDERR_FILENO);
	if (where == OUT_CLOSED)
		close(STDOUT_FILENO);
	else
		dup2(where == OUT_FULL ? full : out, STDOUT_FILENO);
	exit(program_main(argc, argv));
}

/* words: separated by blanks, without the program's name. */
static struct outcome program(const char *words, enum output where)
{
	char copy[200], name[] = "ballast", *argv[10] = {name}, *save = NULL;
	struct outcome o = {0};
	int argc = 1, out[2], err[2], status;
	pid_t pid;

	snprintf(copy, sizeof(copy), "%s", words);
	for (char *w = strtok_r(copy, " ", &save); w; w = strtok_r(NULL, " ", &save))
		argv[argc++] = w;
	assert_int_equal(pipe2(out, O_CLOEXEC), 0);
	assert_int_equal(pipe2(err, O_CLOEXEC), 0);
	if (where == OUT_BROKEN)
		close(out[0]);
	fflush(NULL);
	pid = fork();
	assert_true(pid >= 0);
	if (pid == 0) {
		if (where != OUT_BROKEN)
			close(out[0]);
		close(err[0]);
		child(argv, argc, where, out[1], err[1]);
	}
	close(out[1]);
	close(err[1]);
	if (where != OUT_BROKEN)
		read_all(out[0], o.out, sizeof(o.out));
	read_all(err[0], o.err, sizeof(o.err));
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	o.status = WEXITSTATUS(status);
	return o;
}

static void test_dispatch(void **state)
{
	struct outcome o = program("run 3 x", OUT_KEPT);

	(void)state;
	assert_int_equal(o.status, 3);
	assert_string_equal(o.out, "3");
	assert_string_equal(o.err, "");
	o = program("run", OUT_KEPT);
	assert_int_equal(o.status, 0);
	assert_string_equal(o.out, "none");
}

static void test_errors_once(void **state)
{
	struct outcome o = program("bench", OUT_KEPT);

	(void)state;
	assert_int_equal(o.status, 1);
	assert_string_equal(o.err, "ballast: no bench: Permission denied\n");
	o = program("bench x", OUT_KEPT);
	assert_int_equal(o.status, 2);
	assert_string_equal(o.err, "ballast: bench 'x' is unknown\n");
}

static void test_wrong_words(void **state)
{
	static const struct {
		const char *words, *says;
	} bad[] = {
		{"", "no command; allowed: ballast COMMAND"},
		{"rnu",
		 "unknown command 'rnu', did you mean run?; allowed: run, sim, calibrate, "
		 "validate, replay, mrc, trace, compare, sweep, mm-replay, bench, doctor, help"},
		{"zzzzz", "unknown command 'zzzzz'; allowed: run"},
		{"--verson", "unknown option '--verson'; allowed: --help, --version"},
		{"help rnu", "unknown command 'rnu', did you mean run?"},
		{"help run x", "help: too many arguments"},
		{"doctor x", "doctor: argument 'x' is one too many"},
		{"doctor --dir /dev/null", "--dir '/dev/null' is not a folder"},
		{"help trace nothing", "trace: 'nothing' is none of its parts; allowed: gen,"},
		{"trace gen scan --alpha 1 -o /dev/null", "--alpha goes with the kinds zipf"},
		{"trace gen zipf --phase 9 -o /dev/null", "--phase goes with the kind phased"},
		{"doctor --jsno", "doctor: unknown option '--jsno', did you mean --json?"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		struct outcome o = program(bad[i].words, OUT_KEPT);

		assert_int_equal(o.status, 2);
		assert_string_equal(o.out, "");
		assert_memory_equal(o.err, "ballast: ", 9);
		if (!strstr(o.err, bad[i].says))
			fail_msg("'%s' lacks '%s'", o.err, bad[i].says);
		assert_ptr_equal(strchr(o.err, '\n'), o.err + strlen(o.err) - 1);
	}
}

static void test_help(void **state)
{
	static const char *const ways[] = {"--help", "-h", "help", "help help", "help --help"};
	struct outcome o;

	(void)state;
	for (size_t i = 0; i < sizeof(ways) / sizeof(ways[0]); i++) {
		o = program(ways[i], OUT_KEPT);
		assert_int_equal(o.status, 0);
		assert_non_null(strstr(o.out, "usage: ballast COMMAND"));
		assert_non_null(strstr(o.out, "\n  doctor    tell what this host offers"));
		assert_non_null(strstr(o.out, "\n2  the input is wrong"));
	}
	o = program("help doctor", OUT_KEPT);
	assert_int_equal(o.status, 0);
	assert_memory_equal(o.out, "ballast doctor: ", 16);
	assert_non_null(strstr(o.out, "-j, --json"));
	o = program("help trace gen", OUT_KEPT);
	assert_int_equal(o.status, 0);
	assert_memory_equal(o.out, "ballast trace gen: ", 19);
	o = program("help policies", OUT_KEPT);
	assert_int_equal(o.status, 0);
	assert_non_null(strstr(o.out, "\n  arc\n      Megiddo, Modha, "));
	o = program("--version", OUT_KEPT);
	assert_int_equal(o.status, 0);
	assert_string_equal(o.out, "ballast " BALLAST_VERSION "\n");
	o = program("help --man", OUT_KEPT);
	assert_int_equal(o.status, 0);
	assert_memory_equal(o.out, ".TH BALLAST 1", 13);
	assert_non_null(strstr(o.out, ".SS \"ballast doctor \"\n"));
}

/* Output that cannot be written is an error, whatever the command thought; a status of its own stays. */
static void test_lost_output(void **state)
{
	struct outcome o = program("run 0", OUT_FULL);

	(void)state;
	assert_int_equal(o.status, 1);
	assert_string_equal(o.err,
			    "ballast: cannot write to standard output: No space left on device\n");
	o = program("run big", OUT_FULL);
	assert_int_equal(o.status, 1);
	assert_non_null(strstr(o.err, "cannot write to standard output"));
	o = program("run 3", OUT_FULL);
	assert_int_equal(o.status, 3);
	assert_non_null(strstr(o.err, "cannot write to standard output"));
	o = program("run big", OUT_BROKEN);
	assert_int_equal(o.status, 1);
	assert_string_equal(o.err, "ballast: cannot write to standard output: Broken pipe\n");
	o = program("--help", OUT_CLOSED);
	assert_int_equal(o.status, 1);
	assert_string_equal(o.err,
			    "ballast: cannot write to standard output: Bad file descriptor\n");
}

/* Nothing printed, nothing lost: an error's own message and status are all there is. */
static void test_closed_output_unused(void **state)
{
	struct outcome o = program("bench", OUT_CLOSED);

	(void)state;
	assert_int_equal(o.status, 1);
	assert_string_equal(o.err, "ballast: no bench: Permission denied\n");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_dispatch),    cmocka_unit_test(test_errors_once),
		cmocka_unit_test(test_wrong_words), cmocka_unit_test(test_help),
		cmocka_unit_test(test_lost_output), cmocka_unit_test(test_closed_output_unused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
