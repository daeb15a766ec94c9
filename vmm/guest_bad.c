/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * guest_bad.c: counting a guest's mistakes, with a log that grows with the logarithm of their number.
 *
 * A limit by powers of two needs no clock and keeps what matters: the first of its kind at once, and how many there
 * were by the order of magnitude. The exact number is in the VM's statistics.
 */
#include "vmm/guest_bad.h"

#include <stdarg.h>
#include <stdio.h>

#include "lib/log.h"

void guest_bad_note(struct guest_bad *bad, const char *format, ...)
{
	uint64_t count = atomic_fetch_add_explicit(&bad->count, 1, memory_order_relaxed) + 1;
	char text[200];
	va_list args;

	if (count & (count - 1))
		return;
	va_start(args, format);
	vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	log_warn("guest error: %s vm=%s count=%llu", text, bad->vm, (unsigned long long)count);
}
