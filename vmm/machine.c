/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * machine.c: the live machine's life: memory, swap, VMs, stopping.
 *
 * Stopping (host-kvm rules 9 and 12): a vCPU may be asleep in the kernel on a page that nobody will make room for, and
 * on older kernels no signal wakes it. So the manager is told to stop first, which frees frames set aside for this;
 * waiting faults are served with their true content; each thread that gets its page finds the kick and leaves. A VM
 * whose vCPUs have left is doomed: its device thread is served at the cost of its other pages. A VM with no thread
 * left is taken down, and its memory serves the others.
 */
#include "vmm/machine.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "lib/log.h"
#include "vmm/machine_internal.h"

#define PLACE_PATIENCE_MS 5000u /* for the pager to make room for a boot image */
#define BALLOON_BATCH     64u   /* pages a hold of the lock */

static void on_event(void *ctx, vmid_t vm, uint32_t event)
{
	struct machine *m = ctx;
	struct machine_vm *v = &m->vm[vm.v];

	if (event == GUEST_EVENT_FIRST_STEP && !atomic_load(&v->boot_ns))
		atomic_store(&v->boot_ns, v->made_in_ns + machine_now_ns() - v->started_ns);
}

static uint64_t on_balloon_gave(void *ctx, vmid_t vm, const gfn_t *pages, unsigned nr)
{
	struct machine *m = ctx;
	uint64_t accepted = 0;

	for (unsigned i = 0; i < nr; i += BALLOON_BATCH) { /* faults come in between */
		machine_lock(m);
		accepted += mm_balloon_gave(m->mm, vm.v, pages + i,
					    nr - i < BALLOON_BATCH ? nr - i : BALLOON_BATCH,
					    machine_now_ns());
		machine_unlock(m);
	}
	return accepted;
}

static uint64_t on_balloon_took(void *ctx, vmid_t vm, const gfn_t *pages, unsigned nr)
{
	struct machine *m = ctx;
	uint64_t accepted;

	machine_lock(m);
	accepted = mm_balloon_took(m->mm, vm.v, pages, nr, machine_now_ns());
	machine_unlock(m);
	return accepted;
}

static uint64_t on_pages_reported(void *ctx, vmid_t vm, gfn_t start, npages_t nr)
{
	struct machine *m = ctx;
	uint64_t accepted;

	machine_lock(m);
	accepted = mm_pages_reported(m->mm, vm.v, start, nr, machine_now_ns());
	machine_unlock(m);
	return accepted;
}

static void on_balloon_forget(void *ctx, vmid_t vm)
{
	struct machine *m = ctx;

	machine_lock(m);
	mm_balloon_driver(m->mm, vm.v, false, machine_now_ns());
	m->vm[vm.v].balloon_driver = false; /* looked for again at the next tick */
	machine_unlock(m);
}

static void on_ended(void *ctx, vmid_t vm)
{
	struct machine *m = ctx;

	atomic_store(&m->vm[vm.v].vcpus_left, true);
}

static int create_mm(struct machine *m, struct error *error)
{
	const struct machine_config *c = &m->config;
	struct mm_config config = {
		.memory_pages = c->memory_pages,
		.swap_pages = c->swap_pages,
		.pager = c->pager,
		.balloon = c->balloon,
		.share_capacity_pages = c->share ? c->share_capacity_pages : 0,
		.scan = c->scan,
		.rebalance_ns = c->rebalance_ns,
		.seed = c->seed,
		.start_ns = machine_now_ns(),
		.max_vms = c->max_vms,
		.bounce_pages_per_vm = BOUNCE_PAGES_PER_VM,
	};
	npages_t least;
	int result;

	memcpy(config.state_ppm, c->state_ppm, sizeof config.state_ppm);
	least = mm_least_memory_pages(&config, c->max_vms, 0);
	if (c->memory_pages < least)
		return error_user(error,
				  "host.memory of %llu KiB is too small: the machine's own reserve "
				  "and high threshold "
				  "need more than %llu KiB for %u VMs",
				  (unsigned long long)pages_to_bytes(c->memory_pages) >> 10,
				  (unsigned long long)pages_to_bytes(least) >> 10, c->max_vms);
	result = mm_create(&config, &machine_body_ops, m, &m->mm);
	if (result == -EINVAL)
		return error_user(error, "host.states: high and low are the same number of pages "
					 "of this host.memory");
	if (result)
		return error_host(error, -result, "memory manager");
	return 0;
}

static int create_swap(struct machine *m, struct error *error)
{
	struct swapfile_config config = {
		.path = m->config.swap_path ? m->config.swap_path : m->config.work_dir,
		.pages = m->config.swap_pages,
		.stage = m->memory.stage,
		.no_uring = m->config.swap_without_uring,
		.done = machine_swap_done,
		.ctx = m,
	};

	return m->config.swap_pages ? swapfile_create(&config, &m->swap, error) : 0;
}

int machine_create(const struct machine_config *config, struct machine **out, struct error *error)
{
	struct machine *m = calloc(1, sizeof *m);
	pthread_mutexattr_t adaptive;
	pthread_condattr_t monotonic;
	int result;

	*out = NULL;
	if (!m)
		return error_host(error, ENOMEM, "machine");
	m->config = *config;
	m->kvm.fd = -1;
	m->memory.uffd.fd = -1;
	m->callbacks = (struct vm_callbacks){.event = on_event,
					     .ended = on_ended,
					     .balloon_gave = on_balloon_gave,
					     .balloon_took = on_balloon_took,
					     .pages_reported = on_pages_reported,
					     .balloon_forget = on_balloon_forget,
					     .ctx = m};
	pthread_mutexattr_init(&adaptive);
	pthread_mutexattr_settype(&adaptive, PTHREAD_MUTEX_ADAPTIVE_NP);
	pthread_mutex_init(&m->lock, &adaptive);
	pthread_condattr_init(&monotonic);
	pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
	pthread_cond_init(&m->pager_wish, &monotonic);
	m->vm = calloc(config->max_vms, sizeof *m->vm);
	result = m->vm ? 0 : error_host(error, ENOMEM, "machine");
	if (!result)
		result = memory_create(&m->memory, config->max_vms, config->evict,
				       config->share ? config->share_capacity_pages : 0, error);
	if (config->share_mappings)
		m->memory.remap.most_mappings = config->share_mappings;
	if (!result)
		result = create_swap(m, error);
	if (!result)
		result = create_mm(m, error);
	if (!result)
		result = machine_threads_start(m, error);
	if (!result)
		result = machine_scanner_start(m, error);
	if (result) {
		machine_destroy(m);
		return result;
	}
	m->started_ns = machine_now_ns();
	*out = m;
	return 0;
}

/* An unnamed file of that size in work_dir; or -errno. */
static int guest_disk(const struct machine *m, npages_t pages, struct error *error)
{
	char path[4096];
	int fd = open(m->config.work_dir, O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);

	if (fd < 0) {
		snprintf(path, sizeof path, "%s/.ballast-disk-XXXXXX", m->config.work_dir);
		fd = mkostemp(path, O_CLOEXEC);
		if (fd < 0)
			return error_host(error, errno, "guest disk in %s", m->config.work_dir);
		unlink(path);
	}
	if (ftruncate(fd, (off_t)pages_to_bytes(pages))) {
		int e = errno;

		close(fd);
		return error_host(error, e, "guest disk of %llu MiB in %s",
				  (unsigned long long)pages_to_bytes(pages) >> 20,
				  m->config.work_dir);
	}
	return fd;
}

static int console_file(const struct machine *m, const char *name, struct error *error)
{
	char path[4096];
	int fd;

	snprintf(path, sizeof path, "%s/%s.console.log", m->config.work_dir, name);
	fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0644);
	return fd >= 0 ? fd : error_host(error, errno, "%s", path);
}

/* What an earlier run left in it goes when this one is sure to begin. */
static void empty_console(const struct machine *m, const char *name)
{
	char path[4096];

	snprintf(path, sizeof path, "%s/%s.console.log", m->config.work_dir, name);
	if (truncate(path, 0))
		log_warn("%s: could not be emptied: %s", path, strerror(errno));
}

struct placing {
	struct machine *m;
	uint32_t vm;
};

static int place_now(const struct placing *p, gfn_t g, const void *page)
{
	bool pin = g.v == gpa_to_gfn(gpa(GUEST_STATS_GPA)).v;
	int result;

	machine_lock(p->m);
	result = mm_place(p->m->mm, p->vm, g, page, pin, machine_now_ns());
	machine_unlock(p->m);
	return result;
}

/*
 * Pages of zeros are placed to save the guest the faults of its start, and need not be: an untouched page reads as
 * zeros. For the others the pager makes room, if it may.
 */
static int place(void *ctx, gfn_t g, const void *page)
{
	const struct timespec pause = {.tv_nsec = 1000000};
	const struct placing *p = ctx;
	int result = place_now(p, g, page);

	if (!page && result == -ENOMEM)
		return 0;
	for (unsigned ms = 0; result == -ENOMEM && p->m->swap && ms < PLACE_PATIENCE_MS; ms++) {
		nanosleep(&pause, NULL);
		result = place_now(p, g, page);
	}
	return result;
}

/* KVM's part of a VM: vCPUs, devices, and the boot image in its memory. */
static int make_vm(struct machine *m, uint32_t id, const struct vm_config *config,
		   struct error *error)
{
	struct placing placing = {m, id};
	struct boot_image image = {config->kernel, config->kernel_bytes, config->kernel_name,
				   config->cmdline, config->lab};
	struct vm_params params = {
		.id = vmid(id),
		.name = m->vm[id].name,
		.mem = m->memory.range[id].start,
		.pages = config->pages,
		.vcpus = config->vcpus,
		.console_fd = -1,
		.disk_fd = -1,
		.disk_bytes = pages_to_bytes(config->guest_swap_pages),
		.balloon = {.present = m->config.balloon,
			    .deflate_on_oom = true,
			    .reporting = true},
		.callbacks = &m->callbacks,
	};
	int result = 0;

	if (m->kvm.fd < 0)
		result = kvm_host_open(&m->kvm, "/dev/kvm", error);
	if (result)
		return result;
	params.console_fd = console_file(m, config->name, error);
	if (params.console_fd < 0)
		return params.console_fd;
	if (config->guest_swap_pages) {
		params.disk_fd = guest_disk(m, config->guest_swap_pages, error);
		if (params.disk_fd < 0) {
			close(params.console_fd);
			return params.disk_fd;
		}
	}
	result = vm_create(&m->kvm, &params, &m->vm[id].vm, error);
	if (result) {
		close(params.console_fd);
		if (params.disk_fd >= 0)
			close(params.disk_fd);
		return result;
	}
	if (config->lab)
		result = place_now(&placing, gpa_to_gfn(gpa(GUEST_STATS_GPA)), NULL);
	if (result)
		return error_host(error, -result, "%s: statistics page", config->name);
	m->vm[id].lab = config->lab; /* from now on its page may be read at any time */
	return vm_boot(m->vm[id].vm, &image, place, &placing, error);
}

static int add_to_mm(struct machine *m, uint32_t id, const struct vm_config *config,
		     struct error *error)
{
	struct mm_vm_config vm = {.pages = config->pages,
				  .min_pages = config->min_pages,
				  .shares = config->shares,
				  .group = config->group};
	int result;

	if (pages_to_bytes(config->pages) > GUEST_HOLE_START) {
		vm.hole_start = gpa_to_gfn(gpa(GUEST_HOLE_START)).v;
		vm.hole_end = gpa_to_gfn(gpa(GUEST_HOLE_END)).v;
	}
	machine_lock(m);
	result = mm_vm_add(m->mm, id, &vm, machine_now_ns());
	machine_unlock(m);
	if (result == -ENOSPC)
		return error_user(error,
				  "%s does not fit: minimums (at least %llu KiB a VM) of the VMs "
				  "so far and this one "
				  "exceed what host.memory leaves for guests",
				  config->name,
				  (unsigned long long)pages_to_bytes(MM_FLOOR_PAGES) >> 10);
	return result ? error_host(error, -result, "%s: page records", config->name) : 0;
}

int machine_add_vm(struct machine *m, const struct vm_config *config, vmid_t *out,
		   struct error *error)
{
	uint64_t began = machine_now_ns();
	uint32_t id = m->nr_vms;
	struct machine_vm *v;
	int result;

	if (id >= m->config.max_vms)
		return error_host(error, ENOSPC, "%s: more VMs than the machine was made for",
				  config->name);
	v = &m->vm[id];
	snprintf(v->name, sizeof v->name, "%s", config->name);
	result = memory_add_vm(&m->memory, id, config->pages, error);
	if (result)
		return result;
	arena_make(m, id);
	result = add_to_mm(m, id, config, error);
	if (result)
		return result;
	machine_lock(m); /* the pager walks the VMs */
	m->nr_vms++;
	machine_unlock(m);
	if (config->vcpus)
		result = make_vm(m, id, config, error);
	v->made_in_ns = machine_now_ns() - began;
	*out = vmid(id);
	return result;
}

int machine_start(struct machine *m, struct error *error)
{
	m->started = true;
	machine_lock(m);
	m->started_ns = machine_now_ns();
	mm_start(m->mm, m->started_ns);
	machine_unlock(m);
	for (unsigned i = 0; i < m->nr_vms; i++) {
		int result;

		if (!m->vm[i].vm)
			continue;
		empty_console(m, m->vm[i].name);
		m->vm[i].started_ns = machine_now_ns();
		result = vm_start(m->vm[i].vm, error);
		if (result)
			return result;
		machine_lock(m);
		m->vm[i].runs = true;
		machine_unlock(m);
	}
	return 0;
}

/*
 * Lock held, dropped meanwhile. KVM may still wait for a page on the VM's behalf (a worker's fault), and closing the VM
 * waits for that, so the manager lets the VM go only afterwards.
 */
static void take_down(struct machine *m, uint32_t id)
{
	struct machine_vm *v = &m->vm[id];
	struct vm *vm = v->vm;

	v->reaping = true;
	machine_unlock(m);
	vm_join(vm);
	machine_lock(m);
	machine_read_live(m, id, &v->last);
	v->vm = NULL;
	machine_unlock(m);
	vm_destroy(vm);
	machine_lock(m);
	mm_vm_end(m->mm, id, machine_now_ns());
	v->joined = true;
}

/* A balloon driver came or went. */
static void watch_balloon(struct machine *m, uint32_t id)
{
	struct machine_vm *v = &m->vm[id];
	struct vm_balloon_stats s;

	vm_balloon_get(v->vm, &s);
	if (s.driver != v->balloon_driver)
		mm_balloon_driver(m->mm, id, s.driver, machine_now_ns());
	v->balloon_driver = s.driver;
}

void machine_reap(struct machine *m)
{
	for (unsigned i = 0; i < m->nr_vms; i++) {
		struct machine_vm *v = &m->vm[i];

		if (!v->runs || !v->vm || v->reaping) /* vm is set before runs, without the lock */
			continue;
		if (m->config.balloon)
			watch_balloon(m, i);
		if (v->broken)
			vm_kick(v->vm);
		if (!atomic_load(&v->vcpus_left))
			continue;
		if (!v->doomed)
			mm_vm_doom(m->mm, i, machine_now_ns());
		v->doomed = true;
		vm_kick(v->vm); /* its device thread too */
		if (vm_joinable(v->vm))
			take_down(m, i);
	}
}

/* Asks all guests to leave; true: none is left. */
static bool all_left(struct machine *m)
{
	bool all = true;

	for (unsigned i = 0; i < m->nr_vms; i++) {
		if (!m->vm[i].runs || m->vm[i].joined)
			continue;
		if (m->vm[i].vm)
			vm_kick(m->vm[i].vm);
		all = false;
	}
	return all;
}

void machine_stop(struct machine *m)
{
	const struct timespec pause = {.tv_nsec = 1000000};
	struct machine_snapshot *final;

	if (m->stopped)
		return;
	if (m->started && machine_snapshot(m, true, &final) == 0)
		m->final = final;
	machine_lock(m);
	mm_stop(m->mm, machine_now_ns());
	while (!all_left(m)) {
		machine_reap(m);
		machine_unlock(m);
		nanosleep(&pause, NULL);
		machine_lock(m);
	}
	m->stopped = true;
	machine_unlock(m);
}

/* Requests under way end by themselves; wait for them. */
static void wait_for_requests(struct machine *m)
{
	const struct timespec pause = {.tv_nsec = 1000000};

	machine_lock(m);
	while (!mm_idle(m->mm)) {
		machine_unlock(m);
		nanosleep(&pause, NULL);
		machine_lock(m);
	}
	machine_unlock(m);
}

void machine_destroy(struct machine *m)
{
	if (!m)
		return;
	if (m->mm)
		machine_stop(m);
	machine_threads_stop(m);
	machine_scanner_stop(m);
	if (m->mm)
		wait_for_requests(m);
	machine_reader_stop(m);
	for (unsigned i = 0; m->vm && i < m->nr_vms; i++)
		vm_destroy(m->vm[i].vm);
	swapfile_destroy(m->swap);
	mm_destroy(m->mm);
	for (unsigned i = 0; m->vm && i < m->config.max_vms; i++)
		arena_unmake(m, i);
	if (m->memory.moves_refused)
		log_warn("the kernel refused to move pages, which were copied instead times=%llu",
			 (unsigned long long)m->memory.moves_refused);
	memory_destroy(&m->memory);
	kvm_host_close(&m->kvm);
	pthread_cond_destroy(&m->pager_wish);
	pthread_mutex_destroy(&m->lock);
	free(m->final);
	free(m->vm);
	free(m);
}

bool machine_idle(struct machine *m)
{
	for (unsigned i = 0; i < m->nr_vms; i++)
		if (!atomic_load(&m->vm[i].vcpus_left))
			return false;
	return true;
}
