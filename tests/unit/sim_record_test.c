/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * sim_record_test.c: a record of the memory manager, read as a trace, has each page fault of its stream, with VM, page and
 * time since the manager began; and no damage to the file goes unseen.
 */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cmd/record_file.h"
#include "mm/record.h"
#include "sim/trace.h"
#include "tests/support/recorded.h"
#include "tests/support/trace_file.h"

/* The stream as a file, a block for every `piece` bytes. */
static void write_file(struct trace_file *f, const struct recorded *r, size_t piece)
{
	struct record_written written;
	struct record_writer *w;
	struct mm_record_sink sink;
	struct error error;

	trace_file_make(f, ".record", "", 0);
	assert_int_equal(record_writer_open(f->path, json_pack("{s:i}", "schema", 1), &w, &error),
			 0);
	sink = record_writer_sink(w);
	assert_int_equal(record_writer_begin(w, &error), 0);
	for (size_t at = 0; at < r->nr; at += piece)
		sink.put(sink.ctx, r->bytes + at, r->nr - at < piece ? r->nr - at : piece);
	record_writer_close(w, &written);
	assert_int_equal(written.lost_bytes, 0);
}

static int load(struct trace *t, const struct trace_file *f, struct error *error)
{
	const struct trace_options options = {.want = TRACE_TIMES | TRACE_WRITES};

	return trace_load(t, f->path, &options, error);
}

/* Beside the stream itself, straight from memory. */
static void test_faults(void **state)
{
	struct recorded r = {.bytes = NULL};
	struct mm_record_reader stream;
	struct mm_record_source source;
	uint64_t start_ns = 0;
	struct trace_file f;
	struct error error;
	uint32_t nr = 0;
	struct trace t;

	(void)state;
	recorded_everything(&r, 3, 8000);
	write_file(&f, &r, 30000);
	if (load(&t, &f, &error))
		fail_msg("%s", error.text);
	assert_string_equal(t.format, "record");
	assert_int_equal(t.has, TRACE_TIMES | TRACE_VMS);
	source = recorded_source(&r);
	assert_int_equal(mm_record_open(&stream, &source), 0);
	do {
		assert_int_equal(mm_record_next(&stream), 0);
		if (stream.args.call == MM_ENTRY_CREATE)
			start_ns = stream.args.fixed[0];
		if (stream.args.call != MM_ENTRY_FAULT)
			continue;
		assert_true(nr < t.requests);
		assert_int_equal(t.time_ns[nr], stream.args.fixed[0] - start_ns);
		assert_int_equal(t.vm[t.page[nr]], stream.args.fixed[1]);
		assert_int_equal(t.id[t.page[nr]], stream.args.fixed[2]);
		nr++;
	} while (stream.args.call != MM_SEAM_END);
	assert_int_equal(nr, t.requests);
	assert_true(nr > 1000);
	mm_record_close(&stream);
	trace_free(&t);
	trace_file_remove(&f);
	recorded_free(&r);
}

static void rewrite(const struct trace_file *f, const uint8_t *bytes, size_t nr)
{
	int fd = open(f->path, O_WRONLY | O_TRUNC | O_CLOEXEC);

	assert_true(fd >= 0);
	assert_int_equal(write(fd, bytes, nr), nr);
	close(fd);
}

/* Each byte changed in turn, each length, and a byte too many. */
static void test_damage(void **state)
{
	struct recorded r = {.bytes = NULL};
	struct trace_file f;
	struct error error;
	uint8_t *bytes;
	struct trace t;
	size_t nr;

	(void)state;
	recorded_everything(&r, 1, 60);
	write_file(&f, &r, 2000);
	assert_int_equal(load(&t, &f, &error), 0);
	trace_free(&t);
	bytes = trace_file_bytes(&f, &nr);
	bytes = realloc(bytes, nr + 1);
	assert_non_null(bytes);
	bytes[nr] = 1;
	rewrite(&f, bytes, nr + 1);
	assert_int_not_equal(load(&t, &f, &error), 0);
	for (size_t i = 0; i < nr; i++) {
		bytes[i] ^= (uint8_t)(1u << i % 8);
		rewrite(&f, bytes, nr);
		assert_int_not_equal(load(&t, &f, &error), 0);
		assert_true(error.user);
		bytes[i] ^= (uint8_t)(1u << i % 8);
		if (i % 7)
			continue;
		rewrite(&f, bytes, i);
		assert_int_not_equal(load(&t, &f, &error), 0);
		assert_true(error.user);
	}
	free(bytes);
	trace_file_remove(&f);
	recorded_free(&r);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_faults),
		cmocka_unit_test(test_damage),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
