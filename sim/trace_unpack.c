/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * trace_unpack.c: one face for three packing libraries.
 *
 * Files may hold several packed streams one after the other (that is what `cat a.gz b.gz` and parallel packers make),
 * so the end of one is the end of the data only if no input is left. Memory that a file may ask for is limited: a
 * window of 1 GiB (xz and zst), which is more than any level of the usual programs uses.
 */
#include "sim/trace_unpack.h"

#include <errno.h>
#include <lzma.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>
#include <zstd.h>

#define WINDOW_LOG_MAX 30

enum packing { GZ, XZ, ZST, NR_PACKINGS };

struct trace_unpack {
	enum packing packing;
	bool between; /* a stream has ended and no other begun */
	z_stream gz;
	lzma_stream xz;
	ZSTD_DStream *zst;
};

static const struct {
	const char *name;
	size_t bytes;
	uint8_t magic[TRACE_PACK_HEAD];
} packings[NR_PACKINGS] = {
	[GZ] = {"gz", 3, {0x1f, 0x8b, 0x08}},
	[XZ] = {"xz", 6, {0xfd, '7', 'z', 'X', 'Z', 0}},
	[ZST] = {"zst", 4, {0x28, 0xb5, 0x2f, 0xfd}},
};

const char *trace_packing_of(const uint8_t *head, size_t bytes)
{
	for (unsigned i = 0; i < NR_PACKINGS; i++)
		if (bytes >= packings[i].bytes &&
		    memcmp(head, packings[i].magic, packings[i].bytes) == 0)
			return packings[i].name;
	return NULL;
}

struct trace_unpack *trace_unpack_create(const char *packing)
{
	struct trace_unpack *u = calloc(1, sizeof(*u));
	bool made = false;

	if (!u)
		return NULL;
	while (u->packing < NR_PACKINGS && strcmp(packings[u->packing].name, packing) != 0)
		u->packing++;
	if (u->packing == GZ) {
		made = inflateInit2(&u->gz, 15 + 16) == Z_OK;
	} else if (u->packing == XZ) {
		u->xz = (lzma_stream)LZMA_STREAM_INIT;
		made = lzma_stream_decoder(&u->xz, 1ull << (WINDOW_LOG_MAX + 1),
					   LZMA_CONCATENATED) == LZMA_OK;
	} else if (u->packing == ZST) {
		u->zst = ZSTD_createDStream();
		made = u->zst && !ZSTD_isError(ZSTD_DCtx_setParameter(u->zst, ZSTD_d_windowLogMax,
								      WINDOW_LOG_MAX));
	}
	if (made)
		return u;
	trace_unpack_destroy(u);
	return NULL;
}

void trace_unpack_destroy(struct trace_unpack *u)
{
	if (!u)
		return;
	if (u->packing == GZ)
		inflateEnd(&u->gz);
	if (u->packing == XZ)
		lzma_end(&u->xz);
	if (u->packing == ZST)
		ZSTD_freeDStream(u->zst);
	free(u);
}

static int run_gz(struct trace_unpack *u, const uint8_t **in, const uint8_t *in_end, uint8_t **out,
		  uint8_t *out_end)
{
	int result;

	if (u->between && inflateReset(&u->gz) != Z_OK)
		return -EINVAL;
	u->between = false;
	/* zlib's field is not const for historical reasons; it only reads */
	memcpy(&u->gz.next_in, in, sizeof(*in));
	u->gz.avail_in = (uInt)(in_end - *in);
	u->gz.next_out = *out;
	u->gz.avail_out = (uInt)(out_end - *out);
	result = inflate(&u->gz, Z_NO_FLUSH);
	*in = u->gz.next_in;
	*out = u->gz.next_out;
	if (result == Z_STREAM_END)
		u->between = true;
	else if (result == Z_MEM_ERROR)
		return -ENOMEM;
	else if (result != Z_OK && result != Z_BUF_ERROR)
		return -EINVAL;
	return 0;
}

static int run_xz(struct trace_unpack *u, const uint8_t **in, const uint8_t *in_end, uint8_t **out,
		  uint8_t *out_end, bool last)
{
	lzma_ret result;

	u->xz.next_in = *in;
	u->xz.avail_in = (size_t)(in_end - *in);
	u->xz.next_out = *out;
	u->xz.avail_out = (size_t)(out_end - *out);
	result = lzma_code(&u->xz, last ? LZMA_FINISH : LZMA_RUN);
	*in = u->xz.next_in;
	*out = u->xz.next_out;
	if (result == LZMA_STREAM_END)
		u->between = true;
	else if (result == LZMA_MEM_ERROR)
		return -ENOMEM;
	else if (result != LZMA_OK && result != LZMA_BUF_ERROR)
		return -EINVAL;
	return 0;
}

static int run_zst(struct trace_unpack *u, const uint8_t **in, const uint8_t *in_end, uint8_t **out,
		   uint8_t *out_end)
{
	ZSTD_inBuffer from = {*in, (size_t)(in_end - *in), 0};
	ZSTD_outBuffer to = {*out, (size_t)(out_end - *out), 0};
	size_t result = ZSTD_decompressStream(u->zst, &to, &from);

	*in += from.pos;
	*out += to.pos;
	if (ZSTD_isError(result))
		return -EINVAL;
	u->between = result == 0;
	return 0;
}

int trace_unpack_run(struct trace_unpack *u, const uint8_t **in, const uint8_t *in_end,
		     uint8_t **out, uint8_t *out_end, bool last)
{
	const uint8_t *in_before = *in, *out_before = *out;
	int err = 0;

	if (u->between && *in == in_end)
		return last ? 1 : 0;
	switch (u->packing) {
	case GZ:
		err = run_gz(u, in, in_end, out, out_end);
		break;
	case XZ:
		err = run_xz(u, in, in_end, out, out_end, last);
		break;
	case ZST:
		err = run_zst(u, in, in_end, out, out_end);
		break;
	case NR_PACKINGS:
		return -EINVAL;
	}
	if (err)
		return err;
	if (u->between && last && *in == in_end)
		return 1;
	/* no progress though nothing more will come and there is room: the end is missing */
	if (last && *in == in_before && *out == out_before && *in == in_end)
		return -ENODATA;
	return 0;
}
