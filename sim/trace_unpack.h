/* SPDX-License-Identifier: GPL-2.0-or-later */
/* trace_unpack.h: gz, xz and zst data to bytes, through zlib, liblzma and libzstd. Inside sim/ only. */
#ifndef BALLAST_SIM_TRACE_UNPACK_H
#define BALLAST_SIM_TRACE_UNPACK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct trace_unpack; /* owned by the creator, freed by trace_unpack_destroy() */

#define TRACE_PACK_HEAD 6 /* bytes that tell the packing */

/* "gz", "xz", "zst" by the first bytes, or NULL. */
const char *trace_packing_of(const uint8_t *head, size_t bytes);

/* packing: one of those. NULL: no memory. */
struct trace_unpack *trace_unpack_create(const char *packing);
void trace_unpack_destroy(struct trace_unpack *u);

/*
 * Unpacks from [*in, in_end) to [*out, out_end), moving both. last: no more input follows. 0: go on (needs input or
 * room); 1: all done; -EINVAL: the data is broken, -ENODATA: it ends too early, -ENOMEM.
 */
int trace_unpack_run(struct trace_unpack *u, const uint8_t **in, const uint8_t *in_end,
		     uint8_t **out, uint8_t *out_end, bool last);

#endif
