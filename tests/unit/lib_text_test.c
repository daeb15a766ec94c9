/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * lib_text_test.c: what the library prints: errors, log lines, word lists, tables, JSON.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib/error.h"
#include "lib/jsonl.h"
#include "lib/log.h"
#include "lib/table.h"
#include "lib/words.h"

static void test_errors(void **state)
{
	struct error e;
	char big[2000];

	(void)state;
	assert_int_equal(error_user(&e, "bad '%s'", "x"), -EINVAL);
	assert_true(e.user);
	assert_string_equal(e.text, "bad 'x'");
	error_prefix(&e, "%s:%d: ", "file", 3);
	assert_string_equal(e.text, "file:3: bad 'x'");
	assert_int_equal(error_host(&e, ENOSPC, "swap %d", 7), -ENOSPC);
	assert_false(e.user);
	assert_string_equal(e.text, "swap 7: No space left on device");
	assert_int_equal(error_user(NULL, "nobody listens"), -EINVAL);
	assert_int_equal(error_host(NULL, EIO, "nobody listens"), -EIO);
	assert_int_equal(error_host(&e, 0, "run %s", "failed"), -EIO);
	assert_string_equal(e.text, "run failed");
	assert_int_equal(error_host(NULL, 0, "nobody listens"), -EIO);
	error_prefix(NULL, "nobody");

	/* Too long a text or prefix is cut, never overrun. */
	memset(big, 'x', sizeof(big) - 1);
	big[sizeof(big) - 1] = '\0';
	error_user(&e, "%s", big);
	assert_int_equal(strlen(e.text), sizeof(e.text) - 1);
	error_prefix(&e, "here: ");
	assert_int_equal(strlen(e.text), sizeof(e.text) - 1);
	assert_memory_equal(e.text, "here: xxx", 9);
	error_host(&e, EIO, "%s", big);
	assert_int_equal(strlen(e.text), sizeof(e.text) - 1);
	error_prefix(&e, "%s", big);
	assert_int_equal(strlen(e.text), sizeof(e.text) - 1);
}

/* Standard error into a pipe for the time of one call; what came, in one read. */
static size_t log_caught(void (*call)(void), char *buf, size_t bytes)
{
	int saved = dup(STDERR_FILENO), fds[2];
	ssize_t n;

	assert_int_equal(pipe2(fds, O_NONBLOCK | O_CLOEXEC), 0);
	dup2(fds[1], STDERR_FILENO);
	call();
	dup2(saved, STDERR_FILENO);
	close(saved);
	close(fds[1]);
	n = read(fds[0], buf, bytes - 1);
	close(fds[0]);
	assert_true(n >= 0);
	buf[n] = '\0';
	return (size_t)n;
}

static void say_warn(void)
{
	errno = ENOENT;
	log_warn("no disk name=%s vm=%d", "web", 3);
	assert_int_equal(errno, ENOENT);
}

static void say_error(void)
{
	log_error("lost");
}

static void say_info(void)
{
	log_info("hello");
}

static void say_long(void)
{
	char big[4000];

	memset(big, 'x', sizeof(big) - 1);
	big[sizeof(big) - 1] = '\0';
	log_warn("%s", big);
}

static void test_log(void **state)
{
	char line[5000];
	size_t n;

	(void)state;
	log_caught(say_warn, line, sizeof(line));
	assert_string_equal(line, "ballast: warning: no disk name=web vm=3\n");
	log_caught(say_error, line, sizeof(line));
	assert_string_equal(line, "ballast: error: lost\n");
	assert_int_equal(log_caught(say_info, line, sizeof(line)), 0);
	log_set_level(LOG_INFO);
	log_caught(say_info, line, sizeof(line));
	assert_string_equal(line, "ballast: info: hello\n");
	log_set_level(LOG_ERROR);
	assert_int_equal(log_caught(say_warn, line, sizeof(line)), 0);
	log_set_level(LOG_WARN);
	/* One line, cut, still ended. */
	n = log_caught(say_long, line, sizeof(line));
	assert_in_range(n, 500, 1024);
	assert_ptr_equal(strchr(line, '\n'), line + n - 1);
}

static void test_words(void **state)
{
	struct words w = {0};
	char buf[64];

	(void)state;
	assert_null(words_nearest(&w, "run"));
	assert_string_equal(words_join(&w, buf, sizeof(buf)), "");
	words_add(&w, "memory");
	words_add(&w, "mechanisms");
	words_add(&w, "min");
	assert_string_equal(words_join(&w, buf, sizeof(buf)), "memory, mechanisms, min");
	assert_string_equal(words_join(&w, buf, 9), "memory, ");
	assert_string_equal(words_nearest(&w, "memry"), "memory");   /* deletion */
	assert_string_equal(words_nearest(&w, "memmory"), "memory"); /* insertion */
	assert_string_equal(words_nearest(&w, "mamory"), "memory");  /* replacement */
	assert_string_equal(words_nearest(&w, "memroy"), "memory");  /* swap */
	assert_string_equal(words_nearest(&w, "mni"), "min");
	assert_string_equal(words_nearest(&w, "mechanism"), "mechanisms");
	assert_string_equal(words_nearest(&w, "memory"), "memory");
	assert_null(words_nearest(&w, "mxxx")); /* one edit allowed, more needed */
	assert_null(words_nearest(&w, ""));
	assert_null(words_nearest(&w, "memorymemorymemorymemorymemorymemorymemory"));
	for (int i = 0; i < 2 * WORDS_MAX; i++)
		words_add(&w, "more");
	assert_int_equal(w.nr, WORDS_MAX);
}

static void test_quote(void **state)
{
	char buf[10];

	(void)state;
	assert_string_equal(words_quote("abc", buf, sizeof(buf)), "abc");
	assert_string_equal(words_quote("123456789", buf, sizeof(buf)), "123456789");
	assert_string_equal(words_quote("1234567890", buf, sizeof(buf)), "123456...");
	assert_string_equal(words_quote("a\tb\n\x7f", buf, sizeof(buf)), "a?b??");
	/* u-umlaut at bytes 5 and 6 would be cut in half. */
	assert_string_equal(words_quote("12345\xc3\xbc"
					"7890",
					buf, sizeof(buf)),
			    "12345...");
}

static char *printed(const struct table *t, int lines)
{
	char *text = NULL;
	size_t bytes;
	FILE *f = open_memstream(&text, &bytes);

	assert_non_null(f);
	assert_int_equal(table_print(t, f), lines);
	fclose(f);
	return text;
}

static void test_table(void **state)
{
	static const struct table_column columns[] = {
		{"vm", false}, {"pages", true}, {"state", false}};
	struct table *t = table_create(columns, 3);
	char *text;

	(void)state;
	assert_non_null(t);
	text = printed(t, 1);
	assert_string_equal(text, "vm  pages  state\n");
	free(text);
	table_cell(t, "%s-%d", "web", 0);
	table_cell(t, "%d", 123456);
	table_cell(t, "up");
	table_cell(t, "b");
	table_cell(t, "7");
	text = printed(t, 3);
	assert_string_equal(text, "vm      pages  state\n"
				  "web-0  123456  up\n"
				  "b           7\n");
	free(text);
	table_clear(t);
	for (int i = 0; i < 300; i++)
		table_cell(t, "%d", i);
	text = printed(t, 101);
	assert_non_null(strstr(text, "\n297    298  299\n"));
	free(text);
	table_destroy(t);
	table_destroy(NULL);
}

static void test_json(void **state)
{
	char *text = NULL;
	size_t bytes;
	FILE *f = open_memstream(&text, &bytes);

	(void)state;
	assert_int_equal(jsonl_write(f, json_pack("{s:f, s:i, s:[b]}", "z", 0.1, "a", 3, "l", 1)),
			 0);
	assert_int_equal(jsonl_pretty(f, json_pack("{s:i}", "k", 1)), 0);
	assert_int_equal(jsonl_write(f, NULL), -ENOMEM);
	fclose(f);
	assert_string_equal(text, "{\"z\":0.1,\"a\":3,\"l\":[true]}\n{\n  \"k\": 1\n}\n");
	free(text);

	f = fopen("/dev/full", "w");
	assert_non_null(f);
	setvbuf(f, NULL, _IONBF, 0);
	assert_int_equal(jsonl_write(f, json_pack("{s:i}", "k", 1)), -ENOSPC);
	fclose(f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_errors), cmocka_unit_test(test_log),
		cmocka_unit_test(test_words),  cmocka_unit_test(test_quote),
		cmocka_unit_test(test_table),  cmocka_unit_test(test_json),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
