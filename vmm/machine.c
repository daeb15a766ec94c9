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
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "lib/log.h"
#include "vmm/machine_internal.h"

void machine_mm_config(const struct machine_config *c, struct mm_config *out)
{
	*out = (struct mm_config){
		.memory_pages = c->memory_pages,
		.swap_pages = c->swap_pages,
		.pager = c->pager,
		.policy = c->policy,
		.states_sliding = c->states_sliding,
		.tax_ppm = c->tax_ppm,
		.sample_pages = c->sample_pages,
		.sample_period_ns = c->sample_period_ns,
		.sample_slow_ppm = c->sample_slow_ppm,
		.sample_fast_ppm = c->sample_fast_ppm,
		.estimator = c->estimator,
		.balloon = c->balloon,
		.spare_overwritten = c->swap_spares_overwritten,
		.write_zeros = c->swap_writes_zeros,
		.ahead_most = c->swap_ahead_most,
		.compress_ppm = c->compress_ppm,
		.share_capacity_pages = c->share ? c->share_capacity_pages : 0,
		.scan = c->scan,
		.rebalance_ns = c->rebalance_ns,
		.seed = c->seed,
		.max_vms = c->max_vms,
		.most_at_once = c->most_at_once,
		.promised_pages = c->promised_pages,
		.bounce_pages_per_vm = BOUNCE_PAGES_PER_VM,
	};

	memcpy(out->state_ppm, c->state_ppm, sizeof out->state_ppm);
}

static int create_mm(struct machine *m, struct error *error)
{
	const struct machine_config *c = &m->config;
	struct mm_config config;
	npages_t least;
	int result;

	machine_mm_config(c, &config);
	config.start_ns = machine_now_ns();
	config.record = c->record;
	least = mm_least_memory_pages(&config, c->most_at_once ? c->most_at_once : c->max_vms, 0);
	if (c->memory_pages < least)
		return error_user(error,
				  "host.memory of %llu KiB is too small: the machine's own reserve "
				  "and high threshold "
				  "need more than %llu KiB for %u VMs",
				  (unsigned long long)pages_to_bytes(c->memory_pages) >> 10,
				  (unsigned long long)pages_to_bytes(least) >> 10,
				  c->most_at_once ? c->most_at_once : c->max_vms);
	result = mm_create(&config, &machine_body_ops, m, &m->mm);
	if (result == -EINVAL)
		return error_user(error, "host.states: high and low are the same number of pages "
					 "of this host.memory");
	if (result)
		return error_host(error, -result, "memory manager");
	return 0;
}

static unsigned long long mib_up(npages_t pages)
{
	return (pages_to_bytes(pages) + (1 << 20) - 1) >> 20;
}

int machine_admit(const struct machine_config *c, const struct vm_config *vm, unsigned nr,
		  struct error *error)
{
	struct mm_config config;
	struct mm_vm_config *all = calloc(nr, sizeof *all);
	struct mm_admission a;
	uint32_t fit;

	if (!all)
		return error_host(error, ENOMEM, "admission");
	machine_mm_config(c, &config);
	for (unsigned i = 0; i < nr; i++)
		all[i] = (struct mm_vm_config){.pages = vm[i].pages, .min_pages = vm[i].min_pages};
	fit = mm_admit(&config, all, nr, &a);
	free(all);
	if (fit == nr)
		return 0;
	return error_user(
		error,
		"%s does not fit: up to it VMs need %llu MiB of memory (min %llu, overhead "
		"%llu), host.memory is %llu MiB; and %llu MiB of swap (memory - min), "
		"host.swap is %llu MiB",
		vm[fit].name, mib_up(a.min_pages + a.overhead_pages), mib_up(a.min_pages),
		mib_up(a.overhead_pages), mib_up(c->memory_pages), mib_up(a.beyond_pages),
		mib_up(c->swap_pages));
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
	m->callbacks.ctx = m;
	machine_vm_callbacks(&m->callbacks);
	machine_balloon_callbacks(&m->callbacks);
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
	if (!result && config->compress_ppm)
		result = compress_open(&m->memory, error);
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

int machine_start(struct machine *m, struct error *error)
{
	m->started = true;
	machine_lock(m);
	m->started_ns = machine_now_ns();
	mm_start(m->mm, m->started_ns);
	machine_unlock(m);
	for (unsigned i = 0; i < m->nr_vms; i++) {
		int result = machine_start_vm(m, i, error);

		if (result)
			return result;
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
	if (!v->removed)
		machine_read_live(m, id, &v->last);
	v->vm = NULL;
	machine_unlock(m);
	vm_destroy(vm);
	machine_lock(m);
	mm_vm_end(m->mm, id, machine_now_ns());
	if (v->removed)
		memory_remove_vm(&m->memory, id);
	v->joined = true;
}

void machine_reap(struct machine *m)
{
	for (unsigned i = 0; i < m->nr_vms; i++) {
		struct machine_vm *v = &m->vm[i];

		if (!v->runs || !v->vm || v->reaping) /* vm is set before runs, without the lock */
			continue;
		if (m->config.balloon && !atomic_load(&v->vcpus_left)) /* who left has no word */
			machine_balloon_watch(m, i);
		if (v->broken || v->removed)
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

/* Time for vCPUs to leave that do not wait for a page. */
#define LEAVE_ROUNDS 20u /* of a millisecond */

int machine_remove_vm(struct machine *m, vmid_t vm)
{
	const struct timespec pause = {.tv_nsec = 1000000};
	struct machine_vm *v = vm.v < m->nr_vms ? &m->vm[vm.v] : NULL;
	unsigned rounds = 0;

	machine_lock(m);
	if (!v || !v->runs || !v->vm || v->reaping)
		goto gone;
	machine_read_live(m, vm.v, &v->last);
	if (v->last.exit != VM_RUNNING)
		goto gone;
	v->last.exit = VM_REMOVED;
	v->removed = true;
	vm_remove(v->vm);
	/* From now on nothing counts that is in it. A vCPU may be asleep on a page that nobody makes room for. */
	while (!v->joined) {
		if (++rounds == LEAVE_ROUNDS && !v->doomed) {
			mm_vm_doom(m->mm, vm.v, machine_now_ns());
			v->doomed = true;
		}
		machine_reap(m);
		machine_unlock(m);
		nanosleep(&pause, NULL);
		machine_lock(m);
	}
	machine_unlock(m);
	return 0;
gone:
	machine_unlock(m);
	return -ESRCH;
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
	m->kernel_read_ns = 0; /* read it now, whatever it costs */
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

void machine_record_end(struct machine *m)
{
	machine_lock(m);
	mm_record_end(m->mm);
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
