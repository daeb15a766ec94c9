/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * sink.h: who takes the bytes of a record of the manager (record.h).
 */
#ifndef BALLAST_MM_SINK_H
#define BALLAST_MM_SINK_H

#include <stddef.h>
#include <stdint.h>

struct mm_record_sink {
	/* The next bytes, in order. The machine lock is held. NULL: nothing is recorded. */
	void (*put)(void *ctx, const uint8_t *bytes, size_t nr);
	void *ctx;
};

#endif
