/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * doorbell.h: how a guest's write to a notify register wakes the device thread.
 */
#ifndef BALLAST_VMM_DOORBELL_H
#define BALLAST_VMM_DOORBELL_H

#include <stdbool.h>
#include <stdint.h>

struct doorbell {
	int event_fd; /* owned; readable: rung. -1: closed */
	bool in_kernel;
};

/*
 * A 32-bit write of value at address (guest physical) rings it. With ioeventfd KVM does that by itself; without, the
 * write is an exit like any other, and its handler calls doorbell_ring(). 0 or -errno.
 */
int doorbell_init(struct doorbell *d, int vm_fd, uint64_t address, uint32_t value, bool ioeventfd);

void doorbell_ring(const struct doorbell *d); /* any thread */
bool doorbell_take(const struct doorbell *d); /* true if it was rung since the last time */
void doorbell_close(struct doorbell *d);

#endif
