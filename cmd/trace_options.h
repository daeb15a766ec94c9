/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * trace_options.h: the options of every command that reads a trace, and lists of memory sizes.
 */
#ifndef BALLAST_CMD_TRACE_OPTIONS_H
#define BALLAST_CMD_TRACE_OPTIONS_H

#include "lib/options.h"
#include "sim/trace.h"

#define TRACE_SPLIT_MIN 512
#define TRACE_SPLIT_MAX (1u << 30)

struct trace_arguments {
	const char *format, *columns;
	struct option_number shift, split, block;
	bool keep_going;
};

/* In an option table: the entries for `struct type`, which has a struct trace_arguments called trace. */
#define TRACE_OPTIONS(target)                                                                   \
	{.name = "format",                                                                      \
	 .argument = "F",                                                                       \
	 .help = "auto, oracle, csv, lackey, text, ballast, vscsi, pages, record or arc "       \
		 "(default: auto)",                                                             \
	 .type = OPTION_TEXT,                                                                   \
	 .offset = offsetof(target, trace.format)},                                             \
		{.name = "columns",                                                             \
		 .argument = "C",                                                               \
		 .help = "columns of a csv trace: "                                             \
			 "id=2,time=1,unit=us,write=3,vm=4,size=5,header,separator=tab",        \
		 .type = OPTION_TEXT,                                                           \
		 .offset = offsetof(target, trace.columns)},                                    \
		{.name = "shift",                                                               \
		 .argument = "N",                                                               \
		 .help = "page = id / 2^N: 12 for addresses (default: 12 for lackey, else 0)",  \
		 .type = OPTION_NUMBER,                                                         \
		 .offset = offsetof(target, trace.shift),                                       \
		 .kind = &parse_count,                                                          \
		 .max = 63},                                                                    \
		{.name = "split",                                                               \
		 .argument = "P",                                                               \
		 .help = "a request to each page of P bytes, such as 4K, that a long request "  \
			 "touches",                                                             \
		 .type = OPTION_NUMBER,                                                         \
		 .offset = offsetof(target, trace.split),                                       \
		 .kind = &parse_bytes,                                                          \
		 .min = TRACE_SPLIT_MIN,                                                        \
		 .max = TRACE_SPLIT_MAX},                                                       \
		{.name = "block",                                                               \
		 .argument = "B",                                                               \
		 .help = "with --split: bytes that an id counts (default: 512 for arc, vscsi)", \
		 .type = OPTION_NUMBER,                                                         \
		 .offset = offsetof(target, trace.block),                                       \
		 .kind = &parse_bytes,                                                          \
		 .min = 1,                                                                      \
		 .max = TRACE_SPLIT_MAX},                                                       \
	{                                                                                       \
		.name = "keep-going", .help = "use a broken trace up to where it breaks",       \
		.type = OPTION_FLAG, .offset = offsetof(target, trace.keep_going)               \
	}

struct trace_options trace_options_of(const struct trace_arguments *a, unsigned want,
				      const struct sim_watch *watch);

/*
 * "FILE: 1,000,000 requests, 80,848 pages" on standard output, without an end. Numbers in sentences are grouped, in the
 * columns of tables they are not: those are read by awk and gnuplot.
 */
void trace_heading(const struct trace *t, const char *path);

/* What --help says of formats and of packed files; lines under 80 columns. */
#define TRACE_OPTIONS_TEXT                                                                   \
	"Traces may be packed (gz, xz, zst); - is standard input. docs/replay.md tells of\n" \
	"the formats.\n"

/*
 * "1000,1%,10%": numbers of frames, at least 1 each, or shares of pages, rounded down but at least 1. *out is the
 * caller's to free(). 0 or -errno with words, which begin with --option.
 */
int frames_parse(const char *option, const char *text, uint32_t pages, uint32_t **out,
		 unsigned *nr_out, struct error *error);

#endif
