/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * vm_balloon.h: a VM's balloon as the rest of the program sees it: how it is set up, and what is known of it.
 *
 * Two numbers, both pages of 4 KiB: the target is what the host wants the guest to give up, absolute, and only the host
 * writes it; actual is what the guest's driver says it has given up, and only the driver writes that. What the host took
 * and gave back is counted apart from either.
 */
#ifndef BALLAST_VMM_VM_BALLOON_H
#define BALLAST_VMM_VM_BALLOON_H

#include <stdbool.h>
#include <stdint.h>

#include "ballast/types.h"
#include "mm/snapshot.h"

/* How a VM's balloon device is set up; for its life. All zero: no device. */
struct vm_balloon_config {
	bool present;
	bool deflate_on_oom; /* the guest may take pages back by itself before it runs out of memory */
	bool reporting;      /* the guest may tell which of its pages are free */
};

#endif
