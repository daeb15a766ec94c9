/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * ring.h: memory shared by `ballast trace record` and its plugin inside the emulator (record.c): references on their way.
 *
 * The memory is a number of chunks. A thread of the recorded program takes a free one, fills it alone, and hands it over
 * when it is full or the thread ends; then it takes another. So the order of one thread's references is exact, that of
 * several threads to a chunk each. A chunk says how far it is filled after each reference: when a process is killed, or
 * begins another program, nothing that it did is lost.
 *
 *	RING_FREE -> RING_FILLING (the thread that won the exchange) -> RING_FULL -> RING_FREE (ballast)
 *
 * Each handing over draws a number, `order`, before the state is stored; ballast writes chunks in this order. A thread
 * that finds no free chunk sleeps until ballast has freed one: a program never runs ahead of the disk. When all chunks
 * are with other threads, or ballast is gone, references are not waited for: they are counted as lost. Ballast is never
 * woken: it looks again every few milliseconds, in which no writer fills all chunks.
 *
 * Both sides are compiled from this header in the same build; RING_VERSION keeps a plugin from another one out.
 */
#ifndef BALLAST_SIM_PLUGIN_RING_H
#define BALLAST_SIM_PLUGIN_RING_H

#include <stdatomic.h>
#include <stdint.h>

#define RING_VERSION      0x62670001u
#define RING_CHUNKS       2048u
#define RING_CHUNK_REFS   2046u /* with its head, a chunk is 16 KiB */
#define RING_WRITE        1u
#define RING_PAGE_SHIFT   12u
#define RING_INSTRUCTIONS 1u /* flags: blocks' own pages too */
#define RING_PHYSICAL     2u /* a whole machine: physical pages */
#define RING_FORKS        4u /* forked processes too */

enum ring_state { RING_FREE, RING_FILLING, RING_FULL };

struct ring_chunk {
	_Atomic uint32_t used; /* written by the owner only while it is filling */
	uint32_t process;      /* 0: the first; forked ones as they come */
	_Atomic uint32_t pid;  /* of the owner; 0: what used says is not the owner's yet */
	uint32_t zero;
	uint64_t ref[RING_CHUNK_REFS]; /* page number * 2, + RING_WRITE */
};

struct ring {
	uint32_t version;
	uint32_t flags;            /* RING_INSTRUCTIONS .. */
	uint32_t reader;           /* pid of ballast */
	_Atomic uint32_t attached; /* the plugin is there */
	_Atomic uint32_t closed;   /* nobody reads any more: stop */
	_Atomic uint32_t high;     /* chunks from here on were never taken */
	_Atomic uint32_t freed;    /* futex: counts chunks set free, if a writer sleeps */
	_Atomic uint32_t writers_sleep;
	_Atomic uint32_t processes;  /* numbers given to processes */
	_Atomic uint32_t unfollowed; /* forked processes that are not recorded */
	_Atomic uint32_t programs;   /* begun by exec, which run outside of the emulator */
	_Atomic uint64_t order;      /* of the next handing over */
	_Atomic uint64_t lost;       /* references */
	_Atomic uint32_t state[RING_CHUNKS];
	_Atomic uint64_t given[RING_CHUNKS]; /* order of a full chunk */
	_Alignas(4096) struct ring_chunk chunk[RING_CHUNKS];
};

#endif
