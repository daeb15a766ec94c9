/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * bench_work.c: what a benchmark leaves behind: nothing but its results, however it ends.
 *
 * Work files lie in a folder of the run's own, which goes with all that is in it. A measurement cannot be asked to stop
 * half-way and may take minutes, so the first signal already ends the program, from the thread that watches for
 * signals: after the results there are were printed, the host's settings (KSM) put back, the folder removed.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cmd/bench.h"
#include "lib/table.h"

/* Only files lie in it. */
static void folder_remove(const char *path)
{
	DIR *dir = opendir(path);
	const struct dirent *entry;

	while (dir && (entry = readdir(dir)))
		if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0)
			unlinkat(dirfd(dir), entry->d_name, 0);
	if (dir)
		closedir(dir);
	rmdir(path);
}

static void finish(const struct bench *b)
{
	if (b->table && b->printed)
		table_print(b->table, stdout);
	if (b->dir)
		folder_remove(b->dir);
}

/* Leaves the lock held: nothing is told any more. */
static void stopped(void *context)
{
	struct bench *b = context;

	pthread_mutex_lock(&b->lock);
	if (b->undo)
		b->undo(b->undo_context);
	finish(b);
	fflush(stdout);
	fprintf(stderr, "ballast: stopped by %s, %s\n",
		stop_signals_name(stop_signals_wait(b->stop, 0)),
		b->printed ? "after these results" : "before the first result");
}

int bench_work_begin(struct bench *b, const char *dir, struct error *error)
{
	char *path = NULL;
	int err;

	pthread_mutex_init(&b->lock, NULL);
	if (asprintf(&path, "%s/ballast-bench-XXXXXX", dir) < 0)
		return error_host(error, ENOMEM, "bench");
	if (!mkdtemp(path)) {
		err = error_user(error, "--dir '%.200s': %s; allowed: a folder for new files", dir,
				 strerror(errno));
		free(path);
		return err;
	}
	b->dir = path;
	err = stop_signals_begin(&b->stop, error);
	if (err)
		return err;
	stop_signals_last(b->stop, stopped, b);
	stop_signals_at_once(b->stop);
	return 0;
}

void bench_work_end(struct bench *b)
{
	if (b->stop)
		stop_signals_end(b->stop);
	finish(b);
	free(b->dir);
	pthread_mutex_destroy(&b->lock);
}
