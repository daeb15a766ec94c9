/* SPDX-License-Identifier: GPL-2.0-or-later */
/* dedup_scanner.h: a scanner to test by itself: of VMS VMs, seed 7, begun at START, in memory that was not zeroed. */
#ifndef BALLAST_TESTS_DEDUP_SCANNER_H
#define BALLAST_TESTS_DEDUP_SCANNER_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "dedup/scan.h"

#define VMS   8u
#define START 5000000123ull

/* To be freed by free(). block_pages 0: as the scanner likes. */
static inline struct dedup_scan *scanner_make(enum dedup_scan_order order, uint32_t block_pages,
					      uint32_t rate, uint32_t vm_rate)
{
	const struct dedup_scan_config c = {
		.order = order,
		.block_pages = block_pages,
		.rate_pages = rate,
		.vm_rate_pages = vm_rate,
		.max_vms = VMS,
		.seed = 7,
		.start_ns = START,
	};
	struct dedup_scan *s = malloc(dedup_scan_bytes(VMS));

	assert_non_null(s);
	memset(s, 0xa5, dedup_scan_bytes(VMS));
	assert_int_equal(dedup_scan_init(s, &c), 0);
	return s;
}

/* A page is due: which, and of which VM. */
static inline uint32_t next(struct dedup_scan *s, uint64_t now_ns, uint32_t *vm)
{
	uint64_t again_ns;
	gfn_t g;

	assert_true(dedup_scan_next(s, now_ns, vm, &g, &again_ns));
	return (uint32_t)g.v;
}

#endif
