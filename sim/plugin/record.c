/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * record.c: a plugin for QEMU's user-mode emulator that writes down which pages a program touches. `ballast trace record`
 * carries it inside, starts the emulator with it, and reads what it writes.
 *
 * Every load and store of the emulated program becomes a 64-bit word, page << 1 | write (the format "pages"), in order,
 * on a descriptor it is given; one that crosses into the next page becomes two. With code=1 each execution of a block of
 * instructions is a reference to the page its first instruction is in. Words are collected and written 64 Ki at a time.
 * Threads of the program take turns at a lock, so the order is one that was. A forked child has the buffer and the
 * descriptor too, and must not use them.
 *
 * Debian ships the emulator without the plugin header; the few declarations below are those of its interface, version 1
 * (docs: QEMU TCG Plugins). Part of it is that a translation is told without any context, so this file, unlike the rest
 * of the project, has state at file scope.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define PAGE_SHIFT 12
#define WORDS      65536u

struct qemu_plugin_tb;
struct qemu_plugin_insn;
enum { CB_NO_REGS = 0, MEM_RW = 3 };

void qemu_plugin_register_vcpu_tb_trans_cb(uint64_t id,
					   void (*cb)(uint64_t id, struct qemu_plugin_tb *tb));
void qemu_plugin_register_vcpu_tb_exec_cb(struct qemu_plugin_tb *tb,
					  void (*cb)(unsigned vcpu, void *data), int flags,
					  void *data);
void qemu_plugin_register_vcpu_mem_cb(struct qemu_plugin_insn *insn,
				      void (*cb)(unsigned vcpu, uint32_t info, uint64_t address,
						 void *data),
				      int flags, int rw, void *data);
void qemu_plugin_register_atexit_cb(uint64_t id, void (*cb)(uint64_t id, void *data), void *data);
size_t qemu_plugin_tb_n_insns(const struct qemu_plugin_tb *tb);
struct qemu_plugin_insn *qemu_plugin_tb_get_insn(const struct qemu_plugin_tb *tb, size_t i);
uint64_t qemu_plugin_tb_vaddr(const struct qemu_plugin_tb *tb);
bool qemu_plugin_mem_is_store(uint32_t info);
unsigned qemu_plugin_mem_size_shift(uint32_t info);

__attribute__((visibility("default"))) extern int qemu_plugin_version;
__attribute__((visibility("default"))) int qemu_plugin_install(uint64_t id, const void *info,
							       int argc, char **argv);

int qemu_plugin_version = 1;

static struct {
	int fd;
	pid_t pid; /* of the program that is recorded */
	bool code;
	bool lock;
	uint32_t used;
} out = {.fd = -1};
static uint64_t word[WORDS]; /* by itself, so that it takes no place in the file */

static void flush(void)
{
	const char *at = (const char *)word;
	size_t left = out.used * sizeof(*word);

	out.used = 0;
	if (getpid() != out.pid)
		return;
	while (left) {
		ssize_t put = write(out.fd, at, left);

		if (put <= 0)
			_exit(1); /* nobody reads any more */
		at += put;
		left -= (size_t)put;
	}
}

static void reference(uint64_t page, bool write)
{
	while (__atomic_test_and_set(&out.lock, __ATOMIC_ACQUIRE))
		;
	word[out.used++] = page << 1 | write;
	if (out.used == WORDS)
		flush();
	__atomic_clear(&out.lock, __ATOMIC_RELEASE);
}

static void accessed(unsigned vcpu, uint32_t info, uint64_t address, void *data)
{
	uint64_t last = address + (1ull << qemu_plugin_mem_size_shift(info)) - 1;
	bool write = qemu_plugin_mem_is_store(info);

	(void)vcpu;
	(void)data;
	reference(address >> PAGE_SHIFT, write);
	if (last >> PAGE_SHIFT != address >> PAGE_SHIFT)
		reference(last >> PAGE_SHIFT, write);
}

static void executed(unsigned vcpu, void *data)
{
	(void)vcpu;
	reference((uint64_t)(uintptr_t)data, false);
}

static void translated(uint64_t id, struct qemu_plugin_tb *tb)
{
	size_t nr = qemu_plugin_tb_n_insns(tb);

	(void)id;
	if (out.code)
		qemu_plugin_register_vcpu_tb_exec_cb(
			tb, executed, CB_NO_REGS,
			(void *)(uintptr_t)(qemu_plugin_tb_vaddr(tb) >> PAGE_SHIFT));
	for (size_t i = 0; i < nr; i++)
		qemu_plugin_register_vcpu_mem_cb(qemu_plugin_tb_get_insn(tb, i), accessed,
						 CB_NO_REGS, MEM_RW, NULL);
}

static void ended(uint64_t id, void *data)
{
	(void)id;
	(void)data;
	flush();
}

int qemu_plugin_install(uint64_t id, const void *info, int argc, char **argv)
{
	(void)info;
	for (int i = 0; i < argc; i++) {
		if (strncmp(argv[i], "out=", 4) == 0)
			out.fd = atoi(argv[i] + 4);
		else if (strcmp(argv[i], "code=1") == 0)
			out.code = true;
	}
	if (out.fd < 0)
		return -1;
	out.pid = getpid();
	qemu_plugin_register_vcpu_tb_trans_cb(id, translated);
	qemu_plugin_register_atexit_cb(id, ended, NULL);
	return 0;
}
