/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * target_proportional.c: each VM gets a share of memory in proportion to its configured size, whatever it does with it.
 */
#include "mm/target.h"

static void divide(struct target_vm *vm, uint32_t nr, const struct target_request *r)
{
	for (uint32_t i = 0; i < nr; i++) {
		vm[i].weight = vm[i].most;
		vm[i].kink = vm[i].most;
	}
	target_fill(vm, nr, r->sum, 0, r->scratch);
}

const struct target_policy target_proportional = {
	.name = "proportional",
	.what = "in proportion to the configured size",
	.divide = divide,
};
