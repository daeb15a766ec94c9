/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * parse.h: text to numbers and back, for scenarios and command lines.
 *
 * A kind says which units there are; the caller says which range is allowed. Nothing is guessed: no sign, no blanks, no
 * trailing text, no unit that is not listed, no silent rounding ("0.1K" is not a whole number of bytes and is refused),
 * no overflow. Errors are the user's (error_user), start with the quoted text and end with what is allowed; the caller
 * puts the place in front with error_prefix().
 */
#ifndef BALLAST_LIB_PARSE_H
#define BALLAST_LIB_PARSE_H

#include <stddef.h>
#include <stdint.h>

#include "lib/error.h"

struct parse_unit {
	const char *name; /* "": no unit */
	uint64_t factor;
};

struct parse_kind {
	const char *what;              /* "a size" */
	const char *example;           /* "such as 256M; units K, M, G, T" */
	const char *base;              /* " of bytes": what values are counted in */
	const struct parse_unit *unit; /* ascending factors, factor 0 at the end */
};

extern const struct parse_kind parse_count;   /* whole numbers: 20000 */
extern const struct parse_kind parse_bytes;   /* sizes to bytes: 4096, 64K, 256M, 1.5G, 64MiB */
extern const struct parse_kind parse_percent; /* shares to ppm: 30%, 0.1% */
extern const struct parse_kind parse_time;    /* durations to ns: 500ms, 10s, 2m, 1h */
extern const struct parse_kind parse_seconds; /* seconds without a unit to ns: 30, 0.5 */
extern const struct parse_kind parse_decimal; /* decimals to ppm: 0.9 is 900000 */

#define PARSE_BYTES_MAX (1ull << 40) /* 1 TiB: no size of a scenario or option is larger */

/* text as a value of that kind in [min, max]. 0, or -EINVAL with words; *out is 0 then. */
int parse_value(const struct parse_kind *kind, const char *text, uint64_t min, uint64_t max,
		uint64_t *out, struct error *error);

/* A name: [a-z][a-z0-9-]*, shorter than bytes. 0, or -EINVAL with words. */
int parse_name(const char *text, size_t bytes, struct error *error);

/* value with the largest unit that shows it exactly ("1536M", "0.1%"), cut to bytes. Returns buf. */
char *parse_format(const struct parse_kind *kind, uint64_t value, char *buf, size_t bytes);

#define PARSE_FORMAT_BYTES 40

#endif
