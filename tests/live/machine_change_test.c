/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * machine_change_test.c: a machine that changes while it runs: VMs come and go under load and leave nothing behind, one
 * that does not fit leaves the others alone, guests take other workloads by mail, parameters move targets.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include "tests/support/live.h"

#define PAGES      2048u
#define PATIENCE_S 60u
#define SMALL      "lab.seed=5 lab.vm=7 lab.workload=toucher,pages=600,write=500000,rate=0"
#define BUSY       "lab.seed=3 lab.vm=1 lab.workload=zipf,pages=1500,write=300000,rate=0,alpha=500000"

static struct guest_stats guest_of(const struct machine_snapshot *s, unsigned vm)
{
	return machine_snapshot_live(s, vm)->guest;
}

/* The last VM has worked. */
static bool last_works(const struct machine_snapshot *s)
{
	return guest_of(s, s->nr_vms - 1).work_units > 100;
}

static bool all_work(const struct machine_snapshot *s)
{
	for (unsigned i = 0; i < s->nr_vms; i++)
		if (guest_of(s, i).work_units < 100)
			return false;
	return true;
}

static struct machine *machine_of(npages_t memory, unsigned vms, unsigned at_once)
{
	return live_machine(&(struct live_machine_options){.memory_pages = memory,
							   .swap_pages = 8 * PAGES,
							   .max_vms = vms,
							   .most_at_once = at_once,
							   .promised_pages = at_once * 64,
							   .balloon = true,
							   .share = true,
							   .seed = 1});
}

/* Guests come and go; those that were never waited for are removed while they boot or fill. */
static void come_and_go(struct machine *m, unsigned rounds)
{
	for (unsigned i = 0; i < rounds; i++) {
		vmid_t id = live_add_lab(m, "late", PAGES, 0, SMALL);
		uint8_t byte;

		if (i % 4 == 0)
			free(live_wait_until(m, last_works, PATIENCE_S, "a late guest works"));
		assert_int_equal(machine_remove_vm(m, id), 0);
		assert_int_equal(machine_remove_vm(m, id), -ESRCH);
		assert_int_equal(machine_guest_read(m, id, gpa(0), &byte, 1), -EFAULT);
		live_must_be_consistent(m);
	}
}

static void nothing_is_left_behind(void **state)
{
	const unsigned rounds = live_scaled(100);
	struct machine *m = machine_of(4 * PAGES, 1 + rounds, 1);
	struct machine_snapshot *before, *after;

	(void)state;
	live_ok(machine_start(m, live_error()));
	before = live_look(m);
	come_and_go(m, rounds);
	after = live_look(m);
	assert_int_equal(after->nr_vms, rounds);
	assert_int_equal(after->host.used_pages, before->host.used_pages);
	assert_int_equal(after->host.free_pages, before->host.free_pages);
	assert_int_equal(after->host.pool_pages, 0);
	assert_int_equal(after->host.swap.used_pages, 0);
	assert_int_equal(after->host.metadata_bytes, before->host.metadata_bytes);
	for (unsigned i = 0; i < rounds; i++) {
		const struct vm_live_stats *live = machine_snapshot_live(after, i);

		assert_int_equal(live->exit, VM_REMOVED);
		assert_int_equal(live->guest.integrity_errors, 0);
		assert_int_equal(after->vm[i].untouched_pages, PAGES);
	}
	assert_true(machine_snapshot_live(after, 0)->guest.work_units > 100);
	free(before);
	free(after);
	machine_destroy(m);
}

/* Two guests of 1500 pages each on a machine of 2048 are paged and ballooned all the time. Their pages are equal at first:
 * what they share must leave room for those that come. */
static void under_load(void **state)
{
	const unsigned rounds = live_scaled(40);
	struct machine *m = machine_of(PAGES, 2 + rounds, 3);
	struct machine_snapshot *s;

	(void)state;
	live_add_lab(m, "one", PAGES, 0, BUSY);
	live_add_lab(m, "two", PAGES, 0, BUSY);
	live_ok(machine_start(m, live_error()));
	free(live_wait_until(m, all_work, PATIENCE_S, "both guests work"));
	come_and_go(m, rounds);
	s = live_look(m);
	for (unsigned i = 0; i < 2; i++) {
		assert_int_equal(machine_snapshot_live(s, i)->exit, VM_RUNNING);
		assert_int_equal(guest_of(s, i).integrity_errors, 0);
	}
	assert_true(s->host.swap.written_pages > 0);
	free(s);
	machine_stop(m);
	machine_destroy(m);
}

static bool both_wait(const struct machine_snapshot *s)
{
	return s->vm[0].waiting_faults && s->vm[1].waiting_faults;
}

static uint64_t filled_then;

static bool goes_on(const struct machine_snapshot *s)
{
	return guest_of(s, 1).filled_pages > filled_then;
}

/* Without swap nobody makes room: both guests are asleep on a page. One goes all the same, and the other goes on. */
static void one_that_starves(void **state)
{
	struct machine *m = live_machine(
		&(struct live_machine_options){.memory_pages = 1200, .max_vms = 2, .seed = 1});
	struct machine_snapshot *s;

	(void)state;
	live_add_lab(m, "one", PAGES, 0, BUSY);
	live_add_lab(m, "two", PAGES, 0, BUSY);
	live_ok(machine_start(m, live_error()));
	s = live_wait_until(m, both_wait, PATIENCE_S, "both guests wait");
	filled_then = guest_of(s, 1).filled_pages;
	free(s);
	assert_int_equal(machine_remove_vm(m, vmid(0)), 0);
	live_must_be_consistent(m);
	free(live_wait_until(m, goes_on, PATIENCE_S, "the other has its memory"));
	machine_destroy(m);
}

static int add_with_min(struct machine *m, npages_t min_pages, vmid_t *id, struct error *error)
{
	struct vm_config config = {
		.name = "big", .pages = PAGES, .min_pages = min_pages, .shares = 1000};

	return machine_add_vm(m, &config, id, error);
}

/* A VM that does not fit takes an id and nothing else; the next one fits. */
static void one_that_does_not_fit(void **state)
{
	struct machine *m = machine_of(PAGES, 4, 3);
	struct machine_snapshot *s;
	struct error error;
	vmid_t id;

	(void)state;
	live_add_lab(m, "one", PAGES, 0, BUSY);
	live_ok(machine_start(m, live_error()));
	free(live_wait_until(m, all_work, PATIENCE_S, "the guest works"));
	assert_int_not_equal(add_with_min(m, PAGES, &id, &error), 0);
	assert_true(error.user);
	assert_non_null(strstr(error.text, "big does not fit"));
	assert_int_equal(id.v, 1);
	live_must_be_consistent(m);
	assert_int_equal(machine_vm_min_set(m, vmid(0), PAGES - 1), -ENOSPC);
	assert_int_equal(machine_vm_min_set(m, vmid(0), PAGES + 1), -EINVAL);
	assert_int_equal(machine_vm_min_set(m, vmid(0), 100), 0);
	assert_int_equal(machine_vm_min_set(m, id, 0), -ESRCH);
	assert_int_equal(machine_remove_vm(m, id), -ESRCH);
	assert_int_equal(machine_vm_mail(m, id, "idle"), -ESRCH);
	live_add_lab(m, "late", PAGES, 0, SMALL);
	s = live_wait_until(m, last_works, PATIENCE_S, "the late guest works");
	assert_int_equal(s->nr_vms, 3);
	assert_int_equal(s->vm[0].min_pages, 100);
	assert_int_equal(machine_snapshot_live(s, 1)->exit, VM_REMOVED);
	assert_non_null(strstr(machine_snapshot_live(s, 1)->exit_reason, "does not fit"));
	assert_int_equal(s->vm[1].configured_pages, 0);
	assert_false(machine_idle(m));
	assert_int_equal(machine_remove_vm(m, vmid(0)), 0);
	assert_int_equal(machine_remove_vm(m, vmid(2)), 0);
	assert_true(machine_idle(m));
	free(s);
	machine_destroy(m);
}

static bool filled_both(const struct machine_snapshot *s)
{
	struct guest_stats g = guest_of(s, 0);

	return g.filled_pages == 600 + 900 && g.mail_taken == 1 && g.work_units > 1000;
}

static bool has_gone_idle(const struct machine_snapshot *s)
{
	struct guest_stats g = guest_of(s, 0);

	return g.mail_taken == 2 && g.resident_pages == 0 && g.resting;
}

static bool woke(const struct machine_snapshot *s)
{
	struct guest_stats g = guest_of(s, 0);

	return g.mail_taken == 3 && g.filled_pages == 600 + 900 + 500;
}

static bool refused(const struct machine_snapshot *s)
{
	return guest_of(s, 0).mail_refused == 2;
}

static void mailed_workloads(void **state)
{
	static char long_text[3000];
	struct machine *m = machine_of(4 * PAGES, 2, 2);
	struct machine_snapshot *s;
	vmid_t id;

	(void)state;
	live_add_lab(m, "one", PAGES, 0, SMALL " lab.pages=900");
	live_ok(machine_start(m, live_error()));
	free(live_wait_until(m, all_work, PATIENCE_S, "the guest works"));
	live_ok(machine_vm_mail(m, vmid(0), "zipf,pages=900,rate=0,alpha=900000"));
	free(live_wait_until(m, filled_both, PATIENCE_S, "another workload runs"));
	live_ok(machine_vm_mail(m, vmid(0), "idle"));
	free(live_wait_until(m, has_gone_idle, PATIENCE_S, "the guest is idle"));
	live_ok(machine_vm_mail(m, vmid(0), "scan,pages=500,rate=1000"));
	free(live_wait_until(m, woke, PATIENCE_S, "an idle guest wakes"));
	live_ok(machine_vm_mail(m, vmid(0), "scan,pages=901"));
	s = live_look(m); /* the next mail must not replace it */
	while (!guest_of(s, 0).mail_refused) {
		free(s);
		s = live_look(m);
	}
	free(s);
	live_ok(machine_vm_mail(m, vmid(0), "no workload"));
	s = live_wait_until(m, refused, PATIENCE_S, "what makes no sense is refused");
	assert_int_equal(guest_of(s, 0).integrity_errors, 0);
	assert_int_equal(machine_snapshot_live(s, 0)->exit, VM_RUNNING);
	free(s);
	memset(long_text, 'x', sizeof long_text - 1);
	assert_int_equal(machine_vm_mail(m, vmid(0), long_text), -E2BIG);
	id = live_add_memory(m, PAGES);
	assert_int_equal(machine_vm_mail(m, id, "idle"), -ESRCH);
	machine_destroy(m);
}

/* Sums are 2048 less reserve and high; the first has three shares of four, then half. */
static void parameters_move_targets(void **state)
{
	struct machine *m = machine_of(PAGES, 2, 2);
	struct machine_snapshot *s;
	npages_t sum;

	(void)state;
	live_add_lab(m, "one", PAGES, 0, BUSY);
	live_add_lab(m, "two", PAGES, 0, BUSY);
	live_ok(machine_start(m, live_error()));
	s = live_look(m);
	sum = s->vm[0].target_pages + s->vm[1].target_pages;
	assert_int_equal(s->vm[0].target_pages, (sum + 1) / 2);
	free(s);
	live_ok(machine_vm_shares_set(m, vmid(0), 3000));
	live_ok(machine_policy_set(m, &target_esx));
	machine_tax_set(m, 0);
	machine_rebalance_set(m, NS_PER_S / 100);
	machine_sample_period_set(m, NS_PER_S);
	s = live_look(m);
	sum = s->vm[0].target_pages + s->vm[1].target_pages;
	assert_in_range(s->vm[0].target_pages, sum * 3 / 4, sum * 3 / 4 + 1);
	free(s);
	live_ok(machine_vm_shares_set(m, vmid(0), 1000));
	s = live_look(m);
	sum = s->vm[0].target_pages + s->vm[1].target_pages;
	assert_in_range(s->vm[0].target_pages, sum / 2, sum / 2 + 1);
	free(s);
	machine_destroy(m);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(nothing_is_left_behind), cmocka_unit_test(under_load),
		cmocka_unit_test(one_that_starves),       cmocka_unit_test(one_that_does_not_fit),
		cmocka_unit_test(mailed_workloads),       cmocka_unit_test(parameters_move_targets),
	};

	live_need_kvm();
	live_need_userfaultfd();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
