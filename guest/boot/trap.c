/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * trap.c: what ring 3 does about traps: page faults in the window go to the pager, all else is a bug and ends the guest
 * with its registers on the console.
 */
#include <errno.h>

#include "ballast/types.h"
#include "guest/boot/lab.h"
#include "guest/boot/machine.h"
#include "guest/boot/text.h"

#define VECTOR_PAGE_FAULT 14
#define ERROR_WRITE       2u
#define RING_MASK         3u

static _Noreturn void panic(const struct trap_frame *f, const char *what)
{
	const struct {
		const char *name;
		uint64_t value;
	} reg[] = {
		{"rip", f->rip}, {"rsp", f->rsp}, {"flags", f->rflags}, {"cr2", f->cr2},
		{"rax", f->rax}, {"rbx", f->rbx}, {"rcx", f->rcx},      {"rdx", f->rdx},
		{"rsi", f->rsi}, {"rdi", f->rdi}, {"rbp", f->rbp},      {"r8", f->r8},
		{"r9", f->r9},   {"r10", f->r10}, {"r11", f->r11},      {"r12", f->r12},
		{"r13", f->r13}, {"r14", f->r14}, {"r15", f->r15},
	};
	struct text t = text_start("panic: ");

	text_add(&t, what);
	text_add(&t, ", vector ");
	text_add_number(&t, f->vector);
	text_add(&t, ", error ");
	text_add_number(&t, f->error);
	text_add(&t, f->cs & RING_MASK ? ", ring 3" : ", ring 0");
	text_print(&t);
	for (unsigned i = 0; i < sizeof(reg) / sizeof(reg[0]); i++) {
		text_add_hex(&t, reg[i].name, reg[i].value);
		if (i % 4 == 3)
			text_print(&t);
	}
	text_print(&t);
	lab_exit(GUEST_EXIT_PANIC);
}

int lab_fault(struct lab *lab, uint32_t page, bool write)
{
	int err;

	do
		err = pager_fault(&lab->guest.pager, page, write, clock_ns(&lab->clock));
	while (err == -ENOMEM && balloon_relieve(&lab->balloon));
	return err;
}

void trap_handle(struct trap_frame *f, struct lab *lab)
{
	uint64_t *stack = at_gpa(f->rsp);
	uint64_t offset = f->cr2 - WINDOW_BASE;
	int err;

	if (f->vector != VECTOR_PAGE_FAULT || !(f->cs & RING_MASK) || !lab ||
	    offset >> PAGE_SHIFT_BITS >= lab->guest.pager.pages + lab->guest.pager.file_pages)
		panic(f, "unexpected trap");
	if (lab->in_trap)
		panic(f, "page fault in the pager");
	lab->in_trap = true;
	err = lab_fault(lab, (uint32_t)(offset >> PAGE_SHIFT_BITS), f->error & ERROR_WRITE);
	if (err)
		lab_paging_failed(lab, err);
	lab->in_trap = false;
	/* For trap_enter's way back: the kernel keeps nothing below its stack pointer. */
	*--stack = f->rip;
	*--stack = f->rflags;
	f->rsp = (uintptr_t)stack;
}
