/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * trace_file.h: small trace files for tests, in TMPDIR, removed by trace_file_remove().
 */
#ifndef BALLAST_TESTS_TRACE_FILE_H
#define BALLAST_TESTS_TRACE_FILE_H

#include <stddef.h>
#include <stdint.h>

#include "sim/trace.h"

struct trace_file {
	char path[300];
};

/* A file whose name ends so (".txt"), with these bytes. */
void trace_file_make(struct trace_file *f, const char *ending, const void *bytes, size_t nr);
void trace_file_remove(struct trace_file *f);

/* All of the file; *nr its length. The caller frees it. */
uint8_t *trace_file_bytes(const struct trace_file *f, size_t *nr);

/* Packs bytes as "gz", "xz" or "zst"; the caller frees it. */
uint8_t *trace_pack(const char *packing, const void *bytes, size_t nr, size_t *packed);

/* A trace in memory with these page numbers, which must be dense in order of first use; trace_free() frees it. */
void trace_of_pages(struct trace *t, const uint32_t *page, uint32_t nr);

#endif
