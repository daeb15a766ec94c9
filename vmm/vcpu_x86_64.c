/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * vcpu_x86_64.c: an x86-64 vCPU: what CPUID tells the guest, and the registers it starts with.
 *
 * CPUID is what KVM supports on this host, with the parts that differ by vCPU filled in, and without what a guest here
 * cannot use: nested virtualization and performance counters. The KVM leaves stay as KVM gives them; asynchronous page
 * faults among them are harmless, since an event is only a hint to the memory manager.
 *
 * Registers are those of the 64-bit boot protocol: long mode, paging on, flat segments, interrupts off, rsi = zero page.
 * Reference: Linux Documentation/arch/x86/boot.rst, "64-bit boot protocol"; Documentation/virt/kvm/x86/cpuid.rst.
 */
#include <errno.h>
#include <linux/kvm.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#include "vmm/vm_internal.h"

#define BOOT_CODE_SELECTOR 0x10
#define BOOT_DATA_SELECTOR 0x18

#define CR0_BOOT  0x80050033ull /* PG AM WP NE ET MP PE */
#define CR4_BOOT  0x620ull      /* OSXMMEXCPT OSFXSR PAE */
#define EFER_BOOT 0x500ull      /* LMA LME */

#define LEAF_1_ECX_VMX          (1u << 5)
#define LEAF_1_ECX_TSC_DEADLINE (1u << 24)
#define LEAF_1_ECX_HYPERVISOR   (1u << 31)
#define LEAF_80000001_ECX_SVM   (1u << 2)

static void adapt_leaf(struct kvm_cpuid_entry2 *e, const struct vcpu *v, bool deadline)
{
	switch (e->function) {
	case 1:
		e->ebx = (e->ebx & 0xffff) | (v->vm->nr_vcpus & 0xff) << 16 | v->index << 24;
		e->ecx = (e->ecx & ~LEAF_1_ECX_VMX) | LEAF_1_ECX_HYPERVISOR;
		if (deadline)
			e->ecx |= LEAF_1_ECX_TSC_DEADLINE;
		break;
	case 0xa: /* performance counters */
		e->eax = e->ebx = e->ecx = e->edx = 0;
		break;
	case 0xb: /* topology: x2APIC id */
	case 0x1f:
		e->edx = v->index;
		break;
	case 0x80000001:
		e->ecx &= ~LEAF_80000001_ECX_SVM;
		break;
	default:
		break;
	}
}

static int set_cpuid(struct vcpu *v, const struct kvm_host *host, struct error *error)
{
	const struct kvm_cpuid2 *all = host->cpuid;
	struct kvm_cpuid2 *mine = malloc(sizeof(*mine) + all->nent * sizeof(mine->entries[0]));
	bool deadline = ioctl(host->fd, KVM_CHECK_EXTENSION, KVM_CAP_TSC_DEADLINE_TIMER) > 0;
	int ret = 0;

	if (!mine)
		return error_host(error, ENOMEM, "CPUID");
	*mine = (struct kvm_cpuid2){.nent = all->nent};
	memcpy(mine->entries, all->entries, all->nent * sizeof(mine->entries[0]));
	for (unsigned i = 0; i < mine->nent; i++)
		adapt_leaf(&mine->entries[i], v, deadline);
	if (ioctl(v->fd, KVM_SET_CPUID2, mine))
		ret = error_host(error, errno, "KVM_SET_CPUID2");
	free(mine);
	return ret;
}

int vcpu_create(struct vcpu *v, const struct kvm_host *host, struct error *error)
{
	void *run;

	v->fd = ioctl(v->vm->fd, KVM_CREATE_VCPU, (unsigned long)v->index);
	if (v->fd < 0)
		return error_host(error, errno, "KVM_CREATE_VCPU %u", v->index);
	run = mmap(NULL, v->vm->run_bytes, PROT_READ | PROT_WRITE, MAP_SHARED, v->fd, 0);
	if (run == MAP_FAILED)
		return error_host(error, errno, "mapping vCPU %u", v->index);
	v->run = run;
	if (ioctl(host->fd, KVM_CHECK_EXTENSION, KVM_CAP_SYNC_REGS) & KVM_SYNC_X86_REGS)
		v->run->kvm_valid_regs = KVM_SYNC_X86_REGS; /* for last_rip */
	return set_cpuid(v, host, error);
}

void vcpu_destroy(struct vcpu *v)
{
	if (v->run)
		munmap(v->run, v->vm->run_bytes);
	if (v->fd >= 0)
		close(v->fd);
	v->run = NULL;
	v->fd = -1;
}

uint32_t vcpu_tsc_khz(const struct vcpu *v)
{
	int khz = ioctl(v->fd, KVM_GET_TSC_KHZ, 0);

	return khz > 0 ? (uint32_t)khz : 0;
}

int vcpu_boot(struct vcpu *v, uint64_t entry, struct error *error)
{
	const struct kvm_segment code = {
		.limit = 0xffffffff,
		.selector = BOOT_CODE_SELECTOR,
		.type = 11, /* execute, read, accessed */
		.present = 1,
		.s = 1,
		.l = 1,
		.g = 1,
	};
	const struct kvm_segment data = {
		.limit = 0xffffffff,
		.selector = BOOT_DATA_SELECTOR,
		.type = 3, /* read, write, accessed */
		.present = 1,
		.db = 1,
		.s = 1,
		.g = 1,
	};
	const struct kvm_regs regs = {.rip = entry, .rsi = GUEST_ZERO_PAGE_GPA, .rflags = 2};
	struct kvm_sregs s;

	if (ioctl(v->fd, KVM_GET_SREGS, &s))
		return error_host(error, errno, "KVM_GET_SREGS");
	s.cs = code;
	s.ds = s.es = s.fs = s.gs = s.ss = data;
	s.gdt = (struct kvm_dtable){.base = GUEST_GDT_GPA, .limit = 4 * 8 - 1};
	s.idt = (struct kvm_dtable){.base = 0, .limit = 0};
	s.cr3 = GUEST_PAGE_TABLES_GPA;
	s.cr0 = CR0_BOOT;
	s.cr4 = CR4_BOOT;
	s.efer = EFER_BOOT;
	if (ioctl(v->fd, KVM_SET_SREGS, &s))
		return error_host(error, errno, "KVM_SET_SREGS");
	if (ioctl(v->fd, KVM_SET_REGS, &regs))
		return error_host(error, errno, "KVM_SET_REGS");
	return 0;
}
