/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * human.h: numbers for people: three digits that mean something, and a unit. Files get exact numbers instead.
 *
 * Each function returns its text by value, so several fit in one printf: printf("%s", human_count(n).text).
 */
#ifndef BALLAST_CMD_HUMAN_H
#define BALLAST_CMD_HUMAN_H

#include "ballast/types.h"

struct human {
	char text[48];
};

struct human human_count(uint64_t n);     /* 999, 1.2k, 61k, 3.4M */
struct human human_grouped(uint64_t n);   /* 1,234,567 */
struct human human_bytes(uint64_t bytes); /* 512K, 1.5M, 240M, 1.2G */
struct human human_pages(npages_t pages); /* as human_bytes */
struct human human_size(npages_t pages);  /* in a sentence: 384 MiB, 1.5 GiB */
struct human human_mib(npages_t pages);   /* in MiB, one decimal below 10: 0.5, 96 */
struct human human_seconds(uint64_t ns);  /* 0.3 s, 12.0 s */
struct human human_some(uint64_t n, const char *one, const char *many); /* 1 guest, 4,096 guests */

/* How many a second when `passed` came in `ns`; 0 if ns is 0. Rounded down. */
uint64_t human_rate(uint64_t passed, uint64_t ns);

#endif
