/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * target_static.c: memory cut up once, in proportion to configured size, as by an administrator who does not come back:
 * the part of a VM that ended stays empty. The baseline that shows what any redistribution is worth.
 */
#include "mm/target.h"

static void divide(struct target_vm *vm, uint32_t nr, const struct target_request *r)
{
	npages_t here = 0;

	for (uint32_t i = 0; i < nr; i++) {
		vm[i].weight = vm[i].most;
		vm[i].kink = vm[i].most;
		here += vm[i].most;
	}
	if (!here)
		return;
	target_fill(vm, nr, (npages_t)((unsigned __int128)r->sum * here / (here + r->gone_pages)),
		    0, r->scratch);
}

const struct target_policy target_static = {
	.name = "static",
	.what = "proportional once and for all: what an ended VM had stays unused",
	.divide = divide,
};
