/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * fileserver.h: what a file server does to its files, as a sequence of blocks: the workload of that name.
 *
 * After the fileserver personality of filebench, whose threads repeat: create a file and write it whole, append to one,
 * read one whole, delete one, look at one's attributes; each time of a file drawn anew. Here one of five operations is
 * drawn for a file drawn by zipf (uniform, as filebench draws, with alpha 0):
 *   write whole   the file, if it is there, is deleted; it is written with a length of its own
 *   append        1 to a quarter of the mean size of blocks; to a full file: write whole
 *   delete
 *   read whole
 *   stat          touches no block
 * write_ppm is the share of the first three, equal among each other, as are the last two: with 60 % the five are equal, as
 * in filebench. An operation on a file that is not there writes it whole; so with 60 % five of six files are there, where
 * filebench begins with four of five.
 *
 * Lengths are drawn by file and by how often it was written whole before: uniform from 1 to 2 x mean - 1 blocks. (Filebench
 * draws them from a gamma distribution of shape 1.5, which is wider; disks here are laid out by the largest.) File f has
 * the blocks from f x 2 x mean on for itself, so it lies in one piece, and a longer one never finds the disk full.
 *
 * Reference: Tarasov, Zadok, Shepler, Filebench: a flexible framework for file system benchmarking, ;login: 41(1), 2016;
 * workloads/fileserver.f of filebench (10000 files, mean 128 KiB, appends of 16 KiB).
 */
#ifndef BALLAST_GUEST_FILESERVER_H
#define BALLAST_GUEST_FILESERVER_H

#include "ballast/rng.h"
#include "ballast/types.h"
#include "guest/core/zipf.h"

struct phase_spec;
struct workload_step;

struct fileserver_file {
	uint32_t blocks; /* its length; 0: it is not there */
	uint32_t made;   /* how often it was written whole */
};

/* One running phase's. */
struct fileserver {
	struct fileserver_file *file; /* [files]; borrowed */
	uint32_t files, mean_blocks;
	uint64_t size_key;
	struct zipf zipf;
	struct scatter scatter;
	struct rng files_rng, ops_rng;
	/* the operation under way: what is left of it */
	uint32_t at, end; /* blocks of the disk */
	bool writes;
	uint32_t filled; /* files, while filling */
};

/* Blocks of the disk that the files of such a phase lie in: 2 x mean for each. */
uint64_t fileserver_blocks(const struct phase_spec *spec);

/* spec: valid; not kept. file: of spec->files records, any content; borrowed. key: of all that is drawn. */
void fileserver_begin(struct fileserver *s, const struct phase_spec *spec,
		      struct fileserver_file *file, uint64_t key);

/* alpha is new. */
void fileserver_go_on(struct fileserver *s, const struct phase_spec *spec);

/* The next block to fill, file by file, of the whole set. *last: there is no other. */
void fileserver_fill(struct fileserver *s, struct workload_step *step, bool *last);

/* The next block to be read or overwritten, or the next blocks to be dropped. O(1) expected. */
void fileserver_next(struct fileserver *s, uint32_t write_ppm, struct workload_step *step);

#endif
