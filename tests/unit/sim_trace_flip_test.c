/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * sim_trace_flip_test.c: files that were damaged or made to do harm: on a small trace of each format every byte is
 * changed in turn (a bit, another bit, to 0, to 255), and the file is cut at each length. Readers must come to an end, with
 * requests or with the user's error, and replay what they say to be whole. The own format must notice every change.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <fcntl.h>
#include <unistd.h>

#include "ballast/rng.h"
#include "sim/replay.h"
#include "sim/trace_write.h"
#include "tests/support/trace_file.h"

#define REQUESTS 12u

enum outcome { LOADED, REFUSED };

static enum outcome load(const struct trace_file *f, const char *format, bool split,
			 bool keep_going)
{
	struct trace_options options = {.format = format,
					.keep_going = keep_going,
					.columns = !format || strcmp(format, "csv") != 0 ? NULL
						   : split ? "id=1,time=3,blocks=1"
							   : "id=1,time=3",
					.split_bytes = split ? 4096 : 0,
					.block_bytes = split ? 512 : 0,
					.want = TRACE_WRITES | TRACE_TIMES | TRACE_HASHES};
	struct replay_run run = {.policy = policy_find("lru"), .frames = 2};
	struct error error = {.user = false, .text = ""};
	struct trace t;

	if (trace_load(&t, f->path, &options, &error)) {
		assert_true(error.user);
		assert_memory_equal(error.text, f->path, strlen(f->path));
		return REFUSED;
	}
	assert_true(t.requests > 0 && t.pages > 0 && t.pages <= t.requests);
	assert_int_equal(replay_sweep(&t, &run, 1, 1, NULL, NULL, NULL, &error), 0);
	assert_in_range(run.misses, t.pages, t.requests);
	trace_free(&t);
	return LOADED;
}

static void rewrite(const struct trace_file *f, const uint8_t *bytes, size_t nr)
{
	int fd = open(f->path, O_WRONLY | O_TRUNC | O_CLOEXEC);

	assert_true(fd >= 0);
	assert_int_equal(write(fd, bytes, nr), nr);
	close(fd);
}

/* Every change of every byte, every length. Returns how many were loaded as if nothing had been. */
static unsigned flip_all(const char *ending, const char *format, bool split, uint8_t *bytes,
			 size_t nr)
{
	struct trace_file f;
	unsigned loaded = 0;

	trace_file_make(&f, ending, bytes, nr);
	assert_int_equal(load(&f, format, split, false), LOADED);
	for (size_t i = 0; i < nr; i++) {
		uint8_t was = bytes[i];

		for (unsigned k = 0; k < 4; k++) {
			bytes[i] = k < 2    ? was ^ (uint8_t)(1u << (i + 3 * k) % 8)
				   : k == 2 ? 0
					    : 255;
			if (bytes[i] == was)
				continue;
			rewrite(&f, bytes, nr);
			loaded += load(&f, format, split, false) == LOADED;
			load(&f, NULL, false, true);
		}
		bytes[i] = was;
		rewrite(&f, bytes, i);
		loaded += load(&f, format, split, false) == LOADED;
		load(&f, NULL, false, true);
	}
	trace_file_remove(&f);
	return loaded;
}

/* A trace of all columns, written by the program itself. */
static uint8_t *written(const char *format, unsigned has, size_t *nr)
{
	struct trace_write_options how = {.format = format, .has = has};
	struct trace_batch *b = calloc(1, sizeof(*b));
	struct rng rng = rng_seeded(7);
	struct trace_writer *w;
	struct trace_file f;
	struct error error;
	uint8_t *bytes;

	assert_non_null(b);
	b->nr = REQUESTS;
	for (uint32_t i = 0; i < REQUESTS; i++) {
		b->id[i] = rng_below(&rng, 5) * 1000;
		b->write[i] = i % 3 == 0;
		b->time_ns[i] = i * 1000000000ull;
		b->vm[i] = i % 2;
		b->hash[i] = rng_next(&rng);
	}
	trace_file_make(&f, "", "", 0);
	assert_int_equal(trace_writer_open(&w, f.path, &how, &error), 0);
	assert_int_equal(trace_writer_add(w, b, &error), 0);
	assert_int_equal(trace_writer_close(w, false, &error), 0);
	bytes = trace_file_bytes(&f, nr);
	trace_file_remove(&f);
	free(b);
	return bytes;
}

static void test_own_notices_all(void **state)
{
	size_t nr;
	uint8_t *bytes =
		written("ballast", TRACE_WRITES | TRACE_TIMES | TRACE_VMS | TRACE_HASHES, &nr);

	(void)state;
	assert_int_equal(flip_all(".btrace", "ballast", false, bytes, nr), 0);
	free(bytes);
}

static void test_others_survive(void **state)
{
	static const struct {
		const char *format, *ending;
		unsigned has;
	} all[] = {{"oracle", ".oracle", TRACE_TIMES},
		   {"text", ".txt", TRACE_WRITES},
		   {"csv", ".csv", TRACE_WRITES | TRACE_TIMES}};

	(void)state;
	for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++) {
		size_t nr;
		uint8_t *bytes = written(all[i].format, all[i].has, &nr);

		/* most changes of an id make another id, so some must load */
		assert_true(flip_all(all[i].ending, all[i].format, false, bytes, nr) > 0);
		if (strcmp(all[i].format, "text") != 0)
			assert_true(flip_all(all[i].ending, all[i].format, true, bytes, nr) > 0);
		free(bytes);
	}
}

static void test_foreign_survive(void **state)
{
	static const char lackey[] = "==9== x\nI  0401ab70,3\n S 1fff000608,8\n M 0401b770,1\n";
	static const char arc[] = "9 3 0 0\n120 9 7 1\n10 2 0 2\n";
	uint8_t text[sizeof(lackey)], lis[sizeof(arc)], vscsi[96] = {0}, pages[40] = {0};

	(void)state;
	memcpy(text, lackey, sizeof(lackey));
	assert_true(flip_all(".lackey", "lackey", false, text, sizeof(lackey) - 1) > 0);
	memcpy(lis, arc, sizeof(arc));
	for (unsigned split = 0; split < 2; split++)
		assert_true(flip_all(".lis", "arc", split, lis, sizeof(arc) - 1) > 0);
	for (unsigned i = 0; i < 3; i++) {
		vscsi[32 * i + 5] = 0x10;
		vscsi[32 * i + 12] = 0x2a;
		vscsi[32 * i + 15] = 1;
		vscsi[32 * i + 16] = (uint8_t)i;
	}
	for (unsigned split = 0; split < 2; split++)
		assert_true(flip_all(".vscsi", "vscsi", split, vscsi, sizeof(vscsi)) > 0);
	for (unsigned i = 0; i < 5; i++)
		pages[8 * i] = (uint8_t)(3 * i % 4);
	assert_true(flip_all(".pg", "pages", false, pages, sizeof(pages)) > 0);
}

static void test_packed_survive(void **state)
{
	static const char *const packings[] = {"gz", "xz", "zst"};

	(void)state;
	for (unsigned i = 0; i < 3; i++) {
		size_t nr;
		uint8_t *bytes = trace_pack(packings[i], "5\n6\n7\n5\n6\n5\n", 12, &nr);

		flip_all(".txt", "text", false, bytes, nr);
		free(bytes);
	}
}

/* Bytes without any sense, as every format. */
static void test_noise(void **state)
{
	struct rng rng = rng_seeded(11);
	uint8_t bytes[3000];
	struct trace_file f;

	(void)state;
	trace_file_make(&f, ".x", "", 0);
	for (unsigned round = 0; round < 200; round++) {
		size_t nr = 1 + rng_below(&rng, sizeof(bytes));

		for (size_t i = 0; i < nr; i++)
			bytes[i] = (uint8_t)(rng_next(&rng) >> (round % 2 ? 8 : 60));
		rewrite(&f, bytes, nr);
		load(&f, NULL, false, true);
		for (size_t i = 0; trace_format_table[i]; i++)
			load(&f, trace_format_table[i]->name, false, true);
	}
	trace_file_remove(&f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_own_notices_all), cmocka_unit_test(test_others_survive),
		cmocka_unit_test(test_foreign_survive), cmocka_unit_test(test_packed_survive),
		cmocka_unit_test(test_noise),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
