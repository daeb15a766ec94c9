/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * admit.c: do these VMs fit the machine? Asked before anything is allocated (ESX 2002, section 6.1).
 *
 * A promise must be kept whatever the VMs do: all minimums and the overhead in machine memory, and for everything beyond
 * a minimum a place on disk. Overhead is what the manager keeps for itself: the in-flight reserve, device buffers, and the
 * free memory that reclaiming aims at. Promises bind admission only: what a VM does not use of its minimum others may.
 */
#include "mm/mm.h"

uint32_t mm_admit(const struct mm_config *config, const struct mm_vm_config *vm, uint32_t nr,
		  struct mm_admission *out)
{
	npages_t least = 0, beyond = 0, needed;

	for (uint32_t i = 0; i < nr; i++) {
		least += mm_vm_least_pages(&vm[i]);
		beyond += vm[i].pages > vm[i].min_pages ? vm[i].pages - vm[i].min_pages : 0;
		needed = mm_least_memory_pages(config, i + 1, least);
		*out = (struct mm_admission){
			.min_pages = least,
			.overhead_pages = needed - least,
			.beyond_pages = beyond,
			.memory_fits = needed <= config->memory_pages,
			.swap_fits = !config->swap_pages || beyond <= config->swap_pages,
		};
		if (!out->memory_fits || !out->swap_fits)
			return i;
	}
	return nr;
}
