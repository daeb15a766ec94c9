/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * layout.h: the numbers that C, assembler and linker script of the lab guest share.
 *
 * Guest-virtual addresses:
 *   0 .. end of memory   identity: memory, devices, LAPIC
 *   WINDOW_BASE ..       the workload's pages, 4 KiB each, mapped on demand by the pager
 */
#ifndef BALLAST_GUEST_LAYOUT_H
#define BALLAST_GUEST_LAYOUT_H

#define TRAP_DATA        0x100000 /* .trap.data and .trap.text: a page each, and the kernel's first ones */
#define TRAP_TEXT        0x101000
#define TRAP_STUB_BYTES  16
#define TRAP_STACK_BYTES 8192
#define MAIN_STACK_BYTES 20480

#define IO_PORTS 0xb20 /* ring 3 may use the ports below */

#define WINDOW_BASE 0x8000000000 /* the second entry of the root */

#define VECTOR_TIMER    32
#define VECTOR_DEVICE   33
#define VECTOR_BALLOON  34
#define VECTOR_SPURIOUS 47 /* the last in the IDT; old LAPICs want the low four bits set */

#define IOAPIC_GPA 0xfec00000
#define LAPIC_GPA  0xfee00000
#define LAPIC_EOI  0xb0

#endif
