/* SPDX-License-Identifier: GPL-2.0-or-later */
/* trace_options.c: see trace_options.h. */
#include "cmd/trace_options.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ballast/types.h"
#include "cmd/human.h"
#include "lib/words.h"

struct trace_options trace_options_of(const struct trace_arguments *a, unsigned want,
				      const struct sim_watch *watch)
{
	return (struct trace_options){
		.format = a->format,
		.columns = a->columns,
		.shift = (unsigned)a->shift.value,
		.shift_given = a->shift.given,
		.split_bytes = (uint32_t)a->split.value,
		.block_bytes = (uint32_t)a->block.value,
		.keep_going = a->keep_going,
		.want = want,
		.watch = watch,
	};
}

void trace_heading(const struct trace *t, const char *path)
{
	printf("%s: %s, %s", path, human_some(t->requests, "request", "requests").text,
	       human_some(t->pages, "page", "pages").text);
}

static int frames_one(const char *option, const char *text, uint32_t pages, uint32_t *out,
		      struct error *error)
{
	size_t length = strlen(text);
	bool share = length && text[length - 1] == '%';
	uint64_t value = 0;
	int err;

	if (share)
		err = parse_value(&parse_percent, text, 1, 100 * (uint64_t)PPM, &value, error);
	else
		err = parse_value(&parse_count, text, 1, UINT32_MAX - 1, &value, error);
	if (err) {
		error_prefix(error, "--%s ", option);
		return err;
	}
	if (share) {
		value = (uint64_t)((unsigned __int128)pages * value / PPM);
		value = value ? value : 1;
		value = value < UINT32_MAX - 1 ? value : UINT32_MAX - 1;
	}
	*out = (uint32_t)value;
	return 0;
}

int frames_parse(const char *option, const char *text, uint32_t pages, uint32_t **out,
		 unsigned *nr_out, struct error *error)
{
	unsigned nr = 1, i = 0;
	char *copy = strdup(text), *rest = copy, *word;
	uint32_t *frames;
	int err = 0;

	for (const char *c = text; *c; c++)
		nr += *c == ',';
	frames = calloc(nr, sizeof(*frames));
	if (!copy || !frames)
		err = error_host(error, ENOMEM, "--%s", option);
	while (!err && (word = strsep(&rest, ",")))
		err = frames_one(option, word, pages, &frames[i++], error);
	free(copy);
	if (err) {
		free(frames);
		frames = NULL;
	}
	*out = frames;
	*nr_out = err ? 0 : nr;
	return err;
}
