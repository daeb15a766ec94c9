/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * target_none.c: nobody decides. Each VM may have what it has already, scaled to what there is, so pages are taken
 * from VMs in proportion to what they hold, and who faults most ends up with most: global replacement, as by a host that
 * sees processes and not VMs. Followed at every tick while memory is short.
 */
#include "mm/target.h"

void target_divide_by_resident(struct target_vm *vm, uint32_t nr, const struct target_request *r)
{
	for (uint32_t i = 0; i < nr; i++) {
		vm[i].weight = vm[i].resident ? vm[i].resident : 1;
		vm[i].kink = vm[i].most;
	}
	target_fill(vm, nr, r->sum, 0, r->scratch);
}

const struct target_policy target_none = {
	.name = "none",
	.what = "what each has, scaled to what there is: no decision at all",
	.uses_resident = true,
	.divide = target_divide_by_resident,
};
