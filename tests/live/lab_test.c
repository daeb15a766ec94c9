/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * lab_test.c: lab guests on KVM under one budget: they work, they are paged, nothing is lost, they stop.
 *
 * Every test waits for facts (work done, pages written), never for time alone; a fact that does not come within
 * PATIENCE fails. Under emulation the guests are fewer and smaller.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "tests/support/live.h"

#define PATIENCE_S 60u
#define MOST_VMS   16u

static void pause_ms(unsigned ms)
{
	const struct timespec t = {.tv_sec = ms / 1000, .tv_nsec = (long)(ms % 1000) * 1000000};

	nanosleep(&t, NULL);
}

struct fleet {
	struct machine *m;
	unsigned nr_vms;
};

/* nr guests of pages each; workload as on the guest's command line. */
static struct fleet start_fleet(const struct live_machine_options *o, unsigned nr, npages_t pages,
				const char *pager, const char *workload)
{
	struct fleet f = {live_machine(o), nr};
	char name[32], cmdline[512];

	for (unsigned i = 0; i < nr; i++) {
		snprintf(name, sizeof name, "lab-%u", i);
		snprintf(cmdline, sizeof cmdline,
			 "lab.seed=%u lab.vm=%u lab.pager=%s lab.workload=%s", i + 1, i, pager,
			 workload);
		live_add_lab(f.m, name, pages, pages, cmdline);
	}
	live_ok(machine_start(f.m, live_error()));
	return f;
}

/* True when every guest has done work units and the machine has paged so much in and out. */
static bool got_so_far(const struct machine_snapshot *s, uint64_t work, uint64_t paged)
{
	for (unsigned i = 0; i < s->nr_vms; i++)
		if (machine_snapshot_live(s, i)->guest.work_units < work)
			return false;
	return s->host.swap.written_pages >= paged && s->host.swap.read_pages >= paged;
}

static void run_until(struct fleet *f, uint64_t work, uint64_t paged)
{
	struct machine_snapshot *s;

	for (unsigned i = 0; i < PATIENCE_S * 50; i++) {
		assert_int_equal(machine_snapshot(f->m, i % 25 == 0, &s), 0);
		bool enough = got_so_far(s, work, paged);

		live_check_budget_now(s);
		free(s);
		if (enough)
			return;
		pause_ms(20);
	}
	assert_int_equal(machine_snapshot(f->m, false, &s), 0);
	for (unsigned i = 0; i < s->nr_vms; i++)
		print_message("%u: %llu work units, exit %d %s\n", i,
			      (unsigned long long)machine_snapshot_live(s, i)->guest.work_units,
			      machine_snapshot_live(s, i)->exit,
			      machine_snapshot_live(s, i)->exit_reason);
	fail_msg("not enough work or paging within %u s (written %llu, read %llu)", PATIENCE_S,
		 (unsigned long long)s->host.swap.written_pages,
		 (unsigned long long)s->host.swap.read_pages);
}

/* Stops, and checks what must hold for every run. Returns the last snapshot; owned by the caller. */
static struct machine_snapshot *stop_fleet(struct fleet *f)
{
	struct machine_snapshot *s;
	const char *why;

	if (!machine_consistent(f->m, &why))
		fail_msg("manager inconsistent while running: %s", why);
	machine_stop(f->m);
	if (!machine_consistent(f->m, &why))
		fail_msg("manager inconsistent when stopped: %s", why);
	assert_int_equal(machine_snapshot(f->m, true, &s), 0);
	live_check_budget(s);
	for (unsigned i = 0; i < s->nr_vms; i++) {
		const struct vm_live_stats *live = machine_snapshot_live(s, i);

		if (live->guest.integrity_errors)
			fail_msg("VM %u: %llu integrity errors: page %llu word %llu found %llx "
				 "expected %llx",
				 i, (unsigned long long)live->guest.integrity_errors,
				 (unsigned long long)live->guest.bad_page,
				 (unsigned long long)live->guest.bad_word,
				 (unsigned long long)live->guest.bad_found,
				 (unsigned long long)live->guest.bad_expected);
	}
	machine_destroy(f->m);
	return s;
}

static void overcommitted_guests(void **state)
{
	static const char *const pagers[] = {"random", "fifo", "clock", "lru"};
	bool small = live_nested();
	unsigned nr = small ? 2 : 6;
	npages_t pages = small ? 4096 : 8192;

	(void)state;
	for (unsigned i = 0; i < (small ? 2 : 4); i++) {
		struct live_machine_options o = {.memory_pages = nr * pages / 2,
						 .swap_pages = nr * pages,
						 .max_vms = nr,
						 .pager = pagers[i],
						 .evict = i % 2 ? MACHINE_EVICT_COPY
								: MACHINE_EVICT_AUTO};
		struct fleet f = start_fleet(&o, nr, pages, pagers[3 - i],
					     small ? "zipf,pages=3500,write=300000,alpha=600000"
						   : "zipf,pages=7500,write=300000,alpha=600000");
		struct machine_snapshot *s;

		run_until(&f, live_scaled(20000), live_scaled(5000));
		s = stop_fleet(&f);
		for (unsigned k = 0; k < nr; k++) {
			assert_int_equal(machine_snapshot_live(s, k)->exit, VM_RUNNING);
			assert_true(machine_snapshot_live(s, k)->boot_ns > 0);
			assert_true(s->vm[k].paged_out_pages > 0 && s->vm[k].faults_swap_in > 0);
		}
		free(s);
	}
}

/* The guest's own pager and disk: a workload bigger than the guest, on a machine smaller than the guests. */
static void guests_page_too(void **state)
{
	struct live_machine_options o = {
		.memory_pages = 6000, .swap_pages = 16384, .max_vms = 2, .pager = "random"};
	struct fleet f = start_fleet(&o, 2, 4096, "clock",
				     live_nested() ? "zipf,pages=4600,write=300000,alpha=600000"
						   : "zipf,pages=6000,write=300000,alpha=600000");
	struct machine_snapshot *s;

	(void)state;
	run_until(&f, live_nested() ? 200 : 20000, live_scaled(1000));
	s = stop_fleet(&f);
	for (unsigned i = 0; i < 2; i++) {
		assert_true(machine_snapshot_live(s, i)->guest.swap_out_pages > 0);
		assert_true(machine_snapshot_live(s, i)->guest.swap_in_pages > 0);
		assert_int_equal(machine_snapshot_live(s, i)->guest_bad, 0);
	}
	free(s);
}

static uint64_t total_work(struct machine *m)
{
	struct machine_snapshot *s;
	uint64_t work = 0;

	assert_int_equal(machine_snapshot(m, false, &s), 0);
	for (unsigned i = 0; i < s->nr_vms; i++)
		work += machine_snapshot_live(s, i)->guest.work_units;
	free(s);
	return work;
}

/* Swap for a fraction: guests stall, the machine stops all the same, and says that swap was full. */
static void swap_full_and_stop(void **state)
{
	struct live_machine_options o = {
		.memory_pages = 6000, .swap_pages = 600, .max_vms = 4, .pager = "clock"};
	struct fleet f = start_fleet(&o, 4, 4096, "clock",
				     "zipf,pages=3500,write=300000,rate=0,alpha=300000");
	struct machine_snapshot *s = NULL;
	bool stalled = false;

	(void)state;
	for (unsigned i = 0; i < PATIENCE_S * 50 && !stalled; i++) {
		pause_ms(20);
		assert_int_equal(machine_snapshot(f.m, false, &s), 0);
		stalled = s->host.swap.full_ns > 200000000ull;
		free(s);
	}
	assert_true(stalled);
	s = stop_fleet(&f);
	assert_true(s->host.swap.full_ns > 0);
	assert_int_equal(s->host.swap.used_pages, 600);
	free(s);
}

/* An ELF whose only instruction is ud2, without an IDT: a triple fault. */
static size_t bad_guest(uint8_t *image)
{
	static const uint8_t code[] = {0x0f, 0x0b};
	const uint64_t entry = 0x100000, offset = 120;
	uint8_t header[64] = {0x7f, 'E', 'L', 'F', 2, 1, 1};
	uint8_t segment[56] = {1, 0, 0, 0, 5};
	uint64_t size = sizeof code;

	header[16] = 2;  /* ET_EXEC */
	header[18] = 62; /* x86-64 */
	header[20] = 1;  /* version */
	header[32] = 64; /* phoff */
	header[52] = 64; /* ehsize */
	header[54] = 56; /* phentsize */
	header[56] = 1;  /* phnum */
	memcpy(header + 24, &entry, 8);
	memcpy(segment + 8, &offset, 8);
	memcpy(segment + 16, &entry, 8);
	memcpy(segment + 24, &entry, 8);
	memcpy(segment + 32, &size, 8);
	memcpy(segment + 40, &size, 8);
	memcpy(image, header, 64);
	memcpy(image + 64, segment, 56);
	memcpy(image + offset, code, sizeof code);
	return offset + sizeof code;
}

static void a_crash_is_its_own(void **state)
{
	struct live_machine_options o = {
		.memory_pages = 5000, .swap_pages = 8192, .max_vms = 2, .pager = "random"};
	uint8_t image[256];
	struct vm_config config = {.name = "crasher",
				   .pages = 4096,
				   .shares = 1000,
				   .vcpus = 1,
				   .kernel = image,
				   .kernel_name = "bad",
				   .cmdline = ""};
	struct fleet f = {live_machine(&o), 2};
	struct machine_snapshot *s = NULL;
	vmid_t bad, good;
	uint64_t work;

	(void)state;
	config.kernel_bytes = bad_guest(image);
	live_ok(machine_add_vm(f.m, &config, &bad, live_error()));
	good = live_add_lab(f.m, "good", 4096, 0,
			    "lab.seed=1 lab.vm=1 lab.workload=zipf,pages=3000,write=300000");
	live_ok(machine_start(f.m, live_error()));
	for (unsigned i = 0; i < PATIENCE_S * 50; i++) {
		pause_ms(20);
		assert_int_equal(machine_snapshot(f.m, false, &s), 0);
		if (machine_snapshot_live(s, bad.v)->exit == VM_CRASHED &&
		    s->vm[bad.v].resident_pages == 0)
			break;
		free(s);
		s = NULL;
	}
	assert_non_null(s);
	assert_non_null(strstr(machine_snapshot_live(s, bad.v)->exit_reason, "triple fault"));
	if (!live_nested()) /* kvm_amd resets the registers before it reports a triple fault */
		assert_non_null(strstr(machine_snapshot_live(s, bad.v)->exit_reason, "100000"));
	assert_int_equal(s->vm[bad.v].untouched_pages, 4096); /* its memory came back */
	free(s);
	work = total_work(f.m);
	for (unsigned i = 0; i < PATIENCE_S * 50 && total_work(f.m) < work + live_scaled(10000);
	     i++)
		pause_ms(20);
	assert_true(total_work(f.m) >= work + live_scaled(10000));
	s = stop_fleet(&f);
	assert_int_equal(machine_snapshot_live(s, good.v)->exit, VM_RUNNING);
	free(s);
}

/* Everything at random: sizes, number, pagers, ways of paging out, mappings to be had; swap full at a random time. */
static void chaos(void **state)
{
	const char *runs_text = getenv("BALLAST_CHAOS_RUNS"),
		   *seed_text = getenv("BALLAST_CHAOS_SEED");
	unsigned runs = runs_text ? (unsigned)atoi(runs_text) : live_nested() ? 2 : 6;
	unsigned ms = runs_text ? 2000 : 700;
	uint64_t seed = seed_text ? strtoull(seed_text, NULL, 10) : 1;

	(void)state;
	for (unsigned i = 0; i < runs; i++) {
		struct rng r = rng_seeded(seed + i);
		unsigned nr = 1 + (unsigned)rng_below(&r, live_nested() ? 3 : 8), policies = 0;
		npages_t pages = 4096 + rng_below(&r, 3) * 2048;
		struct live_machine_options o = {.max_vms = nr, .seed = seed + i};
		char workload[200];
		struct fleet f;

		while (policy_table[policies])
			policies++;
		o.memory_pages = nr * pages / (2 + rng_below(&r, 2)) + 600;
		o.swap_pages = rng_below(&r, 3) ? nr * pages : 100 + rng_below(&r, nr * pages / 2);
		o.balloon = rng_below(&r, 2);
		o.share = rng_below(&r, 3);
		o.share_mappings = rng_below(&r, 4) ? 0 : 200 + rng_below(&r, 2000);
		o.pager = policy_table[rng_below(&r, policies)]->name;
		o.evict = rng_below(&r, 2) ? MACHINE_EVICT_COPY : MACHINE_EVICT_AUTO;
		snprintf(workload, sizeof workload, "%s,pages=%llu,write=%llu,rate=%u%s",
			 rng_below(&r, 2) ? "zipf,alpha=500000" : "scan",
			 (unsigned long long)(1000 + rng_below(&r, pages)),
			 (unsigned long long)rng_below(&r, 1000000), rng_below(&r, 2) ? 0 : 50000,
			 rng_below(&r, 2) ? ",zero=200000,common=300000" : "");
		print_message("chaos seed %llu: %u VMs of %llu, memory %llu, swap %llu, %s, "
			      "%s%s\n",
			      (unsigned long long)(seed + i), nr, (unsigned long long)pages,
			      (unsigned long long)o.memory_pages, (unsigned long long)o.swap_pages,
			      o.pager, o.share ? "sharing, " : "", workload);
		f = start_fleet(&o, nr, pages, policy_table[rng_below(&r, policies)]->name,
				workload);
		pause_ms(ms / 2 + (unsigned)rng_below(&r, ms));
		free(stop_fleet(&f));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(overcommitted_guests),
		cmocka_unit_test(guests_page_too),
		cmocka_unit_test(swap_full_and_stop),
		cmocka_unit_test(a_crash_is_its_own),
		cmocka_unit_test(chaos),
	};

	live_need_userfaultfd();
	live_need_kvm();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
