/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * mm_vm_test.c: machines and VMs that can be and that cannot, placing a boot image, the price of the records, legal transitions.
 */
#include "tests/support/mm_world.h"

#include <signal.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

static int add(struct mm_world *w, uint32_t vm, npages_t pages, npages_t min_pages)
{
	struct mm_vm_config config = {.pages = pages, .min_pages = min_pages, .shares = 1000};
	int result = mm_vm_add(w->mm, vm, &config, 0);

	fake_body_check(&w->body);
	return result;
}

/* Minimums and floors must fit into 9208. */
static void minimums_that_do_not_fit_are_refused(void **state)
{
	struct mm_world *w = world_make((struct mm_world_options){.memory = 0});

	(void)state;
	assert_int_equal(add(w, 0, 20000, 9209), -28);
	assert_int_equal(add(w, 0, 20000, 9208), 0);
	assert_int_equal(add(w, 1, 1, 0), -28); /* even one page */
	mm_vm_end(w->mm, 0, 0);
	assert_int_equal(add(w, 1, 20000, 9208 - 64 - 10), 0);
	assert_int_equal(add(w, 2, 300, 75), -28);
	assert_int_equal(add(w, 2, 300, 0), 0);  /* the floor: 64 */
	assert_int_equal(add(w, 3, 11, 0), -28); /* smaller than the floor: its size */
	assert_int_equal(add(w, 3, 10, 0), 0);
	assert_int_equal(world_vm(w, 1).target_pages, 9134);
	assert_int_equal(world_vm(w, 2).target_pages, 64);
	assert_int_equal(world_vm(w, 3).target_pages, 10);
	world_free(w);
}

static void impossible_vms_are_refused(void **state)
{
	struct mm_world *w = world_make((struct mm_world_options){.memory = 0});
	struct mm_vm_config config = {.pages = 100, .hole_start = 60, .hole_end = 50};

	(void)state;
	assert_int_equal(add(w, FAKE_VMS, 100, 0), -17);
	assert_int_equal(add(w, 0, 0, 0), -22);
	assert_int_equal(add(w, 0, UINT32_MAX, 0), -22);
	assert_int_equal(mm_vm_add(w->mm, 0, &config, 0), -22);
	assert_int_equal(add(w, 0, 100, 0), 0);
	assert_int_equal(add(w, 0, 100, 0), -17);
	mm_vm_end(w->mm, 0, 0);
	mm_vm_end(w->mm, 0, 0);                   /* once is enough */
	assert_int_equal(add(w, 0, 100, 0), -17); /* its figures stay readable */
	world_free(w);
}

/* Reserve for 3 VMs with 8 bounce pages each: 192 + 24 = 216. 6 % must stay free of what is then left. */
static void the_least_memory(void **state)
{
	struct mm_config c =
		world_config(&(struct mm_world_options){.memory = 0, .bounce_pages = 8});
	npages_t least;

	(void)state;
	least = mm_least_memory_pages(&c, 3, 300); /* 516 / 0.94 = 548.9 */
	assert_int_equal(least, 549);
	assert_true(least - least * 6 / 100 >= 516);
	c.state_ppm[MM_HIGH] = 0;
	assert_int_equal(mm_least_memory_pages(&c, 3, 300), 516);
	c.state_ppm[MM_HIGH] = 500000;
	assert_int_equal(mm_least_memory_pages(&c, 3, 300), 1032);
}

/* With that much, VMs with these minimums fit, whatever the numbers. */
static void the_least_memory_suffices(void **state)
{
	struct rng r = rng_seeded(6);

	(void)state;
	print_message("seed 6\n");
	for (unsigned i = 0; i < 300; i++) {
		struct mm_world_options o = {
			.bounce_pages = rng_below(&r, 9),
			.ppm = {5000 + (uint32_t)rng_below(&r, 900000), 1, 1, 1}};
		struct mm_config c = world_config(&o);
		npages_t min = 64 + rng_below(&r, 1000);
		struct mm_world *w;

		o.memory = mm_least_memory_pages(&c, FAKE_VMS, FAKE_VMS * min);
		w = world_make(o);
		for (uint32_t vm = 0; vm < FAKE_VMS; vm++)
			assert_int_equal(add(w, vm, 5000, min), 0);
		for (uint32_t vm = 0; vm < FAKE_VMS; vm++)
			assert_true(world_vm(w, vm).target_pages >= min);
		world_free(w);
	}
}

static int create(struct mm_config c)
{
	struct fake_body *body = test_calloc(1, sizeof *body);
	struct mm *m;
	int result;

	fake_body_init(body, 0, 1);
	result = mm_create(&c, &fake_body_ops, body, &m);
	assert_true(!m == !!result);
	mm_destroy(m);
	fake_body_free(body);
	test_free(body);
	return result;
}

static void impossible_machines_are_refused(void **state)
{
	const struct mm_config good = world_config(&(struct mm_world_options){.memory = 0});
	struct mm_config c = good;

	(void)state;
	assert_int_equal(create(c), 0);
	c.pager = NULL;
	assert_int_equal(create(c), -22);
	c = good;
	c.max_vms = 0;
	assert_int_equal(create(c), -22);
	for (unsigned i = 0; i < MM_STATES - 1; i++) {
		c = good;
		c.state_ppm[i] = c.state_ppm[i + 1] - 1;
		assert_int_equal(create(c), -22);
	}
	c = good;
	c.state_ppm[MM_HIGH] = PPM;
	assert_int_equal(create(c), -22);
	c = good;
	c.state_ppm[MM_HIGH] = c.state_ppm[MM_SOFT] = c.state_ppm[MM_HARD] = 199;
	c.state_ppm[MM_LOW] = 100; /* 1.99 and 1 of 10000: the same page */
	assert_int_equal(create(c), -22);
	c.state_ppm[MM_HIGH] = 200;
	assert_int_equal(create(c), 0);
	c = good;
	c.memory_pages = 205; /* 192 + 6 % of 205 = 204: leaves one page for guests */
	assert_int_equal(create(c), 0);
	c.memory_pages = 203; /* 192 + 12 = 204 */
	assert_int_equal(create(c), -22);
	mm_destroy(NULL);
}

static void placing(void **state)
{
	struct mm_world *w = world_make((struct mm_world_options){.memory = 1000});
	uint64_t page[PAGE_BYTES / 8] = {1234};

	(void)state;
	world_add(w, 900, 0);
	assert_int_equal(mm_place(w->mm, 0, gfn(3), page, true, 0), 0);
	assert_int_equal(mm_place(w->mm, 0, gfn(4), NULL, false, 0), 0);
	assert_int_equal(world_guest(w, 0, 3)->content, 1234);
	assert_int_equal(world_guest(w, 0, 4)->content, FAKE_ZERO);
	assert_int_equal(world_page(w, 0, 3)->flags, PAGE_PINNED);
	assert_int_equal(world_page(w, 0, 4)->flags, 0);
	assert_int_equal(mm_place(w->mm, 0, gfn(3), page, true, 0), -17);
	assert_int_equal(mm_place(w->mm, 0, gfn(900), page, true, 0), -14);
	assert_int_equal(mm_place(w->mm, 0, gfn(UINT64_MAX), page, true, 0), -14);
	w->body.refuse_map_ppm = PPM;
	assert_int_equal(mm_place(w->mm, 0, gfn(5), page, true, 0), -12);
	w->body.refuse_map_ppm = 0;
	assert_int_equal(world_vm(w, 0).pinned_pages, 1);
	assert_int_equal(world_vm(w, 0).resident_pages, 2);
	assert_int_equal(world_vm(w, 0).faults_zero, 0);
	for (uint64_t g = 5; g < 811; g++)
		assert_int_equal(mm_place(w->mm, 0, gfn(g), NULL, false, 0), 0);
	assert_int_equal(mm_place(w->mm, 0, gfn(811), NULL, false, 0), -12); /* budget spent */
	assert_int_equal(world_host(w).peak_used_pages, 1000);
	fake_body_check(&w->body);
	world_free(w);
}

/* 3.5 GiB: 3.25 below the hole, 0.25 from 4 GiB on. */
static void a_vm_with_a_hole(void **state)
{
	const uint64_t mib = 256; /* pages */
	struct mm_vm_config config = {.pages = 3584 * mib,
				      .hole_start = 3328 * mib,
				      .hole_end = 4096 * mib,
				      .shares = 1000};
	struct mm_world *w = world_make((struct mm_world_options){.memory = 0});
	const uint64_t edge[] = {3328 * mib, 4096 * mib - 1, 4352 * mib};
	const uint64_t inside[] = {0, 3328 * mib - 1, 4096 * mib, 4352 * mib - 1};

	(void)state;
	fake_body_add_vm(&w->body, 0, 4353 * mib);
	assert_int_equal(mm_vm_add(w->mm, 0, &config, 0), 0);
	for (unsigned i = 0; i < 3; i++) {
		mm_fault(w->mm, 0, gfn(edge[i]), MM_FAULT_MISSING, 0);
		assert_false(world_guest(w, 0, edge[i])->present);
		assert_int_equal(world_guest(w, 0, edge[i])->woken, 1);
		assert_int_equal(mm_place(w->mm, 0, gfn(edge[i]), NULL, false, 0), -14);
	}
	for (unsigned i = 0; i < 4; i++) {
		mm_fault(w->mm, 0, gfn(inside[i]), MM_FAULT_MISSING, 0);
		assert_true(world_guest(w, 0, inside[i])->present);
	}
	fake_body_check(&w->body);
	assert_int_equal(world_vm(w, 0).configured_pages, 3584 * mib);
	assert_int_equal(world_vm(w, 0).untouched_pages, 3584 * mib - 4);
	mm_vm_end(w->mm, 0, 0);
	assert_int_equal(world_vm(w, 0).untouched_pages, 3584 * mib);
	world_free(w);
}

/* 12 bytes a page (8 without swap) and 8 1/8 a slot for the manager, and what the policy asks for; the rest is a small constant: with swap
 * as big as the guests, at most 32 bytes a guest page with a policy of a list and a bit. */
static void the_price_of_records(void **state)
{
	(void)state;
	for (unsigned i = 0; policy_table[i]; i++) {
		const npages_t vm_pages = 16384, vms = 8; /* 64 MiB */
		struct mm_world *w = world_make((struct mm_world_options){
			.pager = policy_table[i]->name, .swap = vms * vm_pages});
		uint64_t empty = world_host(w).metadata_bytes, one, all;
		uint64_t policy = policy_table[i]->bytes(vm_pages, vm_pages);

		assert_true(empty >= vms * vm_pages * 8 + vms * vm_pages / 8);
		assert_true(empty < vms * vm_pages * 8 + vms * vm_pages / 8 + 64 * 1024);
		world_add(w, vm_pages, 0);
		one = world_host(w).metadata_bytes - empty;
		assert_true(one >= vm_pages * 12 + policy);
		assert_true(one <= vm_pages * 12 + policy + 256);
		for (unsigned k = 1; k < vms; k++)
			world_add(w, vm_pages, 0);
		all = world_host(w).metadata_bytes;
		assert_int_equal(all, empty + vms * one);
		if (policy <= vm_pages * 8 + vm_pages / 8 + 256)
			assert_true(all <= 32 * vms * vm_pages);
		world_free(w);
	}
}

static const char *const state_name[PAGE_STATES] = {"untouched", "resident", "sampled",
						    "leaving",   "swapped",  "arriving",
						    "ballooned", "shared",   "compressed"};

/* Rows: from; columns: to; in the order of the names above. */
static const bool legal[PAGE_STATES][PAGE_STATES] = {
	{0, 1, 0, 0, 0, 0, 1, 0, 0}, /* a first touch; given up */
	{1, 0, 1, 1, 1, 0, 1, 1,
	 1}, /* its VM ends; sampled; written; dropped; given up; shared; compressed */
	{1, 1, 0, 1, 1, 0, 1, 0, 1}, /* ends; touched; written; dropped; given up; compressed */
	{1, 1, 1, 0, 1, 0, 1, 0,
	 0}, /* ends; touched; not written and not mappable; written; given up */
	{1, 1, 0, 0, 0, 1, 1, 0, 0}, /* ends; at once; by a read; given up */
	{1, 1, 0, 0, 1, 0, 1, 0, 0}, /* ends; arrived; arrived and not mappable; given up */
	{1, 1, 0, 0, 0, 0, 0, 0, 0}, /* taken back; touched */
	{1, 1, 0, 0, 0, 0, 1, 0, 0}, /* ends; written; given up */
	{1, 1, 0, 0, 1, 0, 1, 0, 0}, /* ends; touched; written out; given up */
};

static void transitions(void **state)
{
	(void)state;
	for (unsigned from = 0; from < PAGE_STATES; from++)
		for (unsigned to = 0; to < PAGE_STATES; to++)
			if (page_move_is_legal((enum page_state)from, (enum page_state)to) !=
			    legal[from][to])
				fail_msg("%s to %s", state_name[from], state_name[to]);
}

/* An illegal move ends the process before anything is changed. */
static void an_illegal_move_is_a_bug(void **state)
{
	struct mm_world *w = world_make((struct mm_world_options){.memory = 0});
	const struct rlimit no_core = {0, 0};
	int status;
	pid_t child;

	(void)state;
	world_add(w, 100, 0);
	child = fork();
	assert_true(child >= 0);
	if (child == 0) {
		signal(SIGABRT, SIG_DFL);
		setrlimit(RLIMIT_CORE, &no_core);
		page_move(w->mm, &w->mm->vm[0], 5, PAGE_SWAPPED);
		_exit(0);
	}
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT);
	world_free(w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(minimums_that_do_not_fit_are_refused),
		cmocka_unit_test(impossible_vms_are_refused),
		cmocka_unit_test(the_least_memory),
		cmocka_unit_test(the_least_memory_suffices),
		cmocka_unit_test(impossible_machines_are_refused),
		cmocka_unit_test(placing),
		cmocka_unit_test(a_vm_with_a_hole),
		cmocka_unit_test(the_price_of_records),
		cmocka_unit_test(transitions),
		cmocka_unit_test(an_illegal_move_is_a_bug),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
