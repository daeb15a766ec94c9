/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * script_guest.h: a VM with ordinary memory, and in it a guest of some hundred bytes that runs a script.
 *
 * The test lays script, rings and tables into guest memory, runs it, and looks at what came of them. The guest stays in
 * ring 0, which some KVMs interpret: keep scripts short. Whatever must not fail fails the test.
 */
#ifndef BALLAST_TESTS_SCRIPT_GUEST_H
#define BALLAST_TESTS_SCRIPT_GUEST_H

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "vmm/vm.h"

#define SCRIPT_GUEST_PAGES 4096u
#define SCRIPT_DISK_BYTES  (1u << 20)
#define SCRIPT_ELF_BYTES   1024u
#define SCRIPT_VMID        7u
#define SCRIPT_GPA         0x200000u

/* Code, placed at GUEST_KERNEL_GPA. _ud2: what OP_TRIPLE dies of; _irq: a handler that counts and tells the first PIC. */
extern const uint8_t script_guest_start[], script_guest_ud2[], script_guest_irq[];
extern const uint8_t script_guest_end[];

enum script_op {
	OP_OUT32 = 1, /* port, value */
	OP_OUTS,      /* address, bytes: rep outsb to the serial port */
	OP_STORE,     /* address, value */
	OP_LOAD,      /* address, where to */
	OP_WAIT,      /* until so many interrupts were taken */
	OP_SPIN,
	OP_HALT, /* interrupts off: for good */
	OP_TRIPLE,
	OP_OUT8, /* port, value */
	OP_IN8,  /* port, where to */
	OP_IDT,  /* address of its pointer */
	OP_HALT_IRQ,
	OP_JUMP, /* address */
};

struct script_step {
	uint32_t op, a, b, unused;
};

struct script_guest {
	struct kvm_host host;
	struct vm *vm;
	uint8_t *mem;
	size_t mem_bytes;
	struct script_step *next; /* in guest memory */
	int console_fd, disk_fd;  /* the test's own */
	struct vm_callbacks callbacks;
	pthread_mutex_t lock;
	pthread_cond_t changed;
	unsigned nr_events, nr_ended; /* guarded by lock */
	uint32_t event[8];            /* the first ones; ~0: it came for another VM */
};

/* A booted VM "smoke" with id SCRIPT_VMID. kernel_io: interrupts and notifications in the kernel. */
void script_guest_make(struct script_guest *g, bool disk, bool kernel_io);
void script_guest_free(struct script_guest *g);

/* The next step of the script. */
void script_add(struct script_guest *g, enum script_op op, uint32_t a, uint32_t b);

void script_guest_go(struct script_guest *g);

/* Waits until *counter (nr_events, nr_ended) reaches n; not for ever. */
void script_guest_wait(struct script_guest *g, const unsigned *counter, unsigned n);

/* Runs the script to the VM's own end. */
struct vm_live_stats script_guest_run(struct script_guest *g);

/* The console log so far: whole lines, and all that came before a note. */
const char *script_guest_console(const struct script_guest *g, char *text, size_t bytes);

/* The guest as an ELF file of SCRIPT_ELF_BYTES at most; returns its size. For VMs made by hand. */
size_t script_guest_elf(uint8_t *file);
int script_guest_place(void *guest, gfn_t at, const void *page);

void script_must(int result, const struct error *error);

#endif
