/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * big.h: arrays of many megabytes, straight from the kernel.
 *
 * Zeroed, untouched until used, in huge pages where the kernel has them (random access to many megabytes is bound by
 * address translation otherwise), and grown without a copy.
 */
#ifndef BALLAST_SIM_BIG_H
#define BALLAST_SIM_BIG_H

#include <stddef.h>

/* NULL: no memory. */
void *big_alloc(size_t bytes);
/* What was there stays, what is new is zero; NULL: no memory, and at is as before. bytes >= before. */
void *big_grow(void *at, size_t before, size_t bytes);
void big_free(void *at, size_t bytes); /* NULL is fine */

#endif
