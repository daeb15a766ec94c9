/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * record.c: the plugin of `ballast trace record`: tells which pages a program touches inside QEMU's translator.
 *
 * `ballast` carries it inside. Loaded by qemu-x86_64 (a program) or qemu-system-x86_64 (a machine) as -plugin FILE,ring=N,
 * self=M: N is the memory of ring.h, M the descriptor that FILE stands for. The translator calls us for each access to memory and, if asked, for each block of instructions that begins; we
 * append the page's number to the chunk of that virtual processor, which in user mode is a thread.
 *
 * Both descriptors are closed before the program begins, so it cannot close or see them, nor can its standard error matter:
 * nothing is printed. A forked process shares the memory; it gives up the chunks it inherited, which are its
 * parent's, and becomes a process of its own, or is not recorded.
 *
 * QEMU gives its callbacks no context when a block is translated, a thread ends or a system call begins, so what the
 * plugin knows is file-scope here, one per process, as it is loaded once.
 *
 * QEMU's header is not part of Debian's packages: the declarations below are those of its documented plugin interface,
 * version 1 (https://qemu.readthedocs.io/en/v7.2/devel/tcg-plugins.html).
 */
#include "sim/plugin/ring.h"

#include <errno.h>
#include <linux/futex.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#define EXPORT __attribute__((visibility("default")))

/* Of QEMU. */
struct qemu_plugin_tb;
struct qemu_plugin_insn;
struct qemu_plugin_hwaddr;
struct qemu_info;
enum cb_flags { CB_NO_REGS };
enum mem_rw { MEM_R = 1, MEM_W, MEM_RW };
typedef void mem_cb(unsigned vcpu, uint32_t info, uint64_t vaddr, void *data);
typedef void exec_cb(unsigned vcpu, void *data);
typedef void tb_cb(uint64_t id, struct qemu_plugin_tb *tb);
typedef void vcpu_cb(uint64_t id, unsigned vcpu);
typedef void exit_cb(uint64_t id, void *data);
typedef void syscall_cb(uint64_t id, unsigned vcpu, int64_t nr, uint64_t a1, uint64_t a2,
			uint64_t a3, uint64_t a4, uint64_t a5, uint64_t a6, uint64_t a7,
			uint64_t a8);
typedef void syscall_ret_cb(uint64_t id, unsigned vcpu, int64_t nr, int64_t result);
void qemu_plugin_register_vcpu_tb_trans_cb(uint64_t id, tb_cb *cb);
void qemu_plugin_register_vcpu_mem_cb(struct qemu_plugin_insn *insn, mem_cb *cb,
				      enum cb_flags flags, enum mem_rw rw, void *data);
void qemu_plugin_register_vcpu_tb_exec_cb(struct qemu_plugin_tb *tb, exec_cb *cb,
					  enum cb_flags flags, void *data);
void qemu_plugin_register_vcpu_exit_cb(uint64_t id, vcpu_cb *cb);
void qemu_plugin_register_atexit_cb(uint64_t id, exit_cb *cb, void *data);
void qemu_plugin_register_vcpu_syscall_cb(uint64_t id, syscall_cb *cb);
void qemu_plugin_register_vcpu_syscall_ret_cb(uint64_t id, syscall_ret_cb *cb);
size_t qemu_plugin_tb_n_insns(const struct qemu_plugin_tb *tb);
struct qemu_plugin_insn *qemu_plugin_tb_get_insn(const struct qemu_plugin_tb *tb, size_t index);
uint64_t qemu_plugin_insn_vaddr(const struct qemu_plugin_insn *insn);
size_t qemu_plugin_insn_size(const struct qemu_plugin_insn *insn);
unsigned qemu_plugin_mem_size_shift(uint32_t info);
bool qemu_plugin_mem_is_store(uint32_t info);
struct qemu_plugin_hwaddr *qemu_plugin_get_hwaddr(uint32_t info, uint64_t vaddr);
bool qemu_plugin_hwaddr_is_io(const struct qemu_plugin_hwaddr *at);
uint64_t qemu_plugin_hwaddr_phys_addr(const struct qemu_plugin_hwaddr *at);

/* For QEMU. */
EXPORT extern int qemu_plugin_version;
EXPORT int qemu_plugin_install(uint64_t id, const struct qemu_info *info, int argc, char **argv);
int qemu_plugin_version = 1;

#define VCPUS        65536u
#define PAGE_BYTES   (1u << RING_PAGE_SHIFT)
#define SYS_EXECVE   59
#define SYS_EXECVEAT 322
#define PATIENCE_S   1

static struct ring *ring;
static struct ring_chunk *current[VCPUS]; /* what each is filling; NULL: none */
static _Atomic unsigned vcpus;            /* entries of current that may be set */
static uint32_t process;
static bool off;

static void futex_wait(_Atomic uint32_t *word, uint32_t seen)
{
	const struct timespec patience = {.tv_sec = PATIENCE_S};

	syscall(SYS_futex, word, FUTEX_WAIT, seen, &patience, NULL, 0);
}

static void chunk_give(unsigned vcpu)
{
	struct ring_chunk *c = vcpu < VCPUS ? current[vcpu] : NULL;
	uint32_t i;

	if (!c)
		return;
	current[vcpu] = NULL;
	i = (uint32_t)(c - ring->chunk);
	ring->given[i] = ring->order++;
	ring->state[i] = RING_FULL;
}

/* The first one that is free, so that few are in use, and those in the processor's caches. */
static struct ring_chunk *chunk_free(void)
{
	for (uint32_t i = 0; i < RING_CHUNKS; i++) {
		uint32_t state = RING_FREE, high = ring->high;

		if (atomic_load_explicit(&ring->state[i], memory_order_relaxed) != RING_FREE ||
		    !atomic_compare_exchange_strong(&ring->state[i], &state, RING_FILLING))
			continue;
		while (high <= i && !atomic_compare_exchange_weak(&ring->high, &high, i + 1))
			;
		return &ring->chunk[i];
	}
	return NULL;
}

static bool reader_is_busy(void)
{
	for (uint32_t i = 0; i < RING_CHUNKS; i++)
		if (ring->state[i] == RING_FULL)
			return true;
	return false;
}

/* NULL: the reference is lost, and counted. */
static struct ring_chunk *chunk_take(unsigned vcpu)
{
	struct ring_chunk *c;
	unsigned seen = vcpus;

	for (;;) {
		uint32_t freed = ring->freed;

		if (off || ring->closed || vcpu >= VCPUS)
			return NULL;
		c = chunk_free();
		if (c)
			break;
		ring->writers_sleep++;
		if (ring->freed == freed)
			futex_wait(&ring->freed, freed);
		ring->writers_sleep--;
		if (ring->freed == freed && kill((pid_t)ring->reader, 0) && errno == ESRCH)
			ring->closed = 1;
		else if (ring->freed == freed && !reader_is_busy()) {
			ring->lost++;
			return NULL;
		}
	}
	c->process = process;
	c->used = 0;
	c->pid = (uint32_t)getpid();
	current[vcpu] = c;
	while (seen <= vcpu && !atomic_compare_exchange_weak(&vcpus, &seen, vcpu + 1))
		;
	return c;
}

static inline void put(unsigned vcpu, uint64_t ref)
{
	struct ring_chunk *c = vcpu < VCPUS ? current[vcpu] : NULL;
	uint32_t used;

	if (!c) {
		c = chunk_take(vcpu);
		if (!c)
			return;
	}
	used = atomic_load_explicit(&c->used, memory_order_relaxed);
	c->ref[used] = ref;
	atomic_store_explicit(&c->used, used + 1, memory_order_release);
	if (used + 1 == RING_CHUNK_REFS)
		chunk_give(vcpu);
}

static void mem_virtual(unsigned vcpu, uint32_t info, uint64_t vaddr, void *data)
{
	uint64_t write = qemu_plugin_mem_is_store(info) ? RING_WRITE : 0;
	uint64_t page = vaddr >> RING_PAGE_SHIFT;
	uint64_t last = (vaddr + (1ull << qemu_plugin_mem_size_shift(info)) - 1) >> RING_PAGE_SHIFT;

	(void)data;
	put(vcpu, page << 1 | write);
	if (last != page)
		put(vcpu, last << 1 | write);
}

static void put_physical(unsigned vcpu, uint32_t info, uint64_t vaddr)
{
	const struct qemu_plugin_hwaddr *at = qemu_plugin_get_hwaddr(info, vaddr);

	if (at && !qemu_plugin_hwaddr_is_io(at))
		put(vcpu, qemu_plugin_hwaddr_phys_addr(at) >> RING_PAGE_SHIFT << 1 |
				  (qemu_plugin_mem_is_store(info) ? RING_WRITE : 0));
}

static void mem_physical(unsigned vcpu, uint32_t info, uint64_t vaddr, void *data)
{
	uint64_t last = vaddr + (1ull << qemu_plugin_mem_size_shift(info)) - 1;

	(void)data;
	put_physical(vcpu, info, vaddr);
	if (last / PAGE_BYTES != vaddr / PAGE_BYTES)
		put_physical(vcpu, info, last);
}

static void block_runs(unsigned vcpu, void *data)
{
	put(vcpu, (uint64_t)(uintptr_t)data);
}

static void block_page(struct qemu_plugin_tb *tb, uint64_t vaddr)
{
	uintptr_t ref = (uintptr_t)(vaddr >> RING_PAGE_SHIFT << 1);

	qemu_plugin_register_vcpu_tb_exec_cb(tb, block_runs, CB_NO_REGS, (void *)ref);
}

static void translated(uint64_t id, struct qemu_plugin_tb *tb)
{
	mem_cb *mem = ring->flags & RING_PHYSICAL ? mem_physical : mem_virtual;
	size_t nr = qemu_plugin_tb_n_insns(tb);

	(void)id;
	for (size_t i = 0; i < nr; i++)
		qemu_plugin_register_vcpu_mem_cb(qemu_plugin_tb_get_insn(tb, i), mem, CB_NO_REGS,
						 MEM_RW, NULL);
	if (nr && ring->flags & RING_INSTRUCTIONS) {
		struct qemu_plugin_insn *insn = qemu_plugin_tb_get_insn(tb, nr - 1);
		uint64_t first = qemu_plugin_insn_vaddr(qemu_plugin_tb_get_insn(tb, 0));
		uint64_t last = qemu_plugin_insn_vaddr(insn) + qemu_plugin_insn_size(insn) - 1;

		block_page(tb, first);
		if (last / PAGE_BYTES != first / PAGE_BYTES)
			block_page(tb, last);
	}
}

static void give_all(void)
{
	for (unsigned i = 0; i < vcpus; i++)
		chunk_give(i);
}

static void at_exit(uint64_t id, void *data)
{
	(void)id;
	(void)data;
	give_all();
}

static void vcpu_ends(uint64_t id, unsigned vcpu)
{
	(void)id;
	chunk_give(vcpu);
}

/* The chunks are the parent's, which has the same pages of ours behind them. */
static void forked(void)
{
	memset(current, 0, vcpus * sizeof(current[0]));
	if (off || !(ring->flags & RING_FORKS)) {
		off = true;
		ring->unfollowed++;
	} else {
		process = ring->processes++;
	}
}

static void syscall_begins(uint64_t id, unsigned vcpu, int64_t nr, uint64_t a1, uint64_t a2,
			   uint64_t a3, uint64_t a4, uint64_t a5, uint64_t a6, uint64_t a7,
			   uint64_t a8)
{
	(void)id, (void)a1, (void)a2, (void)a3, (void)a4, (void)a5, (void)a6, (void)a7, (void)a8;
	if (nr != SYS_EXECVE && nr != SYS_EXECVEAT)
		return;
	chunk_give(vcpu);
	ring->programs++;
}

static void syscall_ends(uint64_t id, unsigned vcpu, int64_t nr, int64_t result)
{
	(void)id, (void)vcpu, (void)result;
	if (nr == SYS_EXECVE || nr == SYS_EXECVEAT)
		ring->programs--; /* it failed: else there is no return */
}

int qemu_plugin_install(uint64_t id, const struct qemu_info *info, int argc, char **argv)
{
	int fd = -1, self = -1;
	void *at;

	(void)info;
	for (int i = 0; i < argc; i++)
		if (strncmp(argv[i], "ring=", 5) == 0)
			fd = atoi(argv[i] + 5);
		else if (strncmp(argv[i], "self=", 5) == 0)
			self = atoi(argv[i] + 5);
	at = mmap(NULL, sizeof(*ring), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (fd < 0 || at == MAP_FAILED)
		return 1;
	close(fd);
	close(self);
	ring = at;
	if (ring->version != RING_VERSION || pthread_atfork(NULL, NULL, forked))
		return 1;
	process = ring->processes++;
	qemu_plugin_register_vcpu_tb_trans_cb(id, translated);
	qemu_plugin_register_vcpu_exit_cb(id, vcpu_ends);
	qemu_plugin_register_atexit_cb(id, at_exit, NULL);
	if (!(ring->flags & RING_PHYSICAL)) {
		qemu_plugin_register_vcpu_syscall_cb(id, syscall_begins);
		qemu_plugin_register_vcpu_syscall_ret_cb(id, syscall_ends);
	}
	ring->attached = 1;
	return 0;
}
