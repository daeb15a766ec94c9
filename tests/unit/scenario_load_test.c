/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * scenario_load_test.c: scenarios that are right: every key, every default, and --set. Expected values by hand.
 */
#include "tests/unit/scenario_support.h"

/* The contract's example, with what is not built yet left out. */
static const char full[] =
	"name: quickstart\n"
	"seed: 7\n"
	"seconds: 1.5\n"
	"host:\n"
	"  memory: 256M\n"
	"  swap: {path: swap.bin, size: 64M, prefetch: 3, overwrite: skip, zeros: write}\n"
	"  policy: proportional\n"
	"  mechanisms: [swap]\n"
	"  pager: fifo\n"
	"  states: {high: 8%, soft: 4.5%, hard: 2%, low: 0.1%}\n"
	"  cpus: auto\n"
	"  rebalance: 500ms\n"
	"  tax: 12.5%\n"
	"  sampling: {pages: 50, period: 2s, slow: 10%, fast: 90%, estimator: refault}\n"
	"vms:\n"
	"  - name: web\n"
	"    count: 2\n"
	"    memory: 128M\n"
	"    min: 32M\n"
	"    shares: 700\n"
	"    vcpus: 1\n"
	"    guest: {kind: lab, pager: lru, swap: 64M, balloon: 20%}\n"
	"    workload: {kind: zipf, pages: 20000, alpha: 0.9, write: 30%, rate: max,\n"
	"               content: {zero: 10%, common: 40%, class: {name: office, share: 20%}}}\n"
	"  - name: batch\n"
	"    memory: 1G\n"
	"    shares: high\n"
	"    workload:\n"
	"      kind: phased\n"
	"      phases:\n"
	"        - {kind: boot, seconds: 2}\n"
	"        - {kind: scan, pages: 100, rate: 50, seconds: 0.25}\n"
	"        - {kind: idle}\n";

static void test_full_host(void **state)
{
	struct scenario *s = load_good(full, NULL);

	(void)state;
	assert_string_equal(s->name, "quickstart");
	assert_int_equal(s->seed, 7);
	assert_int_equal(s->duration_ns, 1500000000ull);
	assert_int_equal(s->memory_pages, 65536);
	assert_string_equal(s->swap_path, "swap.bin");
	assert_int_equal(s->swap_pages, 16384);
	assert_int_equal(s->swap_ahead_pages, 3);
	assert_true(s->swap_spares_overwritten);
	assert_true(s->swap_writes_zeros);
	assert_true(s->swap);
	assert_string_equal(s->pager->name, "fifo");
	assert_int_equal(s->state_ppm[MM_HIGH], 80000);
	assert_int_equal(s->state_ppm[MM_SOFT], 45000);
	assert_int_equal(s->state_ppm[MM_HARD], 20000);
	assert_int_equal(s->state_ppm[MM_LOW], 1000);
	assert_int_equal(s->rebalance_ns, 500000000ull);
	assert_ptr_equal(s->policy, &target_proportional);
	assert_int_equal(s->tax_ppm, 125000);
	assert_int_equal(s->sample_pages, 50);
	assert_int_equal(s->sample_period_ns, 2 * NS_PER_S);
	assert_int_equal(s->sample_slow_ppm, 100000);
	assert_int_equal(s->sample_fast_ppm, 900000);
	assert_int_equal(s->estimator, MM_ESTIMATE_REFAULT);
	assert_int_equal(s->nr_vms, 3);
	scenario_free(s);
}

static void test_full_vms(void **state)
{
	struct scenario *s = load_good(full, NULL);
	const struct phase_spec *p = &s->vms[1].workload.phase[0];

	(void)state;
	assert_string_equal(s->vms[0].name, "web-0");
	assert_string_equal(s->vms[1].name, "web-1");
	assert_string_equal(s->vms[2].name, "batch");
	assert_int_equal(s->vms[1].memory_pages, 32768);
	assert_int_equal(s->vms[1].min_pages, 8192);
	assert_int_equal(s->vms[1].shares, 700);
	assert_int_equal(s->vms[1].vcpus, 1);
	assert_string_equal(s->vms[1].guest_pager->name, "lru");
	assert_int_equal(s->vms[1].guest_balloon_ppm, 200000);
	assert_int_equal(s->vms[1].guest_swap_pages, 16384);
	assert_int_equal(s->vms[1].workload.nr_phases, 1);
	assert_int_equal(p->kind, WORK_ZIPF);
	assert_int_equal(p->pages, 20000);
	assert_int_equal(p->alpha_ppm, 900000);
	assert_int_equal(p->write_ppm, 300000);
	assert_int_equal(p->rate, 0);
	assert_int_equal(p->zero_ppm, 100000);
	assert_int_equal(p->common_ppm, 400000);
	assert_int_equal(p->class_ppm, 200000);
	assert_int_equal(p->class_id, content_class_id("office"));
	assert_int_equal(p->duration_ns, 0);
	assert_memory_equal(&s->vms[0].workload, &s->vms[1].workload, sizeof(s->vms[0].workload));
	scenario_free(s);
}

static void test_full_phases(void **state)
{
	struct scenario *s = load_good(full, NULL);
	const struct workload_spec *w = &s->vms[2].workload;
	uint32_t wrong;

	(void)state;
	assert_int_equal(s->vms[2].shares, 2000);
	assert_int_equal(s->vms[2].min_pages, 0);
	assert_int_equal(w->nr_phases, 3);
	assert_int_equal(w->phase[0].kind, WORK_BOOT);
	assert_int_equal(w->phase[0].pages, 0);
	assert_int_equal(w->phase[0].duration_ns, 2000000000ull);
	assert_int_equal(w->phase[1].kind, WORK_SCAN);
	assert_int_equal(w->phase[1].pages, 100);
	assert_int_equal(w->phase[1].rate, 50);
	assert_int_equal(w->phase[1].duration_ns, 250000000ull);
	assert_int_equal(w->phase[2].kind, WORK_IDLE);
	assert_int_equal(w->phase[2].duration_ns, 0);
	assert_int_equal(workload_check(w, &wrong), 0);
	assert_int_equal(workload_check(&s->vms[0].workload, &wrong), 0);
	scenario_free(s);
}

static void test_defaults(void **state)
{
	struct scenario *s = load_good("host: {memory: 64M}\n"
				       "vms:\n"
				       "  - {name: a, memory: 16M, min: 4M}\n"
				       "  - {name: b, memory: 8M, workload: {kind: zipf}}\n",
				       NULL);
	const struct phase_spec *p = &s->vms[1].workload.phase[0];

	(void)state;
	assert_string_equal(s->name, "scenario");
	assert_int_equal(s->seed, 1);
	assert_int_equal(s->duration_ns, 30000000000ull);
	assert_null(s->swap_path);
	assert_int_equal(s->swap_pages, (16 - 4 + 8) * 256);
	assert_int_equal(s->swap_ahead_pages, 7);
	assert_false(s->swap_spares_overwritten);
	assert_false(s->swap_writes_zeros);
	assert_true(s->swap);
	assert_false(s->compress);
	assert_int_equal(s->compress_ppm, 0);
	assert_string_equal(s->pager->name, "random");
	assert_int_equal(s->state_ppm[MM_HIGH], 60000);
	assert_int_equal(s->state_ppm[MM_SOFT], 40000);
	assert_int_equal(s->state_ppm[MM_HARD], 20000);
	assert_int_equal(s->state_ppm[MM_LOW], 10000);
	assert_int_equal(s->rebalance_ns, 15000000000ull);
	assert_ptr_equal(s->policy, &target_esx);
	assert_int_equal(s->tax_ppm, 750000);
	assert_int_equal(s->sample_pages, 100);
	assert_int_equal(s->sample_period_ns, 30 * NS_PER_S);
	assert_int_equal(s->sample_slow_ppm, 250000);
	assert_int_equal(s->sample_fast_ppm, 750000);
	assert_int_equal(s->estimator, MM_ESTIMATE_TOUCH);
	assert_string_equal(s->vms[0].name, "a");
	assert_int_equal(s->vms[0].shares, 1000);
	assert_int_equal(s->vms[0].vcpus, 1);
	assert_string_equal(s->vms[0].guest_pager->name, "clock");
	assert_int_equal(s->vms[0].guest_balloon_ppm, 650000);
	assert_int_equal(s->vms[0].guest_swap_pages, 4096);
	assert_int_equal(s->vms[0].workload.nr_phases, 1);
	assert_int_equal(s->vms[0].workload.phase[0].kind, WORK_IDLE);
	assert_int_equal(p->pages, 1024); /* half of 8M */
	assert_int_equal(p->alpha_ppm, 1000000);
	assert_int_equal(p->write_ppm, 0);
	assert_int_equal(p->rate, 20000);
	assert_int_equal(p->zero_ppm + p->common_ppm + p->class_ppm + p->thin_ppm, 0);
	scenario_free(s);
}

static void test_compression(void **state)
{
	struct scenario *s = load_good("host: {memory: 64M, mechanisms: [compress]}\n"
				       "vms: [{name: a, memory: 16M, workload: {kind: zipf,\n"
				       "       content: {compressible: 35%}}}]\n",
				       NULL);

	(void)state;
	assert_true(s->compress);
	assert_false(s->swap || s->share || s->balloon);
	assert_int_equal(s->compress_ppm, 100000);
	assert_int_equal(s->vms[0].workload.phase[0].thin_ppm, 350000);
	scenario_free(s);
	s = load_good("host: {memory: 64M, mechanisms: [swap, compress], compress: {cache: 0.1%}}\n"
		      "vms: [{name: a, memory: 16M}]\n",
		      NULL);
	assert_int_equal(s->compress_ppm, 1000);
	scenario_free(s);
}

/* 16 MiB: half of it are 64 files of 128 KiB, whose places are twice that. A disk is made for the largest set to come. */
static void test_files(void **state)
{
	struct scenario *s = load_good(
		"host: {memory: 64M}\n"
		"vms:\n"
		"  - {name: a, memory: 16M, workload: {kind: fileserver}}\n"
		"  - {name: b, memory: 16M, guest: {disk: 5M}}\n"
		"  - {name: c, memory: 16M, workload: {kind: fileserver, files: 10,\n"
		"     file-size: 12K, write: 5%, alpha: 2, rate: 7}}\n"
		"  - {name: d, memory: 16M}\n"
		"timeline:\n"
		"  - {at: 1s, set: {vms.c.workload.files: 30}}\n"
		"  - {at: 2s, set: {vms.c.workload.kind: idle}}\n"
		"  - {at: 3s, add: {name: e, memory: 16M, workload: {kind: phased,\n"
		"     phases: [{kind: fileserver, files: 3, seconds: 1}, {kind: idle}]}}}\n"
		"  - {at: 4s, add: {name: f, memory: 16M, guest: {disk: 1M},\n"
		"     workload: {kind: fileserver, file-size: 4K}}}\n",
		NULL);
	const struct phase_spec *p = &s->vms[0].workload.phase[0];

	(void)state;
	assert_int_equal(p->kind, WORK_FILESERVER);
	assert_int_equal(p->files, 64);
	assert_int_equal(p->file_pages, 32);
	assert_int_equal(p->write_ppm, 600000);
	assert_int_equal(p->alpha_ppm, 0);
	assert_int_equal(p->rate, 20000);
	assert_int_equal(p->pages, 0);
	assert_int_equal(s->vms[0].guest_disk_pages, 64 * 64);
	assert_int_equal(s->vms[1].guest_disk_pages, 1280);
	p = &s->vms[2].workload.phase[0];
	assert_int_equal(p->file_pages, 3);
	assert_int_equal(p->write_ppm, 50000);
	assert_int_equal(p->alpha_ppm, 2000000);
	assert_int_equal(p->rate, 7);
	assert_int_equal(s->vms[2].guest_disk_pages, 30 * 6);
	assert_int_equal(s->vms[3].guest_disk_pages, 0);
	assert_int_equal(s->vms[4].guest_disk_pages, 3 * 64);
	assert_int_equal(s->vms[5].guest_disk_pages, 256);
	assert_int_equal(s->vms[5].workload.phase[0].files, 128);
	scenario_free(s);
}

static void test_edges(void **state)
{
	struct scenario *s =
		load_good("host: {memory: 4M, mechanisms: []}\n"
			  "vms:\n"
			  "  - {name: a, memory: 4M, min: 4M, guest: {swap: 0},\n"
			  "     workload: {kind: scan, pages: 1024, content: {zero: 50%,\n"
			  "                common: 50%}}}\n",
			  NULL);

	(void)state;
	assert_false(s->swap);
	assert_int_equal(s->swap_pages, 0);
	assert_int_equal(s->vms[0].guest_swap_pages, 0);
	assert_int_equal(s->vms[0].workload.phase[0].pages, 1024);
	scenario_free(s);

	s = load_good("host: {memory: 1T}\nvms: [{name: a, count: 1024, memory: 4M}]\n", NULL);
	assert_int_equal(s->memory_pages, 1ull << 28);
	assert_int_equal(s->nr_vms, 1024);
	assert_string_equal(s->vms[1023].name, "a-1023");
	scenario_free(s);

	/* JSON is YAML. */
	s = load_good("{\"host\": {\"memory\": \"64M\"}, \"vms\": [{\"name\": \"x\", \"memory\": "
		      "\"16M\"}]}",
		      NULL);
	assert_int_equal(s->memory_pages, 16384);
	scenario_free(s);
}

static void test_set_values(void **state)
{
	struct scenario *s;

	(void)state;
	s = load_good(full, "host.memory=512M");
	assert_int_equal(s->memory_pages, 131072);
	scenario_free(s);
	s = load_good(full, "vms.0.workload.pages=4000");
	assert_int_equal(s->vms[0].workload.phase[0].pages, 4000);
	assert_int_equal(s->vms[1].workload.phase[0].pages, 4000);
	scenario_free(s);
	s = load_good(full, "vms.batch.memory=64M");
	assert_int_equal(s->vms[2].memory_pages, 16384);
	assert_int_equal(s->vms[0].memory_pages, 32768);
	scenario_free(s);
	s = load_good(full, "vms.1.workload={kind: toucher, pages: 9}");
	assert_int_equal(s->vms[2].workload.nr_phases, 1);
	assert_int_equal(s->vms[2].workload.phase[0].kind, WORK_TOUCHER);
	assert_int_equal(s->vms[2].workload.phase[0].pages, 9);
	scenario_free(s);
	s = load_good(full, "vms.batch.workload.phases.1.pages=77");
	assert_int_equal(s->vms[2].workload.phase[1].pages, 77);
	scenario_free(s);
	s = load_good(full, "host.states=esx2002");
	assert_int_equal(s->state_ppm[MM_HIGH], 60000);
	scenario_free(s);
}

/* Keys that the file does not have, and several in order. */
static void test_set_new(void **state)
{
	static const char *const sets[] = {"host.swap.size=4M", "vms.a.workload.kind=boot",
					   "seed=3", "seed=4"};
	struct scenario *s;
	struct error error;
	char path[32];

	(void)state;
	if (load("host: {memory: 64M}\nvms: [{name: a, memory: 16M}]\n", sets, 4, path, &s, &error))
		fail_msg("%s", error.text);
	assert_int_equal(s->swap_pages, 1024);
	assert_null(s->swap_path);
	assert_int_equal(s->vms[0].workload.phase[0].kind, WORK_BOOT);
	assert_int_equal(s->seed, 4);
	scenario_free(s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_full_host),   cmocka_unit_test(test_full_vms),
		cmocka_unit_test(test_full_phases), cmocka_unit_test(test_defaults),
		cmocka_unit_test(test_files),       cmocka_unit_test(test_edges),
		cmocka_unit_test(test_compression), cmocka_unit_test(test_set_values),
		cmocka_unit_test(test_set_new),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
