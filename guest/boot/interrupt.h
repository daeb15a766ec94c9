/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * interrupt.h: LAPIC, IOAPIC and the one timer: what the guest needs to sleep until something happens.
 *
 * Interrupts do nothing but end wait_interrupt(); who waits looks for himself. All of it is set up at the first use, so
 * that a guest that has not slept yet has not paid for it.
 */
#ifndef BALLAST_GUEST_INTERRUPT_H
#define BALLAST_GUEST_INTERRUPT_H

#include <stdbool.h>
#include <stdint.h>

/* Ready to take interrupts; *ready: false at first. */
void interrupt_start(bool *ready);

/* Lets GSI irq (edge) end wait_interrupt(), as VECTOR_*. False: the IOAPIC has no such pin. After interrupt_start(). */
bool interrupt_enable(uint32_t irq, uint32_t vector);

/* Would wait_interrupt() return at once, for this vector? One exit, in the kernel. After interrupt_start(). */
bool interrupt_pending(uint32_t vector);

/* One interrupt ns from now, 1 <= ns < 2^32; replaces one that is not due yet. After interrupt_start(). */
void interrupt_timer(uint32_t ns);

/* The TSC's kHz by the timer's clock. Spins for a millisecond. */
uint64_t interrupt_measure_tsc(void);

#endif
