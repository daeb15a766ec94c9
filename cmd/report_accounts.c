/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * report_accounts.c: one memory, three bookkeepers: the guest, the manager, the kernel. See report.h for what must agree.
 *
 * A guest's word is its balloon driver's statistics: total less free less what is in its balloon. A driver that may not
 * deflate when memory runs out (Linux without that feature) has taken ballooned pages off its total already.
 */
#include "cmd/report.h"
#include "cmd/report_fields.h"

#define AGREE_PAGES (REPORT_AGREE_BYTES >> PAGE_SHIFT_BITS)

static bool guest_in_use(const struct vm_live_stats *live, npages_t *out)
{
	const struct vm_balloon_stats *b = &live->balloon;
	const struct vm_balloon_stat *total = &b->stat[VM_BALLOON_TOTAL];
	const struct vm_balloon_stat *free_memory = &b->stat[VM_BALLOON_FREE];
	uint64_t not_used;

	*out = 0;
	if (live->exit != VM_RUNNING || !total->known || !free_memory->known)
		return false;
	not_used = free_memory->value >> PAGE_SHIFT_BITS;
	if (b->deflate_on_oom)
		not_used += live->said.actual_pages;
	if (total->value >> PAGE_SHIFT_BITS > not_used) /* a guest may say anything */
		*out = (total->value >> PAGE_SHIFT_BITS) - not_used;
	return true;
}

void report_account_vm(const struct machine_snapshot *s, unsigned vm, struct report_account *out)
{
	const struct vm_live_stats *live = machine_snapshot_live(s, vm);
	const struct mm_vm_stats *v = &s->vm[vm];
	const struct vm_kernel_stats *k = &live->kernel;
	npages_t least =
		k->resident_pages > k->moving_pages ? k->resident_pages - k->moving_pages : 0;

	*out = (struct report_account){
		.resident_pages = v->resident_pages,
		.shared_pages = v->shared_pages,
		.swapped_pages = v->swapped_pages,
		.compressed_pages = v->compressed_pages,
		.kernel_read = s->kernel.guest_bytes != 0,
		.kernel_pages = k->bytes >> PAGE_SHIFT_BITS,
		.guest_agrees = true,
		.kernel_agrees = true,
	};
	out->guest_said = guest_in_use(live, &out->guest_in_use_pages);
	if (out->guest_said)
		out->guest_agrees =
			out->guest_in_use_pages <= live->said.touched_pages + AGREE_PAGES;
	if (out->kernel_read)
		out->kernel_agrees = out->kernel_pages <= k->resident_pages + AGREE_PAGES &&
				     out->kernel_pages + AGREE_PAGES >= least;
}

void report_account_host(const struct machine_snapshot *s, struct report_account_host *out)
{
	const struct mm_host_stats *h = &s->host;
	int64_t most = (int64_t)AGREE_PAGES, least = -(int64_t)(AGREE_PAGES + h->reserve_pages);

	*out = (struct report_account_host){
		.used_pages = s->kernel.used_pages,
		.kernel_read = s->kernel.guest_bytes != 0,
		.kernel_pages = s->kernel.guest_bytes >> PAGE_SHIFT_BITS,
		.agrees = true,
	};
	for (unsigned i = 0; i < s->nr_vms; i++) {
		struct report_account a;

		report_account_vm(s, i, &a);
		out->guests_said += a.guest_said;
		out->guest_in_use_pages += a.guest_in_use_pages;
		out->agrees = out->agrees && a.guest_agrees && a.kernel_agrees;
	}
	if (!out->kernel_read)
		return;
	out->difference_pages = (int64_t)out->kernel_pages - (int64_t)out->used_pages;
	if (out->difference_pages > most || out->difference_pages < least)
		out->agrees = false;
}

static json_t *if_known(bool known, json_t *value)
{
	if (known)
		return value;
	json_decref(value);
	return json_null();
}

json_t *report_account_vm_json(const struct machine_snapshot *s, unsigned vm)
{
	struct report_account a;

	report_account_vm(s, vm, &a);
	return json_pack("{s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o}", "guest_in_use_pages",
			 if_known(a.guest_said, report_count_json(a.guest_in_use_pages)),
			 "manager_resident_pages", report_count_json(a.resident_pages),
			 "manager_shared_pages", report_count_json(a.shared_pages),
			 "manager_swapped_pages", report_count_json(a.swapped_pages),
			 "manager_compressed_pages", report_count_json(a.compressed_pages),
			 "kernel_pss_pages",
			 if_known(a.kernel_read, report_count_json(a.kernel_pages)), "guest_agrees",
			 if_known(a.guest_said, json_boolean(a.guest_agrees)), "kernel_agrees",
			 if_known(a.kernel_read, json_boolean(a.kernel_agrees)));
}

json_t *report_account_host_json(const struct machine_snapshot *s)
{
	struct report_account_host a;

	report_account_host(s, &a);
	return json_pack(
		"{s:i, s:o, s:o, s:o, s:o, s:o, s:i, s:b}", "guests_said", (int)a.guests_said,
		"guest_in_use_pages",
		if_known(a.guests_said, report_count_json(a.guest_in_use_pages)),
		"manager_used_pages", if_known(a.kernel_read, report_count_json(a.used_pages)),
		"manager_reserve_pages", report_count_json(s->host.reserve_pages),
		"kernel_pss_pages", if_known(a.kernel_read, report_count_json(a.kernel_pages)),
		"difference_pages",
		if_known(a.kernel_read, json_integer((json_int_t)a.difference_pages)),
		"tolerance_bytes", (int)REPORT_AGREE_BYTES, "agree", (int)a.agrees);
}
