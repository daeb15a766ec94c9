/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * fiber.h: a function that can stop in the middle and go on later: how a guest, whose code waits for its disk and its
 * pages where it stands, becomes a task of the simulator.
 *
 * A stack of its own, switched by swapcontext(3); AddressSanitizer is told. One thread.
 */
#ifndef BALLAST_SIM_FIBER_H
#define BALLAST_SIM_FIBER_H

#include <stddef.h>
#include <ucontext.h>

struct sim_fiber {
	ucontext_t inside, outside;
	void (*main)(void *ctx); /* must not return */
	void *ctx;
	void *stack; /* owned */
	size_t stack_bytes;
	/* for AddressSanitizer */
	void *fake_inside, *fake_outside;
	const void *outside_stack;
	size_t outside_bytes;
};

/* Its address must not change. 0 or -ENOMEM. */
int sim_fiber_create(struct sim_fiber *f, void (*main)(void *ctx), void *ctx);
/* Wherever it stands: what its frames own is lost. */
void sim_fiber_destroy(struct sim_fiber *f);

/* Goes on inside, until it leaves. */
void sim_fiber_enter(struct sim_fiber *f);
/* From inside: back to whoever entered. */
void sim_fiber_leave(struct sim_fiber *f);

#endif
