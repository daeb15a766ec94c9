/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * hostile.h: what a test and the hostile guest agree on.
 */
#ifndef BALLAST_GUEST_HOSTILE_H
#define BALLAST_GUEST_HOSTILE_H

#include <stdint.h>

/* The test writes struct hostile_orders here, acts last and any time again; the guest does nothing before. */
#define HOSTILE_ORDERS_GPA 0x1f0000ull

/* What the guest may do, bits of acts. */
#define HOSTILE_RINGS 1u /* descriptors, ring entries and indices that make no sense */
#define HOSTILE_REQUESTS \
	2u /* requests that look right, but for their addresses, lengths and contents */
#define HOSTILE_REGISTERS 4u   /* any value into any register, of any width; configurations */
#define HOSTILE_RESETS    8u   /* devices and queues taken away while they work */
#define HOSTILE_MEMORY    16u  /* memory is written, whatever the devices make of it */
#define HOSTILE_PORTS     32u  /* nonsense to ports, and addresses where nothing is */
#define HOSTILE_END       64u  /* gives up its own kernel */
#define HOSTILE_FILL      128u /* writes all of its memory first, once */

struct hostile_orders {
	uint64_t memory_bytes; /* the guest's, below the hole for devices */
	uint64_t seed;
	uint64_t acts;
};

/* In the statistics page: work_units counts acts, filled_pages is set when HOSTILE_FILL is done. */

#endif
