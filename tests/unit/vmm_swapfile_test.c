/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * vmm_swapfile_test.c: the host's swap space on real files: contents, wrong paths, and that nothing is left behind.
 *
 * Needs a folder to write in (TMPDIR). What concerns requests runs both with io_uring and without.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "ballast/rng.h"
#include "vmm/swapfile.h"

#define SLOTS    1024u
#define REQUESTS 24u

struct world {
	char dir[200];
	uint8_t *stage;
	struct swapfile_config config;
	struct swapfile *swap;
	struct error error;
	pthread_mutex_t lock;
	pthread_cond_t more;
	unsigned done, failed; /* guarded by lock */
	struct mm_io *last;
};

static void on_done(void *ctx, struct mm_io *const *io, const int *result, unsigned nr)
{
	struct world *w = ctx;

	pthread_mutex_lock(&w->lock);
	for (unsigned i = 0; i < nr; i++) {
		w->done++;
		w->failed += result[i] != 0;
		w->last = io[i];
	}
	pthread_cond_broadcast(&w->more);
	pthread_mutex_unlock(&w->lock);
}

static void wait_for(struct world *w, unsigned done)
{
	pthread_mutex_lock(&w->lock);
	while (w->done < done)
		pthread_cond_wait(&w->more, &w->lock);
	assert_int_equal(w->done, done);
	pthread_mutex_unlock(&w->lock);
}

static int setup(void **state)
{
	const char *tmp = getenv("TMPDIR");
	struct world *w = calloc(1, sizeof *w);

	snprintf(w->dir, sizeof w->dir, "%s/ballast-swap-test-XXXXXX", tmp ? tmp : "/tmp");
	if (!mkdtemp(w->dir))
		return -1;
	w->stage = aligned_alloc(PAGE_BYTES, (size_t)mm_stages() * PAGE_BYTES);
	if (!w->stage)
		return -1;
	pthread_mutex_init(&w->lock, NULL);
	pthread_cond_init(&w->more, NULL);
	w->config = (struct swapfile_config){
		.path = w->dir, .pages = SLOTS, .stage = w->stage, .done = on_done, .ctx = w};
	*state = w;
	return 0;
}

static unsigned files_in(const char *dir)
{
	DIR *d = opendir(dir);
	unsigned n = 0;

	assert_non_null(d);
	while (readdir(d))
		n++;
	closedir(d);
	return n - 2; /* . and .. */
}

static int teardown(void **state)
{
	struct world *w = *state;
	int result;

	swapfile_destroy(w->swap);
	result = rmdir(w->dir); /* fails if anything was left */
	free(w->stage);
	pthread_mutex_destroy(&w->lock);
	pthread_cond_destroy(&w->more);
	free(w);
	return result;
}

static void open_swap(struct world *w, bool no_uring)
{
	w->config.no_uring = no_uring;
	if (swapfile_create(&w->config, &w->swap, &w->error))
		fail_msg("%s", w->error.text);
	if (no_uring)
		assert_false(swapfile_has_uring(w->swap));
	else if (!swapfile_has_uring(w->swap))
		skip(); /* refused here */
}

static void expect_refused(struct world *w, bool user, int error, const char *words)
{
	assert_int_equal(swapfile_create(&w->config, &w->swap, &w->error), error);
	assert_null(w->swap);
	assert_int_equal(w->error.user, user);
	if (!strstr(w->error.text, words))
		fail_msg("'%s' says nothing of '%s'", w->error.text, words);
}

static void page_fill(struct world *w, uint32_t stage, uint64_t seed)
{
	struct rng r = rng_seeded(seed);

	for (unsigned i = 0; i < PAGE_BYTES; i += 8) {
		uint64_t word = rng_next(&r);

		memcpy(w->stage + (size_t)stage * PAGE_BYTES + i, &word, 8);
	}
}

static bool page_is(const struct world *w, uint32_t stage, uint64_t seed)
{
	struct rng r = rng_seeded(seed);

	for (unsigned i = 0; i < PAGE_BYTES; i += 8) {
		uint64_t word = rng_next(&r);

		if (memcmp(w->stage + (size_t)stage * PAGE_BYTES + i, &word, 8))
			return false;
	}
	return true;
}

/* Request i of 24 has 1 to 32 pages at slot 32 i; stages run in threes, so that an iovec has gaps. */
static struct mm_io request(unsigned i, bool write)
{
	struct mm_io io = {
		.slot = slot(i * MM_CLUSTER_PAGES), .nr = 1 + i * 31 / 23, .write = write};

	for (uint32_t k = 0; k < io.nr; k++)
		io.stage[k] = stage(i * 64 + k + k / 3);
	return io;
}

static void contents_come_back(struct world *w)
{
	static struct mm_io io[REQUESTS];
	struct mm_io *list[REQUESTS];
	unsigned pages = 0;

	for (unsigned i = 0; i < REQUESTS; i++) {
		io[i] = request(i, true);
		list[i] = &io[i];
		for (uint32_t k = 0; k < io[i].nr; k++)
			page_fill(w, io[i].stage[k].v, io[i].slot.v + k);
	}
	assert_int_equal(io[0].nr, 1);
	assert_int_equal(io[REQUESTS - 1].nr, MM_CLUSTER_PAGES);
	swapfile_submit(w->swap, list, REQUESTS);
	wait_for(w, REQUESTS);
	memset(w->stage, 0xaa, (size_t)mm_stages() * PAGE_BYTES);
	for (unsigned i = 0; i < REQUESTS; i++)
		io[i].write = false;
	for (unsigned i = 0; i < REQUESTS; i++) /* one by one, the last first */
		swapfile_submit(w->swap, &list[REQUESTS - 1 - i], 1);
	wait_for(w, 2 * REQUESTS);
	assert_int_equal(w->failed, 0);
	for (unsigned i = 0; i < REQUESTS; i++)
		for (uint32_t k = 0; k < io[i].nr; k++, pages++) {
			assert_true(page_is(w, io[i].stage[k].v, io[i].slot.v + k));
			if (k % 3 == 2) /* the gap behind it was left alone */
				assert_int_equal(
					w->stage[(size_t)(io[i].stage[k].v + 1) * PAGE_BYTES],
					0xaa);
		}
	assert_int_equal(pages, 385);
}

static void contents_with_uring(void **state)
{
	open_swap(*state, false);
	contents_come_back(*state);
}

static void contents_without_uring(void **state)
{
	open_swap(*state, true);
	contents_come_back(*state);
}

/* In the caller's thread, part of what was written together, into other stages. */
static void read_at_once(void **state)
{
	struct world *w = *state;
	struct mm_io io = request(REQUESTS - 1, true), *list = &io;

	open_swap(w, true);
	for (uint32_t k = 0; k < io.nr; k++)
		page_fill(w, io.stage[k].v, k);
	swapfile_submit(w->swap, &list, 1);
	wait_for(w, 1);
	assert_ptr_equal(w->last, &io);
	io = (struct mm_io){.slot = slot(io.slot.v + 7), .nr = 3};
	for (uint32_t k = 0; k < 3; k++)
		io.stage[k] = stage(100 - 5 * k);
	assert_int_equal(swapfile_read(w->swap, &io), 0);
	for (uint32_t k = 0; k < 3; k++)
		assert_true(page_is(w, 100 - 5 * k, 7 + k));
	assert_int_equal(w->done, 1);
}

/* Slots that are not there: an error, whoever reads. */
static void reading_behind_the_end(struct world *w)
{
	struct mm_io io = {.slot = slot(SLOTS - 1), .nr = 2, .stage = {stage(0), stage(1)}};
	struct mm_io *list = &io;

	swapfile_submit(w->swap, &list, 1);
	wait_for(w, 1);
	assert_int_equal(w->failed, 1);
	assert_int_equal(swapfile_read(w->swap, &io), -EIO);
	io.nr = 1;
	assert_int_equal(swapfile_read(w->swap, &io), 0);
	swapfile_submit(w->swap, &list, 1);
	wait_for(w, 2);
	assert_int_equal(w->failed, 1);
}

static void end_with_uring(void **state)
{
	open_swap(*state, false);
	reading_behind_the_end(*state);
}

static void end_without_uring(void **state)
{
	open_swap(*state, true);
	reading_behind_the_end(*state);
}

static void expect_nameless_file(struct world *w)
{
	struct stat st;

	assert_int_equal(fstat(swapfile_fd(w->swap), &st), 0);
	assert_int_equal(st.st_nlink, 0);
	assert_int_equal(st.st_size, SLOTS * PAGE_BYTES);
	assert_int_equal(st.st_mode & 077, 0); /* it holds guest memory */
	assert_true((uint64_t)st.st_blocks * 512 >= SLOTS * PAGE_BYTES);
	assert_int_equal(!!(fcntl(swapfile_fd(w->swap), F_GETFL) & O_DIRECT),
			 swapfile_is_direct(w->swap));
	assert_true(fcntl(swapfile_fd(w->swap), F_GETFD) & FD_CLOEXEC);
	assert_int_equal(files_in(w->dir), 0);
}

static void in_a_folder(void **state)
{
	open_swap(*state, true);
	expect_nameless_file(*state);
}

static void a_new_file(void **state)
{
	struct world *w = *state;
	char path[300];

	snprintf(path, sizeof path, "%s/swap", w->dir);
	w->config.path = path;
	open_swap(w, true);
	expect_nameless_file(w);
}

static void an_existing_file_is_left_alone(void **state)
{
	struct world *w = *state;
	char path[300], text[8] = "";
	FILE *f;

	snprintf(path, sizeof path, "%s/precious", w->dir);
	f = fopen(path, "w");
	assert_non_null(f);
	fputs("data", f);
	fclose(f);
	w->config.path = path;
	expect_refused(w, true, -EINVAL, path);
	assert_non_null(strstr(w->error.text, "exists"));
	f = fopen(path, "r");
	assert_non_null(f);
	assert_non_null(fgets(text, sizeof text, f));
	fclose(f);
	assert_string_equal(text, "data");
	assert_int_equal(unlink(path), 0);
}

static void a_missing_folder(void **state)
{
	struct world *w = *state;
	char path[300];

	snprintf(path, sizeof path, "%s/no/such/folder", w->dir);
	w->config.path = path;
	expect_refused(w, true, -EINVAL, path);
}

static void a_folder_that_may_not_be_written(void **state)
{
	struct world *w = *state;
	const uid_t me = geteuid();

	assert_int_equal(chmod(w->dir, 0555), 0);
	if (me == 0 && seteuid(65534)) /* root may write anywhere */
		skip();
	expect_refused(w, true, -EINVAL, w->dir);
	assert_int_equal(seteuid(me), 0);
	assert_int_equal(chmod(w->dir, 0700), 0);
	w->config.path = "/proc"; /* nobody may */
	assert_true(swapfile_create(&w->config, &w->swap, &w->error) < 0);
	assert_null(w->swap);
	assert_true(w->error.user);
}

/* More than is free: refused at once, without filling the disk to find out. */
static void no_room(void **state)
{
	struct world *w = *state;
	struct statvfs before;
	char path[300];

	assert_int_equal(statvfs(w->dir, &before), 0);
	if (!before.f_blocks || before.f_bavail * before.f_frsize / PAGE_BYTES > 1u << 30)
		skip(); /* no limit, or one that no swap file reaches */
	w->config.pages = before.f_bavail * before.f_frsize / PAGE_BYTES + (1u << 20);
	expect_refused(w, false, -ENOSPC, "no room");
	assert_non_null(strstr(w->error.text, w->dir));
	assert_non_null(strstr(w->error.text, "MiB free"));
	snprintf(path, sizeof path, "%s/swap", w->dir);
	w->config.path = path;
	expect_refused(w, false, -ENOSPC, "no room");
	assert_int_equal(files_in(w->dir), 0);
}

static void nothing_to_destroy(void **state)
{
	(void)state;
	swapfile_destroy(NULL);
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(contents_with_uring),
		TEST(contents_without_uring),
		TEST(read_at_once),
		TEST(end_with_uring),
		TEST(end_without_uring),
		TEST(in_a_folder),
		TEST(a_new_file),
		TEST(an_existing_file_is_left_alone),
		TEST(a_missing_folder),
		TEST(a_folder_that_may_not_be_written),
		TEST(no_room),
		TEST(nothing_to_destroy),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
