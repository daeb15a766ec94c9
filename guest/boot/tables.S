/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * tables.S: the page tables the guest starts with, complete, so that no code builds them: the first 4 GiB identity in
 * 2 MiB pages, for ring 3 too, accessed and dirty already. paging.c adds memory above 4 GiB and the window's tables.
 */
#include "guest/boot/layout.h"

	.section .data.tables, "aw", @progbits
	.balign	4096
	.globl	page_root, identity_directories, window_directories
page_root:
	.quad	identity_directories + 0x27
	.quad	window_directories + 0x27	/* WINDOW_BASE */
	.fill	510, 8, 0
identity_directories:
	.quad	identity + 0x27, identity + 0x1027, identity + 0x2027, identity + 0x3027
	.fill	508, 8, 0
identity:
	.set	address, 0
	.rept	2048
	.quad	address + 0xe7
	.set	address, address + 0x200000
	.endr
window_directories:
	.fill	512, 8, 0

	.section .note.GNU-stack, "", @progbits
