/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * trace_block.h: layout of Ballast's own trace format, as docs/trace-format.md has it; shared by reader and writer.
 * All numbers are little-endian.
 */
#ifndef BALLAST_SIM_TRACE_BLOCK_H
#define BALLAST_SIM_TRACE_BLOCK_H

#include <stdint.h>

#define TRACE_MAGIC   "BALTRACE"
#define TRACE_VERSION 1u

/* Bytes 0 to 63 of the file. */
struct trace_file_head {
	char magic[8];
	uint32_t version;
	uint32_t has;            /* TRACE_WRITES .. TRACE_HASHES: columns of every block */
	uint32_t thinning;       /* enum trace_thinning */
	uint32_t thinning_pages; /* k */
	uint64_t whole_requests; /* before thinning; 0: not known, or not thinned */
	uint8_t zero[24];
	uint64_t check; /* XXH3-64 of the 56 bytes before */
};
_Static_assert(sizeof(struct trace_file_head) == 64, "as documented");

#define TRACE_BLOCK_MARK    0x4b4c4254u /* "TBLK" */
#define TRACE_BLOCK_RECORDS 16384u      /* at most */
#define TRACE_RECORD_BYTES  34u         /* at most: 10 id, 1 write, 10 time, 5 vm, 8 hash */

/* Before each block's payload. records = 0: the end, whose payload is a u64, the records of the file. */
struct trace_block_head {
	uint32_t mark;
	uint32_t records;
	uint32_t bytes; /* of payload */
	uint32_t zero;
	uint64_t
		check; /* XXH3-64 of the payload, its seed the 16 bytes before as records << 32 | bytes */
};
_Static_assert(sizeof(struct trace_block_head) == 24, "as documented");

static inline uint64_t trace_block_seed(uint32_t records, uint32_t bytes)
{
	return (uint64_t)records << 32 | bytes;
}

/* Small numbers of either sign as small numbers. */
static inline uint64_t zigzag(uint64_t delta)
{
	return delta << 1 ^ (0 - (delta >> 63));
}

static inline uint64_t zagzig(uint64_t z)
{
	return z >> 1 ^ (0 - (z & 1));
}

#endif
