/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * vcpu.c: running a vCPU, and what it exits for.
 *
 * Few exits reach us: interrupts, timers and hlt stay in the kernel, notifications go to the device thread by ioeventfd.
 * Left are the serial port, the lab guest's two ports, device registers, and the ends: a guest can power off, shut its
 * processor down (triple fault), or do what this KVM cannot carry out. Each end is the guest's own: the others and the
 * process go on. Ports and addresses where nothing is read as all ones and swallow writes, as on a PC; they are counted,
 * not reported, since kernels look for hardware that way.
 * Reference: Linux Documentation/virt/kvm/api.rst, section 5.
 */
#include <errno.h>
#include <linux/kvm.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>

#include "lib/log.h"
#include "vmm/vm_internal.h"

#define EXIT_MEMORY_FAULT 39 /* KVM_EXIT_MEMORY_FAULT, Linux 6.8 */

/* The end of a VM that is not the guest's wish: registers to its console, the reason to whoever asks. */
__attribute__((format(printf, 2, 3))) static void crash(struct vcpu *v, const char *format, ...)
{
	struct vm *vm = v->vm;
	struct vcpu_dump dump;
	char reason[160], note[300];
	va_list args;

	va_start(args, format);
	vsnprintf(reason, sizeof(reason), format, args);
	va_end(args);
	vcpu_dump(v, &dump);
	snprintf(note, sizeof(note), "[ballast: %s crashed: %s, vCPU %u at rip %#llx]\n", vm->name,
		 reason, v->index, (unsigned long long)dump.rip);
	console_note(&vm->console, note);
	console_note(&vm->console, dump.text);
	log_debug("crashed vm=%s vcpu=%u rip=%#llx: %s", vm->name, v->index,
		  (unsigned long long)dump.rip, reason);
	if (dump.lost)
		vm_end(vm, VM_CRASHED,
		       "%s; its rip is lost by this KVM, last exit was at rip %#llx", reason,
		       (unsigned long long)v->last_rip);
	else
		vm_end(vm, VM_CRASHED, "%s at rip %#llx", reason, (unsigned long long)dump.rip);
}

/* The guest wrote a status to its exit port. */
static void exit_port(struct vcpu *v, uint32_t status)
{
	static const char *const names[] = {
		[GUEST_EXIT_INTEGRITY] = "integrity error",
		[GUEST_EXIT_PANIC] = "guest panic",
		[GUEST_EXIT_OUT_OF_MEMORY] = "guest out of memory and swap",
		[GUEST_EXIT_BAD_COMMAND_LINE] = "guest refused its command line",
	};

	if (status == GUEST_EXIT_HALTED) {
		vm_end(v->vm, VM_HALTED, "%s", "");
		return;
	}
	vm_end(v->vm, VM_CRASHED, "%s (exit status %u, see its console)",
	       status < sizeof(names) / sizeof(names[0]) && names[status] ? names[status]
									  : "guest gave up",
	       status);
}

static void event_port(struct vcpu *v, uint32_t event)
{
	const struct vm_callbacks *c = v->vm->callbacks;

	if (c && c->event)
		c->event(c->ctx, v->vm->id, event);
}

/* True if there is something at the port. nr accesses of size bytes each. */
static bool port_write(struct vcpu *v, unsigned port, const uint8_t *data, unsigned size,
		       unsigned nr)
{
	uint32_t value;

	if (port - GUEST_COM1_PORT < SERIAL_PORTS && size == 1) {
		serial_write(&v->vm->serial, port - GUEST_COM1_PORT, data, nr);
		return true;
	}
	if ((port != GUEST_EVENT_PORT && port != GUEST_EXIT_PORT) || size != sizeof(value))
		return false;
	for (unsigned i = 0; i < nr; i++) {
		memcpy(&value, data + i * sizeof(value), sizeof(value));
		if (port == GUEST_EVENT_PORT)
			event_port(v, value);
		else
			exit_port(v, value);
	}
	return true;
}

static bool port_read(struct vcpu *v, unsigned port, uint8_t *data, unsigned size, unsigned nr)
{
	if (port - GUEST_COM1_PORT >= SERIAL_PORTS || size != 1)
		return false;
	for (unsigned i = 0; i < nr; i++)
		data[i] = serial_read(&v->vm->serial, port - GUEST_COM1_PORT);
	return true;
}

static void io_exit(struct vcpu *v)
{
	struct kvm_run *run = v->run;
	uint8_t *data = (uint8_t *)run + run->io.data_offset;
	unsigned size = run->io.size, nr = run->io.count;
	bool known;

	if (run->io.direction == KVM_EXIT_IO_OUT) {
		known = port_write(v, run->io.port, data, size, nr);
	} else {
		known = port_read(v, run->io.port, data, size, nr);
		if (!known)
			memset(data, 0xff, (size_t)size * nr);
	}
	if (!known)
		atomic_fetch_add_explicit(&v->vm->unknown_io, 1, memory_order_relaxed);
}

static void mmio_exit(struct vcpu *v)
{
	struct kvm_run *run = v->run;

	if (devices_mmio(&v->vm->devices, run->mmio.phys_addr, run->mmio.data, run->mmio.len,
			 run->mmio.is_write))
		return;
	atomic_fetch_add_explicit(&v->vm->unknown_io, 1, memory_order_relaxed);
	if (!run->mmio.is_write)
		memset(run->mmio.data, 0xff, run->mmio.len);
}

static void internal_error(struct vcpu *v)
{
	static const char *const names[] = {
		[KVM_INTERNAL_ERROR_EMULATION] = "instruction it cannot emulate",
		[KVM_INTERNAL_ERROR_SIMUL_EX] = "simultaneous exceptions",
		[KVM_INTERNAL_ERROR_DELIVERY_EV] = "exit while delivering an event",
		[KVM_INTERNAL_ERROR_UNEXPECTED_EXIT_REASON] = "unexpected exit of the processor",
	};
	const struct kvm_run *run = v->run;
	uint32_t suberror = run->internal.suberror;
	const char *name = suberror < sizeof(names) / sizeof(names[0]) ? names[suberror] : NULL;

	crash(v, "KVM internal error: %s (suberror %u)", name ? name : "unknown", suberror);
}

static void system_event(struct vcpu *v)
{
	if (v->run->system_event.type == KVM_SYSTEM_EVENT_SHUTDOWN)
		vm_end(v->vm, VM_HALTED, "%s", "");
	else
		crash(v, "system event %u (reset is not supported)", v->run->system_event.type);
}

static void handle_exit(struct vcpu *v)
{
	struct kvm_run *run = v->run;

	if (run->exit_reason != KVM_EXIT_SHUTDOWN)
		v->last_rip = run->s.regs.regs.rip;
	switch (run->exit_reason) {
	case KVM_EXIT_IO:
		io_exit(v);
		break;
	case KVM_EXIT_MMIO:
		mmio_exit(v);
		break;
	case KVM_EXIT_INTR:
	case KVM_EXIT_IRQ_WINDOW_OPEN:
		break;
	case KVM_EXIT_HLT: /* not with in-kernel interrupt controllers; nothing could wake it */
		vm_end(v->vm, VM_HALTED, "%s", "");
		break;
	case KVM_EXIT_SHUTDOWN:
		crash(v, "triple fault");
		break;
	case KVM_EXIT_FAIL_ENTRY:
		crash(v, "the processor refused to enter the guest (reason %#llx)",
		      (unsigned long long)run->fail_entry.hardware_entry_failure_reason);
		break;
	case KVM_EXIT_INTERNAL_ERROR:
		internal_error(v);
		break;
	case KVM_EXIT_SYSTEM_EVENT:
		system_event(v);
		break;
	default:
		crash(v, "unexpected KVM exit %u", run->exit_reason);
		break;
	}
}

/* KVM_RUN failed with errnum, which is not EINTR. */
static void run_error(struct vcpu *v, int errnum)
{
	struct {
		uint64_t flags, gpa, size;
	} fault;
	char words[64];

	memcpy(&fault, &v->run->hw, sizeof(fault)); /* the exit's union; younger than the headers */
	if (errnum == EFAULT && v->run->exit_reason == EXIT_MEMORY_FAULT)
		crash(v, "KVM cannot access guest memory at %#llx", (unsigned long long)fault.gpa);
	else if (errnum == EFAULT)
		crash(v, "KVM cannot access guest memory");
	else
		crash(v, "KVM_RUN: %s", strerror_r(errnum, words, sizeof(words)));
}

void vcpu_main(struct vcpu *v)
{
	while (!atomic_load(&v->vm->stop)) {
		if (!ioctl(v->fd, KVM_RUN, 0))
			handle_exit(v);
		else if (errno != EINTR && errno != EAGAIN) /* EAGAIN: start-up interrupt came */
			run_error(v, errno);
	}
}
