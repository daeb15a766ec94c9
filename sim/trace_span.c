/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * trace_span.c: requests that are longer than a page.
 *
 * Traces of disks say where a request begins and how long it is. Simulators differ in what they make of that: most take
 * the first block for the whole request; the ARC paper (FAST 2003) counts each block as a request. Here a request is
 * one to its first block unless the user says --split P, or the format's convention is to split: then it is one to each
 * page of P bytes that it touches, a first and last one only in part included, in ascending order. A request of no
 * bytes touches one page, so that none gets lost.
 *
 * What an id counts is known for some formats (sectors of 512 bytes) and must be said for the others: a wrong guess
 * would not be noticed. A request may be longer than a batch has room for, so its rest waits in the reader. Lengths are
 * limited: a damaged one must not become a trace of its own.
 */
#include <inttypes.h>

#include "lib/words.h"
#include "sim/trace_reader.h"

#define SPAN_PAGES_MAX (1u << 20)

static int no_sizes(const struct trace_reader *r, struct error *error)
{
	struct words words = {0};
	char list[100];

	for (size_t i = 0; trace_format_table[i]; i++)
		if (trace_format_table[i]->sized)
			words_add(&words, trace_format_table[i]->name);
	return error_user(error,
			  "%s: --split: format %s does not say how long requests are; allowed: %s",
			  r->source.path, r->format->name, words_join(&words, list, sizeof(list)));
}

int trace_span_options(struct trace_reader *r, const struct trace_options *o, struct error *error)
{
	const struct trace_format *f = r->format;

	r->shift = o->shift_given ? o->shift : f->shift;
	r->block_bytes = o->block_bytes ? o->block_bytes : f->block_bytes;
	r->split_bytes = o->split_bytes ? o->split_bytes : f->split_bytes;
	if (!o->split_bytes)
		return 0;
	if (!f->sized)
		return no_sizes(r, error);
	if (!r->block_bytes)
		return error_user(error,
				  "%s: --split: format %s does not say what an id counts; allowed: "
				  "--block 512 for sectors, --block 1 for bytes, or another size",
				  r->source.path, f->name);
	return 0;
}

void trace_span_rest(struct trace_reader *r, struct trace_batch *b)
{
	struct trace_span *s = &r->span;

	for (; s->left && b->nr < TRACE_BATCH; s->left--, b->nr++) {
		b->id[b->nr] = s->id++;
		b->write[b->nr] = s->write;
		b->time_ns[b->nr] = s->time_ns;
		b->vm[b->nr] = s->vm;
	}
}

int trace_span_put(struct trace_reader *r, struct trace_batch *b, const struct trace_span *request,
		   uint64_t bytes, const uint8_t *at, struct error *error)
{
	uint64_t first, last;

	r->span = *request;
	r->span.left = 1;
	if (r->split_bytes) {
		if (__builtin_mul_overflow(request->id, r->block_bytes, &first) ||
		    __builtin_add_overflow(first, bytes ? bytes - 1 : 0, &last))
			return trace_reader_fail(
				r, error, at,
				"a request that ends behind byte 2^64 (from block %" PRIu64
				", %" PRIu64 " bytes)",
				request->id, bytes);
		first /= r->split_bytes;
		last /= r->split_bytes;
		if (last - first >= SPAN_PAGES_MAX)
			return trace_reader_fail(r, error, at,
						 "a request of %" PRIu64
						 " bytes; allowed: up to %u pages of %" PRIu32,
						 bytes, SPAN_PAGES_MAX, r->split_bytes);
		r->span.id = first;
		r->span.left = last - first + 1;
	}
	trace_span_rest(r, b);
	return 0;
}
