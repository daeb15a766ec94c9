/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * live.h: what live tests share: skipping where the host cannot, machines with sensible settings, the budget check.
 *
 * Under emulation (BALLAST_NESTED=1) work is scaled down; what must hold is the same.
 */
#ifndef BALLAST_TESTS_LIVE_H
#define BALLAST_TESTS_LIVE_H

#include "vmm/machine.h"

/* Exit 77 with a reason if the host lacks it; with REQUIRE_KVM=1 that is a failure. */
void live_need_userfaultfd(void);
void live_need_kvm(void);
/* Skips one cmocka test. */
void live_need_move(void);

bool live_nested(void);
/* n, or a twentieth under emulation (at least 1). */
unsigned live_scaled(unsigned n);

struct live_machine_options {
	npages_t memory_pages, swap_pages;
	unsigned max_vms, most_at_once;
	npages_t promised_pages;
	const char *pager;
	enum machine_evict evict;
	bool no_uring, balloon, share, spare_overwritten;
	uint64_t share_mappings;
	uint32_t compress_ppm;
	uint64_t seed;
	const struct target_policy *policy; /* NULL: proportional */
	uint64_t rebalance_ns;              /* 0: 15 s */
	uint32_t sample_pages;              /* 0: none */
	uint64_t sample_period_ns;
	enum mm_estimator estimator;
	uint32_t tax_ppm;
	struct mm_record_sink record;
};
/* Fails the test with the words of the error if it cannot be made. Work files go to TMPDIR, unnamed. */
struct machine *live_machine(const struct live_machine_options *options);
vmid_t live_add_memory(struct machine *m, npages_t pages); /* a VM without vCPUs */
vmid_t live_add_lab(struct machine *m, const char *name, npages_t pages, npages_t swap,
		    const char *cmdline);
/* The same with a disk of so many pages for files. */
vmid_t live_add_server(struct machine *m, const char *name, npages_t pages, npages_t swap,
		       npages_t data, const char *cmdline);
struct error *live_error(void); /* for calls that must not fail: see live_ok */
void live_ok(int result);       /* fails the test with live_error()'s words */

/* peak <= memory by the manager, guest bytes <= memory + 2 MiB by the kernel, page states sum to configured. */
void live_check_budget_now(const struct machine_snapshot *s);
/* The same, and the kernel's count was read at all. */
void live_check_budget(const struct machine_snapshot *s);

/* The machine's figures without the kernel's, the budget checked. Owned by the caller. */
struct machine_snapshot *live_look(struct machine *m);
/* Looks until they hold, and returns those that do, owned by the caller; fails the test after so many seconds. */
struct machine_snapshot *live_wait_until(struct machine *m,
					 bool (*holds)(const struct machine_snapshot *s),
					 unsigned patience_s, const char *what);
/* Fails the test if the manager's records contradict each other. */
void live_must_be_consistent(struct machine *m);

#endif
