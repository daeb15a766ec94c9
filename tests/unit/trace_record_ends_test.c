/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * trace_record_ends_test.c: a program that touches pages a known number of times (tests/record/touched.c) is recorded by
 * `ballast trace record`, and the trace says just that: with threads, forks, when it is killed, runs another program,
 * closes standard error, is interrupted, or when the disk is full. As an independent witness, valgrind's lackey sees as
 * many accesses. Skipped where there is no qemu-x86_64.
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "sim/trace.h"
#include "tests/record/touched.h"
#include "tests/support/trace_file.h"

#define LIMIT_BYTES (36ul << 20) /* a little more than the memory shared with the emulator */

struct run {
	pid_t pid;
	int output;           /* the program's standard output */
	uint64_t array, lone; /* page numbers */
	struct trace_file file;
};

/* The build folder: two above this test's. */
static void built(const char *name, char *path, size_t bytes)
{
	char self[PATH_MAX];
	ssize_t nr = readlink("/proc/self/exe", self, sizeof(self) - 1);

	assert_true(nr > 0);
	self[nr] = '\0';
	for (int i = 0; i < 3; i++)
		*strrchr(self, '/') = '\0';
	assert_true((size_t)snprintf(path, bytes, "%s/%s", self, name) < bytes);
}

static bool is_installed(const char *program)
{
	char command[100];

	snprintf(command, sizeof(command), "command -v %s >/dev/null 2>&1", program);
	return system(command) == 0;
}

static void need_emulator(void)
{
	if (is_installed("qemu-x86_64"))
		return;
	fprintf(stderr, "no qemu-x86_64 (Debian: qemu-user)\n");
	skip();
}

/* In the child. */
static void run_words(char **words, int output, rlim_t limit)
{
	const struct rlimit most = {limit, limit};
	int nothing = open("/dev/null", O_WRONLY);

	dup2(output, STDOUT_FILENO);
	dup2(nothing, STDERR_FILENO);
	if (limit) {
		signal(SIGXFSZ, SIG_IGN);
		setrlimit(RLIMIT_FSIZE, &most);
	}
	execvp(words[0], words);
	_exit(126);
}

/* Starts `touched HOW`, recorded with that option (NULL: none), and reads where things are. */
static void begin(struct run *r, const char *how, const char *option, const char *path,
		  rlim_t limit)
{
	char ballast[PATH_MAX], touched[PATH_MAX], trace[] = "trace", record[] = "record";
	char o[] = "-o", quiet[] = "-q", dashes[] = "--", mode[20], extra[20], to[PATH_MAX];
	char *words[] = {ballast, trace,   record, o,   to, option ? extra : quiet,
			 dashes,  touched, mode,   NULL};
	unsigned long array, lone;
	int ends[2];
	char text[100];
	ssize_t nr;

	built("ballast", ballast, sizeof(ballast));
	built("tests/record/touched", touched, sizeof(touched));
	trace_file_make(&r->file, ".btrace", "", 0);
	snprintf(mode, sizeof(mode), "%s", how);
	snprintf(extra, sizeof(extra), "%s", option ? option : "");
	snprintf(to, sizeof(to), "%s", path ? path : r->file.path);
	assert_int_equal(pipe(ends), 0);
	r->pid = fork();
	assert_true(r->pid >= 0);
	if (r->pid == 0)
		run_words(words, ends[1], limit);
	close(ends[1]);
	r->output = ends[0];
	nr = read(ends[0], text, sizeof(text) - 1);
	assert_true(nr > 0);
	text[nr] = '\0';
	assert_int_equal(sscanf(text, "%lx %lx", &array, &lone), 2);
	r->array = array >> 12;
	r->lone = lone >> 12;
}

/* Waits; returns the exit status, 128 + N if a signal ended it. */
static int end(struct run *r)
{
	int status = 0;

	assert_int_equal(waitpid(r->pid, &status, 0), r->pid);
	close(r->output);
	return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
}

static void load(struct trace *t, const struct run *r, bool keep_going)
{
	const struct trace_options options = {.want = TRACE_WRITES, .keep_going = keep_going};
	struct error error;

	if (trace_load(t, r->file.path, &options, &error))
		fail_msg("%s", error.text);
}

static uint32_t count(const struct trace *t, uint32_t vm, uint64_t id, bool write)
{
	uint32_t nr = 0;

	for (uint32_t i = 0; i < t->requests; i++)
		nr += t->id[t->page[i]] == id && t->write[i] == write &&
		      (t->vm ? t->vm[t->page[i]] : 0) == vm;
	return nr;
}

/* Records `touched HOW` to its end and loads the trace. */
static void recorded(struct trace *t, struct run *r, const char *how, const char *option,
		     int status)
{
	need_emulator();
	begin(r, how, option, NULL, 0);
	assert_int_equal(end(r), status);
	load(t, r, false);
	trace_file_remove(&r->file);
}

static void assert_all_pages(const struct trace *t, uint64_t array)
{
	for (unsigned i = 0; i < TOUCHED_PAGES; i++) {
		assert_int_equal(count(t, 0, array + i, true), i + 1);
		assert_int_equal(count(t, 0, array + i, false), 2 * i + 1);
	}
}

static void test_every_page(void **state)
{
	struct trace t;
	struct run r;

	(void)state;
	recorded(&t, &r, "all", NULL, TOUCHED_STATUS);
	assert_int_equal(t.has, TRACE_WRITES);
	assert_int_equal(t.thinning, TRACE_WHOLE);
	assert_all_pages(&t, r.array);
	assert_int_equal(count(&t, 0, r.lone, false), 0);
	trace_free(&t);
}

static void test_instructions(void **state)
{
	struct trace t;
	struct run r;

	(void)state;
	recorded(&t, &r, "calls", "--instructions", TOUCHED_STATUS);
	assert_int_equal(count(&t, 0, r.lone, false), TOUCHED_TIMES);
	trace_free(&t);
}

static void test_threads(void **state)
{
	struct trace t;
	struct run r;

	(void)state;
	recorded(&t, &r, "threads", NULL, TOUCHED_STATUS);
	for (unsigned i = 0; i < TOUCHED_THREADS * TOUCHED_SHARE; i++)
		assert_int_equal(count(&t, 0, r.array + i, true), TOUCHED_TIMES / TOUCHED_SHARE);
	trace_free(&t);
}

static void test_forks(void **state)
{
	struct trace t;
	struct run r;

	(void)state;
	recorded(&t, &r, "forks", "--forks", TOUCHED_STATUS);
	assert_true(t.has & TRACE_VMS);
	assert_int_equal(count(&t, 0, r.array, true), 2 * TOUCHED_TIMES);
	assert_int_equal(count(&t, 0, r.array + 1, true), 0);
	assert_int_equal(count(&t, 1, r.array, true), 0);
	assert_int_equal(count(&t, 1, r.array + 1, true), TOUCHED_TIMES / 2);
	trace_free(&t);
	recorded(&t, &r, "forks", NULL, TOUCHED_STATUS);
	assert_int_equal(count(&t, 0, r.array, true), 2 * TOUCHED_TIMES);
	assert_int_equal(count(&t, 0, r.array + 1, true), 0);
	trace_free(&t);
}

/* However a process goes, and whatever it closed, all it did is there. */
static void test_ends(void **state)
{
	static const struct {
		const char *how;
		int status;
	} ends[] = {{"silent", TOUCHED_STATUS}, {"killed", 128 + SIGKILL}, {"exec", 0}};

	(void)state;
	for (size_t i = 0; i < sizeof(ends) / sizeof(ends[0]); i++) {
		struct trace t;
		struct run r;

		recorded(&t, &r, ends[i].how, NULL, ends[i].status);
		assert_int_equal(count(&t, 0, r.array, true), TOUCHED_TIMES);
		trace_free(&t);
	}
}

/* The signal comes to ballast alone. */
static void test_interrupt(void **state)
{
	struct trace t;
	struct run r;

	(void)state;
	need_emulator();
	begin(&r, "forever", NULL, NULL, 0);
	kill(r.pid, SIGINT);
	assert_int_equal(end(&r), 128 + SIGINT);
	load(&t, &r, false);
	assert_true(count(&t, 0, r.array, true) > 0);
	trace_free(&t);
	trace_file_remove(&r.file);
}

static void test_full_disk(void **state)
{
	struct trace t;
	struct run r;

	(void)state;
	need_emulator();
	begin(&r, "all", NULL, "/dev/full", 0);
	assert_int_equal(end(&r), 1);
	trace_file_remove(&r.file);

	begin(&r, "many", NULL, NULL, LIMIT_BYTES);
	assert_int_equal(end(&r), 1);
	load(&t, &r, true);
	assert_true(*t.broken);
	assert_true(t.requests > TOUCHED_MANY);
	trace_free(&t);
	trace_file_remove(&r.file);
}

/* Runs of the same page are one request, which writes if one of them did; and the trace says that they are. */
static void test_collapse(void **state)
{
	struct trace t;
	struct run r;

	(void)state;
	recorded(&t, &r, "all", "--collapse", TOUCHED_STATUS);
	assert_int_equal(t.thinning, TRACE_FILTER);
	assert_int_equal(t.thinning_pages, 1);
	for (uint32_t i = 1; i < t.requests; i++)
		assert_int_not_equal(t.page[i], t.page[i - 1]);
	for (unsigned i = 0; i < TOUCHED_PAGES; i++) {
		uint32_t writes = count(&t, 0, r.array + i, true);

		assert_in_range(writes, 1, i + 1);
	}
	trace_free(&t);
}

/* A modification is a read and a write to us, one line to lackey. */
static void test_lackey(void **state)
{
	char command[3 * PATH_MAX], touched[PATH_MAX];
	const struct trace_options options = {.want = TRACE_WRITES, .format = "lackey"};
	struct trace_file log;
	struct trace t, seen;
	struct error error;
	struct run r;
	uint64_t modified = 0, data = 0;
	char line[200];
	FILE *file;

	(void)state;
	if (!is_installed("valgrind")) {
		fprintf(stderr, "no valgrind\n");
		skip();
	}
	recorded(&t, &r, "sorts", NULL, TOUCHED_STATUS);
	built("tests/record/touched", touched, sizeof(touched));
	trace_file_make(&log, ".lackey", "", 0);
	snprintf(command, sizeof(command),
		 "valgrind --tool=lackey --trace-mem=yes --log-file=%s.all %s sorts >/dev/null; "
		 "grep '^ [LSM] ' %s.all >%s; rm %s.all",
		 log.path, touched, log.path, log.path, log.path);
	assert_int_equal(system(command), 0);
	file = fopen(log.path, "r");
	assert_non_null(file);
	while (fgets(line, sizeof(line), file)) {
		data++;
		modified += line[1] == 'M';
	}
	fclose(file);
	if (trace_load(&seen, log.path, &options, &error))
		fail_msg("%s", error.text);
	trace_file_remove(&log);
	assert_all_pages(&seen, r.array);
	print_message("lackey: %llu accesses, we: %u\n", (unsigned long long)(data + modified),
		      t.requests);
	assert_in_range(t.requests, (data + modified) * 99 / 100, (data + modified) * 101 / 100);
	trace_free(&seen);
	trace_free(&t);
}

/* A machine whose boot sector writes a page 1000 times and switches it off with status 4, that is, 9. */
static void test_machine(void **state)
{
	static const uint8_t code[] = {
		0xb8, 0xff, 0xff, 0x8e, 0xd8, /* ds = 0xffff: just above 1 MiB, */
		0xbb, 0x10, 0x00, /* with bx = 16: page 0x100, which the BIOS leaves alone */
		0xb9, 0xe8, 0x03, 0xc6, 0x07, 0x01, 0xe2, 0xfb, /* 1000 times: byte [bx] = 1 */
		0xba, 0xf4, 0x00, 0xb0, 0x04, 0xee,             /* out 0xf4, 4 */
		0xf4, 0xeb, 0xfd,                               /* hlt, again */
	};
	static uint8_t sector[720 * 1024];
	char ballast[PATH_MAX], command[2 * PATH_MAX + 400];
	struct trace_file floppy;
	struct trace t;
	struct run r;
	int status;

	(void)state;
	if (!is_installed("qemu-system-x86_64")) {
		fprintf(stderr, "no qemu-system-x86_64\n");
		skip();
	}
	memcpy(sector, code, sizeof(code));
	sector[510] = 0x55;
	sector[511] = 0xaa;
	trace_file_make(&floppy, ".img", sector, sizeof(sector));
	trace_file_make(&r.file, ".btrace", "", 0);
	built("ballast", ballast, sizeof(ballast));
	snprintf(command, sizeof(command),
		 "%s trace record -q --vm -o %s -- -M pc -m 16 -display none -nodefaults "
		 "-device isa-debug-exit,iobase=0xf4,iosize=4 -boot a "
		 "-drive file=%s,format=raw,if=floppy </dev/null",
		 ballast, r.file.path, floppy.path);
	status = system(command);
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), 9);
	load(&t, &r, false);
	assert_int_equal(count(&t, 0, 0x100, true), 1000);
	assert_int_equal(count(&t, 0, 0x100, false), 0);
	trace_free(&t);
	trace_file_remove(&r.file);
	trace_file_remove(&floppy);
	/* options that the emulator does not take are the user's mistake, and nothing is left */
	snprintf(command, sizeof(command),
		 "%s trace record --vm -o %s -- -nonsense </dev/null 2>&1 | grep -q 'allowed: its "
		 "options' && ! [ -e %s ]",
		 ballast, r.file.path, r.file.path);
	assert_int_equal(system(command), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_every_page), cmocka_unit_test(test_instructions),
		cmocka_unit_test(test_threads),    cmocka_unit_test(test_forks),
		cmocka_unit_test(test_ends),       cmocka_unit_test(test_interrupt),
		cmocka_unit_test(test_full_disk),  cmocka_unit_test(test_collapse),
		cmocka_unit_test(test_lackey),     cmocka_unit_test(test_machine),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
