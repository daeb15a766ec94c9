/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * boot.h: what stands in guest memory when the first instruction runs, and where that is.
 *
 * vm_boot() in two steps, so that the first can be tested without KVM: boot_place() lays out and hands over pages;
 * vcpu_boot() (vcpu.h) sets the registers.
 */
#ifndef BALLAST_VMM_BOOT_H
#define BALLAST_VMM_BOOT_H

#include <stdint.h>

#include "lib/error.h"
#include "vmm/guest_memory.h"
#include "vmm/vm.h"

/* Words the VMM adds to the command line. */
struct boot_words {
	unsigned nr_devices; /* virtio_mmio.device= each */
	uint32_t tsc_khz;    /* lab.tsc_khz=, for lab guests; 0: none */
	unsigned
		data_disk; /* lab.data=: which of the devices, counted from 1, files lie on; 0: none */
};

/*
 * Lays out and places everything; see vm_boot(). *entry: where the first vCPU starts. 0 or -errno with words; user: the kernel or the command line is wrong. Pages may
 * have been placed when it fails.
 */
int boot_place(const struct boot_image *image, const struct guest_layout *layout,
	       const struct boot_words *words, boot_place_fn *place, void *ctx, uint64_t *entry,
	       struct error *error);

#endif
