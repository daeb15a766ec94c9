/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * error.c: filling in the one error that travels up to main.
 *
 * The text lives in the struct, so that reporting "no memory" needs none. A text that does not fit is cut at its end;
 * writers therefore put the place first and keep what they quote short (words_quote). A NULL error is allowed: the
 * caller wants the code only.
 */
#include "lib/error.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

int error_user(struct error *e, const char *format, ...)
{
	va_list args;

	if (!e)
		return -EINVAL;
	e->user = true;
	va_start(args, format);
	vsnprintf(e->text, sizeof(e->text), format, args);
	va_end(args);
	return -EINVAL;
}

int error_host(struct error *e, int errnum, const char *format, ...)
{
	char words[128];
	va_list args;
	size_t used;

	if (!e)
		return errnum ? -errnum : -EIO;
	e->user = false;
	va_start(args, format);
	vsnprintf(e->text, sizeof(e->text), format, args);
	va_end(args);
	if (!errnum)
		return -EIO;
	used = strlen(e->text);
	/* The GNU strerror_r: it returns the text, which may or may not be in words. */
	snprintf(e->text + used, sizeof(e->text) - used, ": %s",
		 strerror_r(errnum, words, sizeof(words)));
	return -errnum;
}

void error_prefix(struct error *e, const char *format, ...)
{
	char rest[ERROR_TEXT_BYTES];
	va_list args;
	size_t used;

	if (!e)
		return;
	memcpy(rest, e->text, sizeof(rest));
	va_start(args, format);
	vsnprintf(e->text, sizeof(e->text), format, args);
	va_end(args);
	used = strlen(e->text);
	rest[sizeof(rest) - 1 - used] = '\0';
	memcpy(e->text + used, rest, strlen(rest) + 1);
}
