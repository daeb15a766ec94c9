/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * workload_fileserver_test.c: what the file server does, against a naive file system that only knows how long each file
 * is: everything that is asked of it must be possible, whole, and in the shares that fileserver.h promises.
 */
#include <errno.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "guest/core/workload.h"

#define MOST_FILES 4000u

struct naive {
	struct workload w;
	struct workload_spec spec;
	struct fileserver_file memory[MOST_FILES];
	uint32_t files, mean;
	uint32_t length[MOST_FILES];
	unsigned used[MOST_FILES]; /* operations seen that touched it */
	unsigned reads, read_blocks, appends, appended, made, made_blocks, dropped;
};

static struct naive *create(uint32_t files, uint32_t mean, uint32_t write_ppm, uint32_t alpha_ppm,
			    uint64_t seed)
{
	struct naive *n = calloc(1, sizeof(*n));
	uint32_t bad;

	assert_non_null(n);
	memset(n->memory, 0x5a, sizeof(n->memory)); /* any content */
	n->spec = (struct workload_spec){.nr_phases = 1,
					 .phase = {{.kind = WORK_FILESERVER,
						    .files = files,
						    .file_pages = mean,
						    .write_ppm = write_ppm,
						    .alpha_ppm = alpha_ppm}}};
	n->files = files;
	n->mean = mean;
	assert_int_equal(workload_check(&n->spec, &bad), 0);
	workload_init(&n->w, &n->spec, seed, 0);
	workload_files(&n->w, n->memory, files);
	assert_int_equal(workload_next(&n->w).op, STEP_BEGIN);
	workload_phase_begin(&n->w, 0);
	return n;
}

/* Files in order, each from its first block to its last. */
static void fill(struct naive *n)
{
	uint32_t place = 2 * n->mean;

	for (uint32_t file = 0; file < n->files; file++) {
		uint32_t left;

		do {
			struct workload_step s = workload_next(&n->w);

			assert_int_equal(s.op, STEP_FILL);
			assert_true(s.file && !s.write);
			assert_int_equal(s.page, file * place + n->length[file]);
			n->length[file]++;
			left = s.blocks;
		} while (left);
		assert_in_range(n->length[file], 1, place - 1);
	}
}

/* The rest of an operation whose first step is s, on blocks of one file. How many blocks it has. */
static uint32_t follow(struct naive *n, struct workload_step s)
{
	uint32_t nr = s.blocks + 1;

	for (uint32_t i = 1; i < nr; i++) {
		struct workload_step next = workload_next(&n->w);

		assert_int_equal(next.op, STEP_TOUCH);
		assert_int_equal(next.page, s.page + i);
		assert_int_equal(next.blocks, nr - 1 - i);
		assert_int_equal(next.write, s.write);
		assert_true(next.file);
	}
	return nr;
}

static void operate(struct naive *n)
{
	struct workload_step s = workload_next(&n->w);
	uint32_t place = 2 * n->mean, file = s.page / place, at = s.page % place, nr;

	assert_true(s.file && file < n->files);
	n->used[file]++;
	if (s.op == STEP_DROP) {
		assert_int_equal(at, 0);
		assert_int_equal(s.blocks, n->length[file]);
		assert_true(s.blocks > 0);
		n->length[file] = 0;
		n->dropped++;
		return;
	}
	assert_int_equal(s.op, STEP_TOUCH);
	nr = follow(n, s);
	if (!s.write) { /* whole */
		assert_int_equal(at, 0);
		assert_int_equal(nr, n->length[file]);
		n->reads++;
		n->read_blocks += nr;
		return;
	}
	assert_int_equal(at, n->length[file]); /* behind what there is */
	assert_true(at + nr <= place);
	if (at) {
		assert_in_range(nr, 1, n->mean < 4 ? 1 : n->mean / 4);
		n->appends++;
		n->appended += nr;
	} else {
		assert_in_range(nr, 1, place - 1);
		n->made++;
		n->made_blocks += nr;
	}
	n->length[file] += nr;
}

static void near(double found, double expected, double tolerance)
{
	if (fabs(found - expected) > tolerance)
		fail_msg("%.1f is not within %.1f of %.1f", found, tolerance, expected);
}

static uint32_t there(const struct naive *n)
{
	uint32_t nr = 0;

	for (uint32_t file = 0; file < n->files; file++)
		nr += n->length[file] > 0;
	return nr;
}

/*
 * Of n operations drawn, 5/6 find their file. With 60 % of changes these are equally often reads, stats (not seen),
 * appends, deletes and writes, so each n/6; a file that is not there (n/6) is made, too. Dropped is what is deleted or
 * written anew: n/3; made n/3; read n/6; appended to n/6, but for some that were full. Tolerances: five standard
 * deviations and what full files can take.
 */
static void test_shares(void **state)
{
	struct naive *n = create(3000, 32, 600000, 0, 5);
	double drawn;

	(void)state;
	fill(n);
	for (unsigned i = 0; i < 20000; i++) /* to where as many files are made as deleted */
		operate(n);
	n->reads = n->read_blocks = n->appends = n->appended = n->made = n->made_blocks =
		n->dropped = 0;
	for (unsigned i = 0; i < 60000; i++)
		operate(n);
	drawn = 6.0 * n->reads;
	near(60000, drawn, 0.03 * drawn); /* 1/3 + 1/3 + 1/6 + 1/6 of it are seen */
	near(n->dropped, drawn / 3, 0.03 * drawn / 3);
	near(n->made, drawn / 3, 0.03 * drawn / 3);
	near(n->appends, n->reads, 0.06 * n->reads);
	near(there(n), 3000 * 5.0 / 6, 5 * sqrt(3000 * 5.0 / 36));
	near(1.0 * n->made_blocks / n->made, 32, 5 * 18.2 / sqrt(n->made));
	near(1.0 * n->appended / n->appends, 4.5, 0.3); /* 1 to 8, less where a file gets full */
	free(n);
}

static void test_only_reads(void **state)
{
	struct naive *n = create(2000, 16, 0, 0, 9);
	uint64_t blocks = 0;
	unsigned unused = 0;

	(void)state;
	fill(n);
	for (uint32_t file = 0; file < n->files; file++)
		blocks += n->length[file];
	near(blocks / 2000.0, 16, 5 * 8.9 / sqrt(2000)); /* uniform from 1 to 31 */
	for (unsigned i = 0; i < 20000; i++)
		operate(n);
	assert_int_equal(n->reads, 20000);
	for (uint32_t file = 0; file < n->files; file++)
		unused += n->used[file] == 0;
	assert_true(unused < 3); /* e^-10 of 2000 expected */
	free(n);
}

/* Alpha 1 of 100 files: the most used one has 1 / (1 + 1/2 + .. + 1/100) of the operations. */
static void test_some_files_are_hot(void **state)
{
	const double harmonic = 5.187377517639621;
	struct naive *n = create(100, 4, 0, 1000000, 2);
	unsigned most = 0;

	(void)state;
	fill(n);
	for (unsigned i = 0; i < 20000; i++)
		operate(n);
	for (uint32_t file = 0; file < n->files; file++)
		most = n->used[file] > most ? n->used[file] : most;
	near(most, 20000 / harmonic, 5 * sqrt(20000 / harmonic));
	free(n);
}

/* One block each, and place for one more. */
static void test_smallest(void **state)
{
	struct naive *n = create(1, 1, PPM, 0, 1);

	(void)state;
	fill(n);
	assert_int_equal(n->length[0], 1);
	for (unsigned i = 0; i < 10000; i++)
		operate(n);
	assert_int_equal(n->reads, 0);
	assert_true(n->appends > 500 && n->made > 1000 && n->dropped > 1000);
	assert_int_equal(n->made_blocks, n->made);
	free(n);
}

static bool same(struct naive *a, struct naive *b, unsigned steps)
{
	bool equal = true;

	for (unsigned i = 0; i < steps; i++) {
		struct workload_step x = workload_next(&a->w), y = workload_next(&b->w);

		equal &= x.op == y.op && x.page == y.page && x.write == y.write &&
			 x.blocks == y.blocks && x.file == y.file;
	}
	free(a);
	free(b);
	return equal;
}

static void test_seeds(void **state)
{
	(void)state;
	assert_true(
		same(create(50, 8, 600000, 500000, 3), create(50, 8, 600000, 500000, 3), 20000));
	assert_false(same(create(50, 8, 600000, 0, 3), create(50, 8, 600000, 0, 4), 20000));
}

/* rate, write and alpha change, the files stay. */
static void test_go_on(void **state)
{
	struct naive *n = create(200, 8, 600000, 0, 3);
	struct workload_spec calm = n->spec, other = n->spec;

	(void)state;
	fill(n);
	for (unsigned i = 0; i < 3000; i++)
		operate(n);
	calm.phase[0].write_ppm = 0;
	calm.phase[0].alpha_ppm = 4000000;
	assert_true(workload_same_pages(&n->spec, &calm));
	other.phase[0].files = 201;
	assert_false(workload_same_pages(&n->spec, &other));
	other = n->spec;
	other.phase[0].file_pages = 7;
	assert_false(workload_same_pages(&n->spec, &other));
	workload_go_on(&n->w, &calm);
	memset(n->used, 0, sizeof(n->used));
	n->dropped = 0;
	for (unsigned i = 0; i < 1000; i++)
		operate(n);
	assert_int_equal(n->dropped, 0);
	for (uint32_t file = 0, hot = 0; file < n->files; file++) {
		hot += n->used[file] > 800; /* 92 % by rank 1 */
		assert_true(file + 1 < n->files || hot == 1);
	}
	free(n);
}

/* The phase's end comes at any time, and the next phase has files of its own. */
static void test_phases(void **state)
{
	struct naive *n = create(10, 4, 600000, 0, 3);
	struct workload_spec two = {.nr_phases = 2, .phase = {n->spec.phase[0], n->spec.phase[0]}};

	(void)state;
	two.phase[0].duration_ns = 1;
	two.phase[1].files = 11; /* one more than there is memory for */
	workload_init(&n->w, &two, 3, 0);
	workload_files(&n->w, n->memory, 10);
	assert_int_equal(workload_next(&n->w).op, STEP_BEGIN);
	workload_phase_begin(&n->w, 0);
	assert_int_equal(workload_next(&n->w).op, STEP_FILL);
	workload_phase_over(&n->w);
	assert_int_equal(workload_next(&n->w).op, STEP_PHASE_END);
	assert_int_equal(workload_next(&n->w).op, STEP_BEGIN);
	workload_phase_begin(&n->w, 0);
	assert_int_equal(workload_next(&n->w).op, STEP_WAIT);
	assert_int_equal(workload_blocks(&two), 11 * 8);
	free(n);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_shares),
		cmocka_unit_test(test_only_reads),
		cmocka_unit_test(test_some_files_are_hot),
		cmocka_unit_test(test_smallest),
		cmocka_unit_test(test_seeds),
		cmocka_unit_test(test_go_on),
		cmocka_unit_test(test_phases),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
