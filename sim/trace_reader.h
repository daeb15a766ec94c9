/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * trace_reader.h: a trace file as a stream of requests, in batches, whatever its format. Inside sim/ and for tools that
 * do not need the whole trace in memory.
 *
 * A format is one const struct trace_format, listed in trace_format_table; trace_reader.c finds out which one a file
 * has by its first bytes and, where they do not tell, by its name.
 */
#ifndef BALLAST_SIM_TRACE_READER_H
#define BALLAST_SIM_TRACE_READER_H

#include "sim/trace.h"
#include "sim/trace_source.h"

#define TRACE_BATCH           1024u
#define TRACE_LINE_BYTES      (64u << 10) /* of text formats; longer lines are an error */
#define TRACE_CSV_COLUMNS_MAX 64u

struct trace_batch {
	uint32_t nr;
	uint64_t id[TRACE_BATCH];
	uint8_t write[TRACE_BATCH]; /* these are set only as far as reader.has says */
	uint64_t time_ns[TRACE_BATCH];
	uint32_t vm[TRACE_BATCH];
	uint64_t hash[TRACE_BATCH];
};

struct trace_csv_columns {
	uint8_t id, write, time, vm; /* column from 1; 0: none */
	uint8_t size, blocks;        /* likewise: how long a request is, in bytes or in blocks */
	bool header;                 /* the first line has names */
	char separator;
	uint64_t time_unit_ns;
};

/* A request of several pages, as far as no batch has had room for them: trace_span.c. */
struct trace_span {
	uint64_t id, left; /* the next page, and how many */
	uint64_t time_ns;
	uint32_t vm;
	uint8_t write;
};

/* Where in a block of the own format each column is. */
struct trace_cursor {
	const uint8_t *id, *write, *time, *vm, *hash, *end;
	uint32_t at, records;
	uint64_t last_id, last_time;
	uint64_t total; /* records of the blocks before */
	size_t bytes;   /* the whole block's, in the window */
	bool ended;     /* the end block was there */
};

struct trace_reader {
	const struct trace_format *format;
	struct trace_source source;
	unsigned want; /* TRACE_..: what somebody will look at */
	unsigned has;  /* TRACE_..; may grow while reading */
	unsigned shift;
	uint64_t line; /* text formats: lines read */
	uint64_t requests;
	enum trace_thinning thinning;
	uint32_t thinning_pages;
	uint64_t whole_requests;           /* before thinning; 0: not known */
	uint32_t split_bytes, block_bytes; /* as in trace_options; the format's if not given */
	struct trace_span span;
	struct trace_csv_columns csv;
	unsigned variant;            /* vscsi: version */
	struct trace_cursor block;   /* own format: what is left of a block */
	struct trace_record *record; /* record: its stream; owned by the format */
	int failed;                  /* 0, or what the next call returns, with these words: */
	struct error failure;
};

struct trace_format {
	const char *name;
	const char *about; /* a line for help texts */
	const char
		*endings; /* of file names, each with its dot and a blank behind: ".txt .trace " */
	bool text;
	unsigned shift; /* unless the user says one */
	bool sized;     /* it can say how long a request is: --split may be given */
	/* Of sized formats, unless the user says it. 0: he must, or requests are not split. */
	uint32_t block_bytes, split_bytes;
	/* How sure the format is that these first bytes (all of the file if last) are its own: 0 no, 3 certain. */
	unsigned (*likely)(const uint8_t *head, size_t bytes, bool last);
	/* Optional. */
	int (*open)(struct trace_reader *r, struct error *error);
	void (*close)(struct trace_reader *r);
	/* Fills the batch, which is empty. 0: the trace has ended if the batch is still empty; -errno with words. */
	int (*read)(struct trace_reader *r, struct trace_batch *b, struct error *error);
};

extern const struct trace_format *const trace_format_table[];

/* r is filled in whole. options: format, columns and shift matter. 0 or -errno with words. */
int trace_reader_open(struct trace_reader *r, const char *path, const struct trace_options *options,
		      struct error *error);
/* 1: requests are in b; 0: the trace has ended; -errno: it is broken, and what came before has been handed out. */
int trace_reader_next(struct trace_reader *r, struct trace_batch *b, struct error *error);
void trace_reader_close(struct trace_reader *r);

/* The user's error at a byte of the unpacked trace: "FILE: byte N: TEXT" (text formats: "FILE:LINE: TEXT (byte N)"). */
__attribute__((format(printf, 4, 5))) int trace_reader_fail(struct trace_reader *r,
							    struct error *error, const uint8_t *at,
							    const char *format, ...);

/*
 * The next whole line of a text trace, without its end; *length its length. 1: there is one; 0: the trace has ended;
 * -errno with words. It stays where it is until the next call.
 */
int trace_reader_line(struct trace_reader *r, const uint8_t **line, size_t *length,
		      struct error *error);

/*
 * A request from id on that is bytes long, 0 of which count as one page: its pages into b, if requests are split, else
 * its id; *b is not full. What b has no room for is put into the batches after it by trace_span_rest(), with which each
 * reader that calls this begins. The time, write and VM of `request` are those of all. 0, or -EINVAL with words about
 * the byte at.
 */
int trace_span_put(struct trace_reader *r, struct trace_batch *b, const struct trace_span *request,
		   uint64_t bytes, const uint8_t *at, struct error *error);
void trace_span_rest(struct trace_reader *r, struct trace_batch *b);

/* May the format be read so? Sets the reader's. 0 or -errno with words. */
int trace_span_options(struct trace_reader *r, const struct trace_options *options,
		       struct error *error);

/* A number, decimal or 0x.., at *at, which moves behind it. False: there is none, or it does not fit 64 bits. */
bool trace_number(const uint8_t **at, const uint8_t *end, uint64_t *out);

/* "id=2,time=1,write=3,vm=4,size=5,header,separator=;,unit=us" into columns: trace_columns.c. */
int trace_csv_columns_parse(const char *text, struct trace_csv_columns *out, struct error *error);

#endif
