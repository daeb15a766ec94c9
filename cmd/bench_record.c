/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * bench_record.c: what it costs a run to be recorded: faults a second of a machine that records, against one that does
 * not. Zero-fill faults of a thread, one after the other: the cheapest, so the record weighs most.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "cmd/bench.h"
#include "cmd/record_file.h"

#define TOUCHES 4000u /* a round */

struct toucher {
	struct machine *m; /* owned */
	vmid_t vm;
	uint64_t page; /* the next one */
	struct samples rate;
};

static int begin(struct bench *b, struct toucher *t, struct error *error)
{
	npages_t pages = (npages_t)b->rounds * TOUCHES;
	int result = bench_machine(b, pages + pages / 4 + 4096, 0, 1, &t->m, error);

	if (!result)
		result = bench_add_vm(t->m, "bench", pages, NULL, &t->vm, error);
	return result ? result : machine_start(t->m, error);
}

static int touch_a_round(struct toucher *t)
{
	double began = bench_now_us();
	int result = 0;

	for (unsigned i = 0; i < TOUCHES && !result; i++) {
		uint64_t word;

		result = machine_guest_read(t->m, t->vm, gpa(t->page++ * PAGE_BYTES), &word,
					    sizeof word);
	}
	return result ? result : samples_add(&t->rate, TOUCHES * 1e6 / (bench_now_us() - began));
}

static void report(struct bench *b, struct toucher *recorded, struct toucher *plain,
		   const struct record_written *w)
{
	b->print(b, &(struct bench_result){"record.faults", samples_percentile(&recorded->rate, 50),
					   "/s", samples_percentile(&plain->rate, 50),
					   "the same, not recorded", 0.95, GOAL_RATIO_LEAST,
					   recorded->rate.nr});
	b->print(b, &(struct bench_result){
			    "record.bytes", (double)w->file_bytes / (double)(recorded->page), "B",
			    0, "none: bytes of the file a fault", 0, GOAL_VALUE_MOST, 1});
}

int bench_record(struct bench *b, struct error *error)
{
	struct toucher recorded = {.m = NULL}, plain = {.m = NULL};
	struct record_written written = {.file_bytes = 0};
	struct record_writer *writer = NULL;
	char *path = NULL;
	int result = 0;

	if (asprintf(&path, "%s/.ballast-bench-%d.record", b->dir, (int)getpid()) < 0)
		return error_host(error, ENOMEM, "record benchmark");
	result = record_writer_open(path, json_object(), &writer, error);
	if (!result)
		result = record_writer_begin(writer, error);
	if (!result)
		result = begin(b, &plain, error);
	if (!result) {
		b->record = record_writer_sink(writer);
		result = begin(b, &recorded, error);
		b->record.put = NULL;
	}
	for (unsigned round = 0; round < b->rounds && !result; round++) {
		result = touch_a_round(&plain);
		result = result ? result : touch_a_round(&recorded);
		if (result)
			error_host(error, -result, "record benchmark");
	}
	machine_destroy(recorded.m);
	machine_destroy(plain.m);
	record_writer_close(writer, &written);
	unlink(path);
	if (!result && written.lost_bytes)
		result = error_host(error, written.errnum, "%s", path);
	if (!result)
		report(b, &recorded, &plain, &written);
	samples_free(&recorded.rate);
	samples_free(&plain.rate);
	free(path);
	return result;
}
