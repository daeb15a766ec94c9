/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * interrupt.c: programs the interrupt controllers of KVM's in-kernel irqchip, from ring 3, by MMIO.
 *
 * All devices share one vector and the timer has another, with the same handler: nobody asks who it was. The old PICs
 * are masked; they would deliver every GSI below 16 a second time. KVM's LAPIC timer counts nanoseconds (its bus clock
 * is 1 GHz), so divided by 1 it needs no calibration; were it another clock, sleepers would wake at the wrong time,
 * look at the TSC and sleep again.
 *
 * Reference: Intel SDM volume 3, chapter 11 (APIC); 82093AA I/O APIC data sheet.
 */
#include "guest/boot/interrupt.h"

#include "guest/boot/machine.h"

#define PIC_MASTER_MASK 0x21
#define PIC_SLAVE_MASK  0xa1

#define LAPIC_SPURIOUS      0xf0
#define LAPIC_ENABLE        0x100
#define LAPIC_REQUESTED     0x200 /* 32 vectors every 16 bytes */
#define LAPIC_LVT_TIMER     0x320
#define LAPIC_LVT_LINT0     0x350
#define LAPIC_MASKED        0x10000
#define LAPIC_TIMER_INITIAL 0x380
#define LAPIC_TIMER_CURRENT 0x390
#define LAPIC_TIMER_DIVIDE  0x3e0
#define LAPIC_DIVIDE_BY_1   0xb

#define IOAPIC_SELECT      0x00
#define IOAPIC_WINDOW      0x10
#define IOAPIC_VERSION     0x01
#define IOAPIC_REDIRECTION 0x10

static void lapic_write(uint32_t offset, uint32_t value)
{
	mmio_write32(LAPIC_GPA + offset, value);
}

static void ioapic_write(uint32_t index, uint32_t value)
{
	mmio_write32(IOAPIC_GPA + IOAPIC_SELECT, index);
	mmio_write32(IOAPIC_GPA + IOAPIC_WINDOW, value);
}

void interrupt_start(bool *ready)
{
	if (*ready)
		return;
	port_out8(PIC_MASTER_MASK, 0xff);
	port_out8(PIC_SLAVE_MASK, 0xff);
	lapic_write(LAPIC_SPURIOUS, LAPIC_ENABLE | VECTOR_SPURIOUS);
	lapic_write(LAPIC_LVT_LINT0, LAPIC_MASKED);
	lapic_write(LAPIC_TIMER_DIVIDE, LAPIC_DIVIDE_BY_1);
	lapic_write(LAPIC_LVT_TIMER, VECTOR_TIMER);
	*ready = true;
}

bool interrupt_enable(uint32_t irq, uint32_t vector)
{
	uint32_t last;

	mmio_write32(IOAPIC_GPA + IOAPIC_SELECT, IOAPIC_VERSION);
	last = mmio_read32(IOAPIC_GPA + IOAPIC_WINDOW) >> 16 & 0xff;
	if (irq > last)
		return false;
	ioapic_write(IOAPIC_REDIRECTION + 2 * irq + 1, 0); /* to LAPIC 0 */
	ioapic_write(IOAPIC_REDIRECTION + 2 * irq, vector);
	return true;
}

bool interrupt_pending(uint32_t vector)
{
	uint32_t requested = mmio_read32(LAPIC_GPA + LAPIC_REQUESTED + vector / 32 * 16);

	return requested >> vector % 32 & 1;
}

void interrupt_timer(uint32_t ns)
{
	lapic_write(LAPIC_TIMER_INITIAL, ns);
}

uint64_t interrupt_measure_tsc(void)
{
	const uint32_t start = 100000000, span = 1000000;
	uint32_t left;
	uint64_t from, ticks;

	lapic_write(LAPIC_SPURIOUS, LAPIC_ENABLE | VECTOR_SPURIOUS);
	lapic_write(LAPIC_LVT_TIMER, LAPIC_MASKED | VECTOR_TIMER);
	lapic_write(LAPIC_TIMER_DIVIDE, LAPIC_DIVIDE_BY_1);
	lapic_write(LAPIC_TIMER_INITIAL, start);
	from = read_tsc();
	do
		left = mmio_read32(LAPIC_GPA + LAPIC_TIMER_CURRENT);
	while (left > start - span);
	ticks = read_tsc() - from;
	lapic_write(LAPIC_TIMER_INITIAL, 0);
	return ticks * span / (start - left);
}
