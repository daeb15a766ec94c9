/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * record_file_test.c: records as files: they come back, nothing wrong in them goes unseen, a full disk keeps what it has;
 * and `ballast mm-replay` on them.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "cmd/commands.h"
#include "cmd/record_file.h"
#include "tests/support/recorded.h"

/* The program has the lab guest here. */
extern const char lab_image_start[], lab_image_end[];
const char lab_image_start[1], lab_image_end[1];

#define FILE_NAME "test.record"

/* In an empty folder. */
static int enter(void **state)
{
	char name[] = "/tmp/record-test-XXXXXX";

	if (!mkdtemp(name) || chdir(name) != 0)
		return -1;
	*state = strdup(name);
	return 0;
}

static int leave(void **state)
{
	char command[100];

	snprintf(command, sizeof(command), "rm -rf %s", (char *)*state);
	free(*state);
	return chdir("/") == 0 && system(command) == 0 ? 0 : -1;
}

static json_t *head(void)
{
	return json_pack("{s:i, s:[s,s,s], s:[], s:{s:s}}", "schema", 1, "vms", "a", "b", "c",
			 "sets", "manifest", "scenario_text",
			 "host: {memory: 64M, policy: esx, tax: 75%}\n"
			 "vms: [{name: a, memory: 16M}, {name: b, memory: 16M}, "
			 "{name: c, memory: 16M}]\n");
}

/* The stream as a file, in pieces. */
static struct record_written write_file(const struct recorded *r)
{
	struct record_written written;
	struct record_writer *w;
	struct mm_record_sink sink;
	struct error error;

	assert_int_equal(record_writer_open(FILE_NAME, head(), &w, &error), 0);
	sink = record_writer_sink(w);
	for (size_t at = 0; at < r->nr; at += 50000) {
		sink.put(sink.ctx, r->bytes + at, r->nr - at < 50000 ? r->nr - at : 50000);
		if (at == 0)
			assert_int_equal(record_writer_begin(w, &error), 0);
	}
	record_writer_close(w, &written);
	return written;
}

static void it_comes_back(void **state)
{
	struct recorded r = {.bytes = NULL};
	struct record_written written;
	struct record_reader *reader;
	struct mm_record_source source;
	const uint8_t *bytes;
	struct error error;
	size_t nr, at = 0;

	(void)state;
	recorded_everything(&r, 1, 8000);
	written = write_file(&r);
	assert_int_equal(written.stream_bytes, r.nr);
	assert_int_equal(written.lost_bytes, 0);
	assert_true(written.file_bytes < r.nr); /* packed */
	assert_int_equal(record_reader_open(FILE_NAME, &reader, &error), 0);
	assert_int_equal(json_array_size(json_object_get(record_reader_head(reader), "vms")), 3);
	source = record_reader_source(reader);
	while ((nr = source.more(source.ctx, &bytes)) != 0) {
		assert_true(at + nr <= r.nr);
		assert_memory_equal(bytes, r.bytes + at, nr);
		at += nr;
	}
	assert_int_equal(at, r.nr);
	assert_int_equal(record_reader_verdict(reader, &error), 0);
	record_reader_close(reader);
	recorded_free(&r);
}

struct outcome {
	int status;
	char out[4000], err[2000];
};

static void read_text(const char *path, char *text, size_t bytes)
{
	FILE *in = fopen(path, "re");

	assert_non_null(in);
	text[fread(text, 1, bytes - 1, in)] = '\0';
	fclose(in);
}

/* `ballast mm-replay WORDS` in a child, with two seconds to live. */
static struct outcome replay(const char *words)
{
	struct outcome o;
	char line[200], *argv[16], *next;
	int argc = 0, status;
	pid_t child;

	snprintf(line, sizeof(line), "mm-replay %s", words);
	for (char *word = strtok_r(line, " ", &next); word; word = strtok_r(NULL, " ", &next))
		argv[argc++] = word;
	argv[argc] = NULL;
	fflush(stdout);
	child = fork();
	assert_true(child >= 0);
	if (!child) {
		alarm(20);
		if (!freopen("out", "w", stdout) || !freopen("err", "w", stderr))
			_exit(99);
		status = cmd_mm_replay(argc, argv);
		fflush(stdout);
		fflush(stderr);
		_exit(status);
	}
	assert_int_equal(waitpid(child, &status, 0), child);
	if (!WIFEXITED(status))
		fail_msg("mm-replay %s ended by signal %d", words, WTERMSIG(status));
	o.status = WEXITSTATUS(status);
	read_text("out", o.out, sizeof(o.out));
	read_text("err", o.err, sizeof(o.err));
	return o;
}

static void expect(const char *words, int status, const char *says)
{
	struct outcome o = replay(words);

	if (o.status != status || !strstr(status == 2 ? o.err : o.out, says))
		fail_msg("mm-replay %s: %d, %s%s; expected %d, %s", words, o.status, o.out, o.err,
			 status, says);
}

static void the_command(void **state)
{
	struct recorded r = {.bytes = NULL};

	(void)state;
	recorded_everything(&r, 1, 2000);
	write_file(&r);
	expect(FILE_NAME, 0, "identical: ");
	expect(FILE_NAME " --until 0.00001", 0, "identical until then: ");
	expect(FILE_NAME " --json", 0, "\"result\":\"identical\"");
	expect(FILE_NAME " --events", 0, "\"kind\":\"vm_added\",\"vm\":\"b\"");
	expect(FILE_NAME " --set host.tax=0%", 0, "what if: host.tax=0%");
	expect(FILE_NAME " --set vms.b.shares=3000 --json", 0, "\"what_if\":{\"unseen_pages\":");
	expect(FILE_NAME " --set host.policy=static", 0, "targets at");
	expect(FILE_NAME " --set seed=3", 2, "--set 'seed=3': a record holds what guests did");
	expect(FILE_NAME " --set vms.a.memory=8M", 2, "allowed: host.tax");
	expect(FILE_NAME " --set host.taxi=1%", 2, "allowed: host.tax");
	expect(FILE_NAME " --set host.tax=200%", 2, "--set 'host.tax=200%': tax '200%'");
	expect(FILE_NAME " --set host.memory=1M", 2, "memory");
	expect("missing.record", 2, "missing.record: cannot be opened: No such file");
	expect(".", 2, "cannot be read: Is a directory");
	expect("", 2, "FILE");

	/* another answer in the middle, with a good checksum */
	for (size_t at = r.nr / 2;; at++) {
		struct mm_play *play;
		enum mm_play_state end;

		r.bytes[at] ^= 1;
		play = recorded_play(&r, NULL, &end);
		mm_play_destroy(play);
		if (end == MM_PLAY_DIFFERS)
			break;
		r.bytes[at] ^= 1;
		assert_true(at < r.nr / 2 + 100);
	}
	write_file(&r);
	expect(FILE_NAME, 3, "differs: call ");
	expect(FILE_NAME, 3, "the record has  ");
	expect(FILE_NAME " --json", 3, "\"difference\":{\"call\":");
	recorded_free(&r);
}

/* Every byte of a small file is flipped in turn, and it is cut at every length: exit 2, with the byte where. */
static void every_byte_counts(void **state)
{
	struct recorded r = {.bytes = NULL};
	struct record_written written;
	char *whole;
	int fd;

	(void)state;
	recorded_everything(&r, 2, 40);
	written = write_file(&r);
	whole = malloc(written.file_bytes);
	assert_non_null(whole);
	fd = open(FILE_NAME, O_RDWR | O_CLOEXEC);
	assert_int_equal(read(fd, whole, written.file_bytes), (ssize_t)written.file_bytes);
	for (size_t at = 0; at < written.file_bytes; at++) {
		struct record_reader *reader;
		struct error error = {.user = false};
		char flipped = (char)(whole[at] ^ (1 << at % 8));
		const uint8_t *bytes;

		assert_int_equal(pwrite(fd, &flipped, 1, (off_t)at), 1);
		if (record_reader_open(FILE_NAME, &reader, &error) == 0) {
			struct mm_record_source source = record_reader_source(reader);

			while (source.more(source.ctx, &bytes))
				;
			assert_int_equal(record_reader_verdict(reader, &error), -EINVAL);
			record_reader_close(reader);
		}
		assert_true(error.user && strstr(error.text, "byte "));
		if (at % 100 == 0)
			expect(FILE_NAME, 2, "test.record: byte ");
		assert_int_equal(pwrite(fd, &whole[at], 1, (off_t)at), 1);
	}
	for (size_t nr = written.file_bytes; nr--;) {
		assert_int_equal(ftruncate(fd, (off_t)nr), 0);
		if (nr % 500 == 0)
			expect(FILE_NAME, 2, "test.record: byte ");
	}
	/* blocks that are whole are played: the head alone is a record of nothing */
	assert_int_equal(pwrite(fd, whole, written.file_bytes - 1, 0),
			 (ssize_t)written.file_bytes - 1);
	expect(FILE_NAME, 2, "the file ends within a block");
	expect(FILE_NAME " --keep-going", 0, "identical as far as it can be read: ");
	assert_int_equal(pwrite(fd, whole, written.file_bytes, 0), (ssize_t)written.file_bytes);
	expect(FILE_NAME, 0, "identical: ");
	assert_int_equal(pwrite(fd, "x", 1, (off_t)written.file_bytes), 1);
	expect(FILE_NAME, 2, "the file ends within a block");
	close(fd);
	free(whole);
	recorded_free(&r);
}

/* The disk is full: what is there is whole, and what is lost is told. */
static void a_full_disk(void **state)
{
	const struct rlimit small = {100000, 100000};
	struct recorded r = {.bytes = NULL};
	struct record_written written;
	int status;
	pid_t child;

	(void)state;
	recorded_everything(&r, 3, 60000);
	assert_true(r.nr > 8 * RECORD_BLOCK_BYTES);
	child = fork();
	assert_true(child >= 0);
	if (!child) { /* the limit stays with it */
		struct outcome o;

		signal(SIGXFSZ, SIG_IGN);
		if (setrlimit(RLIMIT_FSIZE, &small))
			_exit(1);
		written = write_file(&r);
		if (!written.lost_bytes || written.errnum != EFBIG || written.file_bytes > 100000 ||
		    written.stream_bytes + written.lost_bytes != r.nr)
			_exit(2);
		o = replay(FILE_NAME);
		if (o.status != 2 || !strstr(o.err, "the record is cut off, after "))
			_exit(3);
		o = replay(FILE_NAME " --keep-going");
		_exit(o.status);
	}
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), 0);
	recorded_free(&r);
}

/* A run that never begins leaves an earlier record alone, and none where there was none. */
static void a_run_that_never_begins(void **state)
{
	struct record_writer *w;
	struct error error;

	(void)state;
	for (unsigned i = 0; i < 2; i++) {
		char text[10] = "";

		unlink(FILE_NAME);
		if (i) {
			int fd = open(FILE_NAME, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);

			assert_int_equal(write(fd, "earlier", 7), 7);
			close(fd);
		}
		assert_int_equal(record_writer_open(FILE_NAME, head(), &w, &error), 0);
		record_writer_sink(w).put(w, (const uint8_t *)"bytes", 5);
		record_writer_close(w, NULL);
		assert_int_equal(access(FILE_NAME, F_OK), i ? 0 : -1);
		if (i)
			read_text(FILE_NAME, text, sizeof(text));
		assert_string_equal(text, i ? "earlier" : "");
	}
	assert_int_equal(record_writer_open("no/such/folder", head(), &w, &error), -EINVAL);
	assert_string_equal(error.text, "--record no/such/folder: No such file or directory; "
					"allowed: a file that can be written");
	expect(FILE_NAME, 2, "test.record: byte 0: this is no record");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(it_comes_back, enter, leave),
		cmocka_unit_test_setup_teardown(the_command, enter, leave),
		cmocka_unit_test_setup_teardown(every_byte_counts, enter, leave),
		cmocka_unit_test_setup_teardown(a_full_disk, enter, leave),
		cmocka_unit_test_setup_teardown(a_run_that_never_begins, enter, leave),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
