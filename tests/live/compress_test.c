/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * compress_test.c: pages of lab guests, compressed and back, under pressure: every touch checks what it finds.
 *
 * Half of the guests' pages compress to a third, the others not. Alone, with swap behind it, and with everything on; no
 * more memory than the machine has by the manager's count and by the kernel's, and the three accounts agree.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "cmd/report.h"
#include "tests/support/live.h"

#define PAGES      4096u
#define PATIENCE_S 100u

static void add(struct machine *m, unsigned i, unsigned pages, const char *content, bool driver)
{
	char name[16], cmdline[300];

	snprintf(name, sizeof name, "lab-%u", i);
	snprintf(cmdline, sizeof cmdline,
		 "lab.seed=%u lab.vm=%u lab.pager=clock %s"
		 "lab.workload=zipf,pages=%u,write=300000,rate=10000,alpha=500000,%s",
		 i + 1, i, driver ? "" : "lab.balloon=0 ", pages, content);
	live_add_lab(m, name, PAGES, PAGES, cmdline);
}

static bool all_worked(const struct machine_snapshot *s)
{
	for (unsigned i = 0; i < s->nr_vms; i++)
		if (machine_snapshot_live(s, i)->guest.work_units < live_scaled(20000))
			return false;
	return true;
}

static bool both_ways(const struct machine_snapshot *s)
{
	return all_worked(s) && s->host.compress.stored_pages > live_scaled(2000) &&
	       s->host.compress.loaded_pages > live_scaled(1000);
}

static bool on_to_swap(const struct machine_snapshot *s)
{
	return both_ways(s) && s->host.compress.written_pages > live_scaled(200) &&
	       s->host.swap.read_pages > live_scaled(200);
}

static bool all_at_once(const struct machine_snapshot *s)
{
	return both_ways(s) && s->host.share.shared_pages > 100 && s->vm[1].balloon_inflated > 0;
}

/* Runs until that was seen; nothing may be lost or too much. */
static void run(struct machine *m, bool (*seen)(const struct machine_snapshot *), const char *what)
{
	struct report_account_host account;
	struct machine_snapshot *s;

	live_ok(machine_start(m, live_error()));
	free(live_wait_until(m, seen, PATIENCE_S, what));
	live_must_be_consistent(m);
	machine_stop(m);
	s = live_look(m);
	live_check_budget(s);
	report_account_host(s, &account);
	assert_true(account.agrees);
	for (unsigned i = 0; i < s->nr_vms; i++) {
		assert_int_equal(machine_snapshot_live(s, i)->guest.integrity_errors, 0);
		assert_int_equal(machine_snapshot_live(s, i)->exit, VM_RUNNING);
		assert_true(s->vm[i].compress.frames <= s->vm[i].configured_pages / 5);
	}
	/* what was stored came to a third, and a frame holds two or four: no frame is wasted */
	assert_true(s->host.compress.stored_bytes / s->host.compress.stored_pages < PAGE_BYTES / 2);
	assert_true(s->host.compress.frames <= s->host.compress.pages / 2 + 2 * s->nr_vms);
	free(s);
	machine_destroy(m);
}

/* Without swap: 3500 pages of the workload and the guest's own do not fit in what 3700 leave. */
static void alone(void **state)
{
	struct live_machine_options o = {
		.memory_pages = 3700, .max_vms = 1, .compress_ppm = 200000};
	struct machine *m = live_machine(&o);

	(void)state;
	add(m, 0, 3500, "thin=1000000", false);
	run(m, both_ways, "pages were compressed and came back");
}

static void with_swap(void **state)
{
	for (unsigned copy = 0; copy < 2; copy++) {
		struct live_machine_options o = {.memory_pages = 4200,
						 .swap_pages = 2 * PAGES,
						 .max_vms = 2,
						 .pager = copy ? "clock" : "random",
						 .evict = copy ? MACHINE_EVICT_COPY
							       : MACHINE_EVICT_AUTO,
						 .compress_ppm = 100000};
		struct machine *m = live_machine(&o);

		(void)state;
		add(m, 0, 3000, "thin=500000", false);
		add(m, 1, 3000, "thin=900000", false);
		run(m, on_to_swap, "old compressed pages went on to swap and back");
	}
}

/* The first guest has no balloon driver, so it is paged, and the others give what they can. */
static void with_everything(void **state)
{
	struct live_machine_options o = {.memory_pages = 5500,
					 .swap_pages = 3 * PAGES,
					 .max_vms = 3,
					 .balloon = true,
					 .share = true,
					 .compress_ppm = 100000};
	struct machine *m = live_machine(&o);

	(void)state;
	for (unsigned i = 0; i < 3; i++)
		add(m, i, 3000, "zero=50000,common=150000,thin=500000", i > 0);
	run(m, all_at_once, "all mechanisms worked");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(alone),
		cmocka_unit_test(with_swap),
		cmocka_unit_test(with_everything),
	};

	live_need_userfaultfd();
	live_need_kvm();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
