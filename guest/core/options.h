/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * options.h: the guest's command line, as ballast/guest_abi.h describes it.
 */
#ifndef BALLAST_GUEST_OPTIONS_H
#define BALLAST_GUEST_OPTIONS_H

#include "guest/core/workload.h"
#include "mm/policy/policy.h"

#define OPTIONS_DEVICES 8

struct options_device {
	uint64_t gpa;
	uint32_t irq;
};

struct guest_options {
	uint64_t seed;
	uint64_t vm;
	uint64_t tsc_khz; /* 0: not said */
	const struct policy_ops *pager;
	uint32_t balloon_ppm; /* the balloon's cap; 0: no driver */
	bool reporting;       /* the balloon's driver tells the host of free pages */
	struct workload_spec workload;
	uint64_t pages; /* most of a workload that comes later; 0: no more than of this one */
	unsigned data;  /* which of the devices is the data disk; OPTIONS_DEVICES: none */
	unsigned nr_devices;
	struct options_device device[OPTIONS_DEVICES];
};

/*
 * text[0, length): words separated by blanks. Words that do not begin with "lab." or "virtio_mmio.device=" are for other
 * kernels and skipped. Left out: seed 1, vm 0, pager clock, balloon 650000, no reporting, workload idle, pages 0, no data
 * disk. A word given twice: the last one counts;
 * devices add up. 0; -EINVAL: *word and *word_length say which word is unknown or wrong (within text).
 */
int guest_options_parse(const char *text, size_t length, struct guest_options *out,
			const char **word, size_t *word_length);

#endif
