/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * jsonl.h: JSON text the way all outputs of the program write it: keys in the order they were added, numbers with at
 * most 15 digits that mean something, one value a line or indented by 2.
 */
#ifndef BALLAST_LIB_JSONL_H
#define BALLAST_LIB_JSONL_H

#include <jansson.h>
#include <stdio.h>

/* Writes value and a newline; value is transferred (its reference is dropped), NULL counts as no memory. 0 or -errno. */
int jsonl_write(FILE *out, json_t *value);  /* on one line */
int jsonl_pretty(FILE *out, json_t *value); /* indented */

#endif
