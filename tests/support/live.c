/* SPDX-License-Identifier: GPL-2.0-or-later */
/* live.c: see live.h. */
#include "tests/support/live.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>
#include <fcntl.h>

#include "vmm/uffd.h"

extern const uint8_t lab_image_start[], lab_image_end[];

#define SHARE_CAPACITY 20000u /* home pages a VM; no test has larger ones that share */

static struct error last_error;

struct error *live_error(void)
{
	return &last_error;
}

void live_ok(int result)
{
	if (result)
		fail_msg("%s", last_error.text);
}

static void cannot_run(const char *why)
{
	const char *required = getenv("REQUIRE_KVM");

	fprintf(stderr, "%s\n", why);
	exit(required && strcmp(required, "1") == 0 ? 1 : 77);
}

void live_need_userfaultfd(void)
{
	struct uffd u;

	if (uffd_open(&u, &last_error))
		cannot_run(last_error.text);
	uffd_close(&u);
}

void live_need_kvm(void)
{
	int fd = open("/dev/kvm", O_RDWR | O_CLOEXEC);

	if (fd < 0)
		cannot_run("no usable /dev/kvm");
	close(fd);
}

void live_need_move(void)
{
	struct uffd u;
	bool has_move;

	live_ok(uffd_open(&u, &last_error));
	has_move = u.has_move;
	uffd_close(&u);
	if (!has_move)
		skip();
}

bool live_nested(void)
{
	const char *nested = getenv("BALLAST_NESTED");

	return nested && strcmp(nested, "1") == 0;
}

unsigned live_scaled(unsigned n)
{
	n = live_nested() ? n / 20 : n;
	return n ? n : 1;
}

struct machine *live_machine(const struct live_machine_options *o)
{
	const char *dir = getenv("TMPDIR");
	struct machine_config config = {
		.memory_pages = o->memory_pages,
		.swap_pages = o->swap_pages,
		.work_dir = dir ? dir : "/tmp",
		.pager = policy_find(o->pager ? o->pager : "random"),
		.state_ppm = {60000, 40000, 20000, 10000},
		.policy = o->policy,
		.rebalance_ns = o->rebalance_ns ? o->rebalance_ns : 15 * NS_PER_S,
		.seed = o->seed,
		.max_vms = o->max_vms,
		.most_at_once = o->most_at_once,
		.promised_pages = o->promised_pages,
		.evict = o->evict,
		.swap_without_uring = o->no_uring,
		.balloon = o->balloon,
		.swap_spares_overwritten = o->spare_overwritten,
		.compress_ppm = o->compress_ppm,
		.share = o->share,
		.share_capacity_pages = o->max_vms * SHARE_CAPACITY,
		.share_mappings = o->share_mappings,
		.sample_pages = o->sample_pages,
		.sample_period_ns = o->sample_period_ns,
		.sample_slow_ppm = 250000,
		.sample_fast_ppm = 750000,
		.estimator = o->estimator,
		.scan = {.rate_pages = DEDUP_SCAN_UNLIMITED, .vm_rate_pages = DEDUP_SCAN_UNLIMITED},
		.tax_ppm = o->tax_ppm,
		.record = o->record,
	};
	struct machine *m;

	live_ok(machine_create(&config, &m, &last_error));
	return m;
}

vmid_t live_add_memory(struct machine *m, npages_t pages)
{
	struct vm_config config = {.name = "memory", .pages = pages, .shares = 1000};
	vmid_t id;

	live_ok(machine_add_vm(m, &config, &id, &last_error));
	return id;
}

vmid_t live_add_server(struct machine *m, const char *name, npages_t pages, npages_t swap,
		       npages_t data, const char *cmdline)
{
	struct vm_config config = {
		.name = name,
		.pages = pages,
		.shares = 1000,
		.vcpus = 1,
		.kernel = lab_image_start,
		.kernel_bytes = (size_t)(lab_image_end - lab_image_start),
		.kernel_name = "lab guest",
		.cmdline = cmdline,
		.lab = true,
		.guest_swap_pages = swap,
		.guest_data_pages = data,
	};
	vmid_t id;

	live_ok(machine_add_vm(m, &config, &id, &last_error));
	return id;
}

vmid_t live_add_lab(struct machine *m, const char *name, npages_t pages, npages_t swap,
		    const char *cmdline)
{
	return live_add_server(m, name, pages, swap, 0, cmdline);
}

void live_check_budget(const struct machine_snapshot *s)
{
	assert_true(s->kernel.guest_bytes > 0);
	live_check_budget_now(s);
}

void live_check_budget_now(const struct machine_snapshot *s)
{
	npages_t resident = 0;

	assert_true(s->host.peak_used_pages <= s->host.memory_pages);
	if (s->kernel.guest_bytes_peak > pages_to_bytes(s->host.memory_pages) + (2u << 20))
		fail_msg("the kernel counts %llu KiB of guest memory, the machine has %llu KiB",
			 (unsigned long long)s->kernel.guest_bytes_peak >> 10,
			 (unsigned long long)pages_to_bytes(s->host.memory_pages) >> 10);
	for (unsigned i = 0; i < s->nr_vms; i++) {
		const struct mm_vm_stats *v = &s->vm[i];

		assert_int_equal(v->untouched_pages + v->resident_pages + v->swapped_pages +
					 v->ballooned_pages + v->shared_pages + v->compressed_pages,
				 v->configured_pages);
		resident += v->resident_pages + v->compress.frames;
	}
	assert_true(resident + s->host.reserve_pages <= s->host.used_pages);
	assert_int_equal(s->host.used_pages + s->host.free_pages, s->host.memory_pages);
}

struct machine_snapshot *live_look(struct machine *m)
{
	struct machine_snapshot *s;

	assert_int_equal(machine_snapshot(m, false, &s), 0);
	live_check_budget_now(s);
	return s;
}

/* What a failed test leaves to think about. */
static void tell_all(const struct machine_snapshot *s)
{
	print_message("%.3f s: %lu of %lu pages free, state %d\n",
		      (double)s->now_ns / (double)NS_PER_S, (unsigned long)s->host.free_pages,
		      (unsigned long)s->host.memory_pages, (int)s->host.state);
	for (unsigned i = 0; i < s->nr_vms; i++) {
		const struct mm_vm_stats *v = &s->vm[i];
		const struct vm_live_stats *l = machine_snapshot_live(s, i);

		print_message("vm %u: resident %lu, target %lu, swapped %lu, ballooned %lu of %lu, "
			      "last look %d, "
			      "says free %lu, work %lu, exit %d\n",
			      i, (unsigned long)v->resident_pages, (unsigned long)v->target_pages,
			      (unsigned long)v->swapped_pages, (unsigned long)v->ballooned_pages,
			      (unsigned long)v->balloon_target_pages, (int)v->balloon_last,
			      (unsigned long)bytes_to_pages(l->balloon.stat[VM_BALLOON_FREE].value),
			      (unsigned long)l->guest.work_units, (int)l->exit);
	}
}

struct machine_snapshot *live_wait_until(struct machine *m,
					 bool (*holds)(const struct machine_snapshot *s),
					 unsigned patience_s, const char *what)
{
	const struct timespec pause = {.tv_nsec = 10000000};
	struct timespec now, end;

	clock_gettime(CLOCK_MONOTONIC, &end);
	end.tv_sec += patience_s;
	do {
		struct machine_snapshot *s = live_look(m);

		if (holds(s))
			return s;
		free(s);
		nanosleep(&pause, NULL);
		clock_gettime(CLOCK_MONOTONIC, &now);
	} while (now.tv_sec < end.tv_sec);
	tell_all(live_look(m));
	fail_msg("not within %u s: %s", patience_s, what);
	return NULL;
}

void live_must_be_consistent(struct machine *m)
{
	const char *why;

	if (!machine_consistent(m, &why))
		fail_msg("manager inconsistent: %s", why);
}
