/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * lab.h: the one running lab guest. It lives on lab_main()'s stack.
 */
#ifndef BALLAST_GUEST_LAB_H
#define BALLAST_GUEST_LAB_H

#include "ballast/guest_abi.h"
#include "guest/boot/balloon.h"
#include "guest/boot/clock.h"
#include "guest/boot/disk.h"
#include "guest/core/options.h"
#include "guest/core/run.h"

struct lab {
	struct guest_stats *stats; /* the statistics page */
	struct clock clock;
	bool interrupts_ready;
	bool in_trap; /* a page fault is being served */
	struct disk swap, data;
	struct guest_options options;
	struct guest guest;
	struct run run;
	uint64_t mail_seen; /* number of the last mail */
	struct balloon_device balloon;
};

/* The page is made resident, as pager_fault() does; what the balloon can give back for it, it does. */
int lab_fault(struct lab *lab, uint32_t page, bool write);

/* Ends the VM. */
_Noreturn void lab_exit(enum guest_exit status);

/* The pager cannot go on: says why (err as pager_fault() returned it) and ends the VM. */
_Noreturn void lab_paging_failed(const struct lab *lab, int err);

#endif
