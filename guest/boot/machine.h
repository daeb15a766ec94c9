/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * machine.h: single instructions, and entry.S as C sees it.
 */
#ifndef BALLAST_GUEST_MACHINE_H
#define BALLAST_GUEST_MACHINE_H

#include <stdint.h>

#include "guest/boot/layout.h"

struct lab;

/* What trap_enter in entry.S builds: registers as they were, and why the trap happened. */
struct trap_frame {
	uint64_t r15, r14, r13, r12, r11, r10, r9, r8, rdi, rsi, rbp, rbx, rdx, rcx;
	uint64_t cr2, rax, vector, error, rip, cs, rflags, rsp, ss;
};

/* entry.S */
extern volatile uint64_t interrupt_count;         /* all */
extern volatile uint64_t balloon_interrupt_count; /* VECTOR_BALLOON's */
extern struct lab *trap_context;
extern uint64_t identity_directories[512], window_directories[512];
void invalidate_page(uint64_t address);
void invalidate_all(void);
void wait_interrupt(void);

/* lab.ld: free memory begins here, page-aligned */
extern char image_end[];

/* called by entry.S */
void lab_main(const uint8_t *zero_page);
void trap_handle(struct trap_frame *f, struct lab *lab);

static inline void port_out8(uint16_t port, uint8_t value)
{
	__asm__ volatile("outb %0, %1" ::"a"(value), "Nd"(port));
}

static inline void port_out32(uint16_t port, uint32_t value)
{
	__asm__ volatile("outl %0, %1" ::"a"(value), "Nd"(port) : "memory");
}

/* One instruction for a whole string; how many exits that is, is the VMM's and KVM's affair. */
static inline void port_out_bytes(uint16_t port, const char *bytes, uint64_t nr)
{
	__asm__ volatile("rep outsb" : "+S"(bytes), "+c"(nr) : "d"(port) : "memory");
}

/* Guest-physical addresses are addresses: memory and devices are mapped one to one. */
static inline void *at_gpa(uint64_t gpa)
{
	return (void *)gpa; /* NOLINT */
}

/* Devices are emulated: plain moves, so that the emulator has to know little. */
static inline uint32_t mmio_read32(uint64_t gpa)
{
	uint32_t value;

	__asm__ volatile("movl (%1), %0" : "=r"(value) : "r"(gpa) : "memory");
	return value;
}

static inline void mmio_write32(uint64_t gpa, uint32_t value)
{
	__asm__ volatile("movl %0, (%1)" ::"r"(value), "r"(gpa) : "memory");
}

static inline uint64_t read_tsc(void)
{
	uint32_t low, high;

	__asm__ volatile("rdtsc" : "=a"(low), "=d"(high)::"memory");
	return (uint64_t)high << 32 | low;
}

/* What was stored before is visible to devices before what is stored after, and nothing is read too early. */
static inline void memory_barrier(void)
{
	__asm__ volatile("lock; addl $0, (%%rsp)" ::: "memory", "cc");
}

#endif
