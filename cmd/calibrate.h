/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * calibrate.h: measuring what everything takes on this host, for the simulated machine.
 */
#ifndef BALLAST_CMD_CALIBRATE_H
#define BALLAST_CMD_CALIBRATE_H

#include "cmd/stop_signals.h"
#include "lib/error.h"
#include "sim/cost.h"

/* What this processor and the disk under dir take; needs no guest. */
int calibrate_host(const char *dir, struct sim_cost *cost, struct error *error);
/* The short live runs, and what counts of each: seconds, and numbers. */
enum { CALIBRATE_FILL, CALIBRATE_REFILL, CALIBRATE_WAKE, CALIBRATE_DISK, CALIBRATE_RUNS };
struct calibrate_run {
	double seconds, run, rest, interrupts, work, faults, disk_in, disk_out;
};
/* What guests take, from the figures of all runs. */
void calibrate_solve(const struct calibrate_run run[CALIBRATE_RUNS], struct sim_cost *cost);
#define CALIBRATE_PAGES 20000u /* filled in the first two */

/* The same, from short live runs; dir: for their files. After calibrate_host(). -ECANCELED, without an error: a signal. */
int calibrate_guests(const char *dir, struct stop_signals *signals, struct sim_cost *cost,
		     struct error *error);

#endif
