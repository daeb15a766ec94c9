/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * jsonl.c: JSON text by jansson, with the one set of flags that all outputs of the program share. Fifteen digits are
 * what a double keeps of a decimal number: 0.1 is printed as 0.1, and the same number always as the same text.
 */
#include "lib/jsonl.h"

#include <errno.h>

static int json_write(FILE *out, json_t *value, size_t flags)
{
	int err = 0;

	if (!value)
		return -ENOMEM;
	errno = 0;
	if (json_dumpf(value, out, flags | JSON_REAL_PRECISION(15) | JSON_ENCODE_ANY) != 0 ||
	    fputc('\n', out) == EOF)
		err = errno ? -errno : -EIO;
	json_decref(value);
	return err;
}

int jsonl_write(FILE *out, json_t *value)
{
	return json_write(out, value, JSON_COMPACT);
}

int jsonl_pretty(FILE *out, json_t *value)
{
	return json_write(out, value, JSON_INDENT(2));
}
