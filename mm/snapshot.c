/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * snapshot.c: the two arrays behind a snapshot, one after the other.
 */
#include "mm/snapshot.h"

const char *const vm_balloon_tag_names[VM_BALLOON_TAGS] = {
	[VM_BALLOON_SWAP_IN] = "swap-in",
	[VM_BALLOON_SWAP_OUT] = "swap-out",
	[VM_BALLOON_MAJOR_FAULTS] = "major-faults",
	[VM_BALLOON_MINOR_FAULTS] = "minor-faults",
	[VM_BALLOON_FREE] = "free-memory",
	[VM_BALLOON_TOTAL] = "total-memory",
	[VM_BALLOON_AVAILABLE] = "available-memory",
	[VM_BALLOON_CACHES] = "disk-caches",
	[VM_BALLOON_HUGE_ALLOCATIONS] = "hugetlb-allocations",
	[VM_BALLOON_HUGE_FAILURES] = "hugetlb-failures",
	[VM_BALLOON_OOM_KILLS] = "oom-kills",
	[VM_BALLOON_ALLOC_STALLS] = "alloc-stalls",
	[VM_BALLOON_ASYNC_SCANS] = "async-scans",
	[VM_BALLOON_DIRECT_SCANS] = "direct-scans",
	[VM_BALLOON_ASYNC_RECLAIMS] = "async-reclaims",
	[VM_BALLOON_DIRECT_RECLAIMS] = "direct-reclaims",
};

size_t machine_snapshot_bytes(unsigned nr_vms)
{
	return sizeof(struct machine_snapshot) +
	       nr_vms * (sizeof(struct mm_vm_stats) + sizeof(struct vm_live_stats));
}

struct vm_live_stats *machine_snapshot_live_mut(struct machine_snapshot *s, unsigned vm)
{
	return (struct vm_live_stats *)(void *)&s->vm[s->nr_vms] + vm;
}

const struct vm_live_stats *machine_snapshot_live(const struct machine_snapshot *s, unsigned vm)
{
	return (const struct vm_live_stats *)(const void *)&s->vm[s->nr_vms] + vm;
}
