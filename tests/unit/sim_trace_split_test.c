/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * sim_trace_split_test.c: requests of several pages (--split), the format of the ARC paper, whose requests are split
 * from the start, and tables that need no --columns; each by a few requests written out by hand.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "sim/trace_reader.h"
#include "tests/support/trace_file.h"

static int load(struct trace *t, const char *ending, const void *bytes, size_t nr,
		struct trace_options options, struct error *error)
{
	struct trace_file f;
	int err;

	trace_file_make(&f, ending, bytes, nr);
	options.want = TRACE_WRITES | TRACE_TIMES;
	err = trace_load(t, f.path, &options, error);
	trace_file_remove(&f);
	return err;
}

/* The file is read as that format, and makes requests to these ids. */
static void assert_loads(struct trace *t, const char *ending, const void *bytes, size_t nr,
			 struct trace_options options, const char *format, const uint64_t *ids,
			 uint32_t nr_ids)
{
	struct error error = {.text = ""};

	if (load(t, ending, bytes, nr, options, &error))
		fail_msg("%s", error.text);
	assert_string_equal(t->format, format);
	assert_int_equal(t->requests, nr_ids);
	for (uint32_t i = 0; i < nr_ids; i++)
		assert_int_equal(t->id[t->page[i]], ids[i]);
}

static void text_loads(const char *ending, const char *text, struct trace_options options,
		       const char *format, const uint64_t *ids, uint32_t nr_ids)
{
	struct trace t;

	assert_loads(&t, ending, text, strlen(text), options, format, ids, nr_ids);
	trace_free(&t);
}

static void text_fails(const char *ending, const char *text, struct trace_options options,
		       const char *says)
{
	struct error error = {.text = ""};
	struct trace t;

	assert_int_not_equal(load(&t, ending, text, strlen(text), options, &error), 0);
	assert_true(error.user);
	if (!strstr(error.text, says))
		fail_msg("'%s' lacks '%s'", error.text, says);
}

static void put(uint8_t **at, uint64_t value, unsigned bytes)
{
	for (unsigned i = 0; i < bytes; i++)
		*(*at)++ = (uint8_t)(value >> 8 * i);
}

static void test_arc(void **state)
{
	static const char text[] = "7 1 0 0\n15 3 9 1\r\n\n100 2 0 2\n";
	static const uint64_t blocks[] = {7, 15, 16, 17, 100, 101}, pages[] = {0, 1, 2, 12};
	const struct trace_options split = {.split_bytes = 4096};
	struct trace t;
	struct error error;

	(void)state;
	/* known by its lines, whatever its name; a part from the middle too */
	text_loads(".txt", text, (struct trace_options){0}, "arc", blocks, 6);
	text_loads("", strchr(text, '\n') + 1, (struct trace_options){0}, "arc", blocks + 1, 5);
	/* not numbered: only by name */
	text_loads(".lis", "7 1 0 5\n100 2 0 2\n", (struct trace_options){0}, "arc",
		   (const uint64_t[]){7, 100, 101}, 3);
	/* pages of 8 blocks: 7 is in page 0, 15 in 1, 16 and 17 in 2, 100 and 101 in 12 */
	text_loads(".lis", text, split, "arc", (const uint64_t[]){0, 1, 2, 12}, 4);
	assert_loads(&t, ".lis", text, strlen(text), split, "arc", pages, 4);
	assert_null(t.write);
	assert_null(t.time_ns);
	trace_free(&t);
	text_fails(".lis", "7 1 0 0\n8 0 0 1\n", (struct trace_options){0},
		   ":2: bad line '8 0 0 1'; allowed: first block, 1 to 1048576 blocks");
	text_fails(".lis", "7 1 0 0\n8 1048577 0 1\n", (struct trace_options){0}, ":2: bad line");
	text_fails(".lis", "7 1 0 0\n8 1 0\n", (struct trace_options){0}, ":2: bad line '8 1 0'");
	text_fails(".lis", "7 1 0 0\n8 1 0 1 5\n", (struct trace_options){0}, "(byte 8)");
	text_fails(".lis", "7 1 0 0\n36028797018963968 1 0 1\n", (struct trace_options){0},
		   "ends behind byte 2^64");
	assert_int_equal(load(&t, ".lis", "7 1 0 0\n8 2 0 1\nx\n", 18,
			      (struct trace_options){.keep_going = true}, &error),
			 0);
	assert_int_equal(t.requests, 3);
	assert_non_null(strstr(t.broken, ":3: bad line 'x'"));
	trace_free(&t);
}

/* A request that is longer than a batch, and more requests than fit a batch. */
static void test_long_requests(void **state)
{
	enum { LINES = 200, BLOCKS = 3 * TRACE_BATCH + 1 };
	char *text = malloc(LINES * 40), *at = text;
	struct trace t;
	struct error error;

	(void)state;
	assert_non_null(text);
	for (unsigned i = 0; i < LINES; i++)
		at += sprintf(at, "%u %u 0 %u\n", i * 10000, BLOCKS, i);
	assert_int_equal(load(&t, "", text, strlen(text), (struct trace_options){0}, &error), 0);
	assert_int_equal(t.requests, LINES * BLOCKS);
	for (uint32_t i = 0; i < t.requests; i++)
		assert_int_equal(t.id[t.page[i]], i / BLOCKS * 10000 + i % BLOCKS);
	trace_free(&t);
	free(text);
}

static void test_vscsi(void **state)
{
	/* sectors 7 and 8 of page 0 and 1; one byte more than page 1; nothing */
	static const struct {
		uint64_t sector;
		uint32_t bytes;
	} request[] = {{7, 1024}, {8, 4097}, {80, 0}};
	static const uint64_t first[] = {7, 8, 80}, pages[] = {0, 1, 1, 2, 10};
	uint8_t bytes[96], *at = bytes;
	struct trace t;

	(void)state;
	for (unsigned i = 0; i < 3; i++) {
		put(&at, i, 4);
		put(&at, request[i].bytes, 4);
		put(&at, 1, 4);
		put(&at, i == 1 ? 0x2a : 0x28, 2);
		put(&at, 0x100, 2);
		put(&at, request[i].sector, 8);
		put(&at, 50 + i, 8);
	}
	assert_loads(&t, ".x", bytes, 96, (struct trace_options){0}, "vscsi", first, 3);
	trace_free(&t);
	assert_loads(&t, ".x", bytes, 96, (struct trace_options){.split_bytes = 4096}, "vscsi",
		     pages, 5);
	assert_memory_equal(t.write, "\0\0\1\1\0", 5);
	assert_int_equal(t.time_ns[1], 50000);
	assert_int_equal(t.time_ns[3], 51000);
	trace_free(&t);
}

static void test_oracle(void **state)
{
	static const uint64_t pages[] = {2, 3, 2};
	uint8_t bytes[48], *at = bytes;
	struct error error;
	struct trace t;

	(void)state;
	for (unsigned i = 0; i < 2; i++) {
		put(&at, 5 + i, 4);
		put(&at, 8192 + i, 8);
		put(&at, i ? 4095 : 4097, 4); /* 8192 to 12288; 8193 to 12287 */
		put(&at, UINT64_MAX, 8);
	}
	assert_loads(&t, ".oracle", bytes, 48,
		     (struct trace_options){.split_bytes = 4096, .block_bytes = 1}, "oracle", pages,
		     3);
	assert_int_equal(t.time_ns[2], 6000000000);
	trace_free(&t);
	assert_int_not_equal(
		load(&t, ".oracle", bytes, 48, (struct trace_options){.split_bytes = 4096}, &error),
		0);
	assert_non_null(
		strstr(error.text, "oracle does not say what an id counts; allowed: --block"));
	memset(bytes + 24 + 12, 255, 4); /* 4 GiB of 512 bytes are 2^23 pages */
	assert_int_not_equal(load(&t, ".oracle", bytes, 48,
				  (struct trace_options){.split_bytes = 512, .block_bytes = 1},
				  &error),
			     0);
	assert_non_null(strstr(error.text, "byte 24: a request of 4294967295 bytes; allowed: up to "
					   "1048576 pages of 512"));
}

static void test_csv(void **state)
{
	static const char text[] = "time,op,offset,size\n1,w,4095,2\n2,r,0x2000,4096\n";
	struct trace_options o = {
		.columns = "id=3,size=4,write=2,time=1", .split_bytes = 4096, .block_bytes = 1};
	struct trace t;

	(void)state;
	assert_loads(&t, ".csv", text, strlen(text), o, "csv", (const uint64_t[]){0, 1, 2}, 3);
	assert_memory_equal(t.write, "\1\1\0", 3);
	trace_free(&t);
	/* sizes in blocks of 512 bytes: 9 from block 8 are one more than a page */
	o.columns = "id=1,blocks=2";
	o.block_bytes = 512;
	text_loads(".csv", "8,9\n", o, "csv", (const uint64_t[]){1, 2}, 2);
	text_fails(".csv", "8,x\n", o, ":1: a size that is no number");
	text_fails(".csv", "8,1\nname,1\n", o, ":2: an id that is no number: such requests cannot");
	text_fails(".csv", "8,1\n8,36028797018963968\n", o, ":2: a size that is no number, or too");
	text_fails(".csv", "8,1\n36028797018963967,2\n", o, "ends behind byte 2^64");
	o.columns = "id=1,blocks=2,size=2";
	text_fails(".csv", "8,1\n", o, "size and blocks exclude each other");
	o.columns = "id=1";
	text_fails(".csv", "8,1\n", o, "--split: format csv needs the column that says how long");
	o = (struct trace_options){.columns = "id=1,size=2"};
	text_fails(".csv", "8,1\n", o, "size and blocks go with --split");
	o = (struct trace_options){.split_bytes = 4096, .block_bytes = 1};
	text_fails(".txt", "8\n9\n", o,
		   "--split: format text does not say how long requests are; allowed: oracle, csv");
	o = (struct trace_options){.block_bytes = 1};
	text_fails(".txt", "8\n9\n", o, "--block goes with --split");
	o = (struct trace_options){.split_bytes = 4096, .shift = 1, .shift_given = true};
	text_fails(".lis", "8 1 0 0\n", o, "--shift and --split exclude each other");
}

/* Nothing to be said about one column, nor about what `ballast trace convert` writes. */
static void test_plain_tables(void **state)
{
	static const uint64_t ids[] = {7, 300, 7};
	const struct trace_options none = {0}, csv = {.format = "csv"};
	struct trace t;

	(void)state;
	text_loads(".csv", "7\n300\n7\n", none, "text", ids, 3);
	text_loads(".csv", "7\n300\n7\n", csv, "csv", ids, 3);
	text_loads(".csv", "page\n7\n300\n7\n", none, "csv", ids, 3);
	text_loads(".txt", "page\r\n7\r\n300\r\n7", none, "csv", ids, 3);
	text_loads(".txt", "page\n\n7\n300\n\n7\n\n", none, "csv", ids, 3);
	text_loads("", "\"7\"\n\"300\"\n\"7\"\n", csv, "csv", ids, 3);
	text_loads(".csv", "id\n7\n300\n7\n", none, "csv", ids, 3);
	assert_loads(&t, ".csv", "id,write,time_ns,vm\n7,r,5,0\n300,w,6,0\n7,w,7,1\n", 45, none,
		     "csv", ids, 3);
	assert_memory_equal(t.write, "\0\1\1", 3);
	assert_int_equal(t.time_ns[2], 7);
	assert_int_equal(t.vm[t.page[2]], 1);
	trace_free(&t);
	/* a mark of UTF-8 in front of a text is none of it */
	text_loads(".csv",
		   "\xef\xbb\xbf"
		   "7\n300\n7\n",
		   none, "text", ids, 3);
	text_loads(".csv",
		   "\xef\xbb\xbf"
		   "id\n7\n300\n7\n",
		   none, "csv", ids, 3);
	text_loads("",
		   "\xef\xbb\xbf"
		   "7 1 0 0\n300 1 0 1\n7 1 0 2\n",
		   none, "arc", ids, 3);
	/* addresses without 0x are names, of which there are no pages */
	text_fails(".csv", "0x41f7a0\n0041f7a0\n",
		   (struct trace_options){.format = "csv", .shift = 12, .shift_given = true},
		   ":2: an id that is no number (decimal or 0x..): --shift is for numbers");
	/* somebody else's names and numbers say nothing */
	text_fails(".csv", "id,write,size\n7,r,5\n", none,
		   "a table of 3 columns: say which one is the id, such as --columns id=2");
	text_fails(".csv", "write,time_ns\n7,5\n", none, "a table of 2 columns");
	text_fails(".csv", "id,id\n7,5\n", none, "a table of 2 columns");
	/* ids may be any text, but text */
	text_fails(".btrace", "1\n\x01\n", (struct trace_options){.columns = "id=1"},
		   "byte 2 is 0x01: this is no table of text");
	text_fails(".txt", "1\n2\n", (struct trace_options){.columns = "id=1", .format = "text"},
		   "--columns goes with --format csv, not with text");
	/* names may be ids, but not unasked */
	text_fails(".csv", "anna\nbert\nanna\n", none, "no trace of a known format");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_arc),   cmocka_unit_test(test_long_requests),
		cmocka_unit_test(test_vscsi), cmocka_unit_test(test_oracle),
		cmocka_unit_test(test_csv),   cmocka_unit_test(test_plain_tables),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
