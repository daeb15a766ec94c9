/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * fiber.c: stacks are mapped with a page below them that nobody may touch, so that one that overflows ends the program
 * and not another guest.
 *
 * References: makecontext(3); sanitizer/common_interface_defs.h for the calls around each switch.
 */
#include "sim/fiber.h"

#include <errno.h>
#include <stdint.h>
#include <sys/mman.h>

#include "ballast/types.h"

#if defined(__SANITIZE_ADDRESS__)
#define FIBER_ASAN 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define FIBER_ASAN 1
#endif
#endif
#ifdef FIBER_ASAN
#include <sanitizer/common_interface_defs.h>
#define STACK_BYTES ((size_t)256 << 10)
#else
#define STACK_BYTES ((size_t)64 << 10)
#endif

static void switch_begin(void **fake, const void *bottom, size_t bytes)
{
#ifdef FIBER_ASAN
	__sanitizer_start_switch_fiber(fake, bottom, bytes);
#else
	(void)fake;
	(void)bottom;
	(void)bytes;
#endif
}

static void switch_end(void *fake, const void **bottom, size_t *bytes)
{
#ifdef FIBER_ASAN
	__sanitizer_finish_switch_fiber(fake, bottom, bytes);
#else
	(void)fake;
	(void)bottom;
	(void)bytes;
#endif
}

/* makecontext() hands ints on. */
static void begin(unsigned high, unsigned low)
{
	struct sim_fiber *f = (struct sim_fiber *)((uintptr_t)high << 32 | low);

	switch_end(NULL, &f->outside_stack, &f->outside_bytes);
	f->main(f->ctx);
	__builtin_unreachable();
}

int sim_fiber_create(struct sim_fiber *f, void (*main)(void *ctx), void *ctx)
{
	uintptr_t self = (uintptr_t)f;
	char *stack = mmap(NULL, STACK_BYTES + PAGE_BYTES, PROT_READ | PROT_WRITE,
			   MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	*f = (struct sim_fiber){.main = main, .ctx = ctx};
	if (stack == MAP_FAILED)
		return -ENOMEM;
	f->stack = stack;
	f->stack_bytes = STACK_BYTES + PAGE_BYTES;
	if (mprotect(stack, PAGE_BYTES, PROT_NONE) || getcontext(&f->inside)) {
		sim_fiber_destroy(f);
		return -ENOMEM;
	}
	f->inside.uc_stack.ss_sp = stack + PAGE_BYTES;
	f->inside.uc_stack.ss_size = STACK_BYTES;
	f->inside.uc_link = NULL;
	makecontext(&f->inside, (void (*)(void))begin, 2, (unsigned)(self >> 32), (unsigned)self);
	return 0;
}

void sim_fiber_destroy(struct sim_fiber *f)
{
	if (f->stack)
		munmap(f->stack, f->stack_bytes);
	f->stack = NULL;
}

void sim_fiber_enter(struct sim_fiber *f)
{
	switch_begin(&f->fake_outside, f->inside.uc_stack.ss_sp, f->inside.uc_stack.ss_size);
	swapcontext(&f->outside, &f->inside);
	switch_end(f->fake_outside, NULL, NULL);
}

void sim_fiber_leave(struct sim_fiber *f)
{
	switch_begin(&f->fake_inside, f->outside_stack, f->outside_bytes);
	swapcontext(&f->inside, &f->outside);
	switch_end(f->fake_inside, &f->outside_stack, &f->outside_bytes);
}
