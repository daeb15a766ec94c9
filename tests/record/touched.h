/* SPDX-License-Identifier: GPL-2.0-or-later */
/* touched.h: how often touched.c touches what. */
#ifndef BALLAST_TESTS_TOUCHED_H
#define BALLAST_TESTS_TOUCHED_H

#define TOUCHED_PAGES   64u
#define TOUCHED_TIMES   5000u
#define TOUCHED_THREADS 16u
#define TOUCHED_SHARE   4u /* pages of each thread */
#define TOUCHED_MANY    4000000u
#define TOUCHED_SORTED  30000u
#define TOUCHED_STATUS  7

#endif
