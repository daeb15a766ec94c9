/* SPDX-License-Identifier: GPL-2.0-or-later */
/* kernel_file.c: see kernel_file.h. What the image must be is checked by the loader (vmm/elf.c), not here. */
#include "cmd/kernel_file.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#define KERNEL_BYTES_MAX (256ll << 20)

int kernel_file_read(const char *path, void **image, size_t *bytes, struct error *error)
{
	FILE *f = fopen(path, "re");
	struct stat st;
	int result = 0;

	*image = NULL;
	*bytes = 0;
	if (!f || fstat(fileno(f), &st))
		result = error_user(error, "guest kernel '%s': %s; allowed: an ELF64 file", path,
				    strerror(errno));
	else if (!S_ISREG(st.st_mode) || st.st_size == 0 || st.st_size > KERNEL_BYTES_MAX)
		result = error_user(
			error,
			"guest kernel '%s' is not a file of 1 byte to 256 MiB; allowed: an "
			"ELF64 file",
			path);
	else if ((*image = malloc((size_t)st.st_size)) == NULL)
		result = error_host(error, ENOMEM, "guest kernel '%s'", path);
	else if (fread(*image, 1, (size_t)st.st_size, f) != (size_t)st.st_size)
		result = error_host(error, EIO, "guest kernel '%s' could not be read", path);
	else
		*bytes = (size_t)st.st_size;
	if (result) {
		free(*image);
		*image = NULL;
	}
	if (f)
		fclose(f);
	return result;
}
