/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * report_dir.c: the folder of a run.
 *
 * Time stamps are UTC, so that folders sort by age on any machine and in any season. A default folder is always a new
 * one: two runs started in the same second must not write into each other.
 */
#include "cmd/report_dir.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/words.h"

#define SAME_SECOND_MAX 1000

/* mkdir -p of the part before the last name. path is changed meanwhile and restored. 0 or -errno. */
static int make_parents(char *path)
{
	for (char *slash = strchr(path + 1, '/'); slash; slash = strchr(slash + 1, '/')) {
		int made;

		*slash = '\0';
		made = mkdir(path, 0777);
		*slash = '/';
		if (made != 0 && errno != EEXIST)
			return -errno;
	}
	return 0;
}

static int fail(const char *path, const char *option, int errnum, struct error *error)
{
	char quoted[200];

	words_quote(path, quoted, sizeof(quoted));
	/* Something that is no folder stands in the way: another name is needed. All else is the host's doing. */
	if (errnum == ENOTDIR || errnum == EEXIST)
		return error_user(error,
				  "%s'%s' is not a folder; allowed: -o with a folder, which "
				  "is made if it is missing",
				  option, quoted);
	return error_host(error, errnum, "%s'%s'", option, quoted);
}

static int make_asked(struct report_dir *dir, struct error *error)
{
	struct stat st;
	size_t length = strlen(dir->path);
	int err;

	while (length > 1 && dir->path[length - 1] == '/')
		dir->path[--length] = '\0';
	err = make_parents(dir->path);
	if (err)
		return fail(dir->path, "-o ", -err, error);
	dir->made = mkdir(dir->path, 0777) == 0;
	if (dir->made)
		return 0;
	if (errno != EEXIST)
		return fail(dir->path, "-o ", errno, error);
	if (stat(dir->path, &st) != 0)
		return fail(dir->path, "-o ", errno, error);
	return S_ISDIR(st.st_mode) ? 0 : fail(dir->path, "-o ", ENOTDIR, error);
}

static int make_default(const char *name, time_t now, struct report_dir *dir, struct error *error)
{
	char stamp[32];
	struct tm utc;
	int err = -EEXIST;

	gmtime_r(&now, &utc);
	strftime(stamp, sizeof(stamp), "%Y%m%d-%H%M%S", &utc);
	for (int i = 1; err == -EEXIST && i <= SAME_SECOND_MAX; i++) {
		char again[16] = "";

		if (i > 1)
			snprintf(again, sizeof(again), "-%d", i);
		free(dir->path);
		if (asprintf(&dir->path, "results/runs/%s-%s%s", name, stamp, again) < 0) {
			dir->path = NULL;
			return error_host(error, ENOMEM, "results/runs");
		}
		err = make_parents(dir->path);
		if (err)
			break;
		err = mkdir(dir->path, 0777) == 0 ? 0 : -errno;
	}
	dir->made = !err;
	return err ? fail(dir->path, "", -err, error) : 0;
}

int report_dir_make(const char *asked, const char *name, time_t now, struct report_dir *out,
		    struct error *error)
{
	int err;

	*out = (struct report_dir){.path = NULL};
	if (asked) {
		out->path = strdup(asked);
		err = out->path ? make_asked(out, error) : error_host(error, ENOMEM, "%s", asked);
	} else {
		err = make_default(name, now, out, error);
	}
	if (err)
		report_dir_free(out);
	return err;
}

/* Console logs are made before it is known whether all guests can be. */
static void remove_empty_logs(const char *path)
{
	static const char ending[] = ".console.log";
	DIR *dir = opendir(path);
	const struct dirent *entry;
	struct stat st;

	while (dir && (entry = readdir(dir))) {
		const char *dot = strchr(entry->d_name, '.');

		if (dot && strcmp(dot, ending) == 0 &&
		    fstatat(dirfd(dir), entry->d_name, &st, AT_SYMLINK_NOFOLLOW) == 0 &&
		    !st.st_size)
			unlinkat(dirfd(dir), entry->d_name, 0);
	}
	if (dir)
		closedir(dir);
}

void report_dir_undo(const struct report_dir *dir)
{
	if (!dir->made)
		return;
	remove_empty_logs(dir->path);
	rmdir(dir->path);
}

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *where)
{
	(void)st;
	(void)type;
	(void)where;
	remove(path);
	return 0;
}

void report_dir_discard(const struct report_dir *dir)
{
	if (dir->made)
		nftw(dir->path, remove_one, 16, FTW_DEPTH | FTW_PHYS);
}

void report_dir_free(struct report_dir *dir)
{
	free(dir->path);
	*dir = (struct report_dir){.path = NULL};
}
