/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * report_text.c: the end of a run in words, for somebody who has never seen one.
 *
 * It answers, in this order: how much was promised and how much was there; what was done to make it fit; was anything
 * lost; how did each guest fare; where is the rest. What went wrong has lines of its own, which are missing when
 * nothing did.
 */
#include <string.h>

#include "cmd/human.h"
#include "cmd/report.h"
#include "cmd/report_fields.h"
#include "lib/table.h"

#define GUESTS_SHOWN        32
#define READING_ERROR_BYTES (2ull << 20) /* of the kernel's count, host-kvm rule 13 */

static void print_configured(FILE *out, const struct report_about *about,
			     const struct machine_snapshot *s, const struct report_totals *t,
			     enum report_end end)
{
	uint64_t hundredths = s->host.memory_pages
				      ? (t->configured_pages * 100 + s->host.memory_pages / 2) /
						s->host.memory_pages
				      : 0;

	fprintf(out, "%s: %s%s%s, seed %llu\n\n", about->scenario->name,
		human_seconds(s->now_ns).text, s->no_kernel ? " simulated" : "",
		end == REPORT_END_IDLE ? " until all guests were done" : "",
		(unsigned long long)about->scenario->seed);
	fprintf(out, "promised     %s to %s on a machine of %s: %llu.%02llu times what is there\n",
		human_size(t->configured_pages).text, human_some(s->nr_vms, "guest", "guests").text,
		human_size(s->host.memory_pages).text, (unsigned long long)hundredths / 100,
		(unsigned long long)hundredths % 100);
}

static void print_used(FILE *out, const struct machine_snapshot *s)
{
	const struct mm_host_stats *h = &s->host;
	uint64_t budget = pages_to_bytes(h->memory_pages), kernel = s->kernel.guest_bytes_peak;

	fprintf(out, "used         at most %s of %s pages", human_grouped(h->peak_used_pages).text,
		human_grouped(h->memory_pages).text);
	if (kernel)
		fprintf(out, "; the kernel counted at most %s%s",
			human_size(bytes_to_pages(kernel)).text,
			kernel > budget + READING_ERROR_BYTES ? ": MORE THAN THE MACHINE HAS" : "");
	fprintf(out, "\nfree memory ");
	for (int i = 0; i < MM_STATES; i++)
		fprintf(out, " %s %s%s", report_state_names[i], human_seconds(h->state_ns[i]).text,
			i + 1 < MM_STATES ? "," : "\n");
}

/* What three bookkeepers say of the same memory. */
static void print_accounts(FILE *out, const struct machine_snapshot *s)
{
	struct report_account_host a;

	report_account_host(s, &a);
	if (!a.kernel_read)
		return;
	fprintf(out, "accounts     ");
	if (a.guests_said)
		fprintf(out, "%s %s to use %s, ", human_some(a.guests_said, "guest", "guests").text,
			a.guests_said == 1 ? "says" : "say", human_size(a.guest_in_use_pages).text);
	fprintf(out, "the manager has %s in use, the kernel counts %s: %s\n",
		human_size(a.used_pages).text, human_size(a.kernel_pages).text,
		a.agrees ? "they agree" : "THEY DO NOT AGREE");
}

static void print_paging(FILE *out, const struct report_about *about,
			 const struct machine_snapshot *s, const struct report_totals *t)
{
	const struct mm_swap_stats *w = &s->host.swap;

	if (!w->capacity_pages) {
		fprintf(out, "paging       %s\n", about->scenario->compress ? "no swap" : "off");
	} else if (!t->paged_out_pages) {
		fprintf(out, "paging       none was needed\n");
	} else {
		fprintf(out,
			"paged out    %s pages: %s written to swap, %s unchanged since the last "
			"time, %s all zeros\n",
			human_grouped(t->paged_out_pages).text,
			human_grouped(w->written_pages).text, human_grouped(w->clean_drops).text,
			human_grouped(w->zero_drops).text);
		fprintf(out,
			"paged in     %s pages read from swap, %s of them used ahead of need\n",
			human_grouped(w->read_pages).text, human_grouped(w->read_ahead_hits).text);
		fprintf(out,
			"swap         %s of %s in use at the end, unchanged pages that are back in "
			"memory included\n",
			human_size(w->used_pages).text, human_size(w->capacity_pages).text);
	}
}

/* Work that the guests' pagers and the host's made for each other; no line if there was none. */
static void print_double_paging(FILE *out, const struct machine_snapshot *s)
{
	const char *head = "two pagers  ";
	struct mm_double_stats d;

	report_double_paging(s, &d);
	const struct {
		uint64_t pages;
		const char *words;
	} row[] = {
		{d.guest_out_of_swapped, "brought in only because the guest paged it out"},
		{d.guest_in_of_swapped, "in swap and overwritten by the guest's disk"},
		{d.ballooned_from_swapped, "in swap when the guest gave it up"},
		{d.swapped_while_guest_free, "in swap when the guest said it was free"},
		{d.zero_writebacks, "paged out as changed, and all zeros"},
		{d.identical_writebacks, "written to swap as it was written before"},
	};

	for (unsigned i = 0; i < sizeof(row) / sizeof(row[0]); i++) {
		if (!row[i].pages)
			continue;
		fprintf(out, "%s %s %s\n", head,
			human_some(row[i].pages, "time a page was", "times a page was").text,
			row[i].words);
		head = "            ";
	}
}

static void print_compression(FILE *out, const struct report_about *about,
			      const struct machine_snapshot *s)
{
	const struct mm_compress_stats *c = &s->host.compress;
	uint64_t percent = c->stored_pages * PAGE_BYTES / 100;

	if (!about->scenario->compress)
		return;
	fprintf(out,
		"compressed   %s pages, to %llu %% on average; %s came back from there, %s went on "
		"to swap; %s in %s at the end\n",
		human_grouped(c->stored_pages).text,
		(unsigned long long)(percent ? c->stored_bytes / percent : 0),
		human_grouped(c->loaded_pages).text,
		human_grouped(c->written_pages + c->clean_pages).text, human_size(c->pages).text,
		human_size(c->frames).text);
}

static void print_sharing(FILE *out, const struct report_about *about,
			  const struct machine_snapshot *s)
{
	const struct mm_share_stats *h = &s->host.share;

	if (!about->scenario->share)
		return;
	fprintf(out,
		"sharing      %s pages shared at the end, %s of them all zeros: %s saved; %s were "
		"copied "
		"at a write\n",
		human_grouped(h->shared_pages).text, human_grouped(h->zero_pages).text,
		human_size(h->saved_pages).text, human_grouped(h->cow_breaks).text);
}

static void print_balloons(FILE *out, const struct report_about *about,
			   const struct machine_snapshot *s)
{
	uint64_t given = 0, taken = 0, pops = 0;
	npages_t now = 0;

	for (unsigned i = 0; i < s->nr_vms; i++) {
		given += s->vm[i].balloon_inflated;
		taken += s->vm[i].balloon_deflated;
		pops += s->vm[i].faults_pop;
		now += s->vm[i].ballooned_pages;
	}
	if (!about->scenario->balloon)
		return;
	fprintf(out,
		"balloons     %s pages given up by the guests, %s taken back, %s held at the end\n",
		human_grouped(given).text, human_grouped(taken).text, human_grouped(now).text);
	if (pops)
		fprintf(out, "             %s ballooned pages were touched all the same\n",
			human_grouped(pops).text);
}

static void print_integrity(FILE *out, const struct report_totals *t)
{
	fprintf(out, "integrity    %s, %s%s\n",
		human_some(t->integrity_checks, "check", "checks").text,
		human_some(t->integrity_errors, "error", "errors").text,
		t->integrity_errors   ? ": MEMORY WAS LOST OR MIXED UP"
		: t->integrity_checks ? ": no byte was lost"
				      : "");
}

static void print_guests(FILE *out, const struct report_about *about,
			 const struct machine_snapshot *s)
{
	static const struct table_column columns[] = {
		{"guest", false},     {"MiB", true},    {"resident", true}, {"swapped", true},
		{"target", true},     {"work/s", true}, {"faults", true},   {"stalled", true},
		{"own faults", true}, {"boot", true},   {"", false},
	};
	struct table *t = table_create(columns, sizeof(columns) / sizeof(columns[0]));

	for (unsigned i = 0; t && i < s->nr_vms && i < GUESTS_SHOWN; i++) {
		const struct vm_live_stats *live = machine_snapshot_live(s, i);
		const struct mm_vm_stats *vm = &s->vm[i];

		table_cell(t, "%s", about->scenario->vms[i].name);
		table_cell(t, "%s", human_mib(vm->configured_pages).text);
		table_cell(t, "%s", human_mib(vm->resident_pages).text);
		table_cell(t, "%s", human_mib(vm->swapped_pages).text);
		table_cell(t, "%s", human_mib(vm->target_pages).text);
		table_cell(t, "%s",
			   human_count(human_rate(live->guest.work_units, s->now_ns)).text);
		table_cell(t, "%s", human_count(report_vm_faults(vm)).text);
		table_cell(t, "%s", human_seconds(vm->stalled_ns).text);
		table_cell(t, "%s", human_count(live->guest.faults).text);
		if (live->boot_ns)
			table_cell(t, "%.1f ms", (double)live->boot_ns / 1e6);
		else
			table_cell(t, "-");
		table_cell(t, "%s", live->exit == VM_RUNNING ? "" : report_exit_name(live->exit));
	}
	fputc('\n', out);
	if (!t || table_print(t, out) < 0)
		fprintf(out, "(no memory for the table of guests)\n");
	table_destroy(t);
	if (s->nr_vms > GUESTS_SHOWN)
		fprintf(out, "and %s in summary.json\n",
			human_some(s->nr_vms - GUESTS_SHOWN, "more guest", "more guests").text);
	fputc('\n', out);
}

static void print_trouble(FILE *out, const struct report_about *about,
			  const struct machine_snapshot *s, const char *dir)
{
	const struct mm_swap_stats *w = &s->host.swap;

	if (w->full_ns)
		fprintf(out,
			"swap was full for %s: guests over their target waited, none was ended; a "
			"larger\nhost.swap.size avoids it\n",
			human_seconds(w->full_ns).text);
	if (w->errors)
		fprintf(out, "swap had %s\n",
			human_some(w->errors, "I/O error", "I/O errors").text);
	if (s->kernel.host_swap_bytes)
		fprintf(out,
			"the host itself swapped out %s of guest memory: these figures are not to "
			"be trusted\n",
			human_size(bytes_to_pages(s->kernel.host_swap_bytes)).text);
	for (unsigned i = 0; i < s->nr_vms; i++) {
		const struct vm_live_stats *live = machine_snapshot_live(s, i);
		const char *name = about->scenario->vms[i].name;

		if (live->exit == VM_CRASHED)
			fprintf(out, "%s crashed: %s; see %s/%s.console.log\n", name,
				live->exit_reason, dir, name);
		if (live->guest.integrity_errors)
			fprintf(out, "%s found %s; the first in page %llu of its workload\n", name,
				human_some(live->guest.integrity_errors, "integrity error",
					   "integrity errors")
					.text,
				(unsigned long long)live->guest.bad_page);
		if (live->guest_bad)
			fprintf(out, "%s made %s of its devices\n", name,
				human_some(live->guest_bad, "malformed request",
					   "malformed requests")
					.text);
	}
}

void report_text(FILE *out, const struct report_about *about, const struct machine_snapshot *last,
		 enum report_end end, const char *dir)
{
	struct report_totals t;

	report_totals(last, &t);
	print_configured(out, about, last, &t, end);
	print_used(out, last);
	print_accounts(out, last);
	print_sharing(out, about, last);
	print_balloons(out, about, last);
	print_compression(out, about, last);
	print_paging(out, about, last, &t);
	print_double_paging(out, last);
	print_integrity(out, &t);
	print_guests(out, about, last);
	print_trouble(out, about, last, dir);
	fprintf(out, "results in %s: summary.json, samples.csv, events.jsonl, manifest.json\n",
		dir);
}
