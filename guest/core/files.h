/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * files.h: the guest's file cache: blocks of a data disk, cached in the same memory as all other pages.
 *
 * Block b of the disk is page pages + b of the pager, and has a place of its own in the page table: a cached block is
 * mapped, as by mmap(2), and a hit costs a touch and no fault. Two states, by its entry:
 *   not cached  entry 0; what it holds, if anything, the disk has
 *   cached      entry present; PTE_DIRTY: newer than what the disk has
 * One policy names who leaves, blocks or other pages (a unified page cache, as in Linux and the BSDs): a clean block is
 * dropped, a dirty one written to its own place, and neither needs swap.
 *
 * Which block belongs to which file, and where a file ends, the user knows and tells: before each touch of a block it
 * says what for, as read(2) and write(2) would know it. A block is written whole, so a write never reads. Nor need the
 * processor fault on it: who touches a block looks whether it is there, and calls pager_fault() if it is not. A deleted
 * file's blocks are dropped at once, dirty or not: what is deleted soon enough is never written.
 *
 * Blocks to be read next are read with the one that is wanted. When more than PAGER_DIRTY_PPM of the guest's memory is
 * dirty blocks, writing waits until some are written, in the order of the disk from where that ended the last time (an
 * elevator): so the pages that leave are mostly clean. Nothing is written because it is old.
 */
#ifndef BALLAST_GUEST_FILES_H
#define BALLAST_GUEST_FILES_H

#include "guest/core/pager.h"

/* Read with a block that is wanted, at most; 32 KiB in all. Never more than would leave together to make room. */
#define PAGER_FILE_AHEAD 7u

/* Linux's default of vm.dirty_ratio, from which on writers write back. */
#define PAGER_DIRTY_PPM 200000u

/* The page of a block. */
static inline uint32_t pager_file_page(const struct pager *p, uint32_t block)
{
	return p->pages + block;
}

/*
 * The block is touched next, to be read or to be overwritten whole, and nothing of the pager is called in between.
 * following: how many blocks behind it will be read after it, one by one; they belong to the same file. A block must not be
 * written to without this having been said. block < file_pages. Writing may write back others; errors of that are
 * counted (io_errors), and the blocks stay dirty.
 */
void pager_file_read(struct pager *p, uint32_t block, uint32_t following);
void pager_file_write(struct pager *p, uint32_t block);

/* Blocks [first, first + nr) belong to no file any more: dropped, not written. O(nr). */
void pager_file_drop(struct pager *p, uint32_t first, uint32_t nr);

#endif
