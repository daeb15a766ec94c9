/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * bench.h: what the benchmarks share: samples, results, a machine to measure on.
 */
#ifndef BALLAST_CMD_BENCH_H
#define BALLAST_CMD_BENCH_H

#include <pthread.h>

#include "cmd/stop_signals.h"
#include "lib/error.h"
#include "vmm/machine.h"

/* What a goal is for, and on which side of it a result is to be. */
enum bench_goal { GOAL_RATIO_MOST, GOAL_RATIO_LEAST, GOAL_VALUE_MOST, GOAL_VALUE_LEAST };

struct bench_result {
	const char *name; /* fault.zero.p50 */
	double value;
	const char *unit;
	double reference;           /* same unit, measured in the same run; 0: there is none */
	const char *reference_what; /* a word on what it is */
	double goal;                /* 0: none */
	enum bench_goal goal_is;
	unsigned samples;
};

struct bench {
	bool json;
	unsigned rounds;
	char *dir;                    /* work files; a folder of this run's own */
	struct mm_record_sink record; /* of machines that are made from now on */
	void (*print)(struct bench *b, const struct bench_result *r);
	unsigned printed;
	void *table;
	/* A signal ends the program at once: see bench_work.c. */
	struct stop_signals *stop;
	pthread_mutex_t lock;        /* held while a result is told */
	void (*undo)(void *context); /* puts the host's settings back; NULL: nothing to do */
	void *undo_context;
};

/* Figures of one kind; owned by the benchmark, freed with samples_free(). */
struct samples {
	double *value;
	unsigned nr, room;
};
int samples_add(struct samples *s, double value);               /* 0 or -ENOMEM */
double samples_percentile(struct samples *s, unsigned percent); /* sorts; 0 if there are none */
void samples_free(struct samples *s);

int bench_fault(struct bench *b, struct error *error);
int bench_boot(struct bench *b, struct error *error);
int bench_balloon(struct bench *b, struct error *error);
int bench_share(struct bench *b, struct error *error);
int bench_mm(struct bench *b, struct error *error);
int bench_replay(struct bench *b, struct error *error);
int bench_record(struct bench *b, struct error *error);
int bench_overhead(struct bench *b, struct error *error);
int bench_sampling(struct bench *b, struct error *error);
int bench_compress(struct bench *b, struct error *error);
int bench_sim(struct bench *b, struct error *error);

/* Makes the work folder within dir and watches for signals, before other threads are made. 0 or -errno with words. */
int bench_work_begin(struct bench *b, const char *dir, struct error *error);
/* Prints the table and removes the work folder. */
void bench_work_end(struct bench *b);

/* A machine with the usual settings; work files in b->dir. */
int bench_machine(const struct bench *b, npages_t memory, npages_t swap, unsigned max_vms,
		  struct machine **out, struct error *error);
/* A lab guest with this command line, or memory only if cmdline is NULL. */
int bench_add_vm(struct machine *m, const char *name, npages_t pages, const char *cmdline,
		 vmid_t *out, struct error *error);
double bench_now_us(void);
/* Reads a word of that page; *took: us. 0 or -errno. */
int bench_touch(struct machine *m, vmid_t vm, uint64_t page, double *took);
/* Waits until the machine, of one VM, has memory to spare and nothing is on its way out. *s: owned by the caller. */
int bench_settle(struct machine *m, struct machine_snapshot **s);

#endif
