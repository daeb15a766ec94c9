/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * estimators_test.c: what the three estimators find out about lab guests on KVM, and that no page is harmed by it.
 *
 * Guests touch half of their memory, over and over, as fast as they can: several times in each period. What must come is
 * waited for.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "tests/support/live.h"

#define PAGES      8192u
#define USED       4096u
#define PATIENCE_S 60u

static struct machine *start(const struct live_machine_options *o, unsigned vms,
			     const char *workload)
{
	struct machine *m = live_machine(o);
	char name[16], cmdline[300];

	for (unsigned vm = 0; vm < vms; vm++) {
		snprintf(name, sizeof name, "lab-%u", vm);
		snprintf(cmdline, sizeof cmdline,
			 "lab.seed=%u lab.vm=%u lab.pager=clock lab.workload=%s", vm + 1, vm,
			 workload);
		live_add_lab(m, name, PAGES, PAGES, cmdline);
	}
	live_ok(machine_start(m, live_error()));
	return m;
}

static void end(struct machine *m)
{
	struct machine_snapshot *s;

	live_must_be_consistent(m);
	machine_stop(m);
	s = live_look(m);
	for (unsigned i = 0; i < s->nr_vms; i++) {
		assert_int_equal(machine_snapshot_live(s, i)->guest.integrity_errors, 0);
		assert_true(machine_snapshot_live(s, i)->guest.integrity_checks > USED);
		assert_int_equal(machine_snapshot_live(s, i)->exit, VM_RUNNING);
		assert_int_equal(s->vm[i].body_errors, 0);
	}
	free(s);
	machine_destroy(m);
}

/* It has touched all of its pages many times: with 200 of 8192 pages drawn, half is 0.35 to 0.65 but once in 20 000. */
static bool half_is_seen(const struct machine_snapshot *s)
{
	return machine_snapshot_live(s, 0)->guest.work_units > 8 * USED &&
	       s->vm[0].sample_periods >= 3 && s->vm[0].sample_last_ppm >= 350000 &&
	       s->vm[0].sample_last_ppm <= 650000;
}

/* It has read all of its pages many times, and a period saw next to nothing of that. */
static bool hardly_seen(const struct machine_snapshot *s)
{
	return machine_snapshot_live(s, 0)->guest.work_units > 40 * USED &&
	       s->vm[0].sample_periods >= 3 && s->vm[0].sample_last_ppm < 150000;
}

static const struct live_machine_options roomy = {.memory_pages = 4 * PAGES,
						  .max_vms = 1,
						  .policy = &target_esx,
						  .rebalance_ns = NS_PER_S / 10,
						  .sample_pages = 200,
						  .sample_period_ns = 100000000};

static void touches_are_seen(void **state)
{
	struct live_machine_options o = roomy;
	struct machine *m;

	(void)state;
	m = start(&o, 1, "toucher,pages=4096");
	free(live_wait_until(m, half_is_seen, PATIENCE_S, "half of the guest is seen touched"));
	end(m);
}

static void writes_are_seen(void **state)
{
	struct live_machine_options o = roomy;
	struct machine_snapshot *s;
	struct machine *m;

	(void)state;
	o.estimator = MM_ESTIMATE_WRITE;
	m = start(&o, 1, "toucher,pages=4096,write=1000000");
	s = live_wait_until(m, half_is_seen, PATIENCE_S, "half of the guest is seen written");
	assert_int_equal(s->vm[0].sampled_pages, 0);
	assert_true(s->vm[0].faults_wp > 0);
	free(s);
	end(m);
}

/* All of the touches read: little but the guest's own records is written. */
static void reads_are_not_writes(void **state)
{
	struct live_machine_options o = roomy;
	struct machine *m;

	(void)state;
	o.estimator = MM_ESTIMATE_WRITE;
	m = start(&o, 1, "toucher,pages=4096");
	free(live_wait_until(m, hardly_seen, PATIENCE_S, "reads are not seen"));
	end(m);
}

static bool shared_and_broken(const struct machine_snapshot *s)
{
	for (unsigned i = 0; i < 2; i++)
		if (machine_snapshot_live(s, i)->guest.work_units < 2 * USED)
			return false;
	return s->host.share.shared_pages > 1000 && s->host.share.cow_breaks > 1000 &&
	       s->vm[0].sample_periods >= 8 && s->vm[1].sample_periods >= 8;
}

/* Pages are watched, shared and broken, all at once. */
static void writes_to_shared_pages(void **state)
{
	struct live_machine_options o = roomy;

	(void)state;
	o.estimator = MM_ESTIMATE_WRITE;
	o.share = true;
	o.max_vms = 2;
	o.sample_pages = 2000;
	o.sample_period_ns = 20000000;
	struct machine *m =
		start(&o, 2,
		      "toucher,pages=4096,common=1000000,rate=20000,write=20000,ns=1000000000"
		      "+toucher,pages=4096,common=1000000,rate=20000,write=20000,ns=1000000000"
		      "+toucher,pages=4096,common=1000000,rate=20000,write=20000");
	free(live_wait_until(m, shared_and_broken, PATIENCE_S, "shared pages and breaks"));
	end(m);
}

static bool watched_and_paged(const struct machine_snapshot *s)
{
	return machine_snapshot_live(s, 0)->guest.work_units > 2 * USED &&
	       s->vm[0].sample_periods >= 8 && s->vm[0].faults_wp > 1000 &&
	       s->host.swap.written_pages > 2000 && s->host.swap.read_pages > 2000;
}

/* Pages are watched, leave and come back, all at once: 6000 where some 4700 fit. */
static void writes_while_paging(void **state)
{
	struct live_machine_options o = {.memory_pages = 5200,
					 .swap_pages = 2 * PAGES,
					 .max_vms = 1,
					 .policy = &target_esx,
					 .rebalance_ns = NS_PER_S / 10,
					 .sample_pages = 2000,
					 .sample_period_ns = 20000000,
					 .estimator = MM_ESTIMATE_WRITE};

	(void)state;
	for (unsigned i = 0; i < 2; i++) {
		struct machine *m;

		o.evict = i ? MACHINE_EVICT_COPY : MACHINE_EVICT_AUTO;
		m = start(&o, 1, "toucher,pages=6000,write=300000");
		free(live_wait_until(m, watched_and_paged, PATIENCE_S, "watched and paged"));
		end(m);
	}
}

static bool more_than_resident(const struct machine_snapshot *s)
{
	const struct mm_vm_stats *v = &s->vm[0];

	return machine_snapshot_live(s, 0)->guest.work_units > 2 * USED && v->refaults > 1000 &&
	       v->refault_pages > v->resident_pages + 200 &&
	       v->active_pages > v->resident_pages + 200;
}

/* 6000 pages where some 4700 fit. */
static void refaults_are_seen(void **state)
{
	struct live_machine_options o = {.memory_pages = 5200,
					 .swap_pages = 2 * PAGES,
					 .max_vms = 1,
					 .policy = &target_esx,
					 .rebalance_ns = NS_PER_S / 10,
					 .sample_pages = 100,
					 .sample_period_ns = 500000000,
					 .estimator = MM_ESTIMATE_REFAULT};
	struct machine_snapshot *s;
	struct machine *m;

	(void)state;
	m = start(&o, 1, "toucher,pages=6000,write=100000");
	s = live_wait_until(m, more_than_resident, PATIENCE_S, "it lacks memory");
	assert_int_equal(s->vm[0].sampled_pages, 0);
	assert_int_equal(s->vm[0].faults_sampled, 0);
	free(s);
	end(m);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(touches_are_seen),     cmocka_unit_test(writes_are_seen),
		cmocka_unit_test(reads_are_not_writes), cmocka_unit_test(writes_to_shared_pages),
		cmocka_unit_test(writes_while_paging),  cmocka_unit_test(refaults_are_seen),
	};

	live_need_userfaultfd();
	live_need_kvm();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
