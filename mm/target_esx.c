/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * target_esx.c: min-funding revocation with the idle memory tax (Waldspurger, OSDI 2002, section 5).
 *
 * Memory is taken from the VM that pays least for it: lowest shares per page, where an idle page counts as
 * k = 1 / (1 - tax) pages. With P pages, a fraction f of them active:
 *
 *	rho = S / (P * (f + k * (1 - f)))
 *
 * Taking one page after the other until all fit ends where rho is the same for all VMs but those at a bound. Of P pages
 * A = min(active, P) are active, so the price x = 1/rho per share is reached at A + k * (P - A) = x * S, that is
 * P = x * S up to A, and A + (x * S - A) * (1 - tax) beyond: what target_fill() solves, without taking a single step.
 * For two VMs of equal shares with their working sets in memory: P2 - P1 = tax * (A2 - A1).
 */
#include "mm/target.h"

static void divide(struct target_vm *vm, uint32_t nr, const struct target_request *r)
{
	for (uint32_t i = 0; i < nr; i++) {
		vm[i].weight = vm[i].shares;
		vm[i].kink = vm[i].active;
	}
	target_fill(vm, nr, r->sum, r->tax_ppm, r->scratch);
}

const struct target_policy target_esx = {
	.name = "esx",
	.what = "shares, with a tax on idle memory (min-funding revocation)",
	.uses_active = true,
	.divide = divide,
};
