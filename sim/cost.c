/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * cost.c: the fields by name, and the presets.
 *
 * Where the figures come from: the host's own are those of docs/bench.md and results/bench.txt, measured on the
 * development machine (2 cores, Linux 6.18, kvm-pvm) or read off a run there; `host` has its disk, too. The other disks
 * are round figures of their kind, not of a product; disk2002 is a 10 000 rpm disk of the days of the ESX paper: 5 ms to
 * seek, 3 ms until the sector comes round, 40 MB/s.
 */
#include "sim/cost.h"

#include "ballast/types.h"

#define NS_MOST (10 * NS_PER_S)
#define FIELD(name, what)                                                \
	{                                                                \
#name, offsetof(struct sim_cost, name), 0, NS_MOST, what \
	}

/* clang-format off */
const struct sim_cost_field sim_cost_fields[] = {
	{"cpus", offsetof(struct sim_cost, cpus), 1, 4096, "processors of the host, unless the scenario's host.cpus says"},
	FIELD(boot_ns, "from a guest's making to its first instruction"),
	/* touches, and writes to files, that take no time would never end */
	{"touch_ns", offsetof(struct sim_cost, touch_ns), 1, NS_MOST, "a guest touches a page and checks it"},
	{"fill_ns", offsetof(struct sim_cost, fill_ns), 1, NS_MOST, "a guest writes a whole page"},
	FIELD(guest_fault_ns, "a guest's own pager serves a fault, without its disk"),
	FIELD(wake_ns, "from an interrupt or a timer to a sleeping guest's first instruction"),
	FIELD(fault_ns, "a fault that the host serves: the guest's processor leaves it and comes back"),
	FIELD(serve_ns, "such a fault: the host's threads, beside what they do with the page"),
	FIELD(map_ns, "a page is put in place, zeroed or copied"),
	FIELD(withdraw_ns, "a page is taken away, its content kept"),
	FIELD(discard_ns, "a run of pages loses its content"),
	FIELD(unprotect_ns, "a page may be written again"),
	FIELD(scan_ns, "a turn of the scanner, beside the pages it reads"),
	FIELD(nap_ns, "how much longer than it asks for the scanner rests"),
	FIELD(hash_ns, "a page is read: hashed, or found to be zeros"),
	FIELD(compare_ns, "two pages are compared"),
	FIELD(share_zero_ns, "a page of zeros is shared: it loses its frame"),
	FIELD(zero_ns, "the common page of zeros is mapped for a guest that reads it"),
	FIELD(remap_ns, "a run of pages becomes a mapping of shared frames"),
	FIELD(copy_ns, "each page of such a run; a page copied when it is written"),
	FIELD(compress_ns, "a page is compressed, or found to be no good for it"),
	FIELD(decompress_ns, "a page is decompressed"),
	FIELD(tell_ns, "a balloon driver tells the host of a batch of pages"),
	FIELD(balloon_page_ns, "each page of it"),
	FIELD(guest_disk_cpu_ns, "what a guest's processor does for a request to its own disk"),
	FIELD(guest_disk_ns, "the request itself"),
	FIELD(guest_disk_page_ns, "each page of it"),
	{"swap_read_ns", offsetof(struct sim_cost, swap.read_ns), 0, NS_MOST, "latency of a read from the swap device"},
	{"swap_write_ns", offsetof(struct sim_cost, swap.write_ns), 0, NS_MOST, "latency of a write"},
	{"swap_near_ns", offsetof(struct sim_cost, swap.near_ns), 0, NS_MOST, "latency of a request that goes on where the last one ended"},
	{"swap_page_ns", offsetof(struct sim_cost, swap.page_ns), 0, NS_MOST, "each page, one after the other: 4096 / bandwidth"},
	{"swap_depth", offsetof(struct sim_cost, swap.depth), 1, SIM_DEVICE_DEPTH, "requests that the swap device works on at once"},
	{.name = NULL},
};

/* The development machine. */
#define HOST                                                                                        \
	.cpus = 2, .boot_ns = 1500000, .touch_ns = 210, .fill_ns = 900, .guest_fault_ns = 14000,    \
	.wake_ns = 90000, .fault_ns = 24000, .serve_ns = 20000, .share_zero_ns = 18000, .zero_ns = 125000, .map_ns = 900, .withdraw_ns = 2500, .discard_ns = 1000, \
	.unprotect_ns = 1500, .scan_ns = 300, .nap_ns = 60000, .hash_ns = 410, .compare_ns = 300, .remap_ns = 36000, \
	.copy_ns = 2000, .compress_ns = 4000, .decompress_ns = 1500, .tell_ns = 45000, .balloon_page_ns = 560, .guest_disk_cpu_ns = 141000, .guest_disk_ns = 92000,          \
	.guest_disk_page_ns = 2500

const struct sim_preset sim_presets[] = {
	{"host", "the development machine and its virtio disk",
	 {HOST, .swap = {.read_ns = 68000, .write_ns = 68000, .near_ns = 68000, .page_ns = 3000, .depth = 16}}},
	{"nvme", "the same with an NVMe drive: 80 us, 2 GB/s, 32 requests at once",
	 {HOST, .swap = {.read_ns = 80000, .write_ns = 20000, .near_ns = 20000, .page_ns = 2048, .depth = 32}}},
	{"ssd", "the same with a SATA drive: 120 us, 500 MB/s, 32 requests at once",
	 {HOST, .swap = {.read_ns = 120000, .write_ns = 60000, .near_ns = 60000, .page_ns = 8192, .depth = 32}}},
	{"disk2002", "the same with a disk of 2002: 8 ms, 40 MB/s, one request at a time",
	 {HOST, .swap = {.read_ns = 8000000, .write_ns = 8000000, .near_ns = 200000, .page_ns = 102400, .depth = 1}}},
	{.name = NULL},
};
/* clang-format on */

uint64_t *sim_cost_at(struct sim_cost *c, const struct sim_cost_field *f)
{
	return (uint64_t *)(void *)((char *)c + f->offset);
}
