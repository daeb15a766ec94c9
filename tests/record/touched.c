/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * touched.c: a program for trace_record_ends_test.c to record: it touches pages of an array a known number of times, in a
 * number of ways, and nothing else touches them. Prints where the array and the lone function are. Linked statically, at
 * fixed addresses, without sanitizers: the same under any emulator.
 */
#include <pthread.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/record/touched.h"

struct __attribute__((packed)) across {
	volatile uint64_t word;
};

static _Alignas(4096) volatile uint8_t array[TOUCHED_PAGES][4096];

/* A page of instructions with nothing in it but a return. */
void touched_lone(void);
__asm__(".text\n.balign 4096\n.globl touched_lone\ntouched_lone:\n\tret\n.balign 4096\n");

static void write_page(unsigned page, unsigned times)
{
	for (unsigned i = 0; i < times; i++)
		array[page][8 * (i % 512)] = 1;
}

static void read_page(unsigned page, unsigned times)
{
	for (unsigned i = 0; i < times; i++)
		(void)array[page][8 * (i % 512)];
}

/* Page i: i + 1 writes, 2 i reads; with each even one, one read that lies in it and in the next. */
static void all_pages(void)
{
	for (unsigned i = 0; i < TOUCHED_PAGES; i++) {
		write_page(i, i + 1);
		read_page(i, 2 * i);
	}
	for (unsigned i = 0; i < TOUCHED_PAGES; i += 2)
		(void)((volatile struct across *)&array[i][4092])->word;
}

static void *thread_pages(void *first)
{
	for (unsigned k = 0; k < TOUCHED_TIMES; k++)
		write_page((unsigned)(uintptr_t)first + k % TOUCHED_SHARE, 1);
	return NULL;
}

static void threads(void)
{
	pthread_t thread[TOUCHED_THREADS];

	for (uintptr_t i = 0; i < TOUCHED_THREADS; i++)
		if (pthread_create(&thread[i], NULL, thread_pages, (void *)(i * TOUCHED_SHARE)))
			abort();
	for (unsigned i = 0; i < TOUCHED_THREADS; i++)
		pthread_join(thread[i], NULL);
}

static void forks(void)
{
	pid_t child;

	write_page(0, TOUCHED_TIMES);
	child = fork();
	if (child == 0) {
		write_page(1, TOUCHED_TIMES / 2);
		_exit(0);
	}
	waitpid(child, NULL, 0);
	write_page(0, TOUCHED_TIMES);
}

/* Pages far from each other in turn, stack and array: a long trace. */
static void many(void)
{
	for (volatile unsigned k = 0; k < TOUCHED_MANY; k++)
		array[k % TOUCHED_PAGES][0] = 1;
}

static void sink(volatile uint32_t *heap, unsigned from, unsigned nr)
{
	for (unsigned child; (child = 2 * from + 1) < nr; from = child) {
		uint32_t value = heap[from];

		child += child + 1 < nr && heap[child + 1] > heap[child];
		if (heap[child] <= value)
			break;
		heap[from] = heap[child];
		heap[child] = value;
	}
}

/* Some real work: heapsort, and nothing of libc, which picks its functions by processor. */
static void sorts(void)
{
	static volatile uint32_t number[TOUCHED_SORTED];
	uint32_t seed = 1;

	for (unsigned i = 0; i < TOUCHED_SORTED; i++)
		number[i] = seed = seed * 1664525 + 1013904223;
	for (unsigned i = TOUCHED_SORTED / 2; i-- > 0;)
		sink(number, i, TOUCHED_SORTED);
	for (unsigned i = TOUCHED_SORTED; i-- > 1;) {
		uint32_t first = number[0];

		number[0] = number[i];
		number[i] = first;
		sink(number, 0, i);
	}
}

int main(int argc, char **argv)
{
	const char *how = argc > 1 ? argv[1] : "";
	char text[100];
	int bytes = snprintf(text, sizeof(text), "%#lx %#lx\n", (unsigned long)(uintptr_t)array,
			     (unsigned long)(uintptr_t)touched_lone);

	if (write(STDOUT_FILENO, text, (size_t)bytes) != bytes)
		return 1;
	if (strcmp(how, "all") == 0)
		all_pages();
	else if (strcmp(how, "threads") == 0)
		threads();
	else if (strcmp(how, "forks") == 0)
		forks();
	else if (strcmp(how, "many") == 0)
		many();
	else if (strcmp(how, "sorts") == 0)
		sorts(), all_pages();
	else if (strcmp(how, "silent") == 0)
		close(STDERR_FILENO), write_page(0, TOUCHED_TIMES);
	else if (strcmp(how, "killed") == 0)
		write_page(0, TOUCHED_TIMES), kill(getpid(), SIGKILL);
	else if (strcmp(how, "exec") == 0)
		write_page(0, TOUCHED_TIMES), execl("/bin/true", "true", NULL);
	else if (strcmp(how, "calls") == 0)
		for (unsigned k = 0; k < TOUCHED_TIMES; k++)
			touched_lone();
	else if (strcmp(how, "forever") == 0)
		for (;;)
			write_page(0, 1);
	return TOUCHED_STATUS;
}
