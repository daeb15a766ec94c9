/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * swap.h: what pages need on their way to swap and back: stages, slots, requests, read-ahead. Part of page.h, which
 * includes it.
 */
#ifndef BALLAST_MM_SWAP_H
#define BALLAST_MM_SWAP_H

#include "mm/page.h"

/* stage.c */
bool stage_get(struct mm *m, bool to_read, uint16_t *out); /* false: none left */
void stage_put(struct mm *m, uint16_t s);                  /* it is empty already */
void stage_drop_put(struct mm *m, const stage_t *s,
		    uint32_t nr); /* empties, then gives back; sorts runs together */

/* slot.c */
uint32_t slot_run_get(struct mm *m, uint32_t want, uint32_t *first); /* how many, 0: none */
void slot_put(struct mm *m,
	      uint32_t slot); /* a slot that nobody owns or whose write never started */
void slot_release(struct mm *m, struct mm_vm *v, uint32_t g); /* the page gives its slot up */
bool slot_busy(const struct mm *m, uint32_t slot);
void slot_written(struct mm *m, uint32_t slot, bool ok); /* it is busy no more; not ok: and bad */

/* io.c */
void io_disown_page(struct mm *m, struct mm_vm *v, uint32_t g); /* requests forget it */
struct mm_io *io_get(struct mm *m);                             /* NULL: all in flight */
void io_put(struct mm *m, struct mm_io *io);
bool io_read_start(struct mm *m, struct mm_vm *v,
		   uint32_t g); /* charges the frame; false: must wait */

uint32_t io_read_tickets(struct mm *m, uint32_t want); /* at the expense of read-ahead */

/* ahead.c */
bool ahead_take(struct mm *m, uint32_t vm, uint32_t g, uint16_t *s); /* false: being read */
void ahead_add(struct mm *m, uint32_t vm, uint32_t g, uint16_t s);
void ahead_drop_oldest(struct mm *m);
void ahead_forget_vm(struct mm *m, uint32_t vm);
uint32_t ahead_window(const struct mm *m, struct mm_vm *v); /* slots to read together now */
/* What is read of this page, or was read ahead, is not needed any more, nor is what is written of it. */
void ahead_page_forget(struct mm *m, struct mm_vm *v, uint32_t g);

/* double.c */
int double_vm_added(struct mm *m, struct mm_vm *v);
void double_vm_free(struct mm *m, struct mm_vm *v);
void double_writes(struct mm *m, struct mm_vm *v, uint32_t g, stage_t s); /* a page, from there */
void double_forget(struct mm_vm *v, uint32_t g); /* what was written last says nothing any more */

#endif
