/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * sim_change_test.c: what changes while a simulated machine runs: VMs come and go, parameters are set, guests get another
 * workload by mail.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <errno.h>

#include "sim/guest.h"
#include "tests/support/sim_world.h"

#define MS (NS_PER_S / 1000)

static struct sim_machine *create(npages_t memory, unsigned max_vms)
{
	struct sim_config config = sim_world_config(memory, 8192, max_vms);
	struct sim_machine *m;
	struct error error;

	if (sim_machine_create(&config, &m, &error))
		fail_msg("%s", error.text);
	return m;
}

static struct vm_live_stats live_of(struct sim_machine *m, unsigned vm)
{
	struct vm_live_stats live;
	struct machine_snapshot *s;

	assert_int_equal(sim_machine_snapshot(m, &s), 0);
	live = *machine_snapshot_live(s, vm);
	free(s);
	return live;
}

static void test_vms_come_and_go(void **state)
{
	struct sim_machine *m = create(4000, 3);
	struct machine_snapshot *s;
	uint64_t work;

	(void)state;
	sim_world_add(m, 2048, "toucher,pages=1700,write=100000,rate=10000", "lab.seed=1");
	sim_world_add(m, 2048, "toucher,pages=1700,write=100000,rate=10000", "lab.seed=2 lab.vm=1");
	sim_machine_start(m);
	sim_world_run(m, 0, NS_PER_S, 50 * MS);
	/* one more than there is room for: its boot image waits for the pager */
	assert_int_equal(sim_world_add(m, 1024, "toucher,pages=700,rate=5000", "lab.vm=2").v, 2);
	sim_world_run(m, sim_machine_now_ns(m), 2 * NS_PER_S, 50 * MS);
	work = live_of(m, 1).guest.work_units;
	assert_true(live_of(m, 2).guest.work_units > 1000);
	assert_int_equal(sim_machine_remove_vm(m, vmid(1)), 0);
	assert_int_equal(sim_machine_remove_vm(m, vmid(1)), -ESRCH);
	assert_int_equal(sim_machine_vm_shares_set(m, vmid(1), 5), -ESRCH);
	sim_world_run(m, sim_machine_now_ns(m), 3 * NS_PER_S, 50 * MS);
	assert_int_equal(live_of(m, 1).exit, VM_REMOVED);
	assert_int_equal(live_of(m, 1).guest.work_units,
			 work); /* as of the moment it was removed */
	assert_int_equal(sim_machine_snapshot(m, &s), 0);
	assert_int_equal(s->vm[1].resident_pages + s->vm[1].swapped_pages + s->vm[1].shared_pages,
			 0);
	free(s);
	assert_int_equal(sim_world_totals(m).errors, 0);
	assert_false(sim_machine_idle(m));
	sim_machine_destroy(m);
}

/* It is refused and the machine goes on; its number stays taken. */
static void test_a_vm_that_does_not_fit(void **state)
{
	struct sim_machine *m = create(4000, 3);
	const struct sim_vm_config big = {
		.name = "big",
		.mm = {.pages = 8192, .min_pages = 6000, .shares = 1},
		.cmdline = "lab.workload=idle",
	};
	struct error error;
	vmid_t id;

	(void)state;
	sim_world_add(m, 2048, "toucher,pages=100,rate=1000", "");
	sim_machine_start(m);
	sim_world_run(m, 0, 100 * MS, 50 * MS);
	assert_true(sim_machine_add_vm(m, &big, &id, &error) < 0);
	assert_true(error.user);
	assert_int_equal(id.v, 1);
	assert_int_equal(live_of(m, 1).exit, VM_REMOVED);
	assert_non_null(strstr(live_of(m, 1).exit_reason, "big does not fit"));
	assert_int_equal(sim_world_add(m, 1024, "toucher,pages=100,rate=1000", "").v, 2);
	sim_world_run(m, sim_machine_now_ns(m), NS_PER_S, 50 * MS);
	assert_true(live_of(m, 2).guest.work_units > 500);
	sim_machine_destroy(m);
}

static void test_mail_brings_another_workload(void **state)
{
	struct sim_machine *m = create(6000, 1);
	uint64_t before;

	(void)state;
	sim_world_add(m, 2048, "toucher,pages=100,rate=1000", "lab.pages=1200");
	sim_machine_start(m);
	sim_world_run(m, 0, NS_PER_S, 100 * MS);
	/* the same pages at another rate, to the touch but for a slice */
	assert_int_equal(sim_machine_vm_mail(m, vmid(0), "toucher,pages=100,rate=3000"), 0);
	before = live_of(m, 0).guest.work_units;
	sim_world_run(m, NS_PER_S, 2 * NS_PER_S, 100 * MS);
	assert_in_range(live_of(m, 0).guest.work_units - before, 2940, 3000);
	assert_int_equal(live_of(m, 0).guest.mail_taken, 1);
	/* others, as many as it has room for */
	assert_int_equal(sim_machine_vm_mail(m, vmid(0), "toucher,pages=1200,rate=1000"), 0);
	sim_world_run(m, 2 * NS_PER_S, 3 * NS_PER_S, 100 * MS);
	assert_int_equal(live_of(m, 0).guest.filled_pages, 1300);
	assert_int_equal(sim_machine_vm_mail(m, vmid(0), "toucher,pages=1201,rate=1000"), 0);
	sim_world_run(m, 3 * NS_PER_S, 4 * NS_PER_S, 100 * MS);
	assert_int_equal(live_of(m, 0).guest.mail_refused, 1);
	assert_int_equal(live_of(m, 0).guest.integrity_errors, 0);
	sim_machine_destroy(m);
}

static void test_parameters(void **state)
{
	struct sim_machine *m = create(3000, 2);
	struct machine_snapshot *s;

	(void)state;
	for (unsigned i = 0; i < 2; i++)
		sim_world_add(m, 2048, "toucher,pages=1700,write=1000000,rate=10000",
			      i ? "lab.vm=1" : "");
	sim_machine_start(m);
	sim_world_run(m, 0, NS_PER_S, 100 * MS);
	sim_machine_tax_set(m, 0);
	sim_machine_rebalance_set(m, 100 * MS);
	sim_machine_sample_period_set(m, 50 * MS);
	sim_machine_scan_set(m, 0, 0);
	assert_int_equal(sim_machine_vm_shares_set(m, vmid(0), 3000), 0);
	assert_int_equal(sim_machine_vm_min_set(m, vmid(1), 700), 0);
	assert_int_equal(sim_machine_vm_min_set(m, vmid(1), 5000), -EINVAL);
	sim_world_run(m, NS_PER_S, 3 * NS_PER_S, 100 * MS);
	assert_int_equal(sim_machine_snapshot(m, &s), 0);
	/* three times the shares: three times the target, as far as min and max let */
	assert_true(s->vm[0].target_pages > 1900 ||
		    s->vm[0].target_pages > 2 * s->vm[1].target_pages);
	assert_true(s->vm[1].target_pages >= 700);
	free(s);
	assert_int_equal(sim_machine_policy_set(m, &target_proportional), 0);
	sim_world_run(m, 3 * NS_PER_S, 4 * NS_PER_S, 100 * MS);
	assert_int_equal(sim_machine_snapshot(m, &s), 0);
	assert_in_range(s->vm[0].target_pages, s->vm[1].target_pages - 1,
			s->vm[1].target_pages + 1); /* equal memory, equal parts */
	free(s);
	sim_machine_destroy(m);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_vms_come_and_go),
		cmocka_unit_test(test_a_vm_that_does_not_fit),
		cmocka_unit_test(test_mail_brings_another_workload),
		cmocka_unit_test(test_parameters),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
