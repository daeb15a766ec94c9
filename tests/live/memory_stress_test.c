/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * memory_stress_test.c: guest memory under threads instead of vCPUs: nothing may be lost.
 *
 * VMs without vCPUs, whose threads write stamps all over their memory and check them, at several times the size of the
 * machine: every page goes out and comes back many times, through both ways of taking a page away and both ways of
 * doing swap I/O. Two threads share each page, each with its own words, so that a write is always racing a withdrawal.
 * Needs userfaultfd, not KVM.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>
#include <pthread.h>
#include <stdio.h>

#include "tests/support/live.h"
#include "vmm/machine.h"

#define VMS     3u
#define THREADS 2u
#define PAGES   2048u /* a VM */

struct writer {
	struct machine *m;
	vmid_t vm;
	unsigned index; /* which word of each page is its own */
	unsigned touches;
	uint64_t errors;
	uint64_t *truth; /* PAGES */
};

static void *write_and_check(void *arg)
{
	struct writer *w = arg;
	struct rng r = rng_seeded(w->vm.v * 16 + w->index);

	for (unsigned i = 0; i < w->touches; i++) {
		uint64_t page = rng_below(&r, rng_below(&r, 4) ? PAGES / 8 : PAGES), found;
		gpa_t at = gpa(page * PAGE_BYTES + w->index * 2048);

		w->errors += machine_guest_read(w->m, w->vm, at, &found, sizeof found) != 0;
		w->errors += found != w->truth[page];
		if (rng_below(&r, 100) >= 30)
			continue;
		w->truth[page] = rng_next(&r);
		w->errors +=
			machine_guest_write(w->m, w->vm, at, &w->truth[page], sizeof found) != 0;
	}
	return NULL;
}

static void stress(enum machine_evict evict, const char *pager, bool no_uring)
{
	struct live_machine_options options = {.memory_pages = 1500,
					       .swap_pages = VMS * PAGES,
					       .max_vms = VMS,
					       .pager = pager,
					       .evict = evict,
					       .no_uring = no_uring};
	struct machine *m = live_machine(&options);
	static uint64_t truth[VMS][THREADS][PAGES];
	struct writer w[VMS][THREADS];
	pthread_t thread[VMS][THREADS];
	struct machine_snapshot *s;
	const char *why;

	memset(truth, 0, sizeof truth);
	for (unsigned i = 0; i < VMS; i++) {
		vmid_t vm = live_add_memory(m, PAGES);

		for (unsigned k = 0; k < THREADS; k++)
			w[i][k] = (struct writer){m, vm,         k, live_nested() ? 3000 : 12000,
						  0, truth[i][k]};
	}
	assert_int_equal(machine_start(m, live_error()), 0);
	for (unsigned i = 0; i < VMS; i++)
		for (unsigned k = 0; k < THREADS; k++)
			assert_int_equal(
				pthread_create(&thread[i][k], NULL, write_and_check, &w[i][k]), 0);
	for (unsigned i = 0; i < VMS; i++)
		for (unsigned k = 0; k < THREADS; k++) {
			pthread_join(thread[i][k], NULL);
			assert_int_equal(w[i][k].errors, 0);
		}
	if (!machine_consistent(m, &why))
		fail_msg("manager inconsistent: %s", why);
	assert_int_equal(machine_snapshot(m, true, &s), 0);
	live_check_budget(s);
	assert_true(s->host.swap.written_pages > 100 && s->host.swap.read_pages > 100);
	free(s);
	machine_destroy(m);
}

static void by_move(void **state)
{
	(void)state;
	live_need_move();
	stress(MACHINE_EVICT_MOVE, "random", false);
	stress(MACHINE_EVICT_MOVE, "clock", false);
}

static void by_copy(void **state)
{
	(void)state;
	stress(MACHINE_EVICT_COPY, "random", false);
	stress(MACHINE_EVICT_COPY, "clock", false);
}

static void without_uring(void **state)
{
	(void)state;
	stress(MACHINE_EVICT_AUTO, "lru", true);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(by_move),
		cmocka_unit_test(by_copy),
		cmocka_unit_test(without_uring),
	};

	live_need_userfaultfd();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
