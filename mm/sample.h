/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * sample.h: estimates of what a VM uses, inside mm/: what is kept of a VM and what is done with it. Part of page.h, which
 * includes it. What they are: sample.c, sample_write.c and refault.c.
 */
#ifndef BALLAST_MM_SAMPLE_H
#define BALLAST_MM_SAMPLE_H

#include "mm/mm.h"

struct mm_vm;
struct page;

/* The working set of a VM, estimated: sample.c. */
struct mm_sample {
	uint32_t *gfn; /* drawn in this period, nr of them; NULL: no sampling */
	uint32_t nr;
	uint32_t drawn, touched; /* nr, less those that were ballooned since; of them */
	bool running;
	uint64_t ran_ns; /* the VM's running time, as last told */
	uint64_t began_ns, began_ran_ns, began_stalled_ns;
	uint32_t slow_ppm, fast_ppm, last_ppm; /* averages, and f of the last period */
	uint64_t periods;                      /* that are over */
};

/* What a VM's pages that come back tell of the memory that it lacks: refault.c. */
struct mm_refault {
	uint32_t *bucket;    /* refaults of this period by distance; NULL: they are not kept */
	uint32_t shift;      /* stamps are page-outs / 2^shift */
	uint64_t left;       /* page-outs since the VM was made, */
	uint64_t began_left; /* when this period began */
	uint64_t back, began_back;   /* refaults, in the same way */
	uint32_t slow_ppm, fast_ppm; /* averages */
	npages_t beyond;             /* of the last period */
};

/* sample.c */
int sample_vm_added(struct mm *m, struct mm_vm *v);
void sample_vm_free(struct mm *m, struct mm_vm *v);
void sample_tick(struct mm *m);
void sample_touched(struct mm_vm *v, struct page *p); /* it is watched */
void sample_dropped(struct mm_vm *v, struct page *p); /* it is watched, and can be so no more */
/* Is the page watched for touches, and mapped, so that they are not seen? */
bool sample_is_blind(const struct mm *m, const struct page *p);
/* The page was mapped, or shares a frame, though nobody touched it: the sample may be blind to it now, and goes on without
 * it. */
void sample_check(struct mm *m, struct mm_vm *v, uint32_t g);
bool sample_restore(struct mm *m, struct mm_vm *v, uint32_t g,
		    enum mm_why why); /* a sampled page is mapped again; not a touch */
uint32_t sample_estimate_ppm(const struct mm_vm *v);
npages_t sample_active(const struct mm *m,
		       const struct mm_vm *v); /* by the estimator; all of it if there is none */
uint32_t sample_moved(uint32_t average, uint32_t f, uint32_t gain_ppm);

/* sample_write.c */
bool sample_by_write(const struct mm *m, const struct page *p);     /* watched, for writes only */
bool sample_write_watch(struct mm *m, struct mm_vm *v, uint32_t g); /* false: not this page */
void sample_write_end(struct mm *m, struct mm_vm *v, uint32_t g);   /* it is not watched any more */

/* refault.c */
void refault_vm_added(struct mm_vm *v);          /* page-outs count from now on, */
int refault_keep(struct mm *m, struct mm_vm *v); /* and distances from now on; -ENOMEM */
void refault_vm_free(struct mm *m, struct mm_vm *v);
void refault_page_left(struct mm_vm *v, struct page *p); /* it becomes swapped */
void refault_page_back(struct mm_vm *v,
		       const struct page *p); /* it was swapped, and has a frame again */
void refault_begin(struct mm_vm *v);
void refault_end(struct mm *m, struct mm_vm *v);
npages_t refault_beyond(const struct mm_vm *v); /* this period so far */
npages_t refault_pages(const struct mm_vm *v);  /* the estimate; 0 if it is not kept */

#endif
