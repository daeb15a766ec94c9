/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * count_guest.h: a guest that counts in two neighbouring pages until told to stop. To be included once a program.
 *
 * The code goes to CODE_GPA, its flags are at FLAGS_GPA.
 */
#ifndef BALLAST_TESTS_COUNT_GUEST_H
#define BALLAST_TESTS_COUNT_GUEST_H

#include <stdatomic.h>
#include <stdint.h>

#define CODE_GPA  0x210000u
#define FLAGS_GPA 0x211000u

/* Counts at 0x400000 and 0x401000, and in rcx, until told to stop; leaves rcx behind. */
extern const uint8_t count_start[], count_end[];
__asm__(".pushsection .rodata\n"
	".globl count_start, count_end\n"
	".intel_syntax noprefix\n"
	"count_start:\n"
	"	xor ecx, ecx\n"
	"1:	inc qword ptr ds:[0x400000]\n"
	"	inc qword ptr ds:[0x401000]\n"
	"	inc rcx\n"
	"	cmp dword ptr ds:[0x211000], 0\n"
	"	je 1b\n"
	"	mov ds:[0x211008], rcx\n"
	"	mov dword ptr ds:[0x211010], 1\n"
	"2:	pause\n"
	"	jmp 2b\n"
	"count_end:\n"
	".att_syntax prefix\n"
	".popsection\n");

struct guest_flags {
	_Atomic uint32_t stop, unused;
	uint64_t count;
	_Atomic uint32_t done;
};

#endif
