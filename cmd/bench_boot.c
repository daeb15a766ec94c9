/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * bench_boot.c: VM creation to the first workload step, and the VMM's own memory.
 *
 * boot: a lab guest with everything a real one has (console, devices), against the system calls without which there is
 * no VM: KVM_CREATE_VM, one memory slot, one vCPU.
 *
 * overhead: what the process holds in memory beyond guest memory and staging, with idle lab guests running: the
 * proportional set (PSS) of everything but those ranges. The reference is the program before it made a machine.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <linux/kvm.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include "cmd/bench.h"

#define BOOT_PAGES     16384u
#define BOOT_LIMIT_US  5e6
#define OVERHEAD_VMS   8u
#define OVERHEAD_PAGES 16384u

static const char boot_cmdline[] =
	"lab.seed=1 lab.vm=0 lab.pager=clock lab.workload=toucher,pages=1000,rate=1000";

static int raw_vm(struct samples *s)
{
	double began = bench_now_us();
	int kvm = open("/dev/kvm", O_RDWR | O_CLOEXEC), vm = -1, vcpu = -1, result = 0;
	size_t bytes = pages_to_bytes(BOOT_PAGES);
	void *memory = mmap(NULL, bytes, PROT_READ | PROT_WRITE,
			    MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	struct kvm_userspace_memory_region slot = {.memory_size = bytes,
						   .userspace_addr = (uintptr_t)memory};

	if (kvm >= 0) /* else errno stays what it is */
		vm = ioctl(kvm, KVM_CREATE_VM, 0);
	if (vm < 0 || memory == MAP_FAILED || ioctl(vm, KVM_SET_USER_MEMORY_REGION, &slot))
		result = -errno;
	if (!result && (vcpu = ioctl(vm, KVM_CREATE_VCPU, 0)) < 0)
		result = -errno;
	if (!result)
		result = samples_add(s, (bench_now_us() - began) / 1e3);
	if (vcpu >= 0)
		close(vcpu);
	if (vm >= 0)
		close(vm);
	if (memory != MAP_FAILED)
		munmap(memory, bytes);
	if (kvm >= 0)
		close(kvm);
	return result;
}

static int wait_for_boot(struct machine *m, uint64_t *boot_ns)
{
	const struct timespec pause = {.tv_nsec = 200000};
	double began = bench_now_us();

	*boot_ns = 0;
	while (!*boot_ns) {
		struct machine_snapshot *s;
		int result = machine_snapshot(m, false, &s);

		if (result)
			return result;
		*boot_ns = machine_snapshot_live(s, 0)->boot_ns;
		free(s);
		if (bench_now_us() - began > BOOT_LIMIT_US)
			return -ETIMEDOUT;
		nanosleep(&pause, NULL);
	}
	return 0;
}

static int boot_once(const struct bench *b, struct samples *s, struct error *error)
{
	struct machine *m = NULL;
	uint64_t boot_ns;
	vmid_t vm;
	int result = bench_machine(b, BOOT_PAGES * 2, 0, 1, &m, error);

	if (!result)
		result = bench_add_vm(m, "boot", BOOT_PAGES, boot_cmdline, &vm, error);
	if (!result)
		result = machine_start(m, error);
	if (!result) {
		result = wait_for_boot(m, &boot_ns);
		if (result)
			error_host(error, -result, "no first workload step within 5 s");
		else
			result = samples_add(s, (double)boot_ns / 1e6);
	}
	machine_destroy(m);
	return result;
}

int bench_boot(struct bench *b, struct error *error)
{
	struct samples ours = {0}, raw = {0};
	int result = 0;

	for (unsigned i = 0; i < b->rounds * 3 && !result; i++) {
		result = raw_vm(&raw);
		if (result)
			error_host(error, -result, "raw reference: creating a VM on /dev/kvm");
		else
			result = boot_once(b, &ours, error);
	}
	if (!result) {
		b->print(b, &(struct bench_result){
				    "boot.first_step.p50", samples_percentile(&ours, 50), "ms",
				    samples_percentile(&raw, 50), "create VM, memory slot, vCPU", 3,
				    GOAL_VALUE_MOST, ours.nr});
		b->print(b, &(struct bench_result){
				    "boot.first_step.p99", samples_percentile(&ours, 99), "ms",
				    samples_percentile(&raw, 99), "create VM, memory slot, vCPU", 0,
				    GOAL_RATIO_MOST, ours.nr});
	}
	samples_free(&ours);
	samples_free(&raw);
	return result;
}

/* Proportional set of the whole process, bytes; 0: no /proc. */
static uint64_t whole_pss(void)
{
	FILE *f = fopen("/proc/self/smaps_rollup", "re");
	char line[256];
	uint64_t kib = 0;

	while (f && fgets(line, sizeof line, f))
		if (sscanf(line, "Pss: %" SCNu64 " kB", &kib) == 1)
			break;
	if (f)
		fclose(f);
	return kib << 10;
}

static uint64_t meminfo_bytes(const char *key)
{
	FILE *f = fopen("/proc/meminfo", "re");
	char line[256];
	uint64_t kib = 0;

	while (f && fgets(line, sizeof line, f))
		if (strncmp(line, key, strlen(key)) == 0)
			sscanf(line + strlen(key), ": %" SCNu64, &kib);
	if (f)
		fclose(f);
	return kib << 10;
}

static int start_guests(struct machine *m, struct error *error)
{
	char name[16];
	vmid_t vm;
	int result = 0;

	for (unsigned i = 0; i < OVERHEAD_VMS && !result; i++) {
		snprintf(name, sizeof name, "vm-%u", i);
		result = bench_add_vm(m, name, OVERHEAD_PAGES,
				      "lab.seed=1 lab.vm=0 lab.pager=clock "
				      "lab.workload=toucher,pages=8000,rate=20000",
				      &vm, error);
	}
	return result ? result : machine_start(m, error);
}

int bench_overhead(struct bench *b, struct error *error)
{
	const struct timespec run = {.tv_sec = 3};
	const double mib = 1 << 20, pages = (double)OVERHEAD_VMS * OVERHEAD_PAGES;
	double before = (double)whole_pss(), tables = (double)meminfo_bytes("SecPageTables"), vmm,
	       metadata;
	struct machine_snapshot *s;
	struct machine *m = NULL;
	int result = bench_machine(b, OVERHEAD_VMS * OVERHEAD_PAGES / 2,
				   OVERHEAD_VMS * OVERHEAD_PAGES, OVERHEAD_VMS, &m, error);

	if (!result)
		result = start_guests(m, error);
	if (!result) {
		nanosleep(&run, NULL);
		result = machine_snapshot(m, true, &s);
		if (result)
			error_host(error, -result, "snapshot");
	}
	if (result) {
		machine_destroy(m);
		return result;
	}
	vmm = (double)whole_pss() - (double)s->kernel.guest_bytes;
	metadata = (double)s->host.metadata_bytes / pages;
	b->print(b, &(struct bench_result){"overhead.vmm", vmm / mib, "MiB", before / mib,
					   "the program before it made a machine", 5 + OVERHEAD_VMS,
					   GOAL_VALUE_MOST, 1});
	b->print(b, &(struct bench_result){"overhead.metadata", metadata, "bytes/page", PAGE_BYTES,
					   "the guest page itself", 32, GOAL_VALUE_MOST, 1});
	b->print(b, &(struct bench_result){"overhead.page_tables",
					   (double)s->kernel.page_table_bytes / mib, "MiB",
					   (double)s->kernel.guest_bytes / mib,
					   "guest memory present", 0, GOAL_RATIO_MOST, 1});
	b->print(b, &(struct bench_result){"overhead.kvm_page_tables",
					   ((double)meminfo_bytes("SecPageTables") - tables) / mib,
					   "MiB", (double)s->kernel.guest_bytes / mib,
					   "guest memory present", 0, GOAL_RATIO_MOST, 1});
	b->print(b, &(struct bench_result){"overhead.mappings", (double)s->kernel.mappings,
					   "mappings", OVERHEAD_VMS, "VMs", 0, GOAL_RATIO_MOST, 1});
	free(s);
	machine_destroy(m);
	return 0;
}
