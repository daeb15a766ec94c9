/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * thin.h: shorter traces of the same faults: SAD, "safely allowed drop" (Kaplan, Smaragdakis, Wilson, Trace reduction for
 * virtual memory simulations, SIGMETRICS 1999; Flexible reference trace reduction for VM simulations, TOMACS 2003).
 */
#ifndef BALLAST_SIM_THIN_H
#define BALLAST_SIM_THIN_H

#include "sim/trace.h"

/*
 * *keep_out: a byte a request, 1 for those that stay; big_free(.., t->requests). lru and opt have the same misses on what
 * stays in any memory of k frames or more; k >= 1. If the trace says who writes, what a dropped request wrote is written
 * by the page's next one: t->write changes. 0, -ECANCELED or -ENOMEM.
 */
int thin_sad(struct trace *t, uint32_t k, const struct sim_watch *watch, uint8_t **keep_out);

#endif
