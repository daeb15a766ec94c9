/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * irq.h: a device's interrupt line into KVM's interrupt controllers, edge-triggered.
 *
 * An irqfd where KVM has it: one write to an eventfd, from any thread, delivered without the VMM. Else KVM_IRQ_LINE up
 * and down. Both work for guests that use the IOAPIC or the old PICs.
 */
#ifndef BALLAST_VMM_IRQ_H
#define BALLAST_VMM_IRQ_H

#include <stdbool.h>
#include <stdint.h>

struct irq {
	int vm_fd; /* borrowed */
	uint32_t gsi;
	int event_fd; /* owned; -1: KVM_IRQ_LINE */
};

/* irqfd: KVM has it. 0 or -errno. */
int irq_init(struct irq *irq, int vm_fd, uint32_t gsi, bool irqfd);

/* One edge. Any thread. */
void irq_pulse(const struct irq *irq);

void irq_close(struct irq *irq);

#endif
