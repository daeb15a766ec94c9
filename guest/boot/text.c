/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * text.c: the console. COM1 is not asked whether it is ready: an emulated UART always is. A byte costs an exit of some
 * 30 us, so lines are few and short.
 */
#include "guest/boot/text.h"

#include "ballast/guest_abi.h"
#include "guest/boot/machine.h"

static void add_char(struct text *t, char c)
{
	if (t->length < sizeof(t->line) - 1) /* room for the newline */
		t->line[t->length++] = c;
}

void text_add(struct text *t, const char *s)
{
	while (*s)
		add_char(t, *s++);
}

struct text text_start(const char *s)
{
	struct text t;

	t.length = 0;
	text_add(&t, "lab: ");
	text_add(&t, s);
	return t;
}

void text_add_bytes(struct text *t, const char *bytes, size_t nr)
{
	for (size_t i = 0; i < nr; i++)
		add_char(t, bytes[i] >= ' ' && bytes[i] <= '~' ? bytes[i] : '?');
}

void text_add_number(struct text *t, uint64_t value)
{
	char digits[20];
	unsigned nr = 0;

	do
		digits[nr++] = (char)('0' + value % 10);
	while (value /= 10);
	while (nr)
		add_char(t, digits[--nr]);
}

void text_add_hex(struct text *t, const char *name, uint64_t value)
{
	add_char(t, ' ');
	text_add(t, name);
	add_char(t, '=');
	for (int shift = 60; shift >= 0; shift -= 4)
		add_char(t, "0123456789abcdef"[value >> shift & 15]);
}

void text_print(struct text *t)
{
	t->line[t->length++] = '\n';
	port_out_bytes(GUEST_COM1_PORT, t->line, t->length);
	t->length = 0;
}
