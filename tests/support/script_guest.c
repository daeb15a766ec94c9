/* SPDX-License-Identifier: GPL-2.0-or-later */
/* script_guest.c: see script_guest.h. */
#include "tests/support/script_guest.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>
#include <elf.h>
#include <sys/mman.h>
#include <time.h>

#define WAIT_SECONDS 60

/* Steps are 16 bytes from SCRIPT_GPA on; the chain of dec and jz follows enum script_op. */
__asm__(".pushsection .rodata\n"
	".globl script_guest_start, script_guest_ud2, script_guest_irq, script_guest_end\n"
	".intel_syntax noprefix\n"
	"script_guest_start:\n"
	"	mov rsp, 0x90000\n"
	"	mov ebx, 0x200000\n"
	"next:	mov eax, [rbx]\n"
	"	mov ecx, [rbx + 4]\n"
	"	mov edx, [rbx + 8]\n"
	"	add rbx, 16\n"
	"	dec eax\n"
	"	jz out32\n"
	"	dec eax\n"
	"	jz outs\n"
	"	dec eax\n"
	"	jz store\n"
	"	dec eax\n"
	"	jz load\n"
	"	dec eax\n"
	"	jz wait\n"
	"	dec eax\n"
	"	jz spin\n"
	"	dec eax\n"
	"	jz halt\n"
	"	dec eax\n"
	"	jz triple\n"
	"	dec eax\n"
	"	jz out8\n"
	"	dec eax\n"
	"	jz in8\n"
	"	dec eax\n"
	"	jz setidt\n"
	"	dec eax\n"
	"	jz hltirq\n"
	"	dec eax\n"
	"	jz jump\n"
	"halt:	hlt\n"
	"	jmp halt\n"
	"out32:	mov eax, edx\n"
	"	mov edx, ecx\n"
	"	out dx, eax\n"
	"	jmp next\n"
	"outs:	mov esi, ecx\n"
	"	mov ecx, edx\n"
	"	mov edx, 0x3f8\n"
	"	cld\n"
	"	rep outsb\n"
	"	jmp next\n"
	"store:	mov [rcx], edx\n"
	"	jmp next\n"
	"load:	mov eax, [rcx]\n"
	"	mov [rdx], eax\n"
	"	jmp next\n"
	"wait:	cli\n"
	"	cmp ds:[0x1ff000], ecx\n"
	"	jae next\n"
	"	sti\n"
	"	hlt\n"
	"	jmp wait\n"
	"spin:	jmp spin\n"
	"triple: lidt [rip + nothing]\n"
	"script_guest_ud2:\n"
	"	ud2\n"
	"out8:	mov eax, edx\n"
	"	mov edx, ecx\n"
	"	out dx, al\n"
	"	jmp next\n"
	"in8:	mov esi, edx\n"
	"	mov edx, ecx\n"
	"	in al, dx\n"
	"	mov [rsi], al\n"
	"	jmp next\n"
	"setidt:	lidt [rcx]\n"
	"	jmp next\n"
	"hltirq:	sti\n"
	"	hlt\n"
	"	jmp hltirq\n"
	"jump:	jmp rcx\n"
	"nothing: .fill 10, 1, 0\n"
	"script_guest_irq:\n"
	"	push rax\n"
	"	inc dword ptr ds:[0x1ff000]\n"
	"	mov al, 0x20\n"
	"	out 0x20, al\n"
	"	pop rax\n"
	"	iretq\n"
	"script_guest_end:\n"
	".att_syntax prefix\n"
	".popsection\n");

static void on_event(void *ctx, vmid_t id, uint32_t event)
{
	struct script_guest *g = ctx;

	pthread_mutex_lock(&g->lock);
	if (g->nr_events < 8)
		g->event[g->nr_events++] = id.v == SCRIPT_VMID ? event : ~0u;
	pthread_cond_broadcast(&g->changed);
	pthread_mutex_unlock(&g->lock);
}

static void on_ended(void *ctx, vmid_t id)
{
	struct script_guest *g = ctx;

	(void)id;
	pthread_mutex_lock(&g->lock);
	g->nr_ended++;
	pthread_cond_broadcast(&g->changed);
	pthread_mutex_unlock(&g->lock);
}

void script_guest_wait(struct script_guest *g, const unsigned *counter, unsigned n)
{
	struct timespec until;
	int late = 0;

	clock_gettime(CLOCK_REALTIME, &until);
	until.tv_sec += WAIT_SECONDS;
	pthread_mutex_lock(&g->lock);
	while (*counter < n && !late)
		late = pthread_cond_timedwait(&g->changed, &g->lock, &until);
	pthread_mutex_unlock(&g->lock);
	assert_int_equal(late, 0);
}

void script_add(struct script_guest *g, enum script_op op, uint32_t a, uint32_t b)
{
	*g->next++ = (struct script_step){op, a, b, 0};
}

int script_guest_place(void *ctx, gfn_t at, const void *page)
{
	struct script_guest *g = ctx;

	if (page)
		memcpy(g->mem + at.v * PAGE_BYTES, page, PAGE_BYTES);
	return 0;
}

size_t script_guest_elf(uint8_t *file)
{
	size_t code = (size_t)(script_guest_end - script_guest_start);
	Elf64_Ehdr h = {
		.e_type = ET_EXEC,
		.e_machine = EM_X86_64,
		.e_entry = GUEST_KERNEL_GPA,
		.e_phoff = sizeof(h),
		.e_phentsize = sizeof(Elf64_Phdr),
		.e_phnum = 1,
	};
	Elf64_Phdr p = {
		.p_type = PT_LOAD,
		.p_offset = sizeof(h) + sizeof(p),
		.p_paddr = GUEST_KERNEL_GPA,
		.p_filesz = code,
		.p_memsz = code,
	};

	memcpy(h.e_ident, ELFMAG, SELFMAG);
	h.e_ident[EI_CLASS] = ELFCLASS64;
	h.e_ident[EI_DATA] = ELFDATA2LSB;
	memcpy(file, &h, sizeof(h));
	memcpy(file + sizeof(h), &p, sizeof(p));
	memcpy(file + sizeof(h) + sizeof(p), script_guest_start, code);
	return sizeof(h) + sizeof(p) + code;
}

void script_must(int result, const struct error *error)
{
	if (result)
		fail_msg("%s", error->text);
}

void script_guest_make(struct script_guest *g, bool disk, bool kernel_io)
{
	uint8_t file[SCRIPT_ELF_BYTES];
	struct boot_image image = {.kernel = file, .kernel_name = "smoke", .cmdline = "smoke=1"};
	struct vm_params params = {
		.id = vmid(SCRIPT_VMID),
		.name = "smoke",
		.pages = SCRIPT_GUEST_PAGES,
		.vcpus = 1,
		.disk_fd = -1,
		.disk_bytes = SCRIPT_DISK_BYTES,
		.callbacks = &g->callbacks,
	};
	struct error error;

	memset(g, 0, sizeof(*g));
	pthread_mutex_init(&g->lock, NULL);
	pthread_cond_init(&g->changed, NULL);
	g->callbacks = (struct vm_callbacks){.event = on_event, .ended = on_ended, .ctx = g};
	g->mem_bytes = SCRIPT_GUEST_PAGES * PAGE_BYTES;
	g->mem = mmap(NULL, g->mem_bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1,
		      0);
	assert_true(g->mem != MAP_FAILED);
	params.mem = g->mem;
	g->console_fd = memfd_create("console", MFD_CLOEXEC);
	params.console_fd = dup(g->console_fd);
	assert_true(params.console_fd >= 0);
	g->disk_fd = -1;
	if (disk) {
		g->disk_fd = memfd_create("disk", MFD_CLOEXEC);
		assert_int_equal(ftruncate(g->disk_fd, SCRIPT_DISK_BYTES), 0);
		params.disk_fd = dup(g->disk_fd);
	}
	script_must(kvm_host_open(&g->host, "/dev/kvm", &error), &error);
	if (!kernel_io)
		g->host.irqfd = g->host.ioeventfd = false;
	script_must(vm_create(&g->host, &params, &g->vm, &error), &error);
	image.kernel_bytes = script_guest_elf(file);
	script_must(vm_boot(g->vm, &image, script_guest_place, g, &error), &error);
	g->next = (struct script_step *)(void *)(g->mem + SCRIPT_GPA);
}

void script_guest_go(struct script_guest *g)
{
	struct error error;

	script_must(vm_start(g->vm, &error), &error);
}

void script_guest_free(struct script_guest *g)
{
	vm_destroy(g->vm);
	kvm_host_close(&g->host);
	munmap(g->mem, g->mem_bytes);
	close(g->console_fd);
	if (g->disk_fd >= 0)
		close(g->disk_fd);
	pthread_cond_destroy(&g->changed);
	pthread_mutex_destroy(&g->lock);
}

struct vm_live_stats script_guest_run(struct script_guest *g)
{
	struct vm_live_stats stats = {0};

	script_guest_go(g);
	script_guest_wait(g, &g->nr_ended, 1);
	vm_join(g->vm);
	assert_true(vm_joinable(g->vm));
	vm_live_stats(g->vm, &stats);
	assert_int_equal(g->nr_ended, 1);
	return stats;
}

const char *script_guest_console(const struct script_guest *g, char *text, size_t bytes)
{
	ssize_t n = pread(g->console_fd, text, bytes - 1, 0);

	assert_true(n >= 0);
	text[n] = '\0';
	return text;
}
