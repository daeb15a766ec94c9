/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * stack_distance.h: LRU stack distances, one request after the other. Inside sim/ only.
 */
#ifndef BALLAST_SIM_STACK_DISTANCE_H
#define BALLAST_SIM_STACK_DISTANCE_H

#include <stddef.h>
#include <stdint.h>

#define STACK_FIRST UINT32_MAX /* the page was not requested before */

struct stack_distance; /* owned by the creator, freed by stack_distance_destroy() */

/* For page numbers below pages. NULL: no memory. */
struct stack_distance *stack_distance_create(uint32_t pages);
void stack_distance_destroy(struct stack_distance *s);

/*
 * For each of the requests: how many other pages were requested since the last request for the same page; or
 * STACK_FIRST. O(log pages) each.
 */
void stack_distance_run(struct stack_distance *s, const uint32_t *page, size_t nr,
			uint32_t *distance_out);

#endif
