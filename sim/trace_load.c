/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * trace_load.c: a whole trace into memory, page numbers made dense on the way.
 *
 * Four bytes a request, eight a distinct page, and what else is wanted. Arrays grow by doubling without a copy (big.h)
 * and untouched parts of them cost nothing. While reading, a table of ids is kept; it goes when all is read.
 *
 * Pages of several VMs share one space of ids while reading: the VM's number stands above the low 48 bits.
 */
#include "sim/trace.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "sim/big.h"
#include "sim/trace_ids.h"
#include "sim/trace_reader.h"

#define VM_SHIFT 48
#define VMS_MAX  (1u << 16)
#define TELL     (1u << 20) /* requests between two calls of progress */

struct loading {
	struct trace *trace;
	struct trace_reader reader;
	struct trace_batch batch;
	struct trace_ids ids;
	const struct trace_options *options;
	uint64_t told;
};

static bool grow_one(void **array, size_t item, size_t before, size_t room)
{
	void *more;

	if (!*array)
		return true;
	more = big_grow(*array, before * item, room * item);
	if (!more)
		return false;
	*array = more;
	return true;
}

static int room_make(struct trace *t, size_t room)
{
	void *page = t->page, *write = t->write, *time_ns = t->time_ns, *hash = t->hash;
	bool grown = grow_one(&page, sizeof(*t->page), t->room, room) &&
		     grow_one(&write, sizeof(*t->write), t->room, room) &&
		     grow_one(&time_ns, sizeof(*t->time_ns), t->room, room) &&
		     grow_one(&hash, sizeof(*t->hash), t->room, room);

	t->page = page;
	t->write = write;
	t->time_ns = time_ns;
	t->hash = hash;
	if (!grown)
		return -ENOMEM;
	t->room = room;
	return 0;
}

/* The optional arrays, as soon as the reader is known to fill them. */
static int columns_make(struct trace *t, unsigned has)
{
	if (has & TRACE_WRITES && !t->write)
		t->write = big_alloc(t->room * sizeof(*t->write));
	if (has & TRACE_TIMES && !t->time_ns)
		t->time_ns = big_alloc(t->room * sizeof(*t->time_ns));
	if (has & TRACE_HASHES && !t->hash)
		t->hash = big_alloc(t->room * sizeof(*t->hash));
	return (has & TRACE_WRITES && !t->write) || (has & TRACE_TIMES && !t->time_ns) ||
			       (has & TRACE_HASHES && !t->hash)
		       ? -ENOMEM
		       : 0;
}

static int vms_join(struct loading *l, struct error *error)
{
	struct trace_batch *b = &l->batch;

	for (uint32_t i = 0; i < b->nr; i++) {
		if (b->vm[i] >= VMS_MAX || b->id[i] >> VM_SHIFT)
			return error_user(error,
					  "%s: request %llu: VM %u, page 0x%llx; allowed: VMs "
					  "below %u with pages below 2^%u",
					  l->reader.source.path,
					  (unsigned long long)l->trace->requests + i, b->vm[i],
					  (unsigned long long)b->id[i], VMS_MAX, VM_SHIFT);
		b->id[i] |= (uint64_t)b->vm[i] << VM_SHIFT;
	}
	return 0;
}

static int batch_add(struct loading *l, struct error *error)
{
	const struct trace_batch *b = &l->batch;
	struct trace *t = l->trace;
	size_t at = t->requests;
	int err = 0;

	t->has |= l->reader.has;
	if (l->reader.has & TRACE_VMS)
		err = vms_join(l, error);
	if (err)
		return err;
	if (at + b->nr > TRACE_REQUESTS_MAX)
		return error_user(error, "%s: more than %u requests, which is the most",
				  l->reader.source.path, TRACE_REQUESTS_MAX);
	if (at + b->nr > t->room)
		err = room_make(t, 2 * t->room);
	if (!err)
		err = columns_make(t, t->has & l->options->want);
	if (!err)
		err = trace_ids_number(&l->ids, b->id, b->nr, t->page + at);
	if (err)
		return error_host(error, -err, "%s: %u pages", l->reader.source.path, l->ids.pages);
	if (t->write && l->reader.has & TRACE_WRITES)
		memcpy(t->write + at, b->write, b->nr);
	if (t->time_ns && l->reader.has & TRACE_TIMES)
		memcpy(t->time_ns + at, b->time_ns, b->nr * sizeof(*b->time_ns));
	if (t->hash && l->reader.has & TRACE_HASHES)
		memcpy(t->hash + at, b->hash, b->nr * sizeof(*b->hash));
	t->requests += b->nr;
	return 0;
}

static int tell(struct loading *l)
{
	const struct trace_source *s = &l->reader.source;

	if (l->trace->requests - l->told < TELL)
		return 0;
	l->told = l->trace->requests;
	sim_watch_tell(l->options->watch, "bytes of the trace", s->file_read, s->file_bytes);
	return sim_watch_stopped(l->options->watch) ? -ECANCELED : 0;
}

static int load_all(struct loading *l, struct error *error)
{
	struct trace *t = l->trace;
	int more;

	t->room = 1u << 16;
	t->page = big_alloc(t->room * sizeof(*t->page));
	if (!t->page || trace_ids_init(&l->ids))
		return error_host(error, ENOMEM, "%s", l->reader.source.path);
	while ((more = trace_reader_next(&l->reader, &l->batch, error)) > 0) {
		int err = batch_add(l, error);

		if (!err)
			err = tell(l);
		if (err)
			return err;
	}
	if (more < 0 && error->user && l->options->keep_going && t->requests) {
		memcpy(t->broken, error->text, sizeof(t->broken));
		more = 0;
	}
	if (!more && !t->requests)
		more = error_user(error, "%s: the trace has no requests", l->reader.source.path);
	return more;
}

/* The VMs leave the ids again. */
static int vms_part(struct trace *t)
{
	if (!(t->has & TRACE_VMS))
		return 0;
	t->vm = calloc(t->pages, sizeof(*t->vm));
	if (!t->vm)
		return -ENOMEM;
	for (uint32_t i = 0; i < t->pages; i++) {
		t->vm[i] = (uint32_t)(t->id[i] >> VM_SHIFT);
		t->id[i] &= (1ull << VM_SHIFT) - 1;
	}
	return 0;
}

int trace_load(struct trace *t, const char *path, const struct trace_options *options,
	       struct error *error)
{
	struct loading *l = calloc(1, sizeof(*l));
	int err;

	*t = (struct trace){.requests = 0};
	if (!l)
		return error_host(error, ENOMEM, "%s", path);
	l->trace = t;
	l->options = options;
	err = trace_reader_open(&l->reader, path, options, error);
	if (err)
		goto out;
	err = load_all(l, error);
	t->format = l->reader.format->name;
	t->thinning = l->reader.thinning;
	t->thinning_pages = l->reader.thinning_pages;
	/* of a part of the trace it is not known how many there were */
	t->whole_requests =
		l->reader.whole_requests && !*t->broken ? l->reader.whole_requests : t->requests;
	trace_reader_close(&l->reader);
	/* the ids by number are kept, the table goes */
	t->pages = l->ids.pages;
	t->id = l->ids.id;
	t->page_room = l->ids.room;
	l->ids.id = NULL;
	trace_ids_free(&l->ids);
	if (!err && vms_part(t))
		err = error_host(error, ENOMEM, "%s", path);
	if (err)
		trace_free(t);
out:
	free(l);
	return err;
}

void trace_free(struct trace *t)
{
	big_free(t->page, t->room * sizeof(*t->page));
	big_free(t->write, t->room * sizeof(*t->write));
	big_free(t->time_ns, t->room * sizeof(*t->time_ns));
	big_free(t->hash, t->room * sizeof(*t->hash));
	big_free(t->id, t->page_room * sizeof(*t->id));
	free(t->vm);
	*t = (struct trace){.requests = 0};
}
