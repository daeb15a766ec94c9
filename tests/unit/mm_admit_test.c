/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * mm_admit_test.c: which VMs fit a machine, and the sums that say so.
 *
 * 10000 pages, thresholds 6, 4, 2, 1 %: the reserve of 192 and minimums must fit 94 %, 9400.
 */
#include "tests/support/mm_world.h"

static struct mm_config machine_of(npages_t swap)
{
	struct mm_config c = world_config(&(struct mm_world_options){.memory = 0});

	c.swap_pages = swap;
	return c;
}

/* 192 + 9208 = 9400 fit exactly, a page more needs 10002 (9401 / 0.94 = 10001.06). */
static void memory_to_the_page(void **state)
{
	struct mm_config c = machine_of(100000);
	struct mm_vm_config vm[2] = {{.pages = 9000, .min_pages = 9000},
				     {.pages = 500, .min_pages = 208}};
	struct mm_admission a;

	(void)state;
	assert_int_equal(mm_admit(&c, vm, 2, &a), 2);
	assert_int_equal(a.min_pages, 9208);
	assert_int_equal(a.overhead_pages, 792);
	assert_int_equal(a.beyond_pages, 292);
	assert_true(a.memory_fits && a.swap_fits);
	vm[1].min_pages++;
	assert_int_equal(mm_admit(&c, vm, 2, &a), 1);
	assert_int_equal(a.min_pages + a.overhead_pages, 10002);
	assert_false(a.memory_fits);
	assert_true(a.swap_fits);
}

static void swap_to_the_page(void **state)
{
	struct mm_config c = machine_of(2500);
	struct mm_vm_config vm[3] = {{.pages = 1000},
				     {.pages = 2000, .min_pages = 500},
				     {.pages = 1000, .min_pages = 999}};
	struct mm_admission a;

	(void)state;
	assert_int_equal(mm_admit(&c, vm, 2, &a), 2);
	assert_int_equal(a.beyond_pages, 2500);
	assert_int_equal(mm_admit(&c, vm, 3, &a), 2);
	assert_int_equal(a.beyond_pages, 2501);
	assert_true(a.memory_fits);
	assert_false(a.swap_fits);
	c.swap_pages = 0; /* nothing is promised beyond minimums */
	assert_int_equal(mm_admit(&c, vm, 3, &a), 3);
}

/* A VM counts with 64 pages at least, as it does for the manager itself: what is admitted can be added. */
static void floors_count(void **state)
{
	struct mm_config c = machine_of(0);
	struct mm_vm_config vm[200];
	struct mm_admission a;

	(void)state;
	for (unsigned i = 0; i < 200; i++)
		vm[i] = (struct mm_vm_config){.pages = 1000};
	assert_int_equal(mm_admit(&c, vm, 200, &a), 9208 / 64);
	assert_int_equal(a.min_pages, (9208 / 64 + 1) * 64);
	c.bounce_pages_per_vm = 8; /* 192 + 72 n <= 9400 */
	assert_int_equal(mm_admit(&c, vm, 200, &a), 9208 / 72);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(memory_to_the_page),
		cmocka_unit_test(swap_to_the_page),
		cmocka_unit_test(floors_count),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
