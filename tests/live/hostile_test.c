/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * hostile_test.c: guests that feed their devices garbage (guest/hostile/), beside good ones on the same machine.
 *
 * Whatever a guest does, the process goes on, the others lose neither memory nor their share of the machine, the budget
 * holds, the manager's records agree with each other, and all of it can be stopped. How long the first test goes on is
 * BALLAST_HOSTILE_SECONDS, 4 if not set; BALLAST_HOSTILE_SEED chooses other garbage.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include "guest/hostile/hostile.h"
#include "tests/support/live.h"

#define PAGES      4096u
#define GOOD       2u
#define HOSTILE    2u /* id of the first hostile guest, where there are good ones */
#define PATIENCE_S 120u
#define STOP_NS    (20 * NS_PER_S)

#define NONSENSE                                                                                  \
	(HOSTILE_RINGS | HOSTILE_REQUESTS | HOSTILE_REGISTERS | HOSTILE_RESETS | HOSTILE_MEMORY | \
	 HOSTILE_PORTS)

extern const uint8_t hostile_image_start[], hostile_image_end[];

static uint64_t number_from(const char *variable, uint64_t otherwise)
{
	const char *text = getenv(variable);

	return text && *text ? strtoull(text, NULL, 10) : otherwise;
}

static uint64_t now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * NS_PER_S + (uint64_t)t.tv_nsec;
}

static void add_hostile(struct machine *m, const char *name)
{
	struct vm_config config = {
		.name = name,
		.pages = PAGES,
		.shares = 1000,
		.vcpus = 1,
		.kernel = hostile_image_start,
		.kernel_bytes = (size_t)(hostile_image_end - hostile_image_start),
		.kernel_name = "hostile guest",
		.cmdline = "",
		.lab = true, /* for its statistics page */
		.guest_swap_pages = 512,
	};
	vmid_t id;

	live_ok(machine_add_vm(m, &config, &id, live_error()));
}

static void add_good(struct machine *m, unsigned i)
{
	char name[16], cmdline[200];

	snprintf(name, sizeof name, "good-%u", i);
	snprintf(cmdline, sizeof cmdline,
		 "lab.seed=%u lab.vm=%u lab.pager=clock "
		 "lab.workload=zipf,pages=2600,write=300000,alpha=500000,rate=%u,"
		 "zero=100000,common=300000",
		 i + 1, i, live_scaled(4000));
	live_add_lab(m, name, PAGES, PAGES, cmdline);
}

static void order(struct machine *m, unsigned vm, uint64_t acts)
{
	struct hostile_orders o = {
		.memory_bytes = pages_to_bytes(PAGES),
		.seed = number_from("BALLAST_HOSTILE_SEED", 1) + vm,
		.acts = acts,
	};
	size_t head = offsetof(struct hostile_orders, acts);

	assert_int_equal(machine_guest_write(m, vmid(vm), gpa(HOSTILE_ORDERS_GPA), &o, head), 0);
	assert_int_equal(machine_guest_write(m, vmid(vm), gpa(HOSTILE_ORDERS_GPA + head), &o.acts,
					     sizeof o.acts),
			 0);
}

static bool good_work(const struct machine_snapshot *s)
{
	return machine_snapshot_live(s, 0)->guest.work_units >= 50 &&
	       machine_snapshot_live(s, 1)->guest.work_units >= 50;
}

static bool filled(const struct machine_snapshot *s)
{
	return machine_snapshot_live(s, HOSTILE)->guest.filled_pages;
}

static uint64_t work(struct machine *m)
{
	struct machine_snapshot *s = live_look(m);
	uint64_t sum = 0;

	for (unsigned i = 0; i < GOOD; i++)
		sum += machine_snapshot_live(s, i)->guest.work_units;
	free(s);
	return sum;
}

/* What the good guests do in a second, in the best of so many: others may want the processors too. The machine is looked at all
 * the time. */
static uint64_t work_per_second(struct machine *m, uint64_t seconds)
{
	const struct timespec pause = {.tv_nsec = 20000000};
	uint64_t looks = 0, best = 0;

	for (uint64_t i = 0; i < seconds; i++) {
		uint64_t start = now_ns(), before = work(m), rate;

		while (now_ns() - start < NS_PER_S) {
			nanosleep(&pause, NULL);
			free(live_look(m));
			if (looks++ % 16 == 0)
				live_must_be_consistent(m);
		}
		rate = (work(m) - before) * NS_PER_S / (now_ns() - start);
		best = rate > best ? rate : best;
	}
	return best;
}

static void stop(struct machine *m)
{
	uint64_t start = now_ns();

	machine_stop(m);
	if (now_ns() - start > STOP_NS)
		fail_msg("stopping took %llu ms", (unsigned long long)(now_ns() - start) / 1000000);
	live_must_be_consistent(m);
}

static void good_are_unharmed(const struct machine_snapshot *s)
{
	for (unsigned i = 0; i < GOOD; i++) {
		const struct vm_live_stats *live = machine_snapshot_live(s, i);

		assert_int_equal(live->guest.integrity_errors, 0);
		assert_int_equal(live->exit, VM_RUNNING);
		assert_int_equal(live->guest_bad, 0);
		assert_int_equal(live->guest.io_errors, 0);
		assert_int_equal(s->vm[i].balloon_bad, 0);
		assert_int_equal(s->vm[i].faults_pop, 0);
	}
}

/* That it was hostile at all: each device did some of what it was asked and refused some. */
static bool hostile_was_heard(const struct machine_snapshot *s)
{
	const struct vm_live_stats *live = machine_snapshot_live(s, HOSTILE);
	const struct mm_vm_stats *v = &s->vm[HOSTILE];

	return live->guest.work_units > live_scaled(1000) && live->guest_bad > live_scaled(200) &&
	       live->disk_reads > 0 && live->disk_writes > 0 && v->balloon_inflated > 0 &&
	       v->balloon_bad > 0 && v->faults_pop > 0;
}

static void tell(struct machine *m, uint64_t before, uint64_t during)
{
	struct machine_snapshot *s = live_look(m);
	const struct vm_live_stats *live = machine_snapshot_live(s, HOSTILE);
	const struct mm_vm_stats *v = &s->vm[HOSTILE];

	print_message("good guests: %llu work units/s before, %llu meanwhile\n",
		      (unsigned long long)before, (unsigned long long)during);
	print_message(
		"hostile: %llu acts, %llu refused, disk %llu, pages given %llu taken %llu "
		"reported %llu refused %llu, popped %llu%s%s\n",
		(unsigned long long)live->guest.work_units, (unsigned long long)live->guest_bad,
		(unsigned long long)(live->disk_reads + live->disk_writes),
		(unsigned long long)v->balloon_inflated, (unsigned long long)v->balloon_deflated,
		(unsigned long long)v->reported_pages, (unsigned long long)v->balloon_bad,
		(unsigned long long)v->faults_pop,
		live->exit == VM_RUNNING ? "" : "; over: ", live->exit_reason);
	free(s);
}

static bool is_running(struct machine *m)
{
	struct machine_snapshot *s = live_look(m);
	bool runs = machine_snapshot_live(s, HOSTILE)->exit == VM_RUNNING;

	free(s);
	return runs;
}

static void end_of_the_hostile(struct machine *m)
{
	uint64_t done = work(m), enough = live_scaled(2000);
	const struct timespec pause = {.tv_nsec = 10000000};

	/* what it did by chance may have ended it already: its memory is gone then */
	if (is_running(m))
		order(m, HOSTILE, HOSTILE_END);
	for (unsigned ms = 0; ms < PATIENCE_S * 1000 && work(m) < done + enough; ms += 10)
		nanosleep(&pause, NULL);
	assert_true(work(m) >= done + enough);
	live_must_be_consistent(m);
}

static void others_go_on(void **state)
{
	/* 2 * 2600 pages of work and 4096 of the hostile one do not fit */
	struct live_machine_options o = {.memory_pages = 7000,
					 .swap_pages = 3 * PAGES,
					 .max_vms = GOOD + 1,
					 .pager = "random",
					 .balloon = true,
					 .share = true};
	uint64_t seconds = number_from("BALLAST_HOSTILE_SECONDS", 4);
	struct machine *m = live_machine(&o);
	struct machine_snapshot *s;
	uint64_t before, during;

	(void)state;
	for (unsigned i = 0; i < GOOD; i++)
		add_good(m, i);
	add_hostile(m, "hostile");
	live_ok(machine_start(m, live_error()));
	free(live_wait_until(m, good_work, PATIENCE_S, "good guests work"));
	/* first it only wants memory, as a guest may */
	order(m, HOSTILE, HOSTILE_FILL | HOSTILE_MEMORY);
	free(live_wait_until(m, filled, PATIENCE_S, "hostile guest filled its memory"));
	before = work_per_second(m, seconds < 4 ? seconds : 4);
	order(m, HOSTILE, NONSENSE);
	during = work_per_second(m, seconds);
	free(live_wait_until(m, hostile_was_heard, PATIENCE_S, "hostile guest was heard"));
	tell(m, before, during);
	assert_true(during >= before / 3); /* there are three of them */
	s = live_look(m);
	good_are_unharmed(s);
	free(s);
	end_of_the_hostile(m);
	stop(m);
	assert_int_equal(machine_snapshot(m, true, &s), 0);
	live_check_budget(s);
	good_are_unharmed(s);
	free(s);
	machine_destroy(m);
}

static bool swap_is_full(const struct machine_snapshot *s)
{
	unsigned waiting = 0;

	for (unsigned i = 0; i < s->nr_vms; i++)
		waiting += s->vm[i].waiting_faults > 0;
	return waiting == s->nr_vms && s->host.swap.full_ns > 0;
}

/*
 * Nobody can go on: neither memory nor swap is left, device threads sleep on pages, and vCPUs reset the devices meanwhile.
 * The machine must stop all the same.
 */
static void stops_without_memory(void **state)
{
	const unsigned guests = live_nested() ? 8 : 40; /* more than pages set aside for stopping */
	struct live_machine_options o = {
		.memory_pages = 100 * guests + 500,
		.swap_pages = 50 * guests,
		.max_vms = guests,
		.pager = "random",
	}; /* no balloon: what was touched stays */
	struct machine *m = live_machine(&o);
	struct machine_snapshot *s;
	char name[16];

	(void)state;
	for (unsigned i = 0; i < guests; i++) {
		snprintf(name, sizeof name, "hostile-%u", i);
		add_hostile(m, name);
	}
	live_ok(machine_start(m, live_error()));
	for (unsigned i = 0; i < guests; i++)
		order(m, i, HOSTILE_REQUESTS | HOSTILE_RESETS);
	free(live_wait_until(m, swap_is_full, PATIENCE_S, "memory and swap are full"));
	stop(m);
	s = live_look(m);
	free(s);
	machine_destroy(m);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(others_go_on),
		cmocka_unit_test(stops_without_memory),
	};

	live_need_userfaultfd();
	live_need_kvm();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
