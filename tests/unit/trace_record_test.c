/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * trace_record_test.c: `ballast trace record` of a program whose references are known: this one, started again with an
 * argument. It reads and writes pages at a fixed address, in an order that both sides compute; what else the program
 * touches lies elsewhere. Needs qemu-x86_64; a program under AddressSanitizer cannot be emulated.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "ballast/rng.h"
#include "ballast/types.h"
#include "cmd/commands.h"
#include "sim/trace.h"
#include "tests/support/trace_file.h"

/* The program has the lab guest here; no command gets as far as starting one. */
extern const char lab_image_start[], lab_image_end[];
const char lab_image_start[1], lab_image_end[1];

#define ADDRESS 0x150000000ull
#define PAGES   40u
#define TOUCHES 5000u
#define TOUCHED 7                              /* exit status */
#define ACROSS  (ADDRESS + 3 * PAGE_BYTES - 2) /* eight bytes from here lie in two pages */

/* One byte a touch; the last one reads across the end of a page. */
static int touch(void)
{
	volatile uint8_t *at =
		mmap((void *)(uintptr_t)ADDRESS, PAGES * PAGE_BYTES, PROT_READ | PROT_WRITE,
		     MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0);
	struct rng rng = rng_seeded(5);

	if ((uintptr_t)at != ADDRESS)
		return 9;
	for (unsigned i = 0; i < TOUCHES; i++) {
		uint64_t draw = rng_next(&rng);
		volatile uint8_t *byte =
			at + draw % PAGES * PAGE_BYTES + (draw >> 32) % (PAGE_BYTES - 8);

		if (draw >> 63)
			*byte = 1;
		else
			(void)*byte;
	}
	(void)*(volatile uint64_t *)(uintptr_t)ACROSS;
	return TOUCHED;
}

static bool emulator_is_there(void)
{
	return system("qemu-x86_64 --version >/dev/null 2>&1") == 0;
}

/* The command in a child: it changes signals. Returns its exit status. */
static int record(char **argv, int argc)
{
	int status;
	pid_t pid;

	fflush(NULL);
	pid = fork();
	assert_true(pid >= 0);
	if (!pid)
		_exit(cmd_trace(argc, argv));
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	return WEXITSTATUS(status);
}

static void check(const char *path)
{
	const struct trace_options options = {.want = TRACE_WRITES};
	struct rng rng = rng_seeded(5);
	uint32_t seen = 0;
	struct trace t;
	struct error error = {.text = ""};

	if (trace_load(&t, path, &options, &error))
		fail_msg("%s", error.text);
	for (uint32_t i = 0; i < t.requests; i++) {
		uint64_t page = t.id[t.page[i]] - (ADDRESS >> PAGE_SHIFT_BITS), draw;

		if (page >= PAGES)
			continue;
		if (seen >= TOUCHES) {
			assert_int_equal(page, 2 + seen - TOUCHES);
		} else {
			draw = rng_next(&rng);
			assert_int_equal(page, draw % PAGES);
			assert_int_equal(t.write[i], draw >> 63);
		}
		seen++;
	}
	assert_int_equal(seen, TOUCHES + 2);
	trace_free(&t);
}

static void test_record(void **state)
{
	char self[600] = "", part[] = "record", trace[] = "trace", to[] = "-o", end[] = "--";
	char word[] = "touch", code[] = "--instructions";
	struct trace_file f;

	(void)state;
#ifdef __SANITIZE_ADDRESS__
	skip();
#endif
	if (!emulator_is_there()) {
		print_message("SKIP: no qemu-x86_64\n");
		skip();
	}
	assert_true(readlink("/proc/self/exe", self, sizeof(self) - 1) > 0);
	trace_file_make(&f, ".btrace", "", 0);
	assert_int_equal(record((char *[]){trace, part, to, f.path, end, self, word, NULL}, 7),
			 TOUCHED);
	check(f.path);
	/* code is elsewhere */
	assert_int_equal(
		record((char *[]){trace, part, code, to, f.path, end, self, word, NULL}, 8),
		TOUCHED);
	check(f.path);
	trace_file_remove(&f);
}

static void test_refused(void **state)
{
	char part[] = "record", trace[] = "trace", to[] = "-o", end[] = "--";
	char none[] = "no-such-program", text[] = "/etc/passwd";
	struct trace_file f;

	(void)state;
	trace_file_make(&f, ".btrace", "", 0);
	assert_int_equal(record((char *[]){trace, part, end, none, NULL}, 4), COMMAND_USER);
	assert_int_equal(record((char *[]){trace, part, to, f.path, end, none, NULL}, 6),
			 COMMAND_USER);
	assert_int_equal(record((char *[]){trace, part, to, f.path, end, text, NULL}, 6),
			 COMMAND_USER);
	trace_file_remove(&f);
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_record),
		cmocka_unit_test(test_refused),
	};

	if (argc == 2 && strcmp(argv[1], "touch") == 0)
		return touch();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
