/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * uffd.c: see uffd.h. Reference: ioctl_userfaultfd(2), linux/userfaultfd.h.
 *
 * EAGAIN from an ioctl means that the address space is being changed (mremap with its event unread): try again. What
 * Debian 12's headers do not have yet (UFFDIO_MOVE, Linux 6.8) is declared here.
 */
#include "vmm/uffd.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/userfaultfd.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "ballast/types.h"

#ifndef UFFDIO_MOVE
struct uffdio_move {
	__u64 dst, src, len, mode;
	__s64 move;
};
#define UFFDIO_MOVE       _IOWR(UFFDIO, 0x05, struct uffdio_move)
#define UFFD_FEATURE_MOVE (1 << 16)
#endif
#ifndef USERFAULTFD_IOC_NEW
#define USERFAULTFD_IOC_NEW _IO(0xAA, 0x00)
#endif

#define NEEDED          UFFD_FEATURE_PAGEFAULT_FLAG_WP
#define NEEDED_TO_SHARE (UFFD_FEATURE_WP_HUGETLBFS_SHMEM | UFFD_FEATURE_EVENT_REMAP)

static int new_fd(void)
{
	int fd = (int)syscall(SYS_userfaultfd, O_CLOEXEC), device;

	if (fd >= 0 || errno != EPERM)
		return fd < 0 ? -errno : fd;
	device = open("/dev/userfaultfd", O_RDWR | O_CLOEXEC);
	if (device < 0)
		return -EPERM;
	fd = ioctl(device, USERFAULTFD_IOC_NEW, O_CLOEXEC);
	if (fd < 0)
		fd = -errno;
	close(device);
	return fd;
}

/* The handshake can be made once a descriptor: one to ask what there is, one to ask for it. */
static int handshake(uint64_t wanted, uint64_t *features)
{
	struct uffdio_api api = {.api = UFFD_API, .features = wanted};
	int fd = new_fd(), result;

	if (fd < 0)
		return fd;
	if (ioctl(fd, UFFDIO_API, &api)) {
		result = -errno;
		close(fd);
		return result;
	}
	*features = api.features;
	return fd;
}

static int open_with(struct uffd *u, uint64_t more, struct error *error)
{
	uint64_t features = 0, got;
	int fd = handshake(0, &features);

	*u = (struct uffd){.fd = -1};
	if (fd == -EPERM)
		return error_host(error, EPERM,
				  "userfaultfd refused: run as root, give this user access to "
				  "/dev/userfaultfd, "
				  "or set vm.unprivileged_userfaultfd=1 (see 'ballast doctor')");
	if (fd < 0)
		return error_host(error, -fd, "userfaultfd (see 'ballast doctor')");
	close(fd);
	if ((features & NEEDED) != NEEDED)
		return error_host(
			error, ENOTSUP,
			"userfaultfd without write protection: Linux 5.7 or later is needed");
	if ((features & more) != more)
		return error_host(error, ENOTSUP,
				  "userfaultfd without write protection of file mappings: sharing "
				  "needs Linux 5.19 or later");
	fd = handshake(NEEDED | more | (features & UFFD_FEATURE_MOVE), &got);
	if (fd < 0)
		return error_host(error, -fd, "userfaultfd: features 0x%llx",
				  (unsigned long long)features);
	u->fd = fd;
	u->has_move = features & UFFD_FEATURE_MOVE;
	return 0;
}

int uffd_open(struct uffd *u, struct error *error)
{
	return open_with(u, 0, error);
}

int uffd_open_remap(struct uffd *u, struct error *error)
{
	return open_with(u, NEEDED_TO_SHARE, error);
}

void uffd_close(struct uffd *u)
{
	if (u->fd >= 0)
		close(u->fd);
	u->fd = -1;
}

/* One ioctl until the address space holds still. */
static int repeat(const struct uffd *u, unsigned long request, void *arg, int64_t *progress)
{
	while (ioctl(u->fd, request, arg)) {
		if (errno != EAGAIN)
			return -errno;
		if (progress && *progress > 0)
			return 0; /* all of the one page was done */
		if (progress)
			*progress = 0;
		sched_yield();
	}
	return 0;
}

int uffd_register(const struct uffd *u, void *start, size_t bytes, bool protect)
{
	struct uffdio_register r = {.range = {(uintptr_t)start, bytes},
				    .mode = UFFDIO_REGISTER_MODE_MISSING};

	if (protect)
		r.mode |= UFFDIO_REGISTER_MODE_WP;
	return repeat(u, UFFDIO_REGISTER, &r, NULL);
}

int uffd_register_protect(const struct uffd *u, void *start, size_t bytes)
{
	struct uffdio_register r = {.range = {(uintptr_t)start, bytes},
				    .mode = UFFDIO_REGISTER_MODE_WP};

	return repeat(u, UFFDIO_REGISTER, &r, NULL);
}

int uffd_copy(const struct uffd *u, void *to, const void *from, bool protect)
{
	struct uffdio_copy c = {.dst = (uintptr_t)to,
				.src = (uintptr_t)from,
				.len = PAGE_BYTES,
				.mode = protect ? UFFDIO_COPY_MODE_WP : 0};
	int64_t *copied = (int64_t *)&c.copy;

	return repeat(u, UFFDIO_COPY, &c, copied);
}

int uffd_move(const struct uffd *u, void *to, void *from)
{
	struct uffdio_move m = {.dst = (uintptr_t)to, .src = (uintptr_t)from, .len = PAGE_BYTES};
	int64_t *moved = (int64_t *)&m.move;

	return repeat(u, UFFDIO_MOVE, &m, moved);
}

int uffd_protect(const struct uffd *u, void *page, bool protect)
{
	return uffd_protect_range(u, page, PAGE_BYTES, protect);
}

int uffd_protect_range(const struct uffd *u, void *start, size_t bytes, bool protect)
{
	struct uffdio_writeprotect w = {{(uintptr_t)start, bytes},
					protect ? UFFDIO_WRITEPROTECT_MODE_WP : 0};

	return repeat(u, UFFDIO_WRITEPROTECT, &w, NULL);
}

void uffd_wake(const struct uffd *u, void *start, size_t bytes)
{
	struct uffdio_range r = {(uintptr_t)start, bytes};

	ioctl(u->fd, UFFDIO_WAKE, &r); /* fails only for ranges that were never registered */
}

int uffd_next(const struct uffd *u, struct uffd_event *event)
{
	struct uffd_msg msg;
	ssize_t n;

	do {
		n = read(u->fd, &msg, sizeof msg);
		if (n < 0)
			return -errno;
		if (n != (ssize_t)sizeof msg)
			return -EIO;
	} while (msg.event != UFFD_EVENT_PAGEFAULT);
	event->address = msg.arg.pagefault.address & ~(uint64_t)(PAGE_BYTES - 1);
	event->protected = msg.arg.pagefault.flags & UFFD_PAGEFAULT_FLAG_WP;
	return 0;
}
