/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * error.h: one error, on its way up to main.
 *
 * A function that can fail returns 0 or -errno and, if the reason needs words, takes a struct error. The first who
 * knows the reason writes it; main prints it once, as "ballast: TEXT", and exits with 2 (the user's input is wrong)
 * or 1 (the host failed). Nobody else prints or exits.
 */
#ifndef BALLAST_LIB_ERROR_H
#define BALLAST_LIB_ERROR_H

#include <stdbool.h>

#define ERROR_TEXT_BYTES 600

struct error {
	bool user; /* the user's input is wrong: exit 2 */
	char text[ERROR_TEXT_BYTES];
};

/* The user's input is wrong: names the file, line or option, the offending text and what is allowed. Returns -EINVAL. */
__attribute__((format(printf, 2, 3))) int error_user(struct error *e, const char *format, ...);

/* The host failed: TEXT: strerror(errnum). Returns -errnum. With errnum 0 the text says it all; returns -EIO. */
__attribute__((format(printf, 3, 4))) int error_host(struct error *e, int errnum,
						     const char *format, ...);

/* Puts words in front of the text that is there: where it happened. What does not fit is cut at the end. */
__attribute__((format(printf, 2, 3))) void error_prefix(struct error *e, const char *format, ...);

#endif
