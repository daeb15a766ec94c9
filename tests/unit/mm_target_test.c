/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * mm_target_test.c: proportional targets, by hand and against a model that tries everything.
 *
 * The machine of mm_world.h: targets sum to 9208 if the VMs do not fit whole.
 */
#include "tests/support/mm_world.h"

struct vm {
	npages_t pages, min;
};

static void expect(const struct vm *vm, const npages_t *target, unsigned nr)
{
	struct mm_world *w = world_make((struct mm_world_options){.memory = 0});

	for (unsigned i = 0; i < nr; i++)
		world_add(w, vm[i].pages, vm[i].min);
	for (unsigned i = 0; i < nr; i++)
		assert_int_equal(world_vm(w, i).target_pages, target[i]);
	world_free(w);
}
#define EXPECT(vms, targets)                                                                       \
	do {                                                                                       \
		const npages_t expected[] = targets;                                               \
		const struct vm given[] = vms;                                                     \
		_Static_assert(sizeof given / sizeof *given == sizeof expected / sizeof *expected, \
			       "one target a VM");                                                 \
		expect(given, expected, (unsigned)(sizeof given / sizeof *given));                 \
	} while (0)
#define LIST(...)           \
	{                   \
		__VA_ARGS__ \
	}

/* Up to the last page that fits, each has what it is configured with; one more and the sum binds. */
static void whole_if_they_fit(void **state)
{
	(void)state;
	EXPECT(LIST({4000, 0}, {5208, 0}), LIST(4000, 5208));
	/* 9208 * 4000 / 9209 = 3999.57, 9208 * 5209 / 9209 = 5208.43: one page over, to the larger remainder */
	EXPECT(LIST({4000, 0}, {5209, 0}), LIST(4000, 5208));
	EXPECT(LIST({10, 0}), LIST(10));
	EXPECT(LIST({20000, 0}), LIST(9208));
}

static void equal_sizes(void **state)
{
	(void)state;
	EXPECT(LIST({3000, 0}, {3000, 0}, {3000, 0}, {3000, 0}), LIST(2302, 2302, 2302, 2302));
	/* 3069.33 each: one page over, all remainders equal, lowest vmid */
	EXPECT(LIST({4000, 0}, {4000, 0}, {4000, 0}), LIST(3070, 3069, 3069));
	/* 1315.43 each: three over */
	EXPECT(LIST({2000, 0}, {2000, 0}, {2000, 0}, {2000, 0}, {2000, 0}, {2000, 0}, {2000, 0}),
	       LIST(1316, 1316, 1316, 1315, 1315, 1315, 1315));
}

/* 9208 * 2/14 = 1315.43, 4/14: 2630.86, 8/14: 5261.71. Two pages over, to .86 and .71, not to the first. */
static void proportional_to_size(void **state)
{
	(void)state;
	EXPECT(LIST({2000, 0}, {4000, 0}, {8000, 0}), LIST(1315, 2631, 5262));
	EXPECT(LIST({8000, 0}, {2000, 0}, {4000, 0}), LIST(5262, 1315, 2631));
}

static void a_minimum_binds(void **state)
{
	(void)state;
	/* the share would be 1841.6; the others share 9208 - 3500 = 5708 */
	EXPECT(LIST({4000, 3500}, {8000, 0}, {8000, 0}), LIST(3500, 2854, 2854));
	/* the share is 1841.6: 1841 does not bind, 1842 does: the others have 7366 / 2 */
	EXPECT(LIST({4000, 1841}, {8000, 0}, {8000, 0}), LIST(1842, 3683, 3683));
	EXPECT(LIST({4000, 1842}, {8000, 0}, {8000, 0}), LIST(1842, 3683, 3683));
	EXPECT(LIST({4000, 1843}, {8000, 0}, {8000, 0}), LIST(1843, 3683, 3682));
	/* everything is minimum, to the page */
	EXPECT(LIST({9208, 9000}, {9208, 208}), LIST(9000, 208));
}

/* Only after the first got its minimum does the second one's bind: 9208 * 8/20 = 3683 > 2900, 5708 / 2 = 2854 < 2900.
 * Then the third's too: (9208 - 3500 - 2900) / 1 = 2808. */
static void minimums_bind_in_rounds(void **state)
{
	(void)state;
	EXPECT(LIST({4000, 3500}, {8000, 2900}, {8000, 0}), LIST(3500, 2900, 2808));
	EXPECT(LIST({8000, 0}, {8000, 2900}, {4000, 3500}), LIST(2808, 2900, 3500));
	/* round 1: shares 9208 * 2, 4, 6, 8 / 20 = 920.8, 1841.6, 2762.4, 3683.2: only 2000 binds;
	 * round 2: 7208 * 4, 6, 8 / 18 = 1601.8, 2402.7, 3203.6: 1700 binds; round 3: 5508 * 6, 8 / 14 = 2360.6, 3147.4:
	 * 2380 binds; the rest is 3128 */
	EXPECT(LIST({2000, 2000}, {4000, 1700}, {6000, 2380}, {8000, 0}),
	       LIST(2000, 1700, 2380, 3128));
}

static void the_floor(void **state)
{
	(void)state;
	EXPECT(LIST({100, 0}, {20000, 0}), LIST(64, 9144)); /* share: 45.8 */
	EXPECT(LIST({40, 0}, {20000, 0}), LIST(40, 9168));  /* smaller than the floor */
	EXPECT(LIST({100, 50}, {20000, 0}), LIST(64, 9144));
	EXPECT(LIST({100, 65}, {20000, 0}), LIST(65, 9143));
	assert_int_equal(mm_vm_least_pages(&(struct mm_vm_config){.pages = 63}), 63);
	assert_int_equal(mm_vm_least_pages(&(struct mm_vm_config){.pages = 65}), 64);
	assert_int_equal(mm_vm_least_pages(&(struct mm_vm_config){.pages = 65, .min_pages = 65}),
			 65);
}

static void targets_follow_the_vms(void **state)
{
	struct mm_world *w = world_make((struct mm_world_options){.memory = 0});

	(void)state;
	world_add(w, 8000, 0);
	assert_int_equal(world_vm(w, 0).target_pages, 8000);
	world_add(w, 8000, 0);
	assert_int_equal(world_vm(w, 0).target_pages, 4604);
	assert_int_equal(world_vm(w, 1).target_pages, 4604);
	mm_vm_end(w->mm, 0, 0);
	assert_int_equal(world_vm(w, 0).target_pages, 0);
	assert_int_equal(world_vm(w, 1).target_pages, 8000);
	world_add(w, 4000, 0); /* 9208 * 8/12 = 6138.67, * 4/12 = 3069.33 */
	assert_int_equal(world_vm(w, 0).target_pages, 0);
	assert_int_equal(world_vm(w, 1).target_pages, 6139);
	assert_int_equal(world_vm(w, 2).target_pages, 3069);
	world_free(w);
}

/*
 * The model. Which VMs get their least? It tries every set of VMs: right is the one in which all outside have a share
 * of what is left that reaches their least, and all inside would not; at least one is outside. Shares are compared as fractions. Then pages are
 * dealt one by one to whom the rounded share is furthest from the exact one.
 */
static bool is_the_set(const struct vm *vm, unsigned nr, npages_t sum, unsigned set, npages_t *left,
		       npages_t *weight)
{
	*left = sum;
	*weight = 0;
	for (unsigned i = 0; i < nr; i++) {
		struct mm_vm_config c = {.pages = vm[i].pages, .min_pages = vm[i].min};

		if (set & 1u << i)
			*left -= mm_vm_least_pages(&c);
		else
			*weight += vm[i].pages;
	}
	for (unsigned i = 0; i < nr; i++) {
		struct mm_vm_config c = {.pages = vm[i].pages, .min_pages = vm[i].min};
		bool reaches = *left * vm[i].pages >= mm_vm_least_pages(&c) * *weight;

		if (reaches == !!(set & 1u << i))
			return false;
	}
	return true;
}

static void deal(const struct vm *vm, unsigned nr, unsigned set, npages_t left, npages_t weight,
		 npages_t *target)
{
	npages_t given = 0;

	for (unsigned i = 0; i < nr; i++) {
		struct mm_vm_config c = {.pages = vm[i].pages, .min_pages = vm[i].min};

		target[i] = set & 1u << i ? mm_vm_least_pages(&c) : left * vm[i].pages / weight;
		given += set & 1u << i ? 0 : target[i];
	}
	for (; weight && given < left; given++) {
		int64_t most = -1;
		unsigned who = 0;

		for (unsigned i = 0; i < nr; i++) {
			/* (exact - rounded) * weight; negative once it has its extra page */
			int64_t short_by =
				(int64_t)(left * vm[i].pages) - (int64_t)(target[i] * weight);

			if (!(set & 1u << i) && short_by > most) {
				most = short_by;
				who = i;
			}
		}
		target[who]++;
	}
}

static void model(const struct vm *vm, unsigned nr, npages_t sum, npages_t *target)
{
	npages_t all = 0, left, weight;
	unsigned right = 0, set_of_all = 0;

	for (unsigned i = 0; i < nr; i++)
		all += target[i] = vm[i].pages;
	if (all <= sum)
		return;
	for (unsigned set = 0; set + 1 < 1u << nr; set++)
		if (is_the_set(vm, nr, sum, set, &left, &weight)) {
			right++;
			set_of_all = set;
		}
	assert_int_equal(right, 1);
	is_the_set(vm, nr, sum, set_of_all, &left, &weight);
	deal(vm, nr, set_of_all, left, weight, target);
}

static void one_random_machine(struct rng *r)
{
	struct mm_world *w = world_make(
		(struct mm_world_options){.memory = 2000 + rng_below(r, 9000),
					  .bounce_pages = rng_below(r, 10),
					  .ppm = {1000 + (uint32_t)rng_below(r, 200000), 1, 1, 0}});
	npages_t sum = mm_target_sum(w->mm), least = 0, configured = 0, total = 0, target[FAKE_VMS];
	struct vm vm[FAKE_VMS];
	unsigned nr = 0;

	for (unsigned tries = 1 + (unsigned)rng_below(r, FAKE_VMS); tries; tries--) {
		npages_t most = rng_below(r, 3) ? 6000 : 200;
		struct vm v = {.pages = 1 + rng_below(r, most)};

		v.min = rng_below(r, 2) ? rng_below(r, v.pages + 1) : 0;
		if (least + (v.min > 64 ? v.min : 64) > sum)
			continue;
		least += v.min > 64 ? v.min : 64;
		configured += v.pages;
		vm[nr++] = v;
		world_add(w, v.pages, v.min);
	}
	model(vm, nr, sum, target);
	for (unsigned i = 0; i < nr; i++) {
		npages_t t = world_vm(w, i).target_pages;

		assert_int_equal(t, target[i]);
		assert_true(t <= vm[i].pages);
		assert_true(t >= (vm[i].min < 64 && vm[i].pages >= 64 ? 64 : vm[i].min));
		total += t;
	}
	/* to the page; less only if all fit whole */
	assert_int_equal(total, configured < sum ? configured : sum);
	world_free(w);
}

static void random_machines(void **state)
{
	struct rng r = rng_seeded(2002);

	(void)state;
	print_message("seed 2002\n");
	for (unsigned i = 0; i < 2000; i++)
		one_random_machine(&r);
}

/* fifo, but it keeps what capacity it was last told, in the word behind its state. */
static size_t noting_bytes(uint32_t capacity, uint32_t pages)
{
	return policy_find("fifo")->bytes(capacity, pages) + sizeof(uint32_t);
}

static void noting_resized(void *mem, uint32_t capacity)
{
	*(uint32_t *)((char *)mem + policy_find("fifo")->bytes(4000, 4000)) = capacity;
}

static uint32_t noted(const struct mm_world *w, uint32_t vm)
{
	return *(const uint32_t *)((const char *)w->mm->vm[vm].policy +
				   policy_find("fifo")->bytes(4000, 4000));
}

/* A policy's lists and ghosts are as long as the VM's target, whoever comes and goes. */
static void policies_follow_targets(void **state)
{
	struct mm_world *w = world_make((struct mm_world_options){.memory = 0});
	struct policy_ops noting = *policy_find("fifo");

	(void)state;
	noting.bytes = noting_bytes;
	noting.resized = noting_resized;
	w->mm->config.pager = &noting;
	world_add(w, 4000, 0);
	world_add(w, 4000, 0);
	assert_int_equal(noted(w, 0), 4000);
	assert_int_equal(noted(w, 1), 4000);
	world_add(w, 4000, 0); /* as in equal_sizes */
	assert_int_equal(noted(w, 0), 3070);
	assert_int_equal(noted(w, 1), 3069);
	assert_int_equal(noted(w, 2), 3069);
	mm_vm_end(w->mm, 1, 0);
	assert_int_equal(noted(w, 0), 4000);
	assert_int_equal(noted(w, 2), 4000);
	world_free(w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(whole_if_they_fit),       cmocka_unit_test(equal_sizes),
		cmocka_unit_test(proportional_to_size),    cmocka_unit_test(a_minimum_binds),
		cmocka_unit_test(minimums_bind_in_rounds), cmocka_unit_test(the_floor),
		cmocka_unit_test(targets_follow_the_vms),  cmocka_unit_test(random_machines),
		cmocka_unit_test(policies_follow_targets),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
