/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * report_summary.c: summary.json, a run in figures, by the contract in docs/output.md.
 *
 * Most members come from the tables in report_fields.c. There is no wall-clock time and no measured memory of this
 * process in here, so that the same seed on the simulated body gives the same bytes.
 */
#include <inttypes.h>

#include "cmd/report.h"
#include "cmd/report_fields.h"

#define SCHEMA 1

const char *report_end_name(enum report_end end)
{
	switch (end) {
	case REPORT_END_TIME:
		return "time";
	case REPORT_END_IDLE:
		return "idle";
	case REPORT_END_STOP:
		return "stopped";
	}
	return "unknown";
}

uint64_t report_vm_faults(const struct mm_vm_stats *vm)
{
	return vm->faults_zero + vm->faults_swap_in + vm->faults_decompressed + vm->faults_sampled;
}

/* Guests may claim anything; a sum must not wrap around to something innocent. */
static void add(uint64_t *sum, uint64_t n)
{
	if (__builtin_add_overflow(*sum, n, sum))
		*sum = UINT64_MAX;
}

void report_totals(const struct machine_snapshot *s, struct report_totals *out)
{
	*out = (struct report_totals){.crashed = 0};
	for (unsigned i = 0; i < s->nr_vms; i++) {
		const struct vm_live_stats *live = machine_snapshot_live(s, i);
		const struct mm_vm_stats *vm = &s->vm[i];

		out->configured_pages += vm->configured_pages;
		out->resident_pages += vm->resident_pages;
		out->swapped_pages += vm->swapped_pages;
		out->untouched_pages += vm->untouched_pages;
		out->faults += report_vm_faults(vm);
		out->paged_out_pages += vm->paged_out_pages;
		add(&out->work_units, live->guest.work_units);
		add(&out->integrity_checks, live->guest.integrity_checks);
		add(&out->integrity_errors, live->guest.integrity_errors);
		out->crashed += live->exit == VM_CRASHED;
		out->running += live->exit == VM_RUNNING;
	}
}

/* A 64-bit pattern: JSON numbers are too small for it. */
static json_t *word_json(uint64_t word)
{
	char text[24];

	snprintf(text, sizeof(text), "0x%016" PRIx64, word);
	return json_string(text);
}

static json_t *first_error_json(const struct guest_stats *g)
{
	return json_pack("{s:o, s:o, s:o, s:o, s:o}", "page", report_count_json(g->bad_page), "gfn",
			 report_count_json(g->bad_gfn), "word", report_count_json(g->bad_word),
			 "found", word_json(g->bad_found), "expected", word_json(g->bad_expected));
}

static json_t *vms_json(const struct scenario *scenario, const struct machine_snapshot *s)
{
	json_t *vms = json_array();

	for (unsigned i = 0; vms && i < s->nr_vms; i++) {
		const struct vm_live_stats *live = machine_snapshot_live(s, i);
		const struct report_row row = {scenario->vms[i].name, s, i};
		json_t *vm = report_row_json(report_vm_fields, &row);

		if (vm)
			json_object_set_new(vm, "accounts", report_account_vm_json(s, i));
		if (vm && live->guest.integrity_errors)
			json_object_set_new(vm, "integrity_first_error",
					    first_error_json(&live->guest));
		if (json_array_append_new(vms, vm) != 0) {
			json_decref(vms);
			return NULL;
		}
	}
	return vms;
}

static json_t *host_json(const struct report_about *about, const struct machine_snapshot *s)
{
	const struct report_row row = {.now = s};
	json_t *host = report_row_json(report_host_fields, &row);
	json_t *swap = json_object_get(host, "swap");

	if (!host)
		return NULL;
	/* How, beside how much. */
	json_object_set_new(host, "accounts", report_account_host_json(s));
	json_object_set_new(host, "pager", json_string(about->scenario->pager->name));
	json_object_set_new(swap, "evict_path",
			    s->no_kernel
				    ? json_null()
				    : json_string(about->facts.evicts_by_move ? "move" : "copy"));
	json_object_set_new(swap, "direct",
			    s->no_kernel ? json_null() : json_boolean(about->facts.swap_is_direct));
	json_object_set_new(swap, "io_uring",
			    s->no_kernel ? json_null() : json_boolean(about->facts.swap_has_uring));
	return host;
}

void report_double_paging(const struct machine_snapshot *s, struct mm_double_stats *out)
{
	*out = (struct mm_double_stats){0};
	for (unsigned i = 0; i < s->nr_vms; i++) {
		const struct mm_double_stats *d = &s->vm[i].double_paging;

		out->guest_out_of_swapped += d->guest_out_of_swapped;
		out->guest_in_of_swapped += d->guest_in_of_swapped;
		out->overwrite_reads += d->overwrite_reads;
		out->overwrite_reads_spared += d->overwrite_reads_spared;
		out->swapped_while_guest_free += d->swapped_while_guest_free;
		out->ballooned_from_swapped += d->ballooned_from_swapped;
		out->zero_writebacks += d->zero_writebacks;
		out->identical_writebacks += d->identical_writebacks;
	}
}

static json_t *double_paging_json(const struct machine_snapshot *s)
{
	struct mm_double_stats d;

	report_double_paging(s, &d);
	return json_pack("{s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o}", "guest_out_of_swapped",
			 report_count_json(d.guest_out_of_swapped), "guest_in_of_swapped",
			 report_count_json(d.guest_in_of_swapped), "overwrite_reads",
			 report_count_json(d.overwrite_reads), "overwrite_reads_spared",
			 report_count_json(d.overwrite_reads_spared), "swapped_while_guest_free",
			 report_count_json(d.swapped_while_guest_free), "ballooned_from_swapped",
			 report_count_json(d.ballooned_from_swapped), "zero_writebacks",
			 report_count_json(d.zero_writebacks), "identical_writebacks",
			 report_count_json(d.identical_writebacks));
}

static json_t *totals_json(const struct machine_snapshot *s)
{
	struct report_totals t;

	report_totals(s, &t);
	return json_pack("{s:o, s:o, s:o, s:o, s:i}", "configured_pages",
			 report_count_json(t.configured_pages), "work_units",
			 report_count_json(t.work_units), "integrity_checks",
			 report_count_json(t.integrity_checks), "integrity_errors",
			 report_count_json(t.integrity_errors), "crashed", (int)t.crashed);
}

json_t *report_seed_json(uint64_t seed)
{
	char text[24];

	if (seed <= INT64_MAX)
		return json_integer((json_int_t)seed);
	snprintf(text, sizeof(text), "%" PRIu64, seed);
	return json_string(text);
}

json_t *report_summary(const struct report_about *about, const struct machine_snapshot *last,
		       enum report_end end)
{
	const struct scenario *s = about->scenario;

	return json_pack("{s:i, s:s, s:s, s:o, s:f, s:f, s:s, s:o, s:o, s:o, s:o, s:O?}", "schema",
			 SCHEMA, "scenario", s->name, "body", about->body, "seed",
			 report_seed_json(s->seed), "seconds", report_seconds(last->now_ns),
			 "seconds_asked", report_seconds(s->duration_ns), "ended",
			 report_end_name(end), "host", host_json(about, last), "vms",
			 vms_json(s, last), "double_paging", double_paging_json(last), "totals",
			 totals_json(last), "record", about->record);
}
