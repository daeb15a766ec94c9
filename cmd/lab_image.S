/* SPDX-License-Identifier: GPL-2.0-or-later */
/* lab_image.S: the lab guest's ELF file, as bytes inside the program: lab_image_start to lab_image_end. */
	.section .rodata
	.globl	lab_image_start, lab_image_end
	.balign	16
lab_image_start:
	.incbin	LAB_ELF
lab_image_end:
	.section .note.GNU-stack,"",@progbits
