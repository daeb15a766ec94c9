/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * fileserver.c: operations on files, drawn one by one and taken apart into blocks.
 *
 * Two generators: one draws files, the other operations, two numbers for each and a third for an append. So which files
 * are drawn does not depend on the share of changes, only what is done to them. A file's records change when an operation
 * begins; nothing looks at them before it ends.
 */
#include "guest/core/fileserver.h"

#include "guest/core/workload.h"

#define APPEND_PART 4u /* an append is at most this part of the mean size */

enum change { CHANGE_WRITE, CHANGE_APPEND, CHANGE_DELETE, CHANGES };

static uint32_t place_blocks(const struct fileserver *s)
{
	return 2 * s->mean_blocks;
}

static uint32_t first_block(const struct fileserver *s, uint32_t file)
{
	return file * place_blocks(s);
}

uint64_t fileserver_blocks(const struct phase_spec *spec)
{
	return 2ull * spec->files * spec->file_pages;
}

void fileserver_begin(struct fileserver *s, const struct phase_spec *spec,
		      struct fileserver_file *file, uint64_t key)
{
	*s = (struct fileserver){
		.file = file,
		.files = spec->files,
		.mean_blocks = spec->file_pages,
		.size_key = rng_mix(key + 1),
		.files_rng = rng_seeded(key),
		.ops_rng = rng_seeded(rng_mix(~key)),
	};
	scatter_init(&s->scatter, s->files, &s->files_rng);
	fileserver_go_on(s, spec);
}

void fileserver_go_on(struct fileserver *s, const struct phase_spec *spec)
{
	zipf_init(&s->zipf, s->files, spec->alpha_ppm);
}

/* The file is written whole, from now on. */
static void make(struct fileserver *s, uint32_t file)
{
	struct fileserver_file *f = &s->file[file];
	uint64_t draw = rng_mix(s->size_key + ((uint64_t)f->made << 32 | file));

	f->made++;
	f->blocks = 1 + (uint32_t)(draw % (place_blocks(s) - 1));
	s->at = first_block(s, file);
	s->end = s->at + f->blocks;
	s->writes = true;
}

static void take_block(struct fileserver *s, enum workload_op op, struct workload_step *step)
{
	*step = (struct workload_step){
		.op = op,
		.page = s->at++,
		.write = op == STEP_TOUCH && s->writes,
		.file = true,
		.blocks = s->end - s->at,
	};
}

void fileserver_fill(struct fileserver *s, struct workload_step *step, bool *last)
{
	if (s->at == s->end) {
		s->file[s->filled].made = 0;
		make(s, s->filled++);
	}
	take_block(s, STEP_FILL, step);
	*last = s->filled == s->files && s->at == s->end;
}

static void append(struct fileserver *s, uint32_t file)
{
	struct fileserver_file *f = &s->file[file];
	uint32_t most = s->mean_blocks / APPEND_PART, room = place_blocks(s) - f->blocks;
	uint32_t more = 1 + (uint32_t)rng_below(&s->ops_rng, most ? most : 1);

	s->at = first_block(s, file) + f->blocks;
	f->blocks += more < room ? more : room;
	s->end = first_block(s, file) + f->blocks;
	s->writes = true;
}

/* Draws an operation and begins it. True: its first step is that the blocks of *step are dropped. */
static bool begin_operation(struct fileserver *s, uint32_t write_ppm, struct workload_step *step)
{
	uint32_t file = scatter_of(&s->scatter, zipf_draw(&s->zipf, &s->files_rng));
	bool changes = rng_below(&s->ops_rng, PPM) < write_ppm;
	uint32_t which = (uint32_t)rng_below(&s->ops_rng, CHANGES * 2);
	enum change change = changes ? which % CHANGES : CHANGES;
	struct fileserver_file *f = &s->file[file];
	uint32_t blocks = f->blocks;

	if (!blocks || (change == CHANGE_APPEND && blocks == place_blocks(s)))
		change = CHANGE_WRITE;
	*step = (struct workload_step){
		.op = STEP_DROP, .page = first_block(s, file), .file = true, .blocks = blocks};
	switch (change) {
	case CHANGE_WRITE:
		make(s, file);
		return blocks > 0;
	case CHANGE_APPEND:
		append(s, file);
		return false;
	case CHANGE_DELETE:
		f->blocks = 0;
		return true;
	case CHANGES:
		break;
	}
	if (which % 2) { /* the others are only looked at */
		s->at = first_block(s, file);
		s->end = s->at + blocks;
		s->writes = false;
	}
	return false;
}

void fileserver_next(struct fileserver *s, uint32_t write_ppm, struct workload_step *step)
{
	while (s->at == s->end)
		if (begin_operation(s, write_ppm, step))
			return;
	take_block(s, STEP_TOUCH, step);
}
