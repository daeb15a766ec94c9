/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * machine_vm.c: a VM joins the machine: its memory, records, console log and swap disk, vCPUs and devices, and the boot
 * image in its memory.
 */
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

static void on_event(void *ctx, vmid_t vm, uint32_t event)
{
	struct machine *m = ctx;
	struct machine_vm *v = &m->vm[vm.v];

	if (event == GUEST_EVENT_FIRST_STEP && !atomic_load(&v->boot_ns))
		atomic_store(&v->boot_ns, v->made_in_ns + machine_now_ns() - v->started_ns);
}

static void on_ended(void *ctx, vmid_t vm)
{
	struct machine *m = ctx;

	atomic_store(&m->vm[vm.v].vcpus_left, true);
}

/* An unnamed file of that size in work_dir, in *out, unless there are no pages. */
static int guest_disk(const struct machine *m, npages_t pages, int *out, struct error *error)
{
	char path[4096];
	int fd;

	if (!pages)
		return 0;
	fd = open(m->config.work_dir, O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
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
	*out = fd;
	return 0;
}

static int console_file(const struct machine *m, const char *name, struct error *error)
{
	char path[4096];
	int fd;

	snprintf(path, sizeof path, "%s/%s.console.log", m->config.work_dir, name);
	fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0644);
	return fd >= 0 ? fd : error_host(error, errno, "%s", path);
}

void machine_empty_console(const struct machine *m, const char *name)
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

static bool may_page(const struct machine *m)
{
	return m->swap || m->config.compress_ppm;
}

/* The pager makes room, if it may. */
static int place_patiently(const struct placing *p, gfn_t g, const void *page)
{
	const struct timespec pause = {.tv_nsec = 1000000};
	int result = place_now(p, g, page);

	for (unsigned ms = 0; result == -ENOMEM && may_page(p->m) && ms < PLACE_PATIENCE_MS; ms++) {
		nanosleep(&pause, NULL);
		result = place_now(p, g, page);
	}
	return result;
}

/*
 * Pages of zeros are placed to save the guest the faults of its start, and need not be: an untouched page reads as
 * zeros.
 */
static int place(void *ctx, gfn_t g, const void *page)
{
	int result = place_now(ctx, g, page);

	if (!page && result == -ENOMEM)
		return 0;
	return result == -ENOMEM ? place_patiently(ctx, g, page) : result;
}

static void close_files(const struct vm_params *params)
{
	if (params->console_fd >= 0)
		close(params->console_fd);
	if (params->disk_fd >= 0)
		close(params->disk_fd);
	if (params->data_fd >= 0)
		close(params->data_fd);
}

/* What the devices write to and read from. When it fails, some may be open. */
static int open_files(const struct machine *m, const struct vm_config *config,
		      struct vm_params *params, struct error *error)
{
	int result = guest_disk(m, config->guest_swap_pages, &params->disk_fd, error);

	if (!result)
		result = guest_disk(m, config->guest_data_pages, &params->data_fd, error);
	if (result)
		return result;
	params->console_fd = console_file(m, config->name, error);
	return params->console_fd < 0 ? params->console_fd : 0;
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
		.data_fd = -1,
		.data_bytes = pages_to_bytes(config->guest_data_pages),
		.balloon = {.present = m->config.balloon,
			    .deflate_on_oom = true,
			    .reporting = true},
		.callbacks = &m->callbacks,
	};
	struct vm *vm;
	int result = 0;

	if (m->kvm.fd < 0)
		result = kvm_host_open(&m->kvm, "/dev/kvm", error);
	if (result)
		return result;
	result = open_files(m, config, &params, error);
	if (!result)
		result = vm_create(&m->kvm, &params, &vm, error);
	if (result) {
		close_files(&params);
		return result;
	}
	machine_lock(m);
	m->vm[id].vm = vm;
	machine_unlock(m);
	if (config->lab)
		result = place_patiently(&placing, gpa_to_gfn(gpa(GUEST_STATS_GPA)), NULL);
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

int machine_start_vm(struct machine *m, uint32_t id, struct error *error)
{
	struct machine_vm *v = &m->vm[id];
	int result;

	if (!v->vm)
		return 0;
	machine_empty_console(m, v->name);
	v->started_ns = machine_now_ns();
	result = vm_start(v->vm, error);
	if (result)
		return result;
	machine_lock(m);
	v->runs = true;
	machine_unlock(m);
	return 0;
}

/* It did not come to run: what there is of it goes, and its id stays taken. */
static void give_up(struct machine *m, uint32_t id, const struct error *error)
{
	struct machine_vm *v = &m->vm[id];
	struct vm *vm = v->vm;

	machine_lock(m);
	v->vm = NULL;
	v->last = (struct vm_live_stats){.exit = VM_REMOVED};
	snprintf(v->last.exit_reason, sizeof v->last.exit_reason, "%.*s",
		 (int)sizeof v->last.exit_reason - 1, error->text);
	machine_unlock(m);
	vm_destroy(vm);
	machine_lock(m);
	mm_vm_end(m->mm, id, machine_now_ns());
	v->joined = true;
	machine_unlock(m);
	atomic_store(&v->vcpus_left, true);
}

static int add_cache(struct machine *m, uint32_t id, const struct vm_config *config,
		     struct error *error)
{
	int result;

	machine_lock(m); /* the kernel's view looks at all caches */
	result = compress_add_range(&m->memory, id,
				    mm_cache_frames(m->config.compress_ppm, config->pages));
	machine_unlock(m);
	return result ? error_host(error, -result, "%s: addresses for compressed pages",
				   config->name)
		      : 0;
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
	*out = vmid(id);
	snprintf(v->name, sizeof v->name, "%s", config->name);
	result = memory_add_vm(&m->memory, id, config->pages, error);
	if (result)
		memory_add_none(&m->memory);
	else
		result = add_cache(m, id, config, error);
	arena_make(m, id);
	if (!result)
		result = add_to_mm(m, id, config, error);
	machine_lock(m); /* the pager walks the VMs */
	m->nr_vms++;
	machine_unlock(m);
	if (!result && config->vcpus)
		result = make_vm(m, id, config, error);
	v->made_in_ns = machine_now_ns() - began;
	if (!result && m->started)
		result = machine_start_vm(m, id, error);
	if (result)
		give_up(m, id, error);
	return result;
}

void machine_tell_running(struct machine *m)
{
	if (!m->config.sample_pages || !m->config.policy || !m->config.policy->uses_active)
		return;
	for (unsigned i = 0; i < m->nr_vms; i++)
		if (m->vm[i].runs && m->vm[i].vm && !m->vm[i].reaping)
			mm_vm_ran(m->mm, i, vm_run_ns(m->vm[i].vm));
}

static void on_disk_access(void *ctx, vmid_t vm, const gfn_t *pages, unsigned nr, bool overwrites)
{
	struct machine *m = ctx;

	machine_lock(m);
	mm_disk_access(m->mm, vm.v, pages, nr, overwrites, machine_now_ns());
	machine_unlock(m);
}

void machine_vm_callbacks(struct vm_callbacks *c)
{
	c->disk_access = on_disk_access;
	c->event = on_event;
	c->ended = on_ended;
}
