/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * trace.c: `ballast trace`: make, record, describe and convert traces. This file finds the part that was asked for.
 */
#include "cmd/trace.h"

#include <stdio.h>
#include <string.h>

#include "cmd/commands.h"
#include "lib/words.h"

static const struct {
	const char *name, *summary;
	int (*run)(int argc, char **argv);
} parts[] = {
	{"gen", "make up a trace", cmd_trace_gen},
	{"info", "tell what is in a trace", cmd_trace_info},
	{"convert", "write a trace in another format", cmd_trace_convert},
	{"record", "record the pages that a program touches", cmd_trace_record},
};
#define NR_PARTS (sizeof(parts) / sizeof(parts[0]))

static void usage(void)
{
	puts("ballast trace: make, record, describe and convert reference traces\n\n"
	     "usage: ballast trace PART [ARGUMENT..] [OPTION..]\n");
	for (size_t i = 0; i < NR_PARTS; i++)
		printf("  %-8s %s\n", parts[i].name, parts[i].summary);
	puts("\n`ballast trace PART --help` tells about one.");
}

static int part_unknown(const char *name)
{
	char list[100], quoted[48];
	struct words words = {0};
	struct error error;

	for (size_t i = 0; i < NR_PARTS; i++)
		words_add(&words, parts[i].name);
	words_join(&words, list, sizeof(list));
	if (name)
		error_user(&error, "trace: '%s' is none of its parts; allowed: %s",
			   words_quote(name, quoted, sizeof(quoted)), list);
	else
		error_user(&error, "trace: which part? allowed: %s", list);
	return command_fail(&error);
}

int cmd_trace(int argc, char **argv)
{
	int status = COMMAND_DONE;

	if (argc < 2)
		return part_unknown(NULL);
	if (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0) {
		usage();
		return COMMAND_DONE;
	}
	for (size_t i = 0; i < NR_PARTS; i++) {
		if (strcmp(argv[1], "--man") == 0)
			status = status ? status : parts[i].run(2, argv);
		else if (strcmp(argv[1], parts[i].name) == 0)
			return parts[i].run(argc - 1, argv + 1);
	}
	return strcmp(argv[1], "--man") == 0 ? status : part_unknown(argv[1]);
}
