/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * mm_chaos.h: a random machine on a fake body, for tests in which everything happens at once.
 *
 * It has what such tests have in common: VMs of random sizes that are doomed and end in the middle of their reads and
 * writes, a body that refuses and a disk that fails now and then, and what each page should hold. What happens in a step
 * and how likely it is, is the test's. All chance is drawn from one generator, so a seed is a machine and its history.
 *
 * A page must hold what was last written to it, unless its VM is doomed or broken; one that was given up and not written
 * since holds that or zeros.
 */
#ifndef BALLAST_TESTS_MM_CHAOS_H
#define BALLAST_TESTS_MM_CHAOS_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "tests/support/fake_body.h"
#include "tests/support/recorded.h"

enum chaos_life { CHAOS_ALIVE, CHAOS_DOOMED, CHAOS_ENDED };

struct chaos_truth {
	uint64_t content;
	bool given; /* or zeros */
};

struct chaos {
	struct fake_body body;
	struct recorded record; /* of some: see chaos_create() */
	struct rng rng;
	unsigned nr_vms;
	enum chaos_life life[FAKE_VMS];
	struct chaos_truth *truth[FAKE_VMS];
	/* what the next write to page g writes; set by the test */
	uint64_t (*content)(struct chaos *c, uint64_t g);
	uint64_t contents; /* for it */
};

/* A machine without a manager, and a configuration for it with a random pager: the test adds the rest. */
struct chaos *chaos_make(uint64_t seed, struct mm_config *config);
/* The manager, by the configuration. One machine in three is recorded, and must replay to the last call when it goes. */
void chaos_create(struct chaos *c, const struct mm_config *config);
void chaos_free(struct chaos *c);

/* Another VM of 1 to 900 pages, perhaps with a minimum; groups: in one of two. False: it does not fit. */
bool chaos_add_vm(struct chaos *c, bool groups);

/* A number of [0, bound). */
uint64_t chaos_below(struct chaos *c, uint64_t bound);
/* A probability in ppm: most often none. */
uint32_t chaos_now_and_then(struct chaos *c);

/* A thread of the guest reads or writes page g, whatever comes of it; what it reads must be true. */
void chaos_touch(struct chaos *c, uint32_t vm, uint64_t g, bool write);
/* The test fails if the page is there and does not hold what it should. */
void chaos_check_page(const struct chaos *c, uint32_t vm, uint64_t g);

/* A VM is first doomed, then ended, as the live body does; nothing if it is not alive, or not doomed. */
void chaos_doom(struct chaos *c, uint32_t vm);
void chaos_end(struct chaos *c, uint32_t vm);

/* A random fault, whatever the page is like. */
void chaos_stray_fault(struct chaos *c, uint32_t vm);
/* One of the requests under way ends, if there is one. */
void chaos_finish_one(struct chaos *c);

/* The body begins to refuse, the disk to fail and caches to lose pages, or they end to. */
void chaos_weather(struct chaos *c);
/* The manager is consistent, the fake's frames are within what it charges, and every VM's least is free of the pool. */
void chaos_check(struct chaos *c);
/* Pages hold what they should, as far as they are there. */
void chaos_all_is_true(const struct chaos *c);
/* VM after VM ends, among the requests that are under way; nothing may be left. */
void chaos_everything_ends(struct chaos *c);

/* All VMs have ended: after the requests under way no frame, slot, stage or request may be left. */
void chaos_nothing_left(struct chaos *c);

#endif
