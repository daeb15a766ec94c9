/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * stack_order.h: pages in the order of their last request, addressed by depth. Inside sim/ only.
 */
#ifndef BALLAST_SIM_STACK_ORDER_H
#define BALLAST_SIM_STACK_ORDER_H

#include <stdint.h>

struct stack_order; /* owned by the creator, freed by stack_order_destroy() */

/* Page 0 on top, then 1, .. NULL: no memory. */
struct stack_order *stack_order_create(uint32_t pages);
void stack_order_destroy(struct stack_order *s);

/* The page at that depth (< pages, 0 is the top) goes to the top. Returns it. O(log pages) amortised. */
uint32_t stack_order_renew(struct stack_order *s, uint32_t depth);

#endif
