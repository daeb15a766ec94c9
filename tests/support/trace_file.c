/* SPDX-License-Identifier: GPL-2.0-or-later */
/* trace_file.c: see trace_file.h. */
#include "tests/support/trace_file.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>
#include <lzma.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <zlib.h>
#include <zstd.h>

#include "sim/big.h"

void trace_file_make(struct trace_file *f, const char *ending, const void *bytes, size_t nr)
{
	const char *folder = getenv("TMPDIR");
	int fd;

	memset(f, 0, sizeof(*f));
	snprintf(f->path, sizeof(f->path), "%s/trace-test-XXXXXX%s", folder ? folder : "/tmp",
		 ending);
	fd = mkstemps(f->path, (int)strlen(ending));
	assert_true(fd >= 0);
	assert_int_equal(write(fd, bytes, nr), nr);
	close(fd);
}

void trace_file_remove(struct trace_file *f)
{
	unlink(f->path);
}

uint8_t *trace_file_bytes(const struct trace_file *f, size_t *nr)
{
	FILE *file = fopen(f->path, "r");
	uint8_t *bytes = malloc(1 << 20);

	assert_true(file && bytes);
	*nr = fread(bytes, 1, 1 << 20, file);
	assert_true(*nr < 1 << 20);
	fclose(file);
	return bytes;
}

static size_t pack_gz(const void *bytes, size_t nr, uint8_t *out, size_t room)
{
	z_stream z = {0};

	assert_int_equal(deflateInit2(&z, 6, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY), Z_OK);
	memcpy(&z.next_in, &bytes, sizeof(bytes));
	z.avail_in = (uInt)nr;
	z.next_out = out;
	z.avail_out = (uInt)room;
	assert_int_equal(deflate(&z, Z_FINISH), Z_STREAM_END);
	deflateEnd(&z);
	return z.total_out;
}

uint8_t *trace_pack(const char *packing, const void *bytes, size_t nr, size_t *packed)
{
	size_t room = 2 * nr + 1000;
	uint8_t *out = malloc(room);

	assert_non_null(out);
	*packed = 0;
	if (strcmp(packing, "gz") == 0)
		*packed = pack_gz(bytes, nr, out, room);
	else if (strcmp(packing, "xz") == 0)
		assert_int_equal(lzma_easy_buffer_encode(6, LZMA_CHECK_CRC64, NULL, bytes, nr, out,
							 packed, room),
				 LZMA_OK);
	else
		*packed = ZSTD_compress(out, room, bytes, nr, 3);
	assert_true(*packed > 0 && *packed < room);
	return out;
}

void trace_of_pages(struct trace *t, const uint32_t *page, uint32_t nr)
{
	*t = (struct trace){.requests = nr, .whole_requests = nr, .room = nr, .format = "test"};
	t->page = big_alloc(nr * sizeof(*t->page));
	assert_non_null(t->page);
	for (uint32_t i = 0; i < nr; i++) {
		t->page[i] = page[i];
		assert_true(page[i] <= t->pages);
		if (page[i] == t->pages)
			t->pages++;
	}
	t->id = big_alloc(t->pages * sizeof(*t->id));
	t->page_room = t->pages;
	assert_non_null(t->id);
	for (uint32_t i = 0; i < t->pages; i++)
		t->id[i] = i;
}
