/* SPDX-License-Identifier: GPL-2.0-or-later */
/* image.S: the hostile guest's ELF file, as bytes inside a test: hostile_image_start to hostile_image_end. */
	.section .rodata
	.globl	hostile_image_start, hostile_image_end
	.balign	16
hostile_image_start:
	.incbin	HOSTILE_ELF
hostile_image_end:
	.section .note.GNU-stack,"",@progbits
