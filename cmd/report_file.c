/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * report_file.c: result files that survive what happens to their run.
 *
 * Logs are written with write(), not stdio: after a failed flush stdio keeps the bytes and would write them a second
 * time. An append that fails is cut off again, so the next one, if there is room by then, starts on a line of its own.
 * Documents appear when they are whole (lib/newfile.h). Reports have no fsync: the promise is about this program and
 * its disk space, not about the host's power supply.
 */
#include "cmd/report_file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "lib/jsonl.h"
#include "lib/newfile.h"

char *report_path(const char *dir, const char *name)
{
	char *path;

	return asprintf(&path, "%s/%s", dir, name) < 0 ? NULL : path;
}

int report_log_open(struct report_log *log, const char *dir, const char *name, struct error *error)
{
	*log = (struct report_log){.fd = -1, .path = report_path(dir, name)};
	if (!log->path)
		return error_host(error, ENOMEM, "%s/%s", dir, name);
	log->fd = open(log->path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
	if (log->fd < 0) {
		int err = error_host(error, errno, "%s", log->path);

		report_log_close(log);
		return err;
	}
	return 0;
}

void report_log_append(struct report_log *log, const void *bytes, size_t length)
{
	size_t done = 0;
	int errnum = bytes ? 0 : ENOMEM;

	while (done < length && !errnum) {
		ssize_t n = pwrite(log->fd, (const char *)bytes + done, length - done,
				   (off_t)(log->bytes + done));

		if (n > 0)
			done += (size_t)n;
		else if (n == 0 || errno != EINTR)
			errnum = n ? errno : ENOSPC;
	}
	if (!errnum) {
		log->bytes += length;
		return;
	}
	/* Cutting off needs no room; a device that cannot be cut kept nothing either. */
	if (done && ftruncate(log->fd, (off_t)log->bytes) != 0)
		log->bytes += done;
	if (!log->lost++)
		log->errnum = errnum;
}

void report_log_close(struct report_log *log)
{
	if (log->fd >= 0)
		close(log->fd);
	free(log->path);
	*log = (struct report_log){.fd = -1};
}

int report_json_write(const char *path, json_t *value, bool sync)
{
	struct newfile out;
	int closed, err = value ? newfile_open(&out, path) : -ENOMEM;

	if (err) {
		json_decref(value);
		return err;
	}
	err = jsonl_pretty(out.file, value);
	if (!err && sync && (fflush(out.file) != 0 || fsync(fileno(out.file)) != 0))
		err = -errno;
	closed = newfile_close(&out, !err);
	return err ? err : closed;
}

int report_document_write(const char *dir, const char *name, json_t *value, struct error *error)
{
	char *path = report_path(dir, name);
	int err = -ENOMEM;

	if (path)
		err = report_json_write(path, value, false);
	else
		json_decref(value);
	free(path);
	return err ? error_host(error, -err, "%s/%s", dir, name) : 0;
}
