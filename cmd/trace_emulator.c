/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * trace_emulator.c: what `ballast trace record` starts.
 *
 * qemu-x86_64 takes a path and loads ELF files only, so a command's name is looked up here as a shell would, and a script
 * is refused with what to write instead. The plugin's bytes are inside our program (sim/plugin/image.S).
 */
#include "cmd/trace_emulator.h"

#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/words.h"

#define WORDS_MORE 8 /* than the command's own, with the NULL */

/* sim/plugin/image.S */
extern const char record_plugin[];
extern const uint64_t record_plugin_bytes;

/* The path of a command, the caller's to free(); NULL: there is none. */
static char *find_in_path(const char *name)
{
	const char *at = getenv("PATH"), *end;
	struct stat st;

	if (strchr(name, '/'))
		return strdup(name);
	for (at = at ? at : "/usr/bin:/bin"; at; at = *end ? end + 1 : NULL) {
		char *path = NULL;

		end = at + strcspn(at, ":");
		if (asprintf(&path, "%.*s/%s", end > at ? (int)(end - at) : 1, end > at ? at : ".",
			     name) < 0)
			return NULL;
		if (access(path, X_OK) == 0 && stat(path, &st) == 0 && S_ISREG(st.st_mode))
			return path;
		free(path);
	}
	return NULL;
}

static int program_check(const char *word, const char *path, struct error *error)
{
	char quoted[200];
	Elf64_Ehdr head = {.e_machine = EM_NONE};
	int fd = path ? open(path, O_RDONLY | O_CLOEXEC) : -1;
	ssize_t got;

	words_quote(word, quoted, sizeof(quoted));
	if (fd < 0)
		return error_user(error,
				  "trace record: '%s' cannot be opened: %s; allowed: a program",
				  quoted, path ? strerror(errno) : "not found in PATH");
	got = read(fd, &head, sizeof(head));
	close(fd);
	if (got == (ssize_t)sizeof(head) && memcmp(head.e_ident, ELFMAG, SELFMAG) == 0 &&
	    head.e_ident[EI_CLASS] == ELFCLASS64 && head.e_machine == EM_X86_64)
		return 0;
	return error_user(error,
			  "trace record: '%s' is no program for x86-64; allowed: an ELF file (of a "
			  "script, its interpreter: -- python3 script.py)",
			  quoted);
}

int emulator_plugin(struct error *error)
{
	size_t left = record_plugin_bytes;
	const char *at = record_plugin;
	int fd = memfd_create("ballast-plugin", MFD_CLOEXEC);

	while (fd >= 0 && left) {
		ssize_t put = write(fd, at, left);

		if (put <= 0) {
			close(fd);
			fd = -1;
			break;
		}
		at += put;
		left -= (size_t)put;
	}
	return fd >= 0 ? fd : error_host(error, errno, "trace record: a file in memory");
}

void emulator_command_free(char **command)
{
	for (char **word = command; word && *word; word++)
		free(*word);
	free(command);
}

/* The words in front of the command's own; NULL among them: no memory. 0: no emulator, as told in error. */
static unsigned words_first(char **to, bool vm, const char *word, const char *plugin,
			    struct error *error)
{
	const char *name = vm ? "qemu-system-x86_64" : "qemu-x86_64";
	unsigned nr = 0;

	to[nr++] = find_in_path(name);
	if (!to[0]) {
		error_host(error, ENOENT, "%s, of the package %s", name,
			   vm ? "qemu-system-x86" : "qemu-user");
		return 0;
	}
	if (vm) {
		to[nr++] = strdup("-accel");
		to[nr++] = strdup("tcg");
	} else {
		to[nr++] = strdup("-0");
		to[nr++] = strdup(word);
	}
	to[nr++] = strdup("-plugin");
	to[nr++] = strdup(plugin);
	return nr;
}

int emulator_command(char ***out, bool vm, char **words, unsigned nr, int plugin, int ring,
		     struct error *error)
{
	char option[80];
	char **command = calloc(nr + WORDS_MORE, sizeof(*command)), *path = NULL;
	unsigned at = 0;
	int err = 0;

	*out = NULL;
	snprintf(option, sizeof(option), "/proc/self/fd/%d,ring=%d,self=%d", plugin, ring, plugin);
	if (!command)
		return error_host(error, ENOMEM, "trace record");
	if (!vm) {
		path = find_in_path(words[0]);
		err = program_check(words[0], path, error);
	}
	if (!err) {
		at = words_first(command, vm, words[0], option, error);
		err = at ? 0 : -ENOENT;
	}
	if (!err && !vm)
		command[at++] = strdup(path);
	for (unsigned i = vm ? 0 : 1; i < nr && !err; i++)
		command[at++] = strdup(words[i]);
	for (unsigned i = 0; i < at && !err; i++)
		err = command[i] ? 0 : error_host(error, ENOMEM, "trace record");
	free(path);
	if (err) {
		emulator_command_free(command);
		return err;
	}
	*out = command;
	return 0;
}
