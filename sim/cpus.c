/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * cpus.c: two lines of tasks, and a count of busy processors: they are all alike, so which one runs a task is nobody's
 * business. A task that runs is in no line; its event tells when it stops.
 */
#include "sim/cpus.h"

#include <assert.h>
#include <stddef.h>

void sim_cpus_init(struct sim_cpus *c, struct sim_queue *queue, unsigned nr)
{
	*c = (struct sim_cpus){.queue = queue, .nr = nr};
}

static void stops(void *ctx, uint64_t now_ns)
{
	struct sim_task *t = ctx;

	t->cpus->busy--;
	t->ran_ns += now_ns - t->since_ns;
	t->state = SIM_TASK_ASLEEP;
	t->after(t->ctx, now_ns);
}

int sim_task_init(struct sim_cpus *c, struct sim_task *t)
{
	t->cpus = c;
	t->state = SIM_TASK_ASLEEP;
	t->stops = (struct sim_event){.happens = stops, .ctx = t};
	return sim_queue_promise(c->queue, 1);
}

void sim_task_ready(struct sim_task *t)
{
	struct sim_line *line = &t->cpus->line[t->urgent];

	assert(t->state != SIM_TASK_RUNS);
	if (t->state != SIM_TASK_ASLEEP)
		return;
	t->state = SIM_TASK_IN_LINE;
	t->next = NULL;
	if (line->first)
		line->last->next = t;
	else
		line->first = t;
	line->last = t;
}

static struct sim_task *next_in_line(struct sim_cpus *c)
{
	struct sim_line *line = &c->line[c->line[1].first != NULL];
	struct sim_task *t = line->first;

	if (t)
		line->first = t->next;
	return t;
}

void sim_cpus_dispatch(struct sim_cpus *c, uint64_t now_ns)
{
	struct sim_task *t;

	while (c->busy < c->nr && (t = next_in_line(c)) != NULL) {
		uint64_t until;

		c->busy++;
		t->state = SIM_TASK_RUNS;
		t->since_ns = now_ns;
		until = t->run(t->ctx, now_ns);
		sim_queue_put(c->queue, &t->stops, until);
	}
}
