/* SPDX-License-Identifier: GPL-2.0-or-later */
/* run_machine.h: a scenario's machine and its VMs, admitted and made. */
#ifndef BALLAST_CMD_RUN_MACHINE_H
#define BALLAST_CMD_RUN_MACHINE_H

#include "cmd/scenario.h"
#include "vmm/machine.h"

/* Do its VMs fit the machine, at any time? The user's error if not. Before anything is made. */
int run_machine_admit(const struct scenario *s, struct error *error);

/* What a machine for it is made with; dir: for its files. Borrows from s. 0 or the host's error. */
int run_machine_config(const struct scenario *s, const char *dir, struct machine_config *out,
		       struct error *error);
/* The number of VM i's group: VMs of one group have one number; those without a group are the group 0. */
uint32_t run_machine_group(const struct scenario *s, unsigned i);

/* The memory manager's configuration for it; 0 or -ENOMEM. */
int run_machine_mm_config(const struct scenario *s, struct mm_config *out);

/* Makes the machine, with its files in dir, and the VMs it begins with. record: NULL, or who takes the record. *out: owned by the caller,
 * also after an error if not NULL. */
int run_machine_make(const struct scenario *s, const char *dir, const struct mm_record_sink *record,
		     struct machine **out, struct error *error);

/* Makes VM i of the scenario, and starts it if the machine runs: see machine_add_vm(). */
int run_machine_add_vm(struct machine *machine, const struct scenario *s, unsigned i,
		       struct error *error);

#endif
