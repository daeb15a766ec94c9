/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * host_probe_internal.h: what the files of the host's checks share; for vmm/host_probe*.c only.
 */
#ifndef BALLAST_VMM_HOST_PROBE_INTERNAL_H
#define BALLAST_VMM_HOST_PROBE_INTERNAL_H

#include "vmm/host_probe.h"

/* Fills *out; cost and remedy are dropped if status is PROBE_OK. */
__attribute__((format(printf, 5, 6))) void probe_say(struct probe_result *out,
						     enum probe_status status, const char *cost,
						     const char *remedy, const char *format, ...);

typedef void probe_check_fn(const struct probe_place *place, struct probe_result *out);

probe_check_fn probe_check_kvm, probe_check_kvm_features, probe_check_uffd,
	probe_check_uffd_features;

#endif
