/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * bench_ksm.c: see bench_ksm.h. Reference: Documentation/admin-guide/mm/ksm.rst of the kernel.
 *
 * KSM is one for the whole host. So its settings are read first and written back at the end, whatever happens but
 * SIGKILL, and what other processes share is subtracted. `run` is 0 while memory is being filled; it is never set to 2,
 * which would undo the sharing of others: unmapping the area undoes ours.
 */
#include "cmd/bench_ksm.h"

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#define FOLDER    "/sys/kernel/mm/ksm/"
#define FORGET_MS 5000u /* for ksmd to find that an area is gone, which it does in its next pass */

/* What the benchmark sets, in this order, and puts back in reverse. The advisor changes pages_to_scan by itself. */
static const struct {
	const char *name, *value;
	bool required;
} settings[KSM_SETTINGS] = {
	{"run", "0", true},
	{"advisor_mode", "none", false},
	{"smart_scan", "0", false},
	{"use_zero_pages", "0", false},
	{"pages_to_scan", "100000", true},
	{"sleep_millisecs", "0", true},
};

static int file_write(const char *name, const char *value)
{
	char path[96];
	ssize_t n;
	int fd, error;

	snprintf(path, sizeof path, FOLDER "%s", name);
	fd = open(path, O_WRONLY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	n = write(fd, value, strlen(value));
	error = errno;
	close(fd);
	return n < 0 ? -error : 0;
}

static bool file_read(const char *name, char *to, size_t bytes)
{
	char path[96];
	ssize_t n;
	int fd;

	snprintf(path, sizeof path, FOLDER "%s", name);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return false;
	n = read(fd, to, bytes - 1);
	close(fd);
	to[n > 0 ? n : 0] = '\0';
	to[strcspn(to, "\n")] = '\0';
	return n > 0;
}

static uint64_t figure(const char *name)
{
	char text[32];

	return file_read(name, text, sizeof text) ? strtoull(text, NULL, 10) : 0;
}

/* Of "none [scan-time]" the word in brackets. */
static void keep_chosen(char *text)
{
	const char *open = strchr(text, '[');
	size_t length = open ? strcspn(open + 1, "]") : 0;

	if (!open)
		return;
	memmove(text, open + 1, length);
	text[length] = '\0';
}

static bool is_ksmd(const char *pid)
{
	char path[300], name[32] = "";
	FILE *f;

	snprintf(path, sizeof path, "/proc/%s/comm", pid);
	f = fopen(path, "re");
	if (f && !fgets(name, sizeof name, f))
		name[0] = '\0';
	if (f)
		fclose(f);
	return strcmp(name, "ksmd\n") == 0;
}

static int find_ksmd(void)
{
	DIR *d = opendir("/proc");
	const struct dirent *e;
	int pid = 0;

	while (d && !pid && (e = readdir(d)))
		if (isdigit((unsigned char)e->d_name[0]) && is_ksmd(e->d_name))
			pid = atoi(e->d_name);
	if (d)
		closedir(d);
	return pid;
}

/* Nothing is set once settings were put back, by whichever thread. */
static int set(struct ksm *k, const char *name, const char *value)
{
	int result = -ECANCELED;

	pthread_mutex_lock(&k->lock);
	if (!k->put_back)
		result = file_write(name, value);
	pthread_mutex_unlock(&k->lock);
	return result;
}

void ksm_put_back(struct ksm *k)
{
	pthread_mutex_lock(&k->lock);
	for (unsigned i = KSM_SETTINGS; i-- && !k->put_back;)
		if (k->before[i][0])
			file_write(settings[i].name, k->before[i]);
	k->put_back = true;
	pthread_mutex_unlock(&k->lock);
}

void ksm_begin(struct ksm *k)
{
	*k = (struct ksm){.why = ""};
	pthread_mutex_init(&k->lock, NULL);
	for (unsigned i = 0; i < KSM_SETTINGS && !k->why[0]; i++) {
		char *before = k->before[i];
		int result = -ENOENT;

		if (file_read(settings[i].name, before, sizeof k->before[i])) {
			keep_chosen(before);
			result = file_write(settings[i].name, settings[i].value);
		}
		if (result)
			before[0] = '\0'; /* not ours to put back */
		if (result && settings[i].required)
			snprintf(k->why, sizeof k->why, "no reference, " FOLDER "%s: %s",
				 settings[i].name, strerror(-result));
		k->smart |= !result && strcmp(settings[i].name, "smart_scan") == 0;
	}
	k->usable = !k->why[0];
	k->pid = find_ksmd();
	k->saved_before = figure("pages_sharing");
	if (!k->usable)
		ksm_put_back(k);
}

void ksm_end(struct ksm *k)
{
	if (!k->usable)
		return;
	ksm_area_drop(k);
	ksm_put_back(k);
	k->usable = false;
}

int ksm_area_make(struct ksm *k, const struct layout *l)
{
	size_t bytes = pages_to_bytes(l->pages);
	uint8_t *p = mmap(NULL, bytes, PROT_READ | PROT_WRITE,
			  MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	if (p == MAP_FAILED)
		return -errno;
	k->area = p;
	k->bytes = bytes;
	madvise(p, bytes, MADV_NOHUGEPAGE); /* EINVAL on kernels without huge pages is as good */
	for (npages_t i = 0; i < l->pages; i++)
		layout_fill(l, i, p + pages_to_bytes(i));
	return madvise(p, bytes, MADV_MERGEABLE) ? -errno : 0;
}

void ksm_area_drop(struct ksm *k)
{
	const struct timespec pause = {.tv_nsec = 1000000};

	if (!k->area)
		return;
	munmap(k->area, k->bytes);
	k->area = NULL;
	set(k, "run", "1");
	for (unsigned ms = 0; ms < FORGET_MS && figure("pages_sharing") > k->saved_before; ms++)
		nanosleep(&pause, NULL);
	set(k, "run", "0");
}

int ksm_go(struct ksm *k)
{
	(void)k;
	return set(k, "run", "1");
}

int ksm_smart(struct ksm *k, bool on)
{
	return k->smart ? set(k, "smart_scan", on ? "1" : "0") : -ENOTSUP;
}

uint64_t ksm_saved(const struct ksm *k)
{
	uint64_t now = figure("pages_sharing");

	return now > k->saved_before ? now - k->saved_before : 0;
}

uint64_t ksm_passes(const struct ksm *k)
{
	(void)k;
	return figure("full_scans");
}

/* In nanoseconds where the kernel keeps them, else in ticks. */
double ksm_cpu_s(const struct ksm *k)
{
	char path[64], line[512];
	unsigned long long ns = 0, user = 0, system = 0;
	FILE *f;

	snprintf(path, sizeof path, "/proc/%d/schedstat", k->pid);
	f = fopen(path, "re");
	if (f && fscanf(f, "%llu", &ns) != 1)
		ns = 0;
	if (f)
		fclose(f);
	if (ns)
		return (double)ns / 1e9;
	snprintf(path, sizeof path, "/proc/%d/stat", k->pid);
	f = fopen(path, "re");
	if (f && fgets(line, sizeof line, f) && strchr(line, ')'))
		sscanf(strchr(line, ')') + 1,
		       " %*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %llu %llu", &user, &system);
	if (f)
		fclose(f);
	return (double)(user + system) / (double)sysconf(_SC_CLK_TCK);
}
