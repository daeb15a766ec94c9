/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * vcpu_dump_x86_64.c: the state of a vCPU as text, for the console log of a VM that crashed.
 *
 * Runs on the vCPU's own thread: finding and reading the code at rip goes through the guest's page tables and may sleep
 * until pages are served. Some KVMs (kvm_amd) put the vCPU into its reset state before they report a triple fault;
 * registers like that say nothing about the guest, and the dump says so.
 */
#include <linux/kvm.h>
#include <stdarg.h>
#include <stdio.h>
#include <sys/ioctl.h>

#include "vmm/vm_internal.h"

#define CODE_BYTES 16u
#define RESET_RIP  0xfff0ull
#define RESET_CS   0xffff0000ull
#define CR0_PE     1ull
#define EFER_LMA   (1ull << 10)

__attribute__((format(printf, 3, 4))) static void put(struct vcpu_dump *d, size_t *used,
						      const char *format, ...)
{
	va_list args;
	int n;

	if (*used >= sizeof(d->text))
		return;
	va_start(args, format);
	n = vsnprintf(d->text + *used, sizeof(d->text) - *used, format, args);
	va_end(args);
	*used += n > 0 ? (size_t)n : 0;
}

static void put_general(struct vcpu_dump *d, size_t *used, const struct kvm_regs *r)
{
	const struct {
		const char *name;
		unsigned long long value;
	} regs[] = {
		{"rip", r->rip}, {"flags", r->rflags}, {"rsp", r->rsp}, {"rbp", r->rbp},
		{"rax", r->rax}, {"rbx", r->rbx},      {"rcx", r->rcx}, {"rdx", r->rdx},
		{"rsi", r->rsi}, {"rdi", r->rdi},      {"r8", r->r8},   {"r9", r->r9},
		{"r10", r->r10}, {"r11", r->r11},      {"r12", r->r12}, {"r13", r->r13},
		{"r14", r->r14}, {"r15", r->r15},
	};
	const unsigned nr = sizeof(regs) / sizeof(regs[0]);

	for (unsigned i = 0; i < nr; i++)
		put(d, used, "%5s %016llx%s", regs[i].name, regs[i].value,
		    i % 4 == 3 || i + 1 == nr ? "\n" : " ");
}

static void put_system(struct vcpu_dump *d, size_t *used, const struct kvm_sregs *s)
{
	const struct {
		const char *name;
		const struct kvm_segment *segment;
	} segments[] = {
		{"cs", &s->cs}, {"ss", &s->ss}, {"ds", &s->ds}, {"es", &s->es},
		{"fs", &s->fs}, {"gs", &s->gs}, {"tr", &s->tr}, {"ldt", &s->ldt},
	};

	put(d, used, "  cr0 %016llx   cr2 %016llx   cr3 %016llx   cr4 %016llx\n", s->cr0, s->cr2,
	    s->cr3, s->cr4);
	put(d, used, " efer %016llx  apic %016llx   cr8 %016llx\n", s->efer, s->apic_base, s->cr8);
	for (size_t i = 0; i < sizeof(segments) / sizeof(segments[0]); i++) {
		const struct kvm_segment *g = segments[i].segment;

		put(d, used,
		    "%5s %04x base %016llx limit %08x type %x s %u dpl %u present %u%s%s\n",
		    segments[i].name, g->selector, g->base, g->limit, g->type, g->s, g->dpl,
		    g->present, g->l ? " 64-bit" : "", g->unusable ? " unusable" : "");
	}
	put(d, used, "  gdt base %016llx limit %04x   idt base %016llx limit %04x\n", s->gdt.base,
	    s->gdt.limit, s->idt.base, s->idt.limit);
}

/* Up to CODE_BYTES at rip, as far as they are in one page and readable. */
static void put_code(struct vcpu *v, struct vcpu_dump *d, size_t *used, const struct kvm_sregs *s)
{
	struct kvm_translation at = {.linear_address =
					     d->rip + (s->efer & EFER_LMA ? 0 : s->cs.base)};
	size_t nr = PAGE_BYTES - at.linear_address % PAGE_BYTES;
	uint8_t code[CODE_BYTES];

	if (nr > sizeof(code))
		nr = sizeof(code);
	put(d, used, " code");
	if (ioctl(v->fd, KVM_TRANSLATE, &at) || !at.valid) {
		put(d, used, " not mapped\n");
		return;
	}
	if (vm_guest_read(v->vm, gpa(at.physical_address), code, nr)) {
		put(d, used, " at %#llx, not in memory\n", (unsigned long long)at.physical_address);
		return;
	}
	for (size_t i = 0; i < nr; i++)
		put(d, used, " %02x", code[i]);
	put(d, used, "\n");
}

/* What KVM adds to an internal error. */
static void put_internal(struct vcpu_dump *d, size_t *used, const struct kvm_run *run)
{
	if (run->exit_reason != KVM_EXIT_INTERNAL_ERROR || !run->internal.ndata)
		return;
	put(d, used, " data");
	for (unsigned i = 0; i < run->internal.ndata && i < 16; i++)
		put(d, used, " %llx", run->internal.data[i]);
	put(d, used, "\n");
}

void vcpu_dump(struct vcpu *v, struct vcpu_dump *out)
{
	struct kvm_regs r;
	struct kvm_sregs s;
	size_t used = 0;

	*out = (struct vcpu_dump){0};
	if (ioctl(v->fd, KVM_GET_REGS, &r) || ioctl(v->fd, KVM_GET_SREGS, &s)) {
		put(out, &used, "registers: KVM does not give them: %m\n");
		return;
	}
	out->rip = r.rip;
	out->lost = r.rip == RESET_RIP && s.cs.base == RESET_CS && !(s.cr0 & CR0_PE);
	put_general(out, &used, &r);
	put_system(out, &used, &s);
	if (out->lost)
		put(out, &used,
		    "these are the registers of a reset: this KVM lost those of the guest; its "
		    "last "
		    "exit was at rip %016llx\n",
		    (unsigned long long)v->last_rip);
	else
		put_code(v, out, &used, &s);
	put_internal(out, &used, v->run);
}
