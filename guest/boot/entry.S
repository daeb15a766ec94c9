/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * entry.S: all of the lab guest that runs in ring 0, and the way between the rings.
 *
 * Some KVMs have no hardware for guests' ring 0 and interpret it, about half a microsecond an instruction, without
 * syscall, sysret and int; ring 3 runs natively everywhere. So ring 0 is what only ring 0 can do: entry, taking traps and
 * interrupts, invlpg, hlt. All else, the page fault handler too, is C in ring 3, over identity page tables and an I/O
 * bitmap that give ring 3 everything (IOPL 3 would do for ports, but the interpreters lose it). Nothing here protects
 * the guest from itself.
 *
 * Tables are static: GDT, IDT and TSS below, page tables in tables.S; a gate's address is split into pieces no
 * relocation can express, so the handlers stand at a fixed place (lab.ld holds it).
 *
 * A trap goes up: the handler leaves vector, rax and cr2 on the ring 0 stack, takes a prepared frame as its stack and
 * irets into trap_enter in ring 3, which copies it all to the trap stack before anything else can trap, and calls
 * trap_handle(). The way back needs no ring 0: trap_handle() has put flags and rip on the interrupted stack
 * (the kernel is built without red zone), so popf and ret do it.
 *
 * Services come the other way: ring 3 executes ud2 at one of three known places. Interrupts are off in ring 3 and on only
 * while ring 0 sleeps in hlt, so they never meet a half-done trap. Who sleeps looks for his reason when he wakes: the
 * handler only counts and acknowledges; the balloon's are counted apart, so that others do not make it ask its device.
 * sti holds interrupts off for one more instruction, so that none can come between it and hlt and be slept over. A
 * processor that leaves the guest just there and comes back may forget that (QEMU's emulated SVM does: VMRUN does not
 * load the interrupt shadow), so the handler steps over a hlt that it finds still to come.
 */
#include "guest/boot/layout.h"

	.intel_syntax noprefix
	.code64

/* --- what the processor reads and writes; TSS first, at TRAP_DATA ---------------------------------------------------- */
	.section .trap.data, "aw", @progbits
tss:	.long	0
	.quad	ring0_stack_top
	.fill	90, 1, 0
	.word	104			/* the I/O bitmap follows: ring 3 may use every port below IO_PORTS */
	.fill	IO_PORTS / 8, 1, 0
	.byte	0xff

	.balign	8
gdt:	.quad	0
	.quad	0x00af9b000000ffff	/* 08: ring 0 code */
	.quad	0x00cf93000000ffff	/* 10: ring 0 data */
	.quad	0x00affb000000ffff	/* 1b: ring 3 code */
	.quad	0x00cff3000000ffff	/* 23: ring 3 data */
	.quad	(0x0000890000000000 + 104 + IO_PORTS / 8) | (TRAP_DATA & 0xffffff) << 16 | (TRAP_DATA >> 24) << 56, 0 /* 28: TSS */
gdt_end:

	.macro	gate handler
	.word	\handler - trap_text + (TRAP_TEXT & 0xffff), 8
	.word	0x8e00, TRAP_TEXT >> 16
	.quad	0
	.endm
	.macro	stubs from, to
	.set	vector, \from
	.rept	\to - \from
	gate	(trap_stubs+vector*TRAP_STUB_BYTES)
	.set	vector, vector + 1
	.endr
	.endm
	.balign	16
idt:	stubs	0, 6
	gate	service
	stubs	7, 14
	gate	page_fault
	stubs	15, 32
	.rept	VECTOR_BALLOON - 32
	gate	interrupt
	.endr
	gate	balloon_interrupt
	.rept	VECTOR_SPURIOUS - VECTOR_BALLOON - 1
	gate	interrupt
	.endr
	gate	spurious
idt_end:

gdt_pointer:
	.word	gdt_end - gdt - 1
	.quad	gdt
idt_pointer:
	.word	idt_end - idt - 1
	.quad	idt

	.macro	frame entry, stack	/* for iretq to ring 3, interrupts off */
	.quad	\entry, 0x1b, 0x2, \stack, 0x23
	.endm
	.balign	8
start_frame:
	frame	start, main_stack_top
trap_frame:
	frame	trap_enter, (trap_stack_top-8)	/* trap_enter pushes 23 words, then calls */

	.globl	interrupt_count, balloon_interrupt_count, trap_context
interrupt_count:
	.quad	0
balloon_interrupt_count:
	.quad	0
trap_context:
	.quad	0			/* what trap_handle() is called with */

	.balign	16
	.fill	512, 1, 0
ring0_stack_top:

/* --- ring 0 ---------------------------------------------------------------------------------------------------------- */
	.section .trap.text, "ax", @progbits
trap_text:
	.globl	lab_entry
lab_entry:				/* Linux boot protocol: rsi = zero page; keep it */
	mov	eax, offset page_root
	mov	cr3, rax
	lgdt	[gdt_pointer]
	lidt	[idt_pointer]
	mov	eax, 0x28
	ltr	ax
	mov	rsp, offset start_frame
	iretq

	/* ud2 in ring 3: a service, if it comes from the right place; else the bug it is meant to be. */
	.balign	16
service:
	cmp	qword ptr [rsp], offset invalidate_page_ud2
	jne	1f
	add	qword ptr [rsp], 2
	invlpg	[rdi]
	iretq
1:	cmp	qword ptr [rsp], offset wait_interrupt_ud2
	jne	2f
	add	qword ptr [rsp], 2
	sti
wait_hlt:
	hlt
	iretq
2:	cmp	qword ptr [rsp], offset invalidate_all_ud2
	jne	3f
	add	qword ptr [rsp], 2
	mov	rax, cr3
	mov	cr3, rax
	iretq
3:	push	0
	push	6
	jmp	trap

	.balign	16
balloon_interrupt:
	inc	qword ptr [balloon_interrupt_count]
interrupt:
	inc	qword ptr [interrupt_count]
	cmp	qword ptr [rsp], offset wait_hlt
	jne	1f
	inc	qword ptr [rsp]		/* taken before hlt: what it waits for has come */
1:	push	rax
	mov	eax, LAPIC_GPA + LAPIC_EOI
	mov	dword ptr [rax], 0
	pop	rax
spurious:
	iretq

	.balign	TRAP_STUB_BYTES
trap_stubs:				/* of exceptions that mean a bug */
	.irp	n, 0,1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17,18,19,20,21,22,23,24,25,26,27,28,29,30,31
	.balign	TRAP_STUB_BYTES
	.if	!(\n == 8 || (\n >= 10 && \n <= 14) || \n == 17 || \n == 21 || \n == 29 || \n == 30)
	push	0			/* the processor gave no error code */
	.endif
	push	\n
	jmp	trap
	.endr

	.balign	16
page_fault:
	push	14
trap:	push	rax
	mov	rax, cr2
	push	rax
	mov	rsp, offset trap_frame
	iretq

/* --- ring 3 ---------------------------------------------------------------------------------------------------------- */
	.text
start:	mov	rdi, rsi
	xor	ebp, ebp
	call	lab_main
	ud2

trap_enter:				/* struct trap_frame from its end: ss rsp rflags cs rip error vector rax cr2 .. */
	.irp	n, 8,16,24,32,40,48,56,64,72
	push	qword ptr [ring0_stack_top - \n]
	.endr
	.irp	r, rcx,rdx,rbx,rbp,rsi,rdi,r8,r9,r10,r11,r12,r13,r14,r15
	push	\r
	.endr
	mov	rdi, rsp
	mov	rsi, [trap_context]
	cld
	call	trap_handle
	.irp	r, r15,r14,r13,r12,r11,r10,r9,r8,rdi,rsi,rbp,rbx,rdx,rcx
	pop	\r
	.endr
	mov	rax, [rsp + 8]
	mov	rsp, [rsp + 56]		/* trap_handle() put rflags and rip there */
	popfq
	ret

	.globl	invalidate_page, invalidate_all, wait_interrupt
invalidate_page:			/* (address): forget its translation */
invalidate_page_ud2:
	ud2
	ret
invalidate_all:				/* forget all translations; clobbers rax */
invalidate_all_ud2:
	ud2
	ret
wait_interrupt:				/* sleep until one interrupt was taken; one that waits already counts */
wait_interrupt_ud2:
	ud2
	ret

	.bss
	.balign	4096
	.skip	TRAP_STACK_BYTES
trap_stack_top:
	.skip	MAIN_STACK_BYTES
main_stack_top:

	.section .note.GNU-stack, "", @progbits
