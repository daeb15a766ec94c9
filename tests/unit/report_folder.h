/* SPDX-License-Identifier: GPL-2.0-or-later */
/* report_folder.h: setup and teardown of tests that each run in an empty folder of their own, named in *state. */
#ifndef BALLAST_TESTS_REPORT_FOLDER_H
#define BALLAST_TESTS_REPORT_FOLDER_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static inline int enter(void **state)
{
	char name[] = "/tmp/report-test-XXXXXX";

	if (!mkdtemp(name) || chdir(name) != 0)
		return -1;
	*state = strdup(name);
	return 0;
}

static inline int leave(void **state)
{
	char command[100];

	snprintf(command, sizeof(command), "rm -rf %s", (char *)*state);
	free(*state);
	return chdir("/") == 0 && system(command) == 0 ? 0 : -1;
}

#endif
