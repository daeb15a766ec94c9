/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * report_file.h: result files that survive what happens to their run.
 *
 * A log grows by whole records: what is in the file is complete at any moment, even if the program is killed or the disk
 * fills up. A document is replaced as a whole: there is the old one or the new one, never half of one.
 */
#ifndef BALLAST_CMD_REPORT_FILE_H
#define BALLAST_CMD_REPORT_FILE_H

#include <jansson.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/error.h"

struct report_log {
	int fd;         /* owned; -1: not open */
	char *path;     /* owned */
	uint64_t bytes; /* in the file, all of them whole records */
	uint64_t lost;  /* appends that failed */
	int errnum;     /* why the first of them did */
};

/* Starts dir/name empty. */
int report_log_open(struct report_log *log, const char *dir, const char *name, struct error *error);
/* Appends bytes as a whole, or counts them as lost and leaves the file as it was. */
void report_log_append(struct report_log *log, const void *bytes, size_t length);
void report_log_close(struct report_log *log); /* also if never opened, when zeroed with fd -1 */

/* Writes value, indented; the file appears when it is whole (lib/newfile.h). sync: and on the disk. value is transferred;
 * NULL counts as no memory. 0 or -errno. */
int report_json_write(const char *path, json_t *value, bool sync);

/* The same as dir/name. */
int report_document_write(const char *dir, const char *name, json_t *value, struct error *error);

/* "dir/name", owned by the caller; NULL: no memory. */
char *report_path(const char *dir, const char *name);

#endif
