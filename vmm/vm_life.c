/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * vm_life.c: the threads of a VM: starting, kicking, joining, and the VM's end.
 *
 * No kick is lost: vm->stop is set first, then each vCPU's immediate_exit, which makes the next KVM_RUN return at once,
 * then the signal, which ends the one it is in. The device thread has an eventfd instead. A thread asleep in the kernel
 * on a guest page may not see any of this until the page is served; that is why a kick may be repeated, and why one may
 * ask (vm_joinable) before one waits (vm_join).
 *
 * A thread clears its alive flag, under the lock, as the last thing it does; under the lock, while it is set, the
 * thread exists, and may be signalled and its clock be read.
 */
#include <errno.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "lib/log.h"
#include "vmm/vm_internal.h"

#define STACK_BYTES (256u << 10)

static uint64_t clock_ns(clockid_t clock)
{
	struct timespec t;

	if (clock_gettime(clock, &t))
		return 0;
	return (uint64_t)t.tv_sec * NS_PER_S + (uint64_t)t.tv_nsec;
}

static void thread_left(struct vm *vm, struct vm_thread *t)
{
	pthread_mutex_lock(&vm->lock);
	t->cpu_ns = clock_ns(CLOCK_THREAD_CPUTIME_ID);
	t->alive = false;
	pthread_mutex_unlock(&vm->lock);
}

static void *device_thread(void *arg)
{
	struct vm *vm = arg;

	devices_run(&vm->devices);
	thread_left(vm, &vm->device_thread);
	return NULL;
}

static void *vcpu_thread(void *arg)
{
	struct vcpu *v = arg;
	struct vm *vm = v->vm;
	bool last;

	vcpu_main(v);
	pthread_mutex_lock(&vm->lock);
	last = --vm->vcpus_running == 0;
	pthread_mutex_unlock(&vm->lock);
	if (last) {
		devices_stop(&vm->devices);
		log_debug("vm=%s left unknown_io=%llu", vm->name,
			  (unsigned long long)atomic_load(&vm->unknown_io));
		if (vm->callbacks && vm->callbacks->ended)
			vm->callbacks->ended(vm->callbacks->ctx, vm->id);
	}
	thread_left(vm, &v->thread);
	return NULL;
}

static int thread_start(struct vm *vm, struct vm_thread *t, const pthread_attr_t *attributes,
			void *(*thread)(void *), void *arg, const char *suffix)
{
	char name[16]; /* the kernel's limit */
	int ret;

	pthread_mutex_lock(&vm->lock);
	ret = pthread_create(&t->id, attributes, thread, arg);
	t->started = t->alive = !ret;
	if (!ret) {
		snprintf(name, sizeof(name), "%.*s%s", (int)(sizeof(name) - 1 - strlen(suffix)),
			 vm->name, suffix);
		pthread_setname_np(t->id, name);
	}
	pthread_mutex_unlock(&vm->lock);
	return -ret;
}

static int start_all(struct vm *vm, const pthread_attr_t *attributes)
{
	int ret = 0;

	if (vm->devices.nr)
		ret = thread_start(vm, &vm->device_thread, attributes, device_thread, vm, "/dev");
	for (unsigned i = 0; i < vm->nr_vcpus && !ret; i++) {
		char suffix[16];

		snprintf(suffix, sizeof(suffix), "/%u", i);
		ret = thread_start(vm, &vm->vcpu[i].thread, attributes, vcpu_thread, &vm->vcpu[i],
				   suffix);
	}
	return ret;
}

int vm_start(struct vm *vm, struct error *error)
{
	pthread_attr_t attributes;
	sigset_t mine, old;
	int ret;

	/* Signals meant for the program stay out of these threads; the kick and a thread's own faults do not. */
	sigfillset(&mine);
	sigdelset(&mine, VM_KICK_SIGNAL);
	sigdelset(&mine, SIGSEGV);
	sigdelset(&mine, SIGBUS);
	sigdelset(&mine, SIGFPE);
	sigdelset(&mine, SIGILL);
	sigdelset(&mine, SIGABRT);
	pthread_attr_init(&attributes);
	pthread_attr_setstacksize(&attributes, STACK_BYTES);
	vm->vcpus_running = vm->nr_vcpus;
	pthread_sigmask(SIG_BLOCK, &mine, &old);
	ret = start_all(vm, &attributes);
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	pthread_attr_destroy(&attributes);
	if (!ret)
		return 0;
	vm_kick(vm);
	vm_join(vm);
	return error_host(error, -ret, "%s: thread", vm->name);
}

void vm_kick(struct vm *vm)
{
	pthread_mutex_lock(&vm->lock);
	atomic_store(&vm->stop, true);
	for (unsigned i = 0; i < vm->nr_vcpus; i++) {
		struct vcpu *v = &vm->vcpu[i];

		__atomic_store_n(&v->run->immediate_exit, 1, __ATOMIC_SEQ_CST);
		if (v->thread.alive)
			pthread_kill(v->thread.id, VM_KICK_SIGNAL);
	}
	pthread_mutex_unlock(&vm->lock);
	devices_stop(&vm->devices);
}

bool vm_joinable(struct vm *vm)
{
	bool alive;

	pthread_mutex_lock(&vm->lock);
	alive = vm->device_thread.alive;
	for (unsigned i = 0; i < vm->nr_vcpus; i++)
		alive |= vm->vcpu[i].thread.alive;
	pthread_mutex_unlock(&vm->lock);
	return !alive;
}

static void join(struct vm_thread *t)
{
	if (t->started)
		pthread_join(t->id, NULL);
	t->started = false;
}

void vm_join(struct vm *vm)
{
	for (unsigned i = 0; i < vm->nr_vcpus; i++)
		join(&vm->vcpu[i].thread);
	join(&vm->device_thread);
}

void vm_end(struct vm *vm, enum vm_exit exit, const char *reason, ...)
{
	va_list args;

	pthread_mutex_lock(&vm->lock);
	if (vm->exit == VM_RUNNING) {
		vm->exit = exit;
		va_start(args, reason);
		vsnprintf(vm->exit_reason, sizeof(vm->exit_reason), reason, args);
		va_end(args);
	}
	pthread_mutex_unlock(&vm->lock);
	vm_kick(vm);
}

void vm_remove(struct vm *vm)
{
	vm_end(vm, VM_REMOVED, "%s", "");
}

/* Lock held. */
static uint64_t thread_cpu_ns(const struct vm_thread *t)
{
	clockid_t clock;

	if (!t->alive)
		return t->cpu_ns;
	return pthread_getcpuclockid(t->id, &clock) ? 0 : clock_ns(clock);
}

uint64_t vm_run_ns(struct vm *vm)
{
	uint64_t run_ns = 0;

	pthread_mutex_lock(&vm->lock);
	for (unsigned i = 0; i < vm->nr_vcpus; i++)
		run_ns += thread_cpu_ns(&vm->vcpu[i].thread);
	pthread_mutex_unlock(&vm->lock);
	return run_ns;
}

void vm_live_stats(struct vm *vm, struct vm_live_stats *out)
{
	out->guest_bad = atomic_load(&vm->bad.count);
	out->disk_reads = out->disk_writes = out->disk_errors = 0;
	for (unsigned i = 0; i < vm->devices.nr_disks; i++) {
		out->disk_reads += atomic_load(&vm->devices.disk[i].reads);
		out->disk_writes += atomic_load(&vm->devices.disk[i].writes);
		out->disk_errors += atomic_load(&vm->devices.disk[i].errors);
	}
	out->run_ns = vm_run_ns(vm);
	pthread_mutex_lock(&vm->lock);
	out->exit = vm->exit;
	memcpy(out->exit_reason, vm->exit_reason, sizeof(out->exit_reason));
	pthread_mutex_unlock(&vm->lock);
}
