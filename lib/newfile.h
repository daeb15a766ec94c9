/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * newfile.h: a file that appears under its name only when it is whole. Until then it is NAME.part beside it, so that a
 * command may read the file that it replaces, and one that fails or is stopped leaves the old one as it was.
 *
 * What is no plain file (a pipe, a device, /dev/stdout) is written as it goes and never removed; "-" is standard output.
 */
#ifndef BALLAST_LIB_NEWFILE_H
#define BALLAST_LIB_NEWFILE_H

#include <stdbool.h>
#include <stdio.h>

struct newfile {
	FILE *file; /* write here */
	char *path; /* what the file will be, links followed; NULL if it is not a plain one */
	char *part; /* what it is until then */
};

/* 0, or -errno: then nothing is to be closed. */
int newfile_open(struct newfile *f, const char *path);

/* Closes, then keeps what was written or, with keep false or if that fails, removes it. 0 or -errno. */
int newfile_close(struct newfile *f, bool keep);

/* path, or what to call it in messages if it is "-". */
const char *newfile_name(const char *path);

#endif
