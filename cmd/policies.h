/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * policies.h: the list of replacement policies, for help texts and the manual page.
 */
#ifndef BALLAST_CMD_POLICIES_H
#define BALLAST_CMD_POLICIES_H

#include <stdio.h>

/* Names and papers, as `ballast help policies` prints them. */
void policies_help(FILE *out);

/* The same as section POLICIES of docs/ballast.1. */
void policies_man(FILE *out);

#endif
