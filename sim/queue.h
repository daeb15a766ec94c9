/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * queue.h: what will happen and when: the simulated machine's event queue.
 *
 * A binary heap of pointers to events that belong to whoever waits for them. An event is in the queue once at most;
 * putting it again moves it. Events of the same time happen in the order in which they were put: that, and nothing that
 * depends on addresses, decides ties, so that two runs are the same. Room is made when an event's owner is made, so that
 * putting never fails.
 */
#ifndef BALLAST_SIM_QUEUE_H
#define BALLAST_SIM_QUEUE_H

#include <stdbool.h>
#include <stdint.h>

struct sim_event {
	void (*happens)(void *ctx, uint64_t now_ns);
	void *ctx;
	/* the queue's */
	uint64_t at_ns, order;
	uint32_t place; /* in the heap, from 1; 0: not in the queue */
};

struct sim_queue {
	struct sim_event **heap; /* owned; [1, nr] */
	uint32_t nr, room, promised;
	uint64_t next_order;
};

/* Room for more events than so far. 0 or -ENOMEM. */
int sim_queue_promise(struct sim_queue *q, uint32_t more);
void sim_queue_free(struct sim_queue *q);

/* e happens at at_ns, whatever was said before. There is room: promised. O(log events). */
void sim_queue_put(struct sim_queue *q, struct sim_event *e, uint64_t at_ns);
/* It does not happen; without effect if it is not in the queue. O(log events). */
void sim_queue_drop(struct sim_queue *q, struct sim_event *e);
/* The next one, taken out if it is due at until_ns or earlier; NULL: none is. O(log events). */
struct sim_event *sim_queue_take(struct sim_queue *q, uint64_t until_ns);

/* Is every event behind its parent, and where it says? For tests. O(events). */
bool sim_queue_consistent(const struct sim_queue *q);

#endif
