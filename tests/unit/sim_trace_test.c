/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * sim_trace_test.c: each trace format by a file of a few requests written out by hand; packed files; what is said of
 * broken ones.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "ballast/rng.h"
#include "ballast/types.h"
#include "sim/trace_reader.h"
#include "sim/trace_write.h"
#include "tests/support/trace_file.h"

#define WANT_ALL (TRACE_WRITES | TRACE_TIMES | TRACE_HASHES)

static int load(struct trace *t, const char *ending, const void *bytes, size_t nr,
		struct trace_options options, struct error *error)
{
	struct trace_file f;
	int err;

	trace_file_make(&f, ending, bytes, nr);
	options.want = WANT_ALL;
	err = trace_load(t, f.path, &options, error);
	trace_file_remove(&f);
	return err;
}

static void load_text(struct trace *t, const char *ending, const char *text,
		      struct trace_options options)
{
	struct error error = {.text = ""};

	if (load(t, ending, text, strlen(text), options, &error))
		fail_msg("%s", error.text);
}

/* ids: those of the requests, in order */
static void assert_ids(const struct trace *t, const uint64_t *ids, uint32_t nr)
{
	assert_int_equal(t->requests, nr);
	for (uint32_t i = 0; i < nr; i++)
		assert_int_equal(t->id[t->page[i]], ids[i]);
}

static void assert_fails(const char *ending, const void *bytes, size_t nr,
			 struct trace_options options, const char *says)
{
	struct error error = {.text = ""};
	struct trace t;

	assert_int_not_equal(load(&t, ending, bytes, nr, options, &error), 0);
	assert_true(error.user);
	if (!strstr(error.text, says))
		fail_msg("'%s' lacks '%s'", error.text, says);
}

static void test_text(void **state)
{
	static const uint64_t ids[] = {7, 18446744073709551615ull, 7, 255, 0};
	struct trace t;

	(void)state;
	load_text(&t, ".txt", "# made by hand\n7\n18446744073709551615\n*\n\n7\r\n0xFf\n0",
		  (struct trace_options){0});
	assert_string_equal(t.format, "text");
	assert_ids(&t, ids, 5);
	assert_int_equal(t.pages, 4);
	assert_int_equal(t.page[2], 0);
	assert_null(t.write);
	trace_free(&t);
	load_text(&t, ".txt", "1 R\n2 W\n3\n", (struct trace_options){0});
	assert_non_null(t.write);
	assert_memory_equal(t.write, "\0\1\0", 3);
	trace_free(&t);
	assert_fails(".txt", "1\n2\n3x\n", 7, (struct trace_options){0},
		     ":3: bad line '3x'; allowed: a number, then R or W or nothing (byte 4)");
	assert_fails(".txt", "1\n2\n18446744073709551616\n", 25, (struct trace_options){0},
		     ":3: bad line '18446744073709551616'");
	assert_fails(".txt", "", 0, (struct trace_options){0}, "the trace is empty");
	assert_fails(".txt", "# no\n", 5, (struct trace_options){.format = "text"},
		     "the trace has no requests");
	assert_fails(".txt", "1\n", 2, (struct trace_options){.format = "txt"},
		     "--format 'txt' is unknown; allowed: auto, oracle, csv, lackey, text, "
		     "ballast, vscsi, pages");
}

/* Longer than any window, so that lines lie across its end. */
static void test_long_text(void **state)
{
	enum { LINES = 300000 };
	char *text = malloc(LINES * 8 + 1), *at = text;
	struct trace t;

	(void)state;
	assert_non_null(text);
	for (uint32_t i = 0; i < LINES; i++)
		at += sprintf(at, "%u\n", (i * 7919u) % 100003u);
	load_text(&t, ".txt", text, (struct trace_options){0});
	assert_int_equal(t.requests, LINES);
	assert_int_equal(t.pages, 100003);
	for (uint32_t i = 0; i < LINES; i++)
		assert_int_equal(t.id[t.page[i]], (i * 7919u) % 100003u);
	trace_free(&t);
	memcpy(at - 3, "x", 1);
	assert_fails(".txt", text, strlen(text), (struct trace_options){0}, ":300000: bad line");
	free(text);
}

static void test_csv(void **state)
{
	static const uint64_t ids[] = {40, 41, 40};
	struct trace t;

	(void)state;
	load_text(&t, ".csv", "time,op,id,vm\n1.5, w,40,0\n2,\"Read\",\"41\",1\n3,2A,0x28,1\n",
		  (struct trace_options){.columns = "id=3,time=1,unit=ms,write=2,vm=4"});
	assert_string_equal(t.format, "csv");
	assert_ids(&t, ids, 3);
	assert_int_equal(t.pages, 3); /* page 40 of VM 0 is not that of VM 1 */
	assert_int_equal(t.vm[t.page[0]], 0);
	assert_int_equal(t.vm[t.page[2]], 1);
	assert_memory_equal(t.write, "\1\0\1", 3);
	assert_int_equal(t.time_ns[0], 1500000);
	assert_int_equal(t.time_ns[2], 3000000);
	trace_free(&t);
	/* names are ids too */
	load_text(&t, ".csv", "anna\tx\nbert\ty\nanna\tz\n",
		  (struct trace_options){.columns = "separator=tab,id=1", .format = "csv"});
	assert_int_equal(t.requests, 2); /* the first line is a header nobody announced */
	trace_free(&t);
	assert_fails(".csv", "1,2\n3,4\n", 8, (struct trace_options){0},
		     "say which one is the id, such as --columns id=2");
	assert_fails(".csv", "1,2\n3\n", 6, (struct trace_options){.columns = "id=2"},
		     ":2: a line of 1 columns");
	assert_fails(".csv", "1,2\n", 4, (struct trace_options){.columns = "id=0"},
		     "--columns 'id=0' is wrong; allowed");
	assert_fails(".csv", "1,2\nx,3\n", 8, (struct trace_options){.columns = "id=2,time=1"},
		     ":2: a time that is no number");
}

static void test_lackey(void **state)
{
	static const uint64_t ids[] = {0x401a, 0x1fff0, 0x1fff1, 0x401a, 0x5};
	struct trace t;

	(void)state;
	load_text(&t, "",
		  "==1== Lackey, an example Valgrind tool\n==1==\nI  0401ab70,3\n"
		  " S 1fff0ffe,8\n L 0401a000,1\n M 00005000,4096\n",
		  (struct trace_options){0});
	assert_string_equal(t.format, "lackey");
	assert_ids(&t, ids, 5); /* the store crosses into the next page */
	assert_memory_equal(t.write, "\0\1\1\0\1", 5);
	trace_free(&t);
	assert_fails("", "I  04,3\n S zz,8\n", 16, (struct trace_options){.format = "lackey"},
		     ":2: bad line ' S zz,8'; allowed: I, L, S or M");
}

static void put(uint8_t **at, uint64_t value, unsigned bytes)
{
	for (unsigned i = 0; i < bytes; i++)
		*(*at)++ = (uint8_t)(value >> 8 * i);
}

static void test_oracle(void **state)
{
	static const uint64_t ids[] = {9, 1ull << 40, 9};
	static const int64_t next[] = {3, -1, -1};
	uint8_t bytes[80], *at = bytes;
	struct trace t;
	struct error error;

	(void)state;
	for (unsigned i = 0; i < 3; i++) {
		put(&at, i + 5, 4);
		put(&at, ids[i], 8);
		put(&at, 4096, 4);
		put(&at, (uint64_t)next[i], 8);
	}
	assert_int_equal(load(&t, ".bin", bytes, 72, (struct trace_options){0}, &error), 0);
	assert_string_equal(t.format, "oracle");
	assert_ids(&t, ids, 3);
	assert_int_equal(t.time_ns[2], 7 * NS_PER_S);
	trace_free(&t);
	assert_fails(".bin", bytes, 71, (struct trace_options){0},
		     "byte 48: the trace is cut short: 23 bytes of a record of 24");
	assert_int_equal(
		load(&t, ".bin", bytes, 71, (struct trace_options){.keep_going = true}, &error), 0);
	assert_ids(&t, ids, 2);
	assert_non_null(strstr(t.broken, "byte 48"));
	trace_free(&t);
}

static void test_vscsi(void **state)
{
	static const uint64_t ids[] = {1000, 2000};
	uint8_t one[64], two[80], *at = one;
	struct trace t;
	struct error error;

	(void)state;
	for (unsigned i = 0; i < 2; i++) { /* version 1: a write, a read */
		put(&at, i, 4);
		put(&at, 512, 4);
		put(&at, 1, 4);
		put(&at, i ? 0x28 : 0x2a, 2);
		put(&at, 0x100, 2);
		put(&at, ids[i], 8);
		put(&at, 50 + i, 8);
	}
	assert_int_equal(load(&t, ".x", one, 64, (struct trace_options){0}, &error), 0);
	assert_string_equal(t.format, "vscsi");
	assert_ids(&t, ids, 2);
	assert_memory_equal(t.write, "\1\0", 2);
	assert_int_equal(t.time_ns[1], 51000);
	trace_free(&t);
	at = two;
	for (unsigned i = 0; i < 2; i++) { /* version 2 */
		put(&at, i ? 0x28 : 0x2a, 2);
		put(&at, 0x200, 2);
		put(&at, i, 4);
		put(&at, 512, 4);
		put(&at, 1, 4);
		put(&at, ids[i], 8);
		put(&at, 50 + i, 8);
		put(&at, 7, 8);
	}
	assert_int_equal(load(&t, ".vscsi", two, 80, (struct trace_options){0}, &error), 0);
	assert_ids(&t, ids, 2);
	assert_memory_equal(t.write, "\1\0", 2);
	assert_int_equal(t.time_ns[1], 51000);
	trace_free(&t);
	one[32 + 15] = 7;
	assert_fails(".vscsi", one, 64, (struct trace_options){.format = "vscsi"},
		     "byte 32: no vscsi record");
}

static void test_pages(void **state)
{
	static const uint64_t ids[] = {0x107ff6, 6, 0x107ff6};
	uint8_t bytes[24], *at = bytes;
	struct trace t;
	struct error error;

	(void)state;
	put(&at, ids[0] << 1, 8);
	put(&at, ids[1] << 1 | 1, 8);
	put(&at, ids[2] << 1, 8);
	assert_int_equal(load(&t, ".pg", bytes, 24, (struct trace_options){0}, &error), 0);
	assert_string_equal(t.format, "pages");
	assert_ids(&t, ids, 3);
	assert_memory_equal(t.write, "\0\1\0", 3);
	trace_free(&t);
	assert_fails(".pg", bytes, 17, (struct trace_options){0},
		     "byte 16: the trace is cut short");
}

static void test_packed(void **state)
{
	static const char *const packings[] = {"gz", "xz", "zst"};
	static const uint64_t ids[] = {5, 6, 5, 5, 6, 5};
	struct error error;

	(void)state;
	for (unsigned i = 0; i < 3; i++) {
		char ending[16], says[64];
		uint8_t *twice;
		size_t nr;
		uint8_t *bytes = trace_pack(packings[i], "5\n6\n5\n", 6, &nr);
		struct trace t;

		snprintf(ending, sizeof(ending), ".txt.%s", packings[i]);
		assert_int_equal(load(&t, ending, bytes, nr, (struct trace_options){0}, &error), 0);
		assert_ids(&t, ids, 3);
		trace_free(&t);
		/* two packed files, one after the other */
		twice = malloc(2 * nr);
		assert_non_null(twice);
		memcpy(twice, bytes, nr);
		memcpy(twice + nr, bytes, nr);
		assert_int_equal(load(&t, ending, twice, 2 * nr, (struct trace_options){0}, &error),
				 0);
		assert_ids(&t, ids, 6);
		trace_free(&t);
		snprintf(says, sizeof(says), "of the packed file: the %s data is", packings[i]);
		assert_fails(ending, bytes, nr - 1, (struct trace_options){.format = "text"}, says);
		/* looking for the format must not swallow it */
		assert_fails(ending, bytes, nr - 1, (struct trace_options){0}, says);
		assert_fails(ending, bytes, nr / 2, (struct trace_options){.format = "text"}, says);
		free(twice);
		free(bytes);
	}
}

/* Requests of every column, more than a block of them, to a file and back. */
static void test_own_format(void **state)
{
	enum { BATCHES = 40 };
	struct trace_write_options how = {.format = "ballast",
					  .has = TRACE_WRITES | TRACE_TIMES | TRACE_VMS |
						 TRACE_HASHES,
					  .thinning = TRACE_SAD,
					  .thinning_pages = 77};
	struct trace_options want = {.want = WANT_ALL};
	struct trace_batch *b = calloc(1, sizeof(*b));
	struct rng rng = rng_seeded(3);
	struct trace_writer *w;
	struct trace_file f;
	struct trace t;
	struct error error;

	(void)state;
	assert_non_null(b);
	trace_file_make(&f, ".btrace", "", 0);
	assert_int_equal(trace_writer_open(&w, f.path, &how, &error), 0);
	for (unsigned k = 0; k < BATCHES; k++) {
		b->nr = k % 3 ? TRACE_BATCH : 1 + k;
		for (uint32_t i = 0; i < b->nr; i++) {
			b->id[i] = rng_next(&rng) >> (16 + k);
			b->write[i] = rng_next(&rng) & 1;
			b->time_ns[i] = rng_next(&rng) >> k;
			b->vm[i] = (uint32_t)rng_below(&rng, 4);
			b->hash[i] = rng_next(&rng);
		}
		assert_int_equal(trace_writer_add(w, b, &error), 0);
	}
	assert_int_equal(trace_writer_close(w, false, &error), 0);
	assert_int_equal(trace_load(&t, f.path, &want, &error), 0);
	assert_string_equal(t.format, "ballast");
	assert_int_equal(t.thinning, TRACE_SAD);
	assert_int_equal(t.thinning_pages, 77);
	rng = rng_seeded(3);
	for (uint32_t k = 0, at = 0; k < BATCHES; k++)
		for (uint32_t i = 0; i < (k % 3 ? TRACE_BATCH : 1 + k); i++, at++) {
			assert_int_equal(t.id[t.page[at]], rng_next(&rng) >> (16 + k));
			assert_int_equal(t.write[at], rng_next(&rng) & 1);
			assert_int_equal(t.time_ns[at], rng_next(&rng) >> k);
			assert_int_equal(t.vm[t.page[at]], rng_below(&rng, 4));
			assert_int_equal(t.hash[at], rng_next(&rng));
		}
	trace_free(&t);
	trace_file_remove(&f);
	free(b);
}

/* A recorder that was killed: no end, and half a block. */
static void test_own_format_cut(void **state)
{
	struct trace_write_options how = {.format = "ballast"};
	struct trace_batch *b = calloc(1, sizeof(*b));
	struct trace_writer *w;
	struct trace_file f;
	struct trace t;
	struct error error;
	uint8_t *bytes;
	size_t nr;

	(void)state;
	assert_non_null(b);
	trace_file_make(&f, ".btrace", "", 0);
	assert_int_equal(trace_writer_open(&w, f.path, &how, &error), 0);
	b->nr = TRACE_BATCH;
	for (unsigned k = 0; k < 17; k++) /* a block of 16384, then one of 1024 */
		assert_int_equal(trace_writer_add(w, b, &error), 0);
	assert_int_equal(trace_writer_close(w, false, &error), 0);
	bytes = trace_file_bytes(&f, &nr);
	/* each request is one byte: 64, then 24 and 16384, 24 and 1024, 24 and 8 */
	assert_int_equal(nr, 64 + 24 + 16384 + 24 + 1024 + 24 + 8);
	assert_fails(".btrace", bytes, nr - 32, (struct trace_options){0},
		     "byte 17520: the trace is cut short: its end is missing");
	assert_fails(".btrace", bytes, nr - 100, (struct trace_options){0},
		     "byte 16472: the trace is cut short in this block");
	assert_int_equal(load(&t, ".btrace", bytes, nr - 100,
			      (struct trace_options){.keep_going = true}, &error),
			 0);
	assert_int_equal(t.requests, 16384);
	trace_free(&t);
	free(bytes);
	trace_file_remove(&f);
	free(b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_text),       cmocka_unit_test(test_long_text),
		cmocka_unit_test(test_csv),        cmocka_unit_test(test_lackey),
		cmocka_unit_test(test_oracle),     cmocka_unit_test(test_vscsi),
		cmocka_unit_test(test_pages),      cmocka_unit_test(test_packed),
		cmocka_unit_test(test_own_format), cmocka_unit_test(test_own_format_cut),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
