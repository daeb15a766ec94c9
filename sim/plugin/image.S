/* SPDX-License-Identifier: GPL-2.0-or-later */
/* image.S: the recorder, sim/plugin/record.c, as bytes inside the program. */
	.section .rodata
	.globl record_plugin, record_plugin_bytes
	.balign 16
record_plugin:
	.incbin RECORD_PLUGIN
record_plugin_end:
	.balign 8
record_plugin_bytes:
	.quad record_plugin_end - record_plugin
	.section .note.GNU-stack, "", @progbits
