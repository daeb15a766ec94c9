/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * body_kvm.c: the live machine as a body: its clock is the host's.
 */
#include <errno.h>
#include <stdlib.h>
#include <time.h>

#include "cmd/body.h"
#include "cmd/run_machine.h"

static uint64_t clock_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * NS_PER_S + (uint64_t)t.tv_nsec;
}

static int kvm_make(struct body *b, const struct scenario *s, const struct run_options *options,
		    const char *dir, const struct mm_record_sink *record, struct error *error)
{
	struct machine *m = NULL;
	int err = run_machine_make(s, dir, record, &m, error);

	(void)options;
	b->machine = m;
	if (!err)
		machine_facts(m, &b->facts);
	return err;
}

/* The time on our clock when the machine's was 0. Without the kernel's view, which takes milliseconds: sampling times
 * would be off by them. */
static int kvm_start(struct body *b, struct error *error)
{
	struct machine_snapshot *now;
	int err = machine_start(b->machine, error);

	if (err)
		return err;
	b->start_ns = clock_ns();
	if (machine_snapshot(b->machine, false, &now) == 0) {
		b->start_ns = clock_ns() - now->now_ns;
		free(now);
	}
	return 0;
}

static uint64_t kvm_passed_ns(struct body *b)
{
	return clock_ns() - b->start_ns;
}

static int kvm_wait(struct body *b, uint64_t ns, struct stop_signals *signals)
{
	(void)b;
	return stop_signals_wait(signals, ns);
}

static int kvm_snapshot(struct body *b, struct machine_snapshot **out)
{
	return machine_snapshot(b->machine, true, out);
}

static unsigned kvm_events_take(struct body *b, struct mm_event *out, unsigned max, uint64_t *lost)
{
	return machine_events_take(b->machine, out, max, lost);
}

static int kvm_trace_page(struct body *b, vmid_t vm, gfn_t g)
{
	return machine_trace_page(b->machine, vm, g);
}

static unsigned kvm_page_events_take(struct body *b, struct mm_page_event *out, unsigned max,
				     uint64_t *lost)
{
	return machine_page_events_take(b->machine, out, max, lost);
}

static bool kvm_idle(struct body *b)
{
	return machine_idle(b->machine);
}

static int mail(struct machine *m, const struct timeline_action *a)
{
	char text[WORKLOAD_TEXT_BYTES];
	int n = workload_format(a->workload, text, sizeof(text));

	return n < 0 ? n : machine_vm_mail(m, vmid(a->vm), text);
}

static int kvm_act(struct body *b, const struct scenario *s, const struct timeline_action *a,
		   struct error *error)
{
	struct machine *m = b->machine;

	switch (a->kind) {
	case TIMELINE_ADD:
		return run_machine_add_vm(m, s, a->vm, error);
	case TIMELINE_REMOVE:
		return machine_remove_vm(m, vmid(a->vm));
	case TIMELINE_POLICY:
		return machine_policy_set(m, a->policy);
	case TIMELINE_TAX:
		machine_tax_set(m, (uint32_t)a->value);
		return 0;
	case TIMELINE_REBALANCE:
		machine_rebalance_set(m, a->value);
		return 0;
	case TIMELINE_SAMPLE_PERIOD:
		machine_sample_period_set(m, a->value);
		return 0;
	case TIMELINE_SCAN_RATES:
		machine_scan_set(m, a->scan_rate, a->vm_scan_rate, false);
		return 0;
	case TIMELINE_SHARES:
		return machine_vm_shares_set(m, vmid(a->vm), (uint32_t)a->value);
	case TIMELINE_MIN:
		return machine_vm_min_set(m, vmid(a->vm), a->value);
	case TIMELINE_WORKLOAD:
		return mail(m, a);
	}
	return -EINVAL;
}

static void kvm_record_end(struct body *b)
{
	machine_record_end(b->machine);
}

static void kvm_stop(struct body *b)
{
	machine_stop(b->machine);
}

static void kvm_destroy(struct body *b)
{
	machine_destroy(b->machine);
	b->machine = NULL;
}

const struct body_ops body_kvm = {
	.name = "kvm",
	.make = kvm_make,
	.record_end = kvm_record_end,
	.start = kvm_start,
	.passed_ns = kvm_passed_ns,
	.wait = kvm_wait,
	.snapshot = kvm_snapshot,
	.events_take = kvm_events_take,
	.trace_page = kvm_trace_page,
	.page_events_take = kvm_page_events_take,
	.idle = kvm_idle,
	.act = kvm_act,
	.stop = kvm_stop,
	.destroy = kvm_destroy,
};
