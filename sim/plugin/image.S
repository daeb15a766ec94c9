/* SPDX-License-Identifier: GPL-2.0-or-later */
/* image.S: the recorder, sim/plugin/record.c, as bytes inside the program. */
	.section .rodata
	.globl record_plugin_start, record_plugin_end
	.balign 16
record_plugin_start:
	.incbin RECORD_PLUGIN
record_plugin_end:
	.section .note.GNU-stack, "", @progbits
