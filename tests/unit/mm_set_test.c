/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * mm_set_test.c: parameters set while VMs run, and what VMs that come and go may count on.
 *
 * The machine of mm_world.h: targets sum to 9208 of 10000 pages.
 */
#include "mm/page.h"
#include "tests/support/mm_world.h"

static void expect_targets(struct mm_world *w, npages_t first, npages_t second)
{
	assert_int_equal(world_vm(w, 0).target_pages, first);
	assert_int_equal(world_vm(w, 1).target_pages, second);
	fake_body_check(&w->body);
}

/* By size 9208 * 2/3 and 1/3; by shares, all of it active, half each, of which the second can use 4000. */
static void policy(void **state)
{
	struct mm_world *w = world_make((struct mm_world_options){.memory = 0});

	(void)state;
	world_add(w, 8000, 0);
	world_add(w, 4000, 0);
	expect_targets(w, 6139, 3069);
	assert_int_equal(mm_policy_set(w->mm, &target_esx, 0), 0);
	expect_targets(w, 5208, 4000);
	assert_int_equal(mm_vm_shares_set(w->mm, 1, 500, 0), 0);
	expect_targets(w, 6139, 3069);
	assert_int_equal(mm_vm_shares_set(w->mm, 1, 250, 0), 0);
	expect_targets(w, 7366, 1842); /* 4 : 1 */
	assert_int_equal(mm_policy_set(w->mm, &target_proportional, 0), 0);
	expect_targets(w, 6139, 3069);
	world_free(w);
}

/* VMs that a policy without estimates did not sample are sampled under one with them, from then on. */
static void policy_begins_to_sample(void **state)
{
	struct mm_world *w = world_make((struct mm_world_options){.sample_pages = 10});
	uint64_t metadata;

	(void)state;
	world_add(w, 1000, 0);
	mm_start(w->mm, 0);
	metadata = world_host(w).metadata_bytes;
	assert_false(world_vm(w, 0).active_known);
	assert_int_equal(mm_policy_set(w->mm, &target_esx, 0), 0);
	assert_true(world_vm(w, 0).active_known);
	assert_true(world_host(w).metadata_bytes > metadata);
	world_tick(w);
	assert_int_equal(world_vm(w, 0).sample_drawn, 10);
	assert_int_equal(mm_sample_period_set(w->mm, 0, 0), -22);
	assert_int_equal(mm_sample_period_set(w->mm, 3 * NS_PER_S, 0), 0);
	mm_vm_ran(w->mm, 0, 2 * NS_PER_S); /* two of the old ones */
	world_tick(w);
	assert_int_equal(world_vm(w, 0).sample_periods, 0);
	mm_vm_ran(w->mm, 0, 3 * NS_PER_S);
	world_tick(w);
	assert_int_equal(world_vm(w, 0).sample_periods, 1);
	assert_int_equal(mm_policy_set(w->mm, &target_static, 0), 0);
	mm_vm_ran(w->mm, 0, 6 * NS_PER_S); /* goes on */
	world_tick(w);
	assert_int_equal(world_vm(w, 0).sample_periods, 2);
	mm_vm_end(w->mm, 0, 0);
	world_free(w);
}

static void no_memory_for_samples(void **state)
{
	struct mm_world *w = world_make((struct mm_world_options){.sample_pages = 10});

	(void)state;
	world_add(w, 8000, 0);
	world_add(w, 4000, 0);
	w->body.fail_zalloc = true;
	assert_int_equal(mm_policy_set(w->mm, &target_esx, 0), -12);
	w->body.fail_zalloc = false;
	expect_targets(w, 6139, 3069);
	assert_int_equal(mm_policy_set(w->mm, &target_esx, 0), 0);
	expect_targets(w, 5208, 4000);
	world_free(w);
}

/* Targets are as old as the period lets them. */
static void rebalance(void **state)
{
	struct mm_world *w = world_make((struct mm_world_options){.memory = 0});

	(void)state;
	world_add(w, 8000, 0);
	w->body.now_ns = 5 * NS_PER_S;
	world_tick(w);
	assert_int_equal(w->mm->rebalanced_ns, 0); /* never, if nothing changes */
	mm_rebalance_set(w->mm, 2 * NS_PER_S, w->body.now_ns);
	assert_int_equal(w->mm->rebalanced_ns, 5 * NS_PER_S);
	w->body.now_ns = 6 * NS_PER_S;
	world_tick(w);
	assert_int_equal(w->mm->rebalanced_ns, 5 * NS_PER_S);
	w->body.now_ns = 7 * NS_PER_S;
	world_tick(w);
	assert_int_equal(w->mm->rebalanced_ns, 7 * NS_PER_S);
	world_free(w);
}

/* Up to the last page that minimums may come to; floors count. */
static void minimum(void **state)
{
	struct mm_world *w = world_make((struct mm_world_options){.memory = 0});

	(void)state;
	world_add(w, 8000, 0);
	world_add(w, 4000, 0);
	assert_int_equal(mm_vm_min_set(w->mm, 1, 4000, 0), 0);
	expect_targets(w, 5208, 4000);
	assert_int_equal(mm_vm_min_set(w->mm, 1, 4001, 0), -22);
	assert_int_equal(mm_vm_min_set(w->mm, 2, 1, 0), -22);
	assert_int_equal(mm_vm_min_set(w->mm, 0, 5209, 0), -28);
	expect_targets(w, 5208, 4000);
	assert_int_equal(world_vm(w, 0).min_pages, 0);
	assert_int_equal(mm_vm_min_set(w->mm, 0, 5208, 0), 0);
	assert_int_equal(world_vm(w, 0).min_pages, 5208);
	assert_int_equal(mm_vm_min_set(w->mm, 1, 0, 0), 0);
	expect_targets(w, 6139, 3069);
	mm_vm_end(w->mm, 1, 0);
	assert_int_equal(mm_vm_min_set(w->mm, 1, 0, 0), -22);
	assert_int_equal(mm_vm_min_set(w->mm, 0, 8000, 0), 0);
	world_free(w);
}

/* Eight pages a VM that can be there: two at once, whatever their ids. */
static void most_at_once(void **state)
{
	struct mm_config config = world_config(&(struct mm_world_options){.bounce_pages = 8});
	const struct mm_vm_config vm = {.pages = 1000, .shares = 1};
	struct mm_host_stats host;
	struct fake_body body;
	const char *why;
	struct mm *m;

	(void)state;
	fake_body_init(&body, config.swap_pages, 1);
	config.most_at_once = FAKE_VMS + 1;
	assert_int_equal(mm_create(&config, &fake_body_ops, &body, &m), -22);
	config.most_at_once = 2;
	assert_int_equal(mm_create(&config, &fake_body_ops, &body, &m), 0);
	body.mm = m;
	mm_host_stats(m, 0, &host);
	assert_int_equal(host.reserve_pages, 192 + 16);
	for (uint32_t i = 0; i < 4; i++)
		fake_body_add_vm(&body, i, 1000);
	assert_int_equal(mm_vm_add(m, 0, &vm, 0), 0);
	assert_int_equal(mm_vm_add(m, 1, &vm, 0), 0);
	assert_int_equal(mm_vm_add(m, 2, &vm, 0), -28);
	mm_vm_end(m, 0, 0);
	assert_int_equal(mm_vm_add(m, 0, &vm, 0), -17); /* its counters are still there */
	assert_int_equal(mm_vm_add(m, 2, &vm, 0), 0);
	assert_int_equal(mm_vm_add(m, 3, &vm, 0), -28);
	assert_true(mm_consistent(m, &why));
	mm_destroy(m);
	fake_body_free(&body);
}

/* Reserve is needed for most_at_once, however few are asked for: 192 + 20 * 8. */
static void admission_looks_ahead(void **state)
{
	struct mm_config config = world_config(&(struct mm_world_options){.bounce_pages = 8});
	const struct mm_vm_config vm = {.pages = 1000, .min_pages = 588};
	struct mm_admission a;

	(void)state;
	config.memory_pages = 1000; /* 940 are not kept free, of which 352 are the reserve */
	config.swap_pages = 0;
	config.max_vms = 30;
	config.most_at_once = 20;
	assert_int_equal(mm_admit(&config, &vm, 1, &a), 1);
	assert_int_equal(a.overhead_pages, 1000 - 588);
	config.most_at_once = 21;
	assert_int_equal(mm_admit(&config, &vm, 1, &a), 0);
	config.most_at_once = 0; /* as many as were asked for */
	assert_int_equal(mm_admit(&config, &vm, 1, &a), 1);
	assert_true(a.overhead_pages < 1000 - 588);
}

/* Shared frames stay out of what VMs to come are promised. */
static void pool_leaves_room(void **state)
{
	struct mm_world *w = world_make((struct mm_world_options){.memory = 0});

	(void)state;
	world_add(w, 8000, 1000);
	assert_int_equal(share_pool_room(w->mm), 9208 - 1000);
	w->mm->config.promised_pages = 3000;
	assert_int_equal(share_pool_room(w->mm), 9208 - 3000);
	world_add(w, 8000, 2500);
	assert_int_equal(share_pool_room(w->mm), 9208 - 3500);
	world_free(w);
}

/* However often one comes and goes, in all states its pages can have, nothing of it is kept. */
static void nothing_is_kept(void **state)
{
	struct mm_world *w = world_make((struct mm_world_options){.memory = 1000});
	struct mm_host_stats before = world_host(w), after;

	(void)state;
	while (w->nr_vms < FAKE_VMS) {
		uint32_t vm = world_add(w, 900, 0);

		world_fill(w, vm, 0, 769);
		world_reclaim(w, 10);
		if (vm % 2)
			world_finish_all(w);
		mm_vm_end(w->mm, vm, 0);
		world_finish_all(w);
		fake_body_check(&w->body);
		assert_int_equal(world_vm(w, vm).untouched_pages, 900);
		world_event(w, vm, 5, MM_FAULT_MISSING); /* late, and nobody's */
		assert_int_equal(mm_place(w->mm, vm, gfn(0), NULL, false, 0), -14);
	}
	after = world_host(w);
	assert_int_equal(after.free_pages, before.free_pages);
	assert_int_equal(after.metadata_bytes, before.metadata_bytes);
	assert_int_equal(after.swap.used_pages, 0);
	world_free(w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(policy),
		cmocka_unit_test(policy_begins_to_sample),
		cmocka_unit_test(no_memory_for_samples),
		cmocka_unit_test(rebalance),
		cmocka_unit_test(minimum),
		cmocka_unit_test(most_at_once),
		cmocka_unit_test(admission_looks_ahead),
		cmocka_unit_test(pool_leaves_room),
		cmocka_unit_test(nothing_is_kept),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
