/* SPDX-License-Identifier: GPL-2.0-or-later */
/* balloon_vm.c: see balloon_vm.h. */
#include "tests/support/balloon_vm.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>
#include <sys/mman.h>

#include "tests/support/live.h"

extern const uint8_t lab_image_start[], lab_image_end[];

static void discard(struct balloon_vm *w, gfn_t start, npages_t nr)
{
	assert_int_equal(madvise(w->mem + gfn_to_gpa(start).v, pages_to_bytes(nr), MADV_DONTNEED),
			 0);
}

static uint64_t on_gave(void *ctx, vmid_t id, const gfn_t *pages, unsigned nr)
{
	struct balloon_vm *w = ctx;
	uint64_t accepted = 0;
	unsigned run = 0; /* pages before this one that follow each other */

	(void)id;
	pthread_mutex_lock(&w->lock);
	for (unsigned i = 0; i < nr; i++) {
		if (!w->ballooned[pages[i].v])
			accepted++;
		w->ballooned[pages[i].v] = true;
		if (run && pages[i].v != pages[i - 1].v + 1) {
			discard(w, pages[i - run], run);
			run = 0;
		}
		run++;
	}
	discard(w, pages[nr - run], run);
	w->held += accepted;
	w->gave += accepted;
	w->refused += nr - accepted;
	pthread_mutex_unlock(&w->lock);
	return accepted;
}

static uint64_t on_took(void *ctx, vmid_t id, const gfn_t *pages, unsigned nr)
{
	struct balloon_vm *w = ctx;
	uint64_t accepted = 0;

	(void)id;
	pthread_mutex_lock(&w->lock);
	for (unsigned i = 0; i < nr; i++) {
		accepted += w->ballooned[pages[i].v];
		w->ballooned[pages[i].v] = false;
	}
	w->held -= accepted;
	w->took += accepted;
	w->refused += nr - accepted;
	pthread_mutex_unlock(&w->lock);
	return accepted;
}

static void on_forget(void *ctx, vmid_t id)
{
	struct balloon_vm *w = ctx;

	(void)id;
	pthread_mutex_lock(&w->lock);
	memset(w->ballooned, 0, sizeof(w->ballooned));
	w->held = 0;
	w->forgets++;
	pthread_mutex_unlock(&w->lock);
}

static void on_ended(void *ctx, vmid_t id)
{
	struct balloon_vm *w = ctx;

	(void)id;
	atomic_store(&w->ended, true);
}

static int place(void *ctx, gfn_t at, const void *page)
{
	struct balloon_vm *w = ctx;

	if (page)
		memcpy(w->mem + gfn_to_gpa(at).v, page, PAGE_BYTES);
	return 0;
}

struct balloon_vm *balloon_vm_start(npages_t swap, bool deflate_on_oom, const char *cmdline)
{
	struct balloon_vm *w = calloc(1, sizeof(*w));
	const struct boot_image image = {
		.kernel = lab_image_start,
		.kernel_bytes = (size_t)(lab_image_end - lab_image_start),
		.kernel_name = "lab guest",
		.cmdline = cmdline,
		.lab = true,
	};
	struct vm_params params = {
		.name = "balloon",
		.pages = BALLOON_VM_PAGES,
		.vcpus = 1,
		.disk_fd = -1,
		.disk_bytes = pages_to_bytes(swap),
		.balloon = {.present = true, .deflate_on_oom = deflate_on_oom},
		.callbacks = &w->callbacks,
	};

	assert_non_null(w);
	pthread_mutex_init(&w->lock, NULL);
	w->callbacks = (struct vm_callbacks){
		.ended = on_ended,
		.ctx = w,
		.balloon_gave = on_gave,
		.balloon_took = on_took,
		.balloon_forget = on_forget,
	};
	w->mem = mmap(NULL, pages_to_bytes(BALLOON_VM_PAGES), PROT_READ | PROT_WRITE,
		      MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	assert_true(w->mem != MAP_FAILED);
	params.mem = w->mem;
	params.console_fd = memfd_create("console", MFD_CLOEXEC);
	if (swap) {
		params.disk_fd = memfd_create("disk", MFD_CLOEXEC);
		assert_int_equal(ftruncate(params.disk_fd, (off_t)params.disk_bytes), 0);
	}
	live_ok(kvm_host_open(&w->host, "/dev/kvm", live_error()));
	live_ok(vm_create(&w->host, &params, &w->vm, live_error()));
	live_ok(vm_boot(w->vm, &image, place, w, live_error()));
	live_ok(vm_start(w->vm, live_error()));
	return w;
}

struct vm_live_stats balloon_vm_finish(struct balloon_vm *w)
{
	struct vm_live_stats live = {0};

	vm_kick(w->vm);
	vm_join(w->vm);
	vm_live_stats(w->vm, &live);
	vm_destroy(w->vm);
	kvm_host_close(&w->host);
	munmap(w->mem, pages_to_bytes(BALLOON_VM_PAGES));
	pthread_mutex_destroy(&w->lock);
	free(w);
	return live;
}

void balloon_vm_pause(unsigned ms)
{
	const struct timespec t = {.tv_nsec = (long)ms * 1000000};

	nanosleep(&t, NULL);
}

static uint64_t now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * NS_PER_S + (uint64_t)t.tv_nsec;
}

struct guest_stats balloon_vm_guest(struct balloon_vm *w)
{
	struct guest_stats s;

	assert_int_equal(vm_guest_read(w->vm, gpa(GUEST_STATS_GPA), &s, sizeof(s)), 0);
	return s;
}

npages_t balloon_vm_held(struct balloon_vm *w)
{
	npages_t n;

	pthread_mutex_lock(&w->lock);
	n = w->held;
	pthread_mutex_unlock(&w->lock);
	return n;
}

struct guest_stats balloon_vm_at_rest(struct balloon_vm *w)
{
	uint64_t from = now_ns();

	/* The copy takes time: two that are alike were taken in the same rest. */
	while (now_ns() - from < BALLOON_VM_PATIENCE_S * NS_PER_S) {
		struct guest_stats a = balloon_vm_guest(w), b = balloon_vm_guest(w);

		if (a.resting && !memcmp(&a, &b, sizeof(a)))
			return a;
		balloon_vm_pause(1);
	}
	fail_msg("the guest never rests");
	return (struct guest_stats){0};
}

uint64_t balloon_vm_wait(struct balloon_vm *w, npages_t pages)
{
	struct vm_balloon_stats b;
	uint64_t from = now_ns();

	for (;;) {
		vm_balloon_get(w->vm, &b);
		if (b.driver && b.actual_pages == pages && balloon_vm_held(w) == pages)
			return now_ns() - from;
		if (now_ns() - from > BALLOON_VM_PATIENCE_S * NS_PER_S || atomic_load(&w->ended))
			break;
		balloon_vm_pause(1);
	}
	fail_msg("wanted %llu pages ballooned, driver says %llu, the test holds %llu, state %llu",
		 (unsigned long long)pages, (unsigned long long)b.actual_pages,
		 (unsigned long long)balloon_vm_held(w),
		 (unsigned long long)balloon_vm_guest(w).balloon_state);
	return 0;
}
