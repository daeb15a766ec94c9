/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * host_probe.c: the table of checks behind `ballast doctor`.
 *
 * A check is one function that tries the thing and says what it found, what the lack of it costs and how to get it. A
 * thing that no run can do without is MISSING, anything else at worst WARN. KVM and userfaultfd are asked in
 * host_probe_kvm.c.
 */

#include <errno.h>
#include <fcntl.h>
#include <liburing.h>
#include <sched.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/statvfs.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "ballast/types.h"
#include "vmm/host_probe_internal.h"

#define MIB(bytes) ((unsigned long long)(bytes) >> 20)

void probe_say(struct probe_result *out, enum probe_status status, const char *cost,
	       const char *remedy, const char *format, ...)
{
	va_list args;

	out->status = status;
	out->cost = status == PROBE_OK ? "" : cost;
	out->remedy = status == PROBE_OK ? "" : remedy;
	va_start(args, format);
	vsnprintf(out->found, sizeof(out->found), format, args);
	va_end(args);
}

/* The number in a one-line file of /proc or /sys; false: not readable. */
static bool read_number(const char *path, long long *out)
{
	FILE *f = fopen(path, "re");
	bool ok;

	*out = 0;
	if (!f)
		return false;
	ok = fscanf(f, "%lld", out) == 1;
	fclose(f);
	return ok;
}

/* A field of /proc/meminfo, bytes. */
static uint64_t meminfo_bytes(const char *field)
{
	FILE *f = fopen("/proc/meminfo", "re");
	unsigned long long kib = 0;
	char line[128];

	if (!f)
		return 0;
	while (fgets(line, sizeof(line), f)) {
		if (strncmp(line, field, strlen(field)) == 0 && line[strlen(field)] == ':') {
			kib = strtoull(line + strlen(field) + 1, NULL, 10);
			break;
		}
	}
	fclose(f);
	return kib << 10;
}

static void check_io_uring(const struct probe_place *place, struct probe_result *out)
{
	struct io_uring ring;
	long long disabled = 0;
	int err = io_uring_queue_init(2, &ring, 0);

	(void)place;
	if (err == 0) {
		io_uring_queue_exit(&ring);
		probe_say(out, PROBE_OK, "", "", "works");
		return;
	}
	read_number("/proc/sys/kernel/io_uring_disabled", &disabled);
	probe_say(
		out, PROBE_WARN, "swap is read and written by one thread, a request at a time",
		"as root: sysctl kernel.io_uring_disabled=0; in a container: allow io_uring_setup",
		"%s, kernel.io_uring_disabled=%lld", strerror(-err), disabled);
}

static bool direct_io_works(const char *dir)
{
	int fd = open(dir, O_TMPFILE | O_RDWR | O_DIRECT | O_CLOEXEC, 0600);
	void *page = NULL;
	bool works;

	if (fd < 0)
		return false;
	works = posix_memalign(&page, PAGE_BYTES, PAGE_BYTES) == 0;
	if (works) {
		memset(page, 1, PAGE_BYTES);
		works = pwrite(fd, page, PAGE_BYTES, 0) == (ssize_t)PAGE_BYTES;
	}
	free(page);
	close(fd);
	return works;
}

static void check_swap_folder(const struct probe_place *place, struct probe_result *out)
{
	int fd = open(place->work_dir, O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
	struct statvfs fs = {0};
	uint64_t room = 0;
	int err = errno;

	if (statvfs(place->work_dir, &fs) == 0)
		room = (uint64_t)fs.f_bavail * fs.f_frsize;
	if (fd < 0 && (err == EOPNOTSUPP || err == EISDIR)) {
		probe_say(out, PROBE_WARN, "swap files have a name for a moment",
			  "run in a folder on ext4, xfs, btrfs or tmpfs",
			  "no O_TMPFILE, %llu MiB free", MIB(room));
		return;
	}
	if (fd < 0) {
		probe_say(out, PROBE_WARN, "runs cannot put swap and results here",
			  "run in a folder that you may write to, or name one with -o", "%s: %s",
			  place->work_dir, strerror(err));
		return;
	}
	close(fd);
	if (!direct_io_works(place->work_dir))
		probe_say(out, PROBE_WARN, "swap goes through the page cache, which hides its cost",
			  "run in a folder on ext4, xfs or btrfs",
			  "O_TMPFILE, no O_DIRECT, %llu MiB free", MIB(room));
	else if (room < (256ull << 20))
		probe_say(out, PROBE_WARN, "swap files larger than that find no room",
			  "free some space, or name another place in host.swap.path",
			  "O_DIRECT, O_TMPFILE, only %llu MiB free", MIB(room));
	else
		probe_say(out, PROBE_OK, "", "", "O_DIRECT, O_TMPFILE, %llu MiB free", MIB(room));
}

static void check_kernel(const struct probe_place *place, struct probe_result *out)
{
	unsigned major = 0, minor = 0;
	struct utsname u;

	(void)place;
	if (uname(&u) != 0 || sscanf(u.release, "%u.%u", &major, &minor) != 2)
		probe_say(out, PROBE_WARN, "unknown", "use Linux 6.1 or later",
			  "of unknown version");
	else if (major < 6 || (major == 6 && minor < 1))
		probe_say(out, PROBE_WARN, "never tested", "use Linux 6.1 or later", "Linux %s",
			  u.release);
	else
		probe_say(out, PROBE_OK, "", "", "Linux %s", u.release);
}

static void check_mappings(const struct probe_place *place, struct probe_result *out)
{
	long long n;

	(void)place;
	if (!read_number("/proc/sys/vm/max_map_count", &n))
		probe_say(out, PROBE_WARN, "unknown", "mount /proc",
			  "vm.max_map_count is not readable");
	else if (n < 65530)
		probe_say(out, PROBE_WARN, "pages that are mapped one by one need one mapping each",
			  "as root: sysctl vm.max_map_count=262144", "vm.max_map_count=%lld", n);
	else
		probe_say(out, PROBE_OK, "", "", "vm.max_map_count=%lld", n);
}

static void check_memory(const struct probe_place *place, struct probe_result *out)
{
	uint64_t available = meminfo_bytes("MemAvailable");

	(void)place;
	if (available < (512ull << 20))
		probe_say(out, PROBE_WARN, "a 256 MiB machine and the program may not fit",
			  "stop other programs, or make host.memory smaller", "%llu MiB available",
			  MIB(available));
	else
		probe_say(out, PROBE_OK, "", "", "%llu MiB available of %llu MiB", MIB(available),
			  MIB(meminfo_bytes("MemTotal")));
}

static void check_host_swap(const struct probe_place *place, struct probe_result *out)
{
	uint64_t total = meminfo_bytes("SwapTotal");

	(void)place;
	if (total)
		probe_say(
			out, PROBE_WARN,
			"the host may page guest memory behind Ballast's back and falsify what it "
			"measures",
			"as root: swapoff -a while measuring", "%llu MiB of swap are on",
			MIB(total));
	else
		probe_say(out, PROBE_OK, "", "", "off");
}

static void check_cores(const struct probe_place *place, struct probe_result *out)
{
	int n = (int)sysconf(_SC_NPROCESSORS_ONLN);
	cpu_set_t set;

	(void)place;
	if (sched_getaffinity(0, sizeof(set), &set) == 0)
		n = CPU_COUNT(&set);
	if (n < 2)
		probe_say(out, PROBE_WARN, "guests and their pager take turns on one core",
			  "use a machine or a CPU set with two cores or more", "%d", n);
	else
		probe_say(out, PROBE_OK, "", "", "%d", n);
}

static void check_limits(const struct probe_place *place, struct probe_result *out)
{
	struct rlimit files = {0};

	(void)place;
	getrlimit(RLIMIT_NOFILE, &files);
	/* Each guest holds about a dozen descriptors: VM, vCPU, events, console, disk. */
	if (files.rlim_cur < 1024)
		probe_say(out, PROBE_WARN, "each guest needs about a dozen open files",
			  "ulimit -n 4096, or LimitNOFILE= in the unit", "%llu open files",
			  (unsigned long long)files.rlim_cur);
	else
		probe_say(out, PROBE_OK, "", "", "%llu open files",
			  (unsigned long long)files.rlim_cur);
}

static void check_gnuplot(const struct probe_place *place, struct probe_result *out)
{
	const char *path = getenv("PATH");
	char file[512];

	(void)place;
	while (path && *path) {
		size_t length = strcspn(path, ":");

		snprintf(file, sizeof(file), "%.*s/gnuplot", (int)length, path);
		if (access(file, X_OK) == 0) {
			probe_say(out, PROBE_OK, "", "", "%s", file);
			return;
		}
		path += length + (path[length] == ':');
	}
	probe_say(out, PROBE_WARN, "no pictures are drawn; runs are not affected",
		  "as root: apt install gnuplot-nox", "not in PATH");
}

static const struct {
	const char *name;
	void (*check)(const struct probe_place *place, struct probe_result *out);
} checks[] = {
	{"kvm", probe_check_kvm},
	{"kvm-features", probe_check_kvm_features},
	{"userfaultfd", probe_check_uffd},
	{"userfaultfd-features", probe_check_uffd_features},
	{"io_uring", check_io_uring},
	{"swap-folder", check_swap_folder},
	{"kernel", check_kernel},
	{"mappings", check_mappings},
	{"memory", check_memory},
	{"host-swap", check_host_swap},
	{"cores", check_cores},
	{"open-files", check_limits},
	{"gnuplot", check_gnuplot},
};

unsigned host_probe_count(void)
{
	return sizeof(checks) / sizeof(checks[0]);
}

void host_probe_run(unsigned index, const struct probe_place *place, struct probe_result *out)
{
	*out = (struct probe_result){.name = checks[index].name};
	checks[index].check(place, out);
}

const char *probe_status_name(enum probe_status status)
{
	static const char *const names[] = {"ok", "warn", "missing"};

	return names[status];
}
