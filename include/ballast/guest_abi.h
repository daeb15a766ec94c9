/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * guest_abi.h: the contract between the VMM and its guests; both include it, neither includes the other.
 *
 * Every guest boots by the Linux x86-64 boot protocol, 64-bit entry: rip = ELF entry, rsi = zero page, flat segments,
 * identity page tables over the first 4 GiB, interrupts off. What follows is where things are, and the little a lab
 * guest adds to the protocol: a page of statistics that the VMM reads and of mail that it writes, two I/O ports and its
 * command line.
 *
 * Guest-physical memory:
 *   0x00006000   statistics and, in the upper half, mail (lab guest), never paged out by the host
 *   0x00007000   zero page (struct boot_params)
 *   0x00009000   boot page tables (6 pages), GDT behind them
 *   0x00020000   command line, 0-terminated, at most GUEST_CMDLINE_BYTES
 *   0x00100000   kernel and up: free memory
 *   0xd0000000   virtio-mmio devices, 4 KiB each, interrupt GSI 5 + index (edge); memory goes on at 4 GiB
 */
#ifndef BALLAST_GUEST_ABI_H
#define BALLAST_GUEST_ABI_H

#include <stdint.h>

#define GUEST_STATS_GPA         0x6000ull
#define GUEST_MAIL_GPA          0x6800ull
#define GUEST_ZERO_PAGE_GPA     0x7000ull
#define GUEST_PAGE_TABLES_GPA   0x9000ull
#define GUEST_GDT_GPA           0xf000ull
#define GUEST_CMDLINE_GPA       0x20000ull
#define GUEST_CMDLINE_BYTES     4096u
#define GUEST_LOW_END           0x9fc00ull
#define GUEST_KERNEL_GPA        0x100000ull
#define GUEST_MMIO_GPA          0xd0000000ull
#define GUEST_MMIO_DEVICE_BYTES 0x1000u
#define GUEST_MMIO_IRQ          5u
#define GUEST_HOLE_START        GUEST_MMIO_GPA /* guest memory never lies in [start, end) */
#define GUEST_HOLE_END          0x100000000ull

#define GUEST_COM1_PORT 0x3f8
#define GUEST_COM1_IRQ  4

/* 32-bit writes. EVENT: the guest reached a point the VMM wants the time of. EXIT: the guest is done with a status. */
#define GUEST_EVENT_PORT 0x0b10
#define GUEST_EXIT_PORT  0x0b14

enum guest_event {
	GUEST_EVENT_ENTRY = 1, /* the kernel's first instruction (only if asked for) */
	GUEST_EVENT_FIRST_STEP =
		2,              /* right before the workload's first page touch, filling included */
	GUEST_EVENT_FILLED = 3, /* all pages filled, work begins; once a phase */
};

enum guest_exit {
	GUEST_EXIT_HALTED = 0, /* workload over, or nothing to do for good */
	GUEST_EXIT_INTEGRITY =
		1, /* not used to stop: integrity errors are counted and the guest goes on */
	GUEST_EXIT_PANIC = 2,         /* the guest kernel gave up; the console says why */
	GUEST_EXIT_OUT_OF_MEMORY = 3, /* its memory and swap are full */
	GUEST_EXIT_BAD_COMMAND_LINE = 4,
};

/* How the guest's balloon stands to the target it was told. */
enum guest_balloon_state {
	GUEST_BALLOON_NONE,      /* no driver, or no device */
	GUEST_BALLOON_REACHED,   /* holds the target */
	GUEST_BALLOON_CAPPED,    /* holds all it may, which is less than the target */
	GUEST_BALLOON_SLOW,      /* on its way, held back by its rate */
	GUEST_BALLOON_NO_MEMORY, /* the guest could make no room, or was out of memory lately */
	GUEST_BALLOON_FAILED,    /* the device did not take the last pages */
	GUEST_BALLOON_STATES
};

#define GUEST_STATS_MAGIC 0x42414c4c53544154ull /* "BALLSTAT" */

/*
 * The statistics page. Written by the guest only, single 64-bit stores, each counter monotonic unless said otherwise;
 * the VMM copies it once and trusts nothing in it. Lab guests fill it; for others it stays zero (magic absent).
 */
struct guest_stats {
	uint64_t magic;
	uint64_t
		work_units; /* touches after filling; each but a file's write is an integrity check */
	uint64_t integrity_checks; /* stamps checked */
	uint64_t integrity_errors; /* stamps that were not what this guest wrote */
	uint64_t faults;           /* guest page faults taken by the guest's own pager */
	uint64_t swap_in_pages;    /* read by the guest from its swap disk */
	uint64_t swap_out_pages;   /* written by the guest to its swap disk */
	uint64_t free_pages;       /* level: in the guest's allocator */
	uint64_t balloon_pages;    /* level */
	uint64_t filled_pages;     /* pages of workload content written while filling */
	uint64_t phase;            /* level: index of the running phase of a phased workload */
	uint64_t io_errors;        /* requests that a disk refused */
	/* The first integrity error: workload page, its gfn, the word's index, what was there and what should have been. */
	uint64_t bad_page, bad_gfn, bad_word, bad_found, bad_expected;
	uint64_t interrupts; /* device and timer interrupts taken */
	uint64_t idle_ns;    /* time spent waiting on purpose */
	/* Levels: memory the guest's allocator has, and workload pages in it; free + balloon + resident = total at rest. */
	uint64_t total_pages, resident_pages;
	uint64_t resting; /* level: 1 while it sleeps with nothing to do; all levels agree then */
	uint64_t balloon_target_pages; /* level: the last target the balloon driver was told */
	uint64_t balloon_state;        /* level: enum guest_balloon_state */
	uint64_t balloon_ends[GUEST_BALLOON_STATES]; /* how often its work ended in each state */
	uint64_t balloon_resets;    /* started again because the device asked for it */
	uint64_t balloon_oom_pages; /* given back because the guest was out of memory */
	uint64_t mail_taken;        /* number of the last mail that was read */
	uint64_t mail_refused; /* mails whose text was no workload, or one it has no room for */
	/* The file cache. Pages read from the data disk; those of them that nobody had asked for yet. Pages written to it. */
	uint64_t file_read_pages, file_ahead_pages, file_write_pages;
	uint64_t file_hits;          /* reads and writes of pages that were cached */
	uint64_t file_ahead_hits;    /* the first ones of pages read ahead */
	uint64_t file_dropped_dirty; /* pages of deleted files that the disk never saw */
	uint64_t file_cached_pages,
		file_dirty_pages; /* levels: in the cache; newer than on the disk */
};

_Static_assert(sizeof(struct guest_stats) <= GUEST_MAIL_GPA - GUEST_STATS_GPA,
	       "mail begins in the middle of the page"); /* struct guest_mail, guest_mail.h */

/*
 * Command line of a lab guest: Linux's words where Linux has them, else "lab.KEY=VALUE", separated by blanks:
 *   virtio_mmio.device=4K@0xd0000000:5   a device, as for Linux; the lab guest's first block device, but for the data disk,
 *                                        is its swap, its first balloon device is served by its balloon driver
 *   lab.data=INDEX                       which of these words, from 0, is the disk that the workload's files are on; added
 *                                        by the VMM. A disk without that word is none
 *   lab.seed=N                           seeds workload and pager
 *   lab.vm=N                             private content depends on it
 *   lab.pager=NAME                       replacement policy of the guest's own pager
 *   lab.balloon=PPM                      the balloon holds at most this part of memory, 650000 if not said; 0: no driver
 *   lab.reporting=0|1                    1: the balloon's driver also tells the host which pages are free; 0 if not said
 *   lab.tsc_khz=N                        frequency of the time stamp counter, added by the VMM; else the guest measures it
 *   lab.workload=SPEC                    as workload_format() writes it, no blanks
 *   lab.pages=N                          a workload that comes by mail has at most so many pages, or as many as this one
 */

#endif
