/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * guest_bad.h: what a guest did wrong, counted a VM.
 *
 * A guest's mistake is an event, never an end of the process: the request is dropped or failed, counted here, and
 * logged when the count reaches a power of two, so that a hostile guest writes at most 64 lines in its life.
 */
#ifndef BALLAST_VMM_GUEST_BAD_H
#define BALLAST_VMM_GUEST_BAD_H

#include <stdatomic.h>
#include <stdint.h>

struct guest_bad {
	const char *vm; /* name for the log; borrowed */
	atomic_uint_fast64_t count;
};

/* Any thread. format says what the guest did and what was made of it. */
__attribute__((format(printf, 2, 3))) void guest_bad_note(struct guest_bad *bad, const char *format,
							  ...);

#endif
