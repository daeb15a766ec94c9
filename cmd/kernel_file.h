/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * kernel_file.h: reads a guest kernel that a scenario names.
 */
#ifndef BALLAST_CMD_KERNEL_FILE_H
#define BALLAST_CMD_KERNEL_FILE_H

#include <stddef.h>

#include "lib/error.h"

/* *image: owned by the caller, free(). The file's mistakes are the user's: error->user. */
int kernel_file_read(const char *path, void **image, size_t *bytes, struct error *error);

#endif
