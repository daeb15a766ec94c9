/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * text.h: lines for the serial console, put together piece by piece. What does not fit is dropped.
 */
#ifndef BALLAST_GUEST_TEXT_H
#define BALLAST_GUEST_TEXT_H

#include <stddef.h>
#include <stdint.h>

struct text {
	size_t length;
	char line[240];
};

struct text text_start(const char *s); /* "lab: " and s */
void text_add(struct text *t, const char *s);
void text_add_bytes(struct text *t, const char *bytes, size_t nr); /* control characters as '?' */
void text_add_number(struct text *t, uint64_t value);
void text_add_hex(struct text *t, const char *name, uint64_t value); /* " name=0123..": 16 digits */

/* Writes the line and a newline to COM1, in one go. */
void text_print(struct text *t);

#endif
