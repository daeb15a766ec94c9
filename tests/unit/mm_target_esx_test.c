/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * mm_target_esx_test.c: ESX's targets against the closed forms of two VMs, against a solver that bisects, and against
 * revocation done as the paper says it, a page at a time.
 */
#include <math.h>
#include <stdlib.h>

#include "tests/support/mm_world.h"

#define MOST_VMS 64u

struct machine_of {
	struct target_vm vm[MOST_VMS];
	uint32_t nr, tax;
	npages_t sum;
};

static void divide(struct machine_of *m, const struct target_policy *policy)
{
	void *scratch = malloc(target_scratch_bytes(MOST_VMS));
	struct target_request r = {.sum = m->sum, .tax_ppm = m->tax, .scratch = scratch};

	assert_non_null(scratch);
	policy->divide(m->vm, m->nr, &r);
	free(scratch);
}

static npages_t targets_sum(const struct machine_of *m)
{
	npages_t sum = 0;

	for (uint32_t i = 0; i < m->nr; i++)
		sum += m->vm[i].target;
	return sum;
}

static void expect_two(npages_t a1, npages_t a2, npages_t p1, npages_t p2)
{
	const npages_t mib = 256;
	struct machine_of m = {.vm = {{.most = 256 * mib, .active = a1 * mib, .shares = 1000},
				      {.most = 256 * mib, .active = a2 * mib, .shares = 1000}},
			       .nr = 2,
			       .tax = 750000,
			       .sum = 358 * mib};

	divide(&m, &target_esx);
	assert_int_equal(m.vm[0].target, p1);
	assert_int_equal(m.vm[1].target, p2);
}

/*
 * Two VMs of 256 MiB, equal shares, 358 MiB for both, tax 75 %, k = 4. In MiB:
 * active 15, 150: P2 - P1 = 0.75 * 135 = 101.25, so 128.375 and 229.625.
 * 60, 250: P2 - P1 = 142.5: 107.75 and 250.25, more than its 250.
 * 90, 250: P2 would be 239 and is below its 250, all of it active: P2 = 90 + 4 (P1 - 90), so 125.6 and 232.4. In pages
 *	32153.6 and 59494.4: the page over goes to the larger remainder.
 * 15, 250: P2 would be 267.1 and stops at 256: 102 and 256. Both idle alike: half each.
 */
static void figure_7(void **state)
{
	(void)state;
	expect_two(15, 150, 32864, 58784);
	expect_two(60, 250, 27584, 64064);
	expect_two(90, 250, 32154, 59494);
	expect_two(15, 250, 102 * 256, 256 * 256);
	expect_two(40, 40, 179 * 256, 179 * 256);
}

/* Tax 0: shares alone. 900 pages at 1:2:6 are 100, 200, 600; with a least of 150 the others share 750 at 1:3. With a most
 * of 400 for the third they share 500 at 1:2: 166.67 and 333.33. */
static void shares_alone(void **state)
{
	struct machine_of m = {.vm = {{.most = 1000, .shares = 500},
				      {.most = 1000, .shares = 1000},
				      {.most = 1000, .shares = 3000}},
			       .nr = 3,
			       .sum = 900};

	(void)state;
	divide(&m, &target_esx);
	assert_int_equal(m.vm[0].target, 100);
	assert_int_equal(m.vm[1].target, 200);
	assert_int_equal(m.vm[2].target, 600);
	m.vm[0].least = 150;
	divide(&m, &target_esx);
	assert_int_equal(m.vm[0].target, 150);
	assert_int_equal(m.vm[1].target, 188); /* 187.5, 562.5: of equal remainders the first */
	assert_int_equal(m.vm[2].target, 562);
	m.vm[0].least = 0;
	m.vm[2].most = 400;
	divide(&m, &target_esx);
	assert_int_equal(m.vm[0].target, 167);
	assert_int_equal(m.vm[1].target, 333);
	assert_int_equal(m.vm[2].target, 400);
}

static void clipped(double x, npages_t least, npages_t most, double *out)
{
	*out = x < (double)least ? (double)least : x > (double)most ? (double)most : x;
}

/* Equal shares, working sets in memory: P2 - P1 = tax * (A2 - A1), then clipped, the other gets the rest. */
static void equal_shares(void **state)
{
	struct rng r = rng_seeded(75);

	(void)state;
	print_message("seed 75\n");
	for (unsigned i = 0; i < 20000; i++) {
		struct machine_of m = {.nr = 2, .tax = (uint32_t)rng_below(&r, 990001)};
		npages_t most = 2000 + rng_below(&r, 100000), least = rng_below(&r, most / 2);
		double half, difference, p1;

		for (unsigned v = 0; v < 2; v++)
			m.vm[v] = (struct target_vm){.least = least,
						     .most = most,
						     .active = rng_below(&r, most / 2),
						     .shares = 77};
		/* at least what both need, so that nobody is squeezed below its working set */
		m.sum = 2 * (m.vm[0].active > m.vm[1].active ? m.vm[0].active : m.vm[1].active);
		m.sum = m.sum < 2 * least ? 2 * least : m.sum;
		m.sum += rng_below(&r, 2 * most - m.sum + 1);
		difference =
			(double)m.tax / PPM * ((double)m.vm[1].active - (double)m.vm[0].active);
		half = (double)m.sum / 2;
		clipped(half - difference / 2, least, most, &p1);
		/* the other one's bounds bind this one as well */
		if ((double)m.sum - p1 > (double)most)
			p1 = (double)(m.sum - most);
		if ((double)m.sum - p1 < (double)least)
			p1 = (double)(m.sum - least);
		divide(&m, &target_esx);
		assert_int_equal(targets_sum(&m), m.sum);
		assert_true(fabs((double)m.vm[0].target - p1) < 1);
	}
}

/* What P pages cost: each active one 1, each idle one k. */
static double charged_pages(const struct target_vm *v, double p, uint32_t tax)
{
	double a = (double)v->active < p ? (double)v->active : p;

	return a + (p - a) / (1 - (double)tax / PPM);
}

/* Unequal shares: S1 / (A1 + k (P1 - A1)) = S2 / (A2 + k (P2 - A2)) but for the page that cannot be cut. */
static void unequal_shares(void **state)
{
	struct rng r = rng_seeded(4);

	(void)state;
	print_message("seed 4\n");
	for (unsigned i = 0; i < 20000; i++) {
		struct machine_of m = {.nr = 2,
				       .tax = (uint32_t)rng_below(&r, 950000),
				       .sum = 1000 + rng_below(&r, 200000)};
		struct target_vm *v = m.vm;

		for (unsigned k = 0; k < 2; k++)
			v[k] = (struct target_vm){.most = 1u << 20,
						  .active = rng_below(&r, 100000),
						  .shares = 1 + (uint32_t)rng_below(&r, 5000)};
		divide(&m, &target_esx);
		assert_int_equal(targets_sum(&m), m.sum);
		for (unsigned k = 0; k < 2;
		     k++) { /* a page more for one costs more than one less for the other */
			double more =
				charged_pages(&v[k], (double)v[k].target + 1, m.tax) / v[k].shares;
			double less = v[!k].target ? charged_pages(&v[!k], (double)v[!k].target - 1,
								   m.tax) /
							     v[!k].shares
						   : 0;

			assert_true(more >= less * (1 - 1e-9));
		}
	}
}

static double target_at(const struct target_vm *v, double price, uint32_t tax)
{
	double p = price * v->shares, a = (double)v->active, out;

	if (p > a)
		p = a + (p - a) * (1 - (double)tax / PPM);
	clipped(p, v->least, v->most, &out);
	return out;
}

static double bisect(const struct machine_of *m)
{
	double low = 0, high = 1e15;

	for (unsigned i = 0; i < 200; i++) {
		double middle = low + (high - low) / 2, sum = 0;

		for (uint32_t k = 0; k < m->nr; k++)
			sum += target_at(&m->vm[k], middle, m->tax);
		if (sum < (double)m->sum)
			low = middle;
		else
			high = middle;
	}
	return high;
}

static void random_vms(struct machine_of *m, struct rng *r, uint32_t most_vms, npages_t most_pages)
{
	npages_t least = 0, most = 0;

	*m = (struct machine_of){.nr = 1 + (uint32_t)rng_below(r, most_vms),
				 .tax = rng_below(r, 4) ? (uint32_t)rng_below(r, 990001) : 0};
	for (uint32_t i = 0; i < m->nr; i++) {
		struct target_vm *v = &m->vm[i];

		v->most = 1 + rng_below(r, most_pages);
		v->least = rng_below(r, 2) ? rng_below(r, v->most + 1) : 0;
		v->active = rng_below(r, 8) ? rng_below(r, v->most + 1) : 0;
		v->shares = rng_below(r, 2) ? 1000 : 1 + (uint32_t)rng_below(r, 100000);
		least += v->least;
		most += v->most;
	}
	m->sum = least + rng_below(r, most - least + 1);
}

static void any_number_of_vms(void **state)
{
	struct rng r = rng_seeded(2002);
	struct machine_of m;

	(void)state;
	print_message("seed 2002\n");
	for (unsigned i = 0; i < 4000; i++) {
		double price;

		random_vms(&m, &r, MOST_VMS, rng_below(&r, 2) ? 100 : 1000000);
		divide(&m, &target_esx);
		assert_int_equal(targets_sum(&m), m.sum);
		price = bisect(&m);
		for (uint32_t k = 0; k < m.nr; k++) {
			const struct target_vm *v = &m.vm[k];

			assert_in_range(v->target, v->least, v->most);
			assert_true(fabs((double)v->target - target_at(v, price, m.tax)) < 1.001);
		}
	}
}

/* As the paper tells it: while there is too little, the VM that pays least for its pages loses one. */
static void a_page_at_a_time(void **state)
{
	struct rng r = rng_seeded(6);
	struct machine_of m;

	(void)state;
	print_message("seed 6\n");
	for (unsigned i = 0; i < 300; i++) {
		npages_t p[4], sum = 0;

		random_vms(&m, &r, 4, 3000);
		for (uint32_t k = 0; k < m.nr; k++)
			sum += p[k] = m.vm[k].most;
		for (; sum > m.sum; sum--) {
			double least = INFINITY;
			uint32_t who = 0;

			for (uint32_t k = 0; k < m.nr; k++) {
				double paid = m.vm[k].shares /
					      charged_pages(&m.vm[k], (double)p[k], m.tax);

				if (p[k] > m.vm[k].least && paid < least) {
					least = paid;
					who = k;
				}
			}
			p[who]--;
		}
		divide(&m, &target_esx);
		for (uint32_t k = 0; k < m.nr; k++)
			assert_true(llabs((long long)p[k] - (long long)m.vm[k].target) <= 2);
	}
}

/* Largest figures that are allowed: nothing overflows. Equal VMs get equal parts. */
static void huge_figures(void **state)
{
	struct machine_of m = {.nr = MOST_VMS, .tax = TARGET_TAX_PPM_MAX, .sum = UINT32_MAX - 1ull};

	(void)state;
	for (uint32_t i = 0; i < m.nr; i++)
		m.vm[i] = (struct target_vm){.most = UINT32_MAX - 1ull,
					     .active = i % 2 ? UINT32_MAX - 1ull : 0,
					     .shares = UINT32_MAX};
	divide(&m, &target_esx);
	assert_int_equal(targets_sum(&m), m.sum);
	/* active ones x, idle ones x / 100: 32 * 1.01 * x = 4294967294 */
	assert_in_range(m.vm[1].target, 132888839, 132888840);
	assert_in_range(m.vm[0].target, 1328888, 1328889);
	divide(&m, &target_proportional);
	assert_in_range(m.vm[0].target, 67108863, 67108864);
}

/* More than there can be is divided, and less than must be: the bounds. */
static void bounds_come_first(void **state)
{
	struct machine_of m = {.vm = {{.least = 10, .most = 100, .shares = 1},
				      {.least = 20, .most = 50, .active = 50, .shares = 9}},
			       .nr = 2,
			       .tax = 750000,
			       .sum = 1000};

	(void)state;
	divide(&m, &target_esx);
	assert_int_equal(m.vm[0].target, 100);
	assert_int_equal(m.vm[1].target, 50);
	m.sum = 29;
	divide(&m, &target_esx);
	assert_int_equal(m.vm[0].target, 10);
	assert_int_equal(m.vm[1].target, 20);
}

/* The part of a VM that ended stays empty: of 900 pages 600 and 300, and the 300 go to nobody. */
static void static_is_cut_once(void **state)
{
	struct mm_world *w = world_make((struct mm_world_options){.policy = "static"});

	(void)state;
	world_add(w, 8000, 0);
	world_add(w, 4000, 0); /* 9208 * 2/3 = 6138.67, 1/3: 3069.33 */
	assert_int_equal(world_vm(w, 0).target_pages, 6139);
	assert_int_equal(world_vm(w, 1).target_pages, 3069);
	mm_vm_end(w->mm, 0, 0);
	assert_int_equal(world_vm(w, 1).target_pages, 3069);
	world_free(w);
}

/* 6000 and 3150 pages resident: 9208 in that proportion are 6038.03 and 3169.97; a minimum binds as ever. What a VM
 * brought in moves the targets at the next tick while memory is short. */
static void none_follows_what_is_there(void **state)
{
	struct mm_world *w = world_make((struct mm_world_options){.policy = "none"});

	(void)state;
	world_add(w, 20000, 0);
	world_add(w, 20000, 0);
	world_fill(w, 0, 0, 6000);
	world_fill(w, 1, 0, 3150);
	world_tick(w); /* high: targets are those of the last change */
	assert_int_equal(world_host(w).state, MM_HIGH);
	world_fill(w, 1, 3150, 3450);
	assert_int_equal(world_host(w).state, MM_SOFT);
	world_tick(w);
	/* 9208 * 6000 / 9450 = 5846.35 */
	assert_int_equal(world_vm(w, 0).target_pages, 5846);
	assert_int_equal(world_vm(w, 1).target_pages, 3362);
	world_fill(w, 1, 3450, 3500);
	world_tick(w);
	/* 9208 * 6000 / 9500 = 5815.58 */
	assert_int_equal(world_vm(w, 0).target_pages, 5816);
	assert_int_equal(world_vm(w, 1).target_pages, 3392);
	world_free(w);
}

/* Shares 1000 and 1000: 4604 each; 3000 and 1000: 6906 and 2302. Nothing is known of activity: all is active. */
static void parameters_may_change(void **state)
{
	struct mm_world *w =
		world_make((struct mm_world_options){.policy = "esx", .tax_ppm = 750000});

	(void)state;
	world_add(w, 20000, 0);
	world_add(w, 20000, 0);
	assert_int_equal(world_vm(w, 0).target_pages, 4604);
	assert_int_equal(mm_vm_shares_set(w->mm, 0, 3000, 0), 0);
	assert_int_equal(world_vm(w, 0).target_pages, 6906);
	assert_int_equal(world_vm(w, 1).target_pages, 2302);
	assert_int_equal(mm_vm_shares_set(w->mm, 1, 0, 0), -22);
	assert_int_equal(mm_vm_shares_set(w->mm, 2, 5, 0), -22);
	mm_tax_set(w->mm, 0, 0);
	assert_int_equal(world_vm(w, 0).target_pages, 6906);
	world_free(w);
}

/*
 * 399 pages are free, 201 missing to high: VM 1, 396 above its 4604, is asked for 3201 so that it has 4799. Then its
 * target rises to 6906: its balloon shall be 1094 at most, whatever is missing. That is asked of VM 0, above its 2302.
 */
static void a_risen_target_lets_the_balloon_shrink(void **state)
{
	struct mm_world *w =
		world_make((struct mm_world_options){.policy = "esx", .balloon = true});

	(void)state;
	world_add(w, 8000, 0);
	world_add(w, 8000, 0);
	mm_balloon_driver(w->mm, 0, true, 0);
	mm_balloon_driver(w->mm, 1, true, 0);
	world_fill(w, 0, 0, 4409);
	world_fill(w, 1, 0, 5000);
	world_tick(w);
	assert_int_equal(w->body.balloon_target[1], 3201);
	assert_int_equal(mm_vm_shares_set(w->mm, 1, 3, 0), 0);
	assert_int_equal(mm_vm_shares_set(w->mm, 0, 1, 0), 0);
	assert_int_equal(world_vm(w, 1).target_pages, 6906);
	world_tick(w);
	assert_int_equal(w->body.balloon_target[1], 1094);
	assert_int_equal(w->body.balloon_target[0], 8000 - (4409 - 201));
	world_free(w);
}

static void the_table(void **state)
{
	(void)state;
	for (unsigned i = 0; target_table[i]; i++) {
		assert_ptr_equal(target_find(target_table[i]->name), target_table[i]);
		assert_non_null(target_table[i]->what);
	}
	assert_null(target_find("esc"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(figure_7),
		cmocka_unit_test(shares_alone),
		cmocka_unit_test(equal_shares),
		cmocka_unit_test(unequal_shares),
		cmocka_unit_test(any_number_of_vms),
		cmocka_unit_test(a_page_at_a_time),
		cmocka_unit_test(huge_figures),
		cmocka_unit_test(bounds_come_first),
		cmocka_unit_test(static_is_cut_once),
		cmocka_unit_test(none_follows_what_is_there),
		cmocka_unit_test(parameters_may_change),
		cmocka_unit_test(a_risen_target_lets_the_balloon_shrink),
		cmocka_unit_test(the_table),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
