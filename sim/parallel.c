/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * parallel.c: threads take the next piece that nobody has; whoever closes a gap tells the pieces that wait behind it.
 */
#include "sim/parallel.h"

#include <errno.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdlib.h>
#include <unistd.h>

#define THREADS_MAX 256u

struct crew {
	const struct parallel *what;
	pthread_mutex_t lock; /* guards what follows, and done() */
	unsigned taken, told;
	bool *finished;
};

static void *crew_thread(void *arg)
{
	struct crew *c = arg;
	const struct parallel *p = c->what;

	pthread_mutex_lock(&c->lock);
	while (c->taken < p->nr) {
		unsigned i = c->taken++;

		pthread_mutex_unlock(&c->lock);
		p->work(p->context, i);
		pthread_mutex_lock(&c->lock);
		c->finished[i] = true;
		for (; c->told < p->nr && c->finished[c->told]; c->told++)
			if (p->done)
				p->done(p->context, c->told);
	}
	pthread_mutex_unlock(&c->lock);
	return NULL;
}

int parallel_run(const struct parallel *p)
{
	struct crew c = {.what = p, .lock = PTHREAD_MUTEX_INITIALIZER};
	unsigned threads = p->threads ? p->threads : (unsigned)sysconf(_SC_NPROCESSORS_ONLN);
	pthread_t thread[THREADS_MAX];
	unsigned started = 0;

	c.finished = calloc(p->nr ? p->nr : 1, sizeof(*c.finished));
	if (!c.finished)
		return -ENOMEM;
	threads = threads < p->nr ? threads : p->nr;
	threads = threads < THREADS_MAX ? threads : THREADS_MAX;
	/* this thread is one of them; one that cannot be had leaves its work to the others */
	while (started + 1 < threads &&
	       pthread_create(&thread[started], NULL, crew_thread, &c) == 0)
		started++;
	crew_thread(&c);
	while (started)
		pthread_join(thread[--started], NULL);
	free(c.finished);
	return 0;
}
