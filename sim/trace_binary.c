/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * trace_binary.c: formats of fixed little-endian records.
 *
 *   oracle   libCacheSim's oracleGeneral: u32 time in s, u64 id, u32 size, i64 index of the id's next request or -1.
 *            The last is not used: opt computes its own future. What an id counts differs from trace to trace.
 *   vscsi    VMware's vscsiStats. Version 1, 32 bytes: u32 serial, u32 bytes, u32 segments, u16 command, u16 version,
 *            u64 first sector, u64 time in us. Version 2, 40 bytes: u16 command, u16 version, u32 serial, u32 bytes,
 *            u32 segments, u64 first sector, u64 time in us, u64 response time.
 *   pages    u64: page << 1 | write. What emulator plugins and other small recorders write.
 *
 * oracle and pages have no mark, so likely() can only see whether the first records make sense together.
 */
#include <endian.h>
#include <string.h>

#include "ballast/types.h"
#include "sim/trace_reader.h"

#define ORACLE_BYTES 24u
#define PAGES_BYTES  8u
#define LOOK         200u /* records that are looked at */

static uint64_t u64_at(const uint8_t *p)
{
	uint64_t v;

	memcpy(&v, p, sizeof(v));
	return le64toh(v);
}

static uint32_t u32_at(const uint8_t *p)
{
	uint32_t v;

	memcpy(&v, p, sizeof(v));
	return le32toh(v);
}

static uint16_t u16_at(const uint8_t *p)
{
	uint16_t v;

	memcpy(&v, p, sizeof(v));
	return le16toh(v);
}

/* Whole records that can be read now, no more than a batch has room for; 0 at the end of the trace; -errno. */
static int records(struct trace_reader *r, const struct trace_batch *b, size_t bytes,
		   struct error *error)
{
	struct trace_source *s = &r->source;
	size_t nr;
	int err = trace_source_need(s, bytes, error);

	if (err)
		return err;
	nr = trace_source_left(s) / bytes;
	if (!nr && trace_source_left(s))
		return trace_reader_fail(r, error, s->at,
					 "the trace is cut short: %zu bytes of a record of %zu",
					 trace_source_left(s), bytes);
	return (int)(nr < TRACE_BATCH - b->nr ? nr : TRACE_BATCH - b->nr);
}

/* Times ascend, and the next request of an id comes later: no other format looks so. */
static unsigned oracle_likely(const uint8_t *head, size_t bytes, bool last)
{
	size_t nr = bytes / ORACLE_BYTES < LOOK ? bytes / ORACLE_BYTES : LOOK;
	uint32_t time = 0;

	(void)last;
	for (size_t i = 0; i < nr; i++) {
		const uint8_t *p = head + i * ORACLE_BYTES;
		int64_t next = (int64_t)u64_at(p + 16);

		if (u32_at(p) < time || next < -1 || (next > (1ll << 40) && next != INT64_MAX) ||
		    (next >= 0 && (uint64_t)next <= i) || u64_at(p + 4) >> 63)
			return 0;
		time = u32_at(p);
	}
	/* all zeros pass as well, and are more likely nothing */
	return nr && (u64_at(head + 16) || nr > 1) ? 1 : 0;
}

static int oracle_read_split(struct trace_reader *r, struct trace_batch *b, struct error *error)
{
	trace_span_rest(r, b);
	while (b->nr < TRACE_BATCH) {
		int got = records(r, b, ORACLE_BYTES, error);
		const uint8_t *p = r->source.at;

		if (got <= 0)
			return got;
		got = trace_span_put(
			r, b,
			&(struct trace_span){.id = u64_at(p + 4), .time_ns = u32_at(p) * NS_PER_S},
			u32_at(p + 12), p, error);
		if (got)
			return got;
		r->source.at = p + ORACLE_BYTES;
	}
	return 0;
}

static int oracle_read(struct trace_reader *r, struct trace_batch *b, struct error *error)
{
	const uint8_t *p;
	int nr;

	r->has |= TRACE_TIMES;
	if (r->split_bytes)
		return oracle_read_split(r, b, error);
	nr = records(r, b, ORACLE_BYTES, error);
	p = r->source.at;
	for (int i = 0; i < nr; i++, p += ORACLE_BYTES) {
		b->id[i] = u64_at(p + 4);
		if (r->want & TRACE_TIMES)
			b->time_ns[i] = u32_at(p) * NS_PER_S;
	}
	if (nr < 0)
		return nr;
	b->nr = (uint32_t)nr;
	r->source.at = p;
	return 0;
}

static unsigned vscsi_version(const uint8_t *p, size_t bytes)
{
	if (bytes >= 32 && u16_at(p + 14) >> 8 == 1)
		return 1;
	return bytes >= 40 && u16_at(p + 2) >> 8 == 2 ? 2 : 0;
}

static size_t vscsi_bytes(unsigned version)
{
	return version == 1 ? 32 : 40;
}

static unsigned vscsi_likely(const uint8_t *head, size_t bytes, bool last)
{
	unsigned version = vscsi_version(head, bytes);
	size_t size = vscsi_bytes(version);

	(void)last;
	if (!version)
		return 0;
	for (size_t i = 0; i < LOOK && (i + 1) * size <= bytes; i++)
		if (vscsi_version(head + i * size, size) != version)
			return 0;
	return bytes >= 2 * size ? 2 : 1;
}

/* SCSI write commands: 6, 10, 12 and 16 bytes long, and those that verify what they wrote. */
static bool scsi_writes(unsigned command)
{
	return command == 0x0a || command == 0x2a || command == 0xaa || command == 0x8a ||
	       command == 0x2e || command == 0xae || command == 0x8e;
}

static int vscsi_read(struct trace_reader *r, struct trace_batch *b, struct error *error)
{
	struct trace_source *s = &r->source;
	size_t size = vscsi_bytes(r->variant);
	bool v1 = r->variant == 1;

	trace_span_rest(r, b);
	while (b->nr < TRACE_BATCH) {
		const uint8_t *p;
		int got = records(r, b, size, error);

		if (got <= 0)
			return got;
		p = s->at;
		if (!r->variant || vscsi_version(p, size) != r->variant)
			return trace_reader_fail(
				r, error, p,
				"no vscsi record: its version is neither 1 nor 2, or "
				"another than the first record's");
		got = trace_span_put(
			r, b,
			&(struct trace_span){.id = u64_at(p + 16),
					     .time_ns = u64_at(p + 24) * 1000,
					     .write = scsi_writes(u16_at(p + (v1 ? 12 : 0)))},
			u32_at(p + (v1 ? 4 : 8)), p, error);
		if (got)
			return got;
		s->at += size;
	}
	return 0;
}

static int vscsi_open(struct trace_reader *r, struct error *error)
{
	int err = trace_source_need(&r->source, vscsi_bytes(2), error);

	r->variant = err ? 0 : vscsi_version(r->source.at, trace_source_left(&r->source));
	r->has = TRACE_WRITES | TRACE_TIMES;
	return err;
}

/* Page numbers of up to 2^40 pages: without a better guess, what else has three zero bytes in every eight? */
static unsigned pages_likely(const uint8_t *head, size_t bytes, bool last)
{
	size_t nr = bytes / PAGES_BYTES < LOOK ? bytes / PAGES_BYTES : LOOK;

	for (size_t i = 0; i < nr; i++)
		if (u64_at(head + i * PAGES_BYTES) >> 41)
			return 0;
	return nr > 1 && (!last || bytes % PAGES_BYTES == 0) ? 1 : 0;
}

static int pages_read(struct trace_reader *r, struct trace_batch *b, struct error *error)
{
	int nr = records(r, b, PAGES_BYTES, error);
	const uint8_t *p = r->source.at;

	if (nr < 0)
		return nr;
	r->has = TRACE_WRITES;
	for (int i = 0; i < nr; i++, p += PAGES_BYTES) {
		uint64_t record = u64_at(p);

		b->id[i] = record >> 1;
		b->write[i] = record & 1;
	}
	b->nr = (uint32_t)nr;
	r->source.at = p;
	return 0;
}

const struct trace_format trace_format_oracle = {
	.name = "oracle",
	.about = "libCacheSim's oracleGeneral, records of 24 bytes",
	.endings = ".oracle .oracleGeneral ",
	.sized = true,
	.likely = oracle_likely,
	.read = oracle_read,
};

const struct trace_format trace_format_vscsi = {
	.name = "vscsi",
	.about = "VMware vscsiStats records, versions 1 and 2; sectors",
	.endings = ".vscsi ",
	.sized = true,
	.block_bytes = 512,
	.likely = vscsi_likely,
	.open = vscsi_open,
	.read = vscsi_read,
};

const struct trace_format trace_format_pages = {
	.name = "pages",
	.about = "64-bit words: page number times two, plus one for a write",
	.endings = ".pg .pages ",
	.likely = pages_likely,
	.read = pages_read,
};
