/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * irq.c: raising interrupt lines.
 *
 * The in-kernel controllers turn an edge into a vector, wake a vCPU that sleeps in hlt and interrupt one that runs; we
 * never kick a vCPU for an interrupt. Edges of a line that is masked wait in the controller, as in hardware.
 * Reference: Linux Documentation/virt/kvm/api.rst, KVM_IRQFD, KVM_IRQ_LINE.
 */
#include "vmm/irq.h"

#include <errno.h>
#include <linux/kvm.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <unistd.h>

int irq_init(struct irq *irq, int vm_fd, uint32_t gsi, bool irqfd)
{
	struct kvm_irqfd assign = {.gsi = gsi};
	int err;

	*irq = (struct irq){.vm_fd = vm_fd, .gsi = gsi, .event_fd = -1};
	if (!irqfd)
		return 0;
	irq->event_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (irq->event_fd < 0)
		return -errno;
	assign.fd = (uint32_t)irq->event_fd;
	if (!ioctl(vm_fd, KVM_IRQFD, &assign))
		return 0;
	err = errno;
	irq_close(irq);
	return -err;
}

void irq_pulse(const struct irq *irq)
{
	struct kvm_irq_level level = {.irq = irq->gsi, .level = 1};

	if (irq->event_fd >= 0) {
		/* KVM empties the counter as we write; full cannot happen. */
		eventfd_write(irq->event_fd, 1);
		return;
	}
	ioctl(irq->vm_fd, KVM_IRQ_LINE, &level);
	level.level = 0;
	ioctl(irq->vm_fd, KVM_IRQ_LINE, &level);
}

void irq_close(struct irq *irq)
{
	if (irq->event_fd >= 0)
		close(irq->event_fd);
	irq->event_fd = -1;
}
