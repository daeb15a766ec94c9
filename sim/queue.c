/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * queue.c: the heap, with each event knowing its place, so that one can be moved and taken out.
 *
 * Reference: Knuth, TAOCP 3, 5.2.3.
 */
#include "sim/queue.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>

int sim_queue_promise(struct sim_queue *q, uint32_t more)
{
	uint32_t need = q->promised + more + 1;

	if (need > q->room) {
		uint32_t room = need < 64 ? 64 : need * 2;
		struct sim_event **heap = realloc(q->heap, room * sizeof(*heap));

		if (!heap)
			return -ENOMEM;
		q->heap = heap;
		q->room = room;
	}
	q->promised += more;
	return 0;
}

void sim_queue_free(struct sim_queue *q)
{
	free(q->heap);
	*q = (struct sim_queue){.heap = NULL};
}

static bool before(const struct sim_event *a, const struct sim_event *b)
{
	return a->at_ns != b->at_ns ? a->at_ns < b->at_ns : a->order < b->order;
}

static void place(struct sim_queue *q, struct sim_event *e, uint32_t at)
{
	q->heap[at] = e;
	e->place = at;
}

static void rise(struct sim_queue *q, struct sim_event *e, uint32_t at)
{
	for (; at > 1 && before(e, q->heap[at / 2]); at /= 2)
		place(q, q->heap[at / 2], at);
	place(q, e, at);
}

static void sink(struct sim_queue *q, struct sim_event *e, uint32_t at)
{
	for (uint32_t child = at * 2; child <= q->nr; child = at * 2) {
		if (child < q->nr && before(q->heap[child + 1], q->heap[child]))
			child++;
		if (!before(q->heap[child], e))
			break;
		place(q, q->heap[child], at);
		at = child;
	}
	place(q, e, at);
}

void sim_queue_put(struct sim_queue *q, struct sim_event *e, uint64_t at_ns)
{
	sim_queue_drop(q, e);
	assert(q->nr < q->promised);
	e->at_ns = at_ns;
	e->order = q->next_order++;
	rise(q, e, ++q->nr);
}

void sim_queue_drop(struct sim_queue *q, struct sim_event *e)
{
	uint32_t at = e->place;
	struct sim_event *last;

	if (!at)
		return;
	last = q->heap[q->nr--];
	e->place = 0;
	if (last == e)
		return;
	if (at > 1 && before(last, q->heap[at / 2]))
		rise(q, last, at);
	else
		sink(q, last, at);
}

struct sim_event *sim_queue_take(struct sim_queue *q, uint64_t until_ns)
{
	struct sim_event *e = q->nr ? q->heap[1] : NULL;

	if (!e || e->at_ns > until_ns)
		return NULL;
	sim_queue_drop(q, e);
	return e;
}

bool sim_queue_consistent(const struct sim_queue *q)
{
	for (uint32_t i = 1; i <= q->nr; i++)
		if (q->heap[i]->place != i || (i > 1 && before(q->heap[i], q->heap[i / 2])))
			return false;
	return q->nr <= q->promised && (!q->promised || q->promised < q->room);
}
