/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * doorbell.c: notifications from guest to device thread, by ioeventfd where KVM has it.
 *
 * The vCPU goes on at once either way: what a notification starts, disk I/O and touching guest pages, may sleep long
 * and happens on the device thread. Many rings between two looks are one.
 * Reference: Linux Documentation/virt/kvm/api.rst, KVM_IOEVENTFD.
 */
#include "vmm/doorbell.h"

#include <errno.h>
#include <linux/kvm.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <unistd.h>

int doorbell_init(struct doorbell *d, int vm_fd, uint64_t address, uint32_t value, bool ioeventfd)
{
	struct kvm_ioeventfd assign = {
		.addr = address,
		.len = sizeof(value),
		.datamatch = value,
		.flags = KVM_IOEVENTFD_FLAG_DATAMATCH,
	};
	int err;

	*d = (struct doorbell){.event_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK),
			       .in_kernel = ioeventfd};
	if (d->event_fd < 0)
		return -errno;
	assign.fd = d->event_fd;
	if (!ioeventfd || !ioctl(vm_fd, KVM_IOEVENTFD, &assign))
		return 0;
	err = errno;
	doorbell_close(d);
	return -err;
}

void doorbell_ring(const struct doorbell *d)
{
	eventfd_write(d->event_fd, 1);
}

bool doorbell_take(const struct doorbell *d)
{
	eventfd_t rings;

	return !eventfd_read(d->event_fd, &rings);
}

void doorbell_close(struct doorbell *d)
{
	if (d->event_fd >= 0)
		close(d->event_fd);
	d->event_fd = -1;
}
