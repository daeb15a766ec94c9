/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * vm_smoke_test.c: one VM on KVM, with ordinary memory: boot, ports, serial, disk with interrupts, ends, kicks.
 *
 * What the guest does is a script (tests/support/script_guest.h). The disk is tried both ways: notifications and
 * interrupts in the kernel, and by exits and ioctls.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>
#include <errno.h>
#include <linux/virtio_blk.h>
#include <linux/virtio_config.h>
#include <linux/virtio_mmio.h>
#include <linux/virtio_ring.h>
#include <sys/mman.h>

#include "tests/support/live.h"
#include "tests/support/script_guest.h"

#define IDT              0x1fe000u
#define IDT_POINTER      0x1fd000u
#define RESULTS          0x1fc000u
#define TEXT             0x1fb000u
#define RINGS            0x300000u
#define AVAIL            (RINGS + 0x1000)
#define USED             (RINGS + 0x2000)
#define HEADERS          (RINGS + 0x3000)
#define DATA             0x310000u
#define PIC_VECTOR       0x20u
#define MMIO_REGISTER(r) ((uint32_t)GUEST_MMIO_GPA + (r))

static void mmio(struct script_guest *g, uint32_t offset, uint32_t value)
{
	script_add(g, OP_STORE, MMIO_REGISTER(offset), value);
}

static void test_hello(void **state)
{
	static const char words[] = "hello from ring 0\n";
	struct vm_live_stats stats;
	struct script_guest g;
	char text[256];

	(void)state;
	script_guest_make(&g, false, true);
	memcpy(g.mem + TEXT, words, sizeof(words));
	script_add(&g, OP_OUT32, GUEST_EVENT_PORT, GUEST_EVENT_ENTRY);
	script_add(&g, OP_OUTS, TEXT, sizeof(words) - 1);
	script_add(&g, OP_OUT8, GUEST_COM1_PORT, 'x');
	script_add(&g, OP_OUT8, GUEST_COM1_PORT, '\n');
	script_add(&g, OP_OUT32, GUEST_EVENT_PORT, GUEST_EVENT_FILLED);
	script_add(&g, OP_OUT32, GUEST_EXIT_PORT, GUEST_EXIT_HALTED);
	stats = script_guest_run(&g);
	assert_int_equal(stats.exit, VM_HALTED);
	assert_string_equal(stats.exit_reason, "");
	assert_true(stats.run_ns > 0);
	assert_int_equal(g.nr_events, 2);
	assert_int_equal(g.event[0], GUEST_EVENT_ENTRY);
	assert_int_equal(g.event[1], GUEST_EVENT_FILLED);
	assert_string_equal(script_guest_console(&g, text, sizeof(text)), "hello from ring 0\nx\n");
	script_guest_free(&g);
}

static void test_exit_status(void **state)
{
	struct vm_live_stats stats;
	struct script_guest g;

	(void)state;
	script_guest_make(&g, false, true);
	script_add(&g, OP_OUT32, GUEST_EXIT_PORT, GUEST_EXIT_OUT_OF_MEMORY);
	stats = script_guest_run(&g);
	assert_int_equal(stats.exit, VM_CRASHED);
	assert_non_null(strstr(stats.exit_reason, "out of memory"));
	script_guest_free(&g);
}

/* Where nothing is, reads give all ones, and the guest goes on. */
static void test_nothing_there(void **state)
{
	struct vm_live_stats stats;
	struct script_guest g;

	(void)state;
	script_guest_make(&g, false, true);
	script_add(&g, OP_OUT8, 0x1234, 1);
	script_add(&g, OP_IN8, 0x1234, RESULTS);
	script_add(&g, OP_LOAD, MMIO_REGISTER(0), RESULTS + 4);
	script_add(&g, OP_STORE, 0xe0000000, 1);
	script_add(&g, OP_LOAD, SCRIPT_GUEST_PAGES * PAGE_BYTES,
		   RESULTS + 8); /* right behind memory */
	script_add(&g, OP_IN8, GUEST_COM1_PORT + 5, RESULTS + 12);
	script_add(&g, OP_OUT32, GUEST_EXIT_PORT, GUEST_EXIT_HALTED);
	stats = script_guest_run(&g);
	assert_int_equal(stats.exit, VM_HALTED);
	assert_int_equal(g.mem[RESULTS], 0xff);
	assert_memory_equal(g.mem + RESULTS + 4, "\xff\xff\xff\xff\xff\xff\xff\xff", 8);
	assert_int_equal(g.mem[RESULTS + 12], 0x60); /* transmitter empty */
	script_guest_free(&g);
}

static void test_triple_fault(void **state)
{
	struct vm_live_stats stats;
	char text[4096], rip[60];
	struct script_guest g;

	(void)state;
	script_guest_make(&g, false, true);
	script_add(&g, OP_OUT8, GUEST_COM1_PORT, 'y'); /* a line without its end */
	script_add(&g, OP_TRIPLE, 0, 0);
	stats = script_guest_run(&g);
	assert_int_equal(stats.exit, VM_CRASHED);
	script_guest_console(&g, text, sizeof(text));
	assert_non_null(strstr(stats.exit_reason, "rip 0x"));
	assert_memory_equal(text, "y\n[ballast: smoke crashed: ", 26);
	assert_non_null(strstr(text, "\n  rip "));
	assert_non_null(strstr(text, " cr3 "));
	if (!strstr(stats.exit_reason, "lost")) {
		snprintf(rip, sizeof(rip), "triple fault at rip %#llx",
			 GUEST_KERNEL_GPA + (uint64_t)(script_guest_ud2 - script_guest_start));
		assert_string_equal(stats.exit_reason, rip);
		assert_non_null(strstr(text, "\n code 0f 0b "));
	} else {
		assert_non_null(strstr(text, "lost those of the guest"));
	}
	script_guest_free(&g);
}

/*
 * What KVM cannot carry out: code where device registers are, code where nothing is, and memory the host does not give.
 * That one is tried on mainline KVM only; one that interprets ring 0 tries such a store again and again.
 */
static void test_other_crashes(void **state)
{
	const uint32_t hostless = 0x800000;
	struct vm_live_stats stats;
	char text[4096];
	struct script_guest g;

	(void)state;
	for (unsigned i = 0; i < (live_nested() ? 3 : 2); i++) {
		script_guest_make(&g, false, true);
		assert_int_equal(mprotect(g.mem + hostless, PAGE_BYTES, PROT_NONE), 0);
		if (i == 0)
			script_add(&g, OP_JUMP, GUEST_MMIO_GPA, 0);
		else if (i == 1)
			script_add(&g, OP_JUMP, 0xe0000000, 0);
		else
			script_add(&g, OP_STORE, hostless, 1);
		stats = script_guest_run(&g);
		assert_int_equal(stats.exit, VM_CRASHED);
		assert_non_null(strstr(stats.exit_reason, "rip 0x"));
		script_guest_console(&g, text, sizeof(text));
		assert_memory_equal(text, "[ballast: smoke crashed: ", 25);
		assert_non_null(strstr(text, " cr3 "));
		script_guest_free(&g);
	}
}

static void add_interrupts(struct script_guest *g)
{
	uint64_t handler = GUEST_KERNEL_GPA + (uint64_t)(script_guest_irq - script_guest_start);
	uint64_t gate =
		(handler & 0xffff) | 0x10ull << 16 | 0x8eull << 40 | (handler >> 16 & 0xffff) << 48;
	const uint16_t limit = 0x2f * 16 - 1;
	const uint64_t base = IDT;

	memcpy(g->mem + IDT + (PIC_VECTOR + GUEST_MMIO_IRQ) * 16, &gate, sizeof(gate));
	memcpy(g->mem + IDT_POINTER, &limit, sizeof(limit));
	memcpy(g->mem + IDT_POINTER + 2, &base, sizeof(base));
	script_add(g, OP_IDT, IDT_POINTER, 0);
	/* The first PIC at PIC_VECTOR, only our line open; the second masked. */
	script_add(g, OP_OUT8, 0x20, 0x11);
	script_add(g, OP_OUT8, 0x21, PIC_VECTOR);
	script_add(g, OP_OUT8, 0x21, 4);
	script_add(g, OP_OUT8, 0x21, 1);
	script_add(g, OP_OUT8, 0xa1, 0xff);
	script_add(g, OP_OUT8, 0x21, 0xff & ~(1u << GUEST_MMIO_IRQ));
}

static void add_driver(struct script_guest *g)
{
	const uint32_t status = VIRTIO_CONFIG_S_ACKNOWLEDGE | VIRTIO_CONFIG_S_DRIVER;

	script_add(g, OP_LOAD, MMIO_REGISTER(VIRTIO_MMIO_MAGIC_VALUE), RESULTS);
	script_add(g, OP_LOAD, MMIO_REGISTER(VIRTIO_MMIO_DEVICE_ID), RESULTS + 4);
	script_add(g, OP_LOAD, MMIO_REGISTER(VIRTIO_MMIO_CONFIG), RESULTS + 8);
	mmio(g, VIRTIO_MMIO_STATUS, 0);
	mmio(g, VIRTIO_MMIO_STATUS, status);
	mmio(g, VIRTIO_MMIO_DRIVER_FEATURES_SEL, 1);
	mmio(g, VIRTIO_MMIO_DRIVER_FEATURES, 1); /* VERSION_1 */
	mmio(g, VIRTIO_MMIO_STATUS, status | VIRTIO_CONFIG_S_FEATURES_OK);
	mmio(g, VIRTIO_MMIO_QUEUE_SEL, 0);
	mmio(g, VIRTIO_MMIO_QUEUE_NUM, 8);
	mmio(g, VIRTIO_MMIO_QUEUE_DESC_LOW, RINGS);
	mmio(g, VIRTIO_MMIO_QUEUE_AVAIL_LOW, AVAIL);
	mmio(g, VIRTIO_MMIO_QUEUE_USED_LOW, USED);
	mmio(g, VIRTIO_MMIO_QUEUE_READY, 1);
	mmio(g, VIRTIO_MMIO_STATUS,
	     status | VIRTIO_CONFIG_S_FEATURES_OK | VIRTIO_CONFIG_S_DRIVER_OK);
	script_add(g, OP_LOAD, MMIO_REGISTER(VIRTIO_MMIO_STATUS), RESULTS + 12);
}

/* Request number n (0, 1): header, a page of data, status, in descriptors 3n and up. */
static void add_request(struct script_guest *g, unsigned n, uint32_t type, uint64_t sector)
{
	struct vring_desc *desc = (struct vring_desc *)(void *)(g->mem + RINGS);
	struct vring_avail *avail = (struct vring_avail *)(void *)(g->mem + AVAIL);
	struct virtio_blk_outhdr *header =
		(struct virtio_blk_outhdr *)(void *)(g->mem + HEADERS) + n;
	uint16_t write = type == VIRTIO_BLK_T_IN ? VRING_DESC_F_WRITE : 0;
	uint16_t first = (uint16_t)(3 * n);

	*header = (struct virtio_blk_outhdr){.type = type, .sector = sector};
	desc[first] = (struct vring_desc){HEADERS + n * sizeof(*header), sizeof(*header),
					  VRING_DESC_F_NEXT, (uint16_t)(first + 1)};
	desc[first + 1] =
		(struct vring_desc){DATA + n * PAGE_BYTES, PAGE_BYTES,
				    (uint16_t)(write | VRING_DESC_F_NEXT), (uint16_t)(first + 2)};
	desc[first + 2] = (struct vring_desc){HEADERS + 0x100 + n, 1, VRING_DESC_F_WRITE, 0};
	g->mem[HEADERS + 0x100 + n] = 0xee;
	avail->ring[n] = first;
	script_add(g, OP_STORE, AVAIL, (n + 1) << 16); /* flags 0, idx n + 1 */
	mmio(g, VIRTIO_MMIO_QUEUE_NOTIFY, 0);
	script_add(g, OP_WAIT, n + 1, 0);
	script_add(g, OP_LOAD, MMIO_REGISTER(VIRTIO_MMIO_INTERRUPT_STATUS), RESULTS + 16 + 4 * n);
	mmio(g, VIRTIO_MMIO_INTERRUPT_ACK, 1);
}

static uint32_t result(const struct script_guest *g, unsigned index)
{
	uint32_t value;

	memcpy(&value, g->mem + RESULTS + 4 * index, sizeof(value));
	return value;
}

static void try_disk(bool kernel_io)
{
	const struct vring_used *used;
	struct vm_live_stats stats;
	uint8_t page[PAGE_BYTES];
	struct script_guest g;

	script_guest_make(&g, true, kernel_io);
	for (unsigned i = 0; i < PAGE_BYTES; i++)
		g.mem[DATA + i] = (uint8_t)(i * 7 + 3);
	memset(page, 0x5a, sizeof(page));
	assert_int_equal(pwrite(g.disk_fd, page, sizeof(page), 8 * 512), PAGE_BYTES);
	add_interrupts(&g);
	add_driver(&g);
	add_request(&g, 0, VIRTIO_BLK_T_OUT, 16);
	add_request(&g, 1, VIRTIO_BLK_T_IN, 8);
	script_add(&g, OP_OUT32, GUEST_EXIT_PORT, GUEST_EXIT_HALTED);
	stats = script_guest_run(&g);
	assert_int_equal(stats.exit, VM_HALTED);
	assert_int_equal(result(&g, 0), 0x74726976);
	assert_int_equal(result(&g, 1), VIRTIO_ID_BLOCK);
	assert_int_equal(result(&g, 2), SCRIPT_DISK_BYTES / 512);
	assert_int_equal(result(&g, 3), 0xf);
	assert_int_equal(result(&g, 4), 1);
	assert_int_equal(result(&g, 5), 1);
	assert_int_equal(g.mem[HEADERS + 0x100], VIRTIO_BLK_S_OK);
	assert_int_equal(g.mem[HEADERS + 0x101], VIRTIO_BLK_S_OK);
	assert_memory_equal(g.mem + DATA + PAGE_BYTES, page, PAGE_BYTES);
	assert_int_equal(pread(g.disk_fd, page, sizeof(page), 16 * 512), PAGE_BYTES);
	assert_memory_equal(g.mem + DATA, page, PAGE_BYTES);
	used = (const struct vring_used *)(const void *)(g.mem + USED);
	assert_int_equal(used->idx, 2);
	assert_int_equal(used->ring[0].id, 0);
	assert_int_equal(used->ring[0].len, 1);
	assert_int_equal(used->ring[1].id, 3);
	assert_int_equal(used->ring[1].len, PAGE_BYTES + 1);
	assert_int_equal(stats.disk_reads, 1);
	assert_int_equal(stats.disk_writes, 1);
	assert_int_equal(stats.disk_errors, 0);
	assert_int_equal(stats.guest_bad, 0);
	script_guest_free(&g);
}

static void test_disk_in_kernel(void **state)
{
	(void)state;
	try_disk(true);
}

static void test_disk_by_exits(void **state)
{
	(void)state;
	try_disk(false);
}

static void try_kick(enum script_op op, bool before)
{
	struct vm_live_stats stats = {0};
	struct script_guest g;

	script_guest_make(&g, false, true);
	add_interrupts(&g);
	script_add(&g, OP_OUT32, GUEST_EVENT_PORT, GUEST_EVENT_ENTRY);
	script_add(&g, op, 0, 0);
	script_guest_go(&g);
	if (!before)
		script_guest_wait(&g, &g.nr_events, 1);
	vm_kick(g.vm); /* once: it must not be lost */
	vm_join(g.vm);
	vm_kick(g.vm); /* nobody left: harmless */
	assert_true(vm_joinable(g.vm));
	assert_int_equal(g.nr_ended, 1);
	vm_live_stats(g.vm, &stats);
	assert_int_equal(stats.exit, VM_RUNNING);
	script_guest_free(&g);
}

static void test_kick_spinning(void **state)
{
	(void)state;
	try_kick(OP_SPIN, false);
}

static void test_kick_halted(void **state)
{
	(void)state;
	try_kick(OP_HALT, false);
	try_kick(OP_HALT_IRQ, false);
}

/* A kick that meets the thread anywhere between its creation and the guest. */
static void test_kick_early(void **state)
{
	unsigned rounds = live_nested() ? 5 : 30;

	(void)state;
	for (unsigned i = 0; i < rounds; i++)
		try_kick(i % 2 ? OP_SPIN : OP_HALT, true);
}

/* Two vCPUs: the second waits for a start-up interrupt that never comes; both leave. */
static void test_two_vcpus(void **state)
{
	const size_t bytes = SCRIPT_GUEST_PAGES * PAGE_BYTES;
	struct boot_image image = {.kernel_name = "smoke", .cmdline = ""};
	struct vm_params params = {.name = "two",
				   .pages = SCRIPT_GUEST_PAGES,
				   .vcpus = 2,
				   .disk_fd = -1,
				   .console_fd = -1};
	struct vm_live_stats stats = {0};
	uint8_t file[SCRIPT_ELF_BYTES];
	struct script_guest g = {0};
	struct error error;

	(void)state;
	params.mem = g.mem =
		mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	script_must(kvm_host_open(&g.host, "/dev/kvm", &error), &error);
	script_must(vm_create(&g.host, &params, &g.vm, &error), &error);
	image.kernel = file;
	image.kernel_bytes = script_guest_elf(file);
	script_must(vm_boot(g.vm, &image, script_guest_place, &g, &error), &error);
	g.next = (struct script_step *)(void *)(g.mem + SCRIPT_GPA);
	script_add(&g, OP_OUT32, GUEST_EXIT_PORT, GUEST_EXIT_HALTED);
	script_must(vm_start(g.vm, &error), &error);
	vm_join(g.vm);
	vm_live_stats(g.vm, &stats);
	assert_int_equal(stats.exit, VM_HALTED);
	vm_destroy(g.vm);
	kvm_host_close(&g.host);
	munmap(g.mem, bytes);
}

/* Memory beyond the hole is there, and the hole is not. */
static void test_memory_above_the_hole(void **state)
{
	const size_t bytes = GUEST_HOLE_END + (1u << 20);
	struct vm_params params = {.name = "big", .vcpus = 1, .disk_fd = -1, .console_fd = -1};
	uint64_t word = 0x1122334455667788, found = 0;
	struct kvm_host host;
	struct error error;
	struct vm *vm;

	(void)state;
	params.pages = (GUEST_HOLE_START + (1u << 20)) / PAGE_BYTES;
	params.mem = mmap(NULL, bytes, PROT_READ | PROT_WRITE,
			  MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	assert_true(params.mem != MAP_FAILED);
	script_must(kvm_host_open(&host, "/dev/kvm", &error), &error);
	script_must(vm_create(&host, &params, &vm, &error), &error);
	assert_int_equal(vm_guest_write(vm, gpa(bytes - 8), &word, 8), 0);
	assert_int_equal(vm_guest_read(vm, gpa(bytes - 8), &found, 8), 0);
	assert_true(found == word);
	assert_int_equal(vm_guest_read(vm, gpa(bytes - 7), &found, 8), -EFAULT);
	assert_int_equal(vm_guest_read(vm, gpa(GUEST_HOLE_START), &found, 8), -EFAULT);
	vm_destroy(vm);
	kvm_host_close(&host);
	munmap(params.mem, bytes);
}

static void test_host_errors(void **state)
{
	struct kvm_host host;
	struct error error;

	(void)state;
	assert_int_equal(kvm_host_open(&host, "/nonexistent/kvm", &error), -ENOENT);
	assert_false(error.user);
	assert_non_null(strstr(error.text, "/nonexistent/kvm"));
	assert_int_equal(host.fd, -1);
	assert_int_equal(kvm_host_open(&host, "/dev/null", &error), -ENOTTY);
	assert_non_null(strstr(error.text, "not a KVM device"));
	assert_int_equal(host.fd, -1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_host_errors),
		cmocka_unit_test(test_hello),
		cmocka_unit_test(test_exit_status),
		cmocka_unit_test(test_nothing_there),
		cmocka_unit_test(test_disk_in_kernel),
		cmocka_unit_test(test_disk_by_exits),
		cmocka_unit_test(test_triple_fault),
		cmocka_unit_test(test_other_crashes),
		cmocka_unit_test(test_kick_spinning),
		cmocka_unit_test(test_kick_halted),
		cmocka_unit_test(test_kick_early),
		cmocka_unit_test(test_two_vcpus),
		cmocka_unit_test(test_memory_above_the_hole),
	};
	live_need_kvm();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
