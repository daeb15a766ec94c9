/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * run.h: the guest's life: takes the steps of its workload one by one, at their pace, and checks every page it touches.
 *
 * The body calls run_slice() again and again, with the time, and sleeps when told to. The simulator can do so with
 * its virtual clock as well as the kernel with the processor's.
 *
 * The host may send another workload while one runs. One that touches the same pages (of the same kind, number and
 * content, with the same times) only takes its place: pages stay, filling goes on, the next touches have the new rate,
 * share of writes and alpha. For any other the running phase ends as phases do, and the new workload begins.
 */
#ifndef BALLAST_GUEST_RUN_H
#define BALLAST_GUEST_RUN_H

#include "ballast/guest_mail.h"
#include "guest/core/guest.h"
#include "guest/core/pace.h"
#include "guest/core/workload.h"

#define RUN_CHUNK       64u      /* touches between two looks at the clock */
#define RUN_MAX_REST_NS NS_PER_S /* longest sleep asked for */

/* The body. Called from run_slice() only. Required are event and one of page and identity; mail may be NULL. */
struct run_ops {
	/*
	 * The page's words, resident or made so when they are touched; valid until the next call. NULL: that failed,
	 * *err says why (as pager_fault() does).
	 */
	uint64_t *(*page)(void *ctx, uint32_t page, bool write, int *err);
	void (*event)(void *ctx, enum guest_event event);
	/* Did mail come since the last call? Then its text is copied to text[GUEST_MAIL_BYTES] and *number is its number. Asked
	 * at each slice, so it must be cheap (ballast/guest_mail.h). */
	bool (*mail)(void *ctx, char *text, size_t *bytes, uint64_t *number);
	/* Instead of page, in a body without bytes: where the page's identity (content.h) is kept. Otherwise as page. */
	uint64_t *(*identity)(void *ctx, uint32_t page, bool write, int *err);
};

struct run {
	struct guest *guest;
	const struct run_ops *ops;
	void *ctx;
	struct workload workload;
	uint64_t seed, vm;
	struct workload_spec mailed; /* the workload's, once one came by mail */
	struct pace pace;
	struct workload_step step; /* drawn, not done yet, if has_step */
	bool has_step;
	bool stepped;          /* GUEST_EVENT_FIRST_STEP is out */
	bool filling;          /* GUEST_EVENT_FILLED of this phase is not out yet */
	uint32_t due;          /* touches left of this slice */
	uint64_t phase_end_ns; /* UINT64_MAX: the phase lasts */
};

/* guest, ops, ctx, spec: borrowed for the run's life. spec: valid, no phase larger than the guest's pager, or its data disk. */
void run_init(struct run *r, struct guest *guest, const struct workload_spec *spec, uint64_t seed,
	      uint64_t vm, const struct run_ops *ops, void *ctx);

enum run_result { RUN_GOES_ON, RUN_OVER };

/*
 * Does what is due at now_ns, RUN_CHUNK touches at most. RUN_GOES_ON: call again at *wake_ns (not before now; never more
 * than RUN_MAX_REST_NS away). RUN_OVER: no more phases. Negative: what ops->page() said; the run cannot go on.
 *
 * Statistics are stored as things happen: filled_pages, work_units, integrity_*, bad_*, phase, mail_*. A block of a file
 * that is overwritten is a work unit, but no integrity check.
 */
int run_slice(struct run *r, uint64_t now_ns, uint64_t *wake_ns);

/* Is it zeroing memory as a system that boots does? Its drivers are not loaded yet then. */
bool run_boots(const struct run *r);

#endif
