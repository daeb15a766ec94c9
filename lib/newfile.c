/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * newfile.c: see newfile.h. The part carries the old file's mode, and a file that may not be written is not replaced
 * either, though a rename would not mind. Links are followed first, else the rename would replace the link. A program
 * that is killed leaves the part; the next one begins it anew.
 */
#include "lib/newfile.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* errno as -errno; a failure without one is -EIO. */
static int failure(void)
{
	return errno ? -errno : -EIO;
}

static int open_part(struct newfile *f, const char *path, const struct stat *old)
{
	if (old && access(path, W_OK) != 0)
		return failure();
	f->path = old ? realpath(path, NULL) : strdup(path);
	if (!f->path)
		return failure();
	if (asprintf(&f->part, "%s.part", f->path) < 0) {
		f->part = NULL;
		return -ENOMEM;
	}
	f->file = fopen(f->part, "we");
	if (f->file && old && fchmod(fileno(f->file), old->st_mode & 07777) != 0)
		return failure();
	return f->file ? 0 : failure();
}

int newfile_open(struct newfile *f, const char *path)
{
	struct stat st;
	bool exists;
	int err = 0;

	*f = (struct newfile){.file = NULL};
	errno = 0;
	if (strcmp(path, "-") == 0) {
		f->file = fdopen(dup(STDOUT_FILENO), "w");
		return f->file ? 0 : failure();
	}
	exists = stat(path, &st) == 0;
	if (exists && !S_ISREG(st.st_mode))
		f->file = fopen(path, "we");
	else
		err = open_part(f, path, exists ? &st : NULL);
	if (!err && !f->file)
		err = failure();
	if (err) {
		if (f->file)
			newfile_close(f, false);
		free(f->path);
		free(f->part);
		*f = (struct newfile){.file = NULL};
	}
	return err;
}

int newfile_close(struct newfile *f, bool keep)
{
	int err;

	errno = 0;
	err = fclose(f->file) != 0 ? failure() : 0;
	if (f->part && keep && !err && rename(f->part, f->path) != 0)
		err = failure();
	if (f->part && (!keep || err))
		unlink(f->part);
	free(f->path);
	free(f->part);
	*f = (struct newfile){.file = NULL};
	return err;
}

const char *newfile_name(const char *path)
{
	return strcmp(path, "-") == 0 ? "standard output" : path;
}
