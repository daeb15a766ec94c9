/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * scenario_errors_test.c: scenarios that are wrong. Each case says where the message must point (line and column, by
 * hand) and what it must hold: the offending text and what is allowed.
 */
#include <errno.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "tests/unit/scenario_support.h"

#define HOST "host: {memory: 64M}\n"
#define VMS  "vms: [{name: a, memory: 16M}]\n"
/* A VM with one more key on line 4, column 5, its value from column 5 + key + 2 on. */
#define VM(more)      HOST "vms:\n  - {name: a, memory: 16M,\n    " more "}\n"
#define WORKLOAD(map) HOST "vms:\n  - {name: a, memory: 16M, workload:\n    " map "}\n"

static const struct bad {
	const char *text;
	unsigned line, column;
	const char *offending, *allowed;
} bad[] = {
	/* the whole */
	{"", 1, 1, "empty", "a map with host and vms"},
	{"# nothing\n", 2, 1, "empty", "host and vms"},
	{"hello", 1, 1, "'hello' is not a map", "a map"},
	{"- a\n", 1, 1, "a list is given", "a map"},
	{"host: {memory: 64M\n", 2, 1, "YAML syntax", "',' or '}'"},
	{HOST "vms: [{name: a, memory: 16M}\nx: 1\n", 3, 1, "YAML syntax", "',' or ']'"},
	{HOST "\tvms: 1\n", 2, 1, "YAML syntax", "cannot start any token"},
	{HOST "vms: \"abc\n", 3, 1, "YAML syntax", "end of stream"},
	{HOST VMS "seed: \x01\n", 3, 7, "YAML syntax", "control characters"},
	{HOST VMS "# gr\xc3\xbc\xc3\x9f \xff\n", 3, 8, "YAML syntax", "UTF-8"},
	{HOST VMS "---\n" HOST, 3, 1, "second document", "one"},
	{HOST "vms: &x [{name: a, memory: 16M}]\n", 2, 6, "anchors", "plain values"},
	{HOST VMS "seed: *x\n", 3, 7, "aliases", "plain values"},
	{HOST VMS "seed: !!int 3\n", 3, 7, "tags", "plain values"},
	{HOST VMS "? [a, b]\n: 3\n", 3, 3, "a key is a list", "words"},
	{HOST VMS "seed: \"1\\02\"\n", 3, 7, "0 byte", "text"},
	{"a: [[[[[[[[[[[[[[[[[1]]]]]]]]]]]]]]]]]\n", 1, 19, "nested too deeply", "16"},
	/* top */
	{HOST VMS "hots: 1\n", 3, 1, "unknown key 'hots'", "did you mean host?"},
	{HOST VMS "zzz: 1\n", 3, 1, "unknown key 'zzz'", "name, seed, seconds, host, vms"},
	{HOST VMS "seed: 1\nseed: 2\n", 4, 1, "'seed' in the scenario is repeated", "line 3"},
	{HOST VMS "name: Quick\n", 3, 7, "'Quick'", "letters a-z"},
	{HOST VMS "name: [a]\n", 3, 7, "a list is given", "a name"},
	{HOST VMS "seed: -1\n", 3, 7, "'-1' is not a number", "from 0 to 18446744073709551615"},
	{HOST VMS "seed: 18446744073709551616\n", 3, 7, "out of range", "18446744073709551615"},
	{HOST VMS "seconds: 0\n", 3, 10, "'0' is out of range", "from 0.001 to 2592000"},
	{HOST VMS "seconds: 10s\n", 3, 10, "'10s'", "without a unit"},
	{VMS, 1, 1, "'host' is missing", "in the scenario"},
	{HOST, 1, 1, "'vms' is missing", "in the scenario"},
	/* host */
	{"host: 64M\n" VMS, 1, 7, "'64M' is not a map", "a map"},
	{"host: {pager: lru}\n" VMS, 1, 7, "'memory' is missing", "in host"},
	{"host: {memory: 64Q}\n" VMS, 1, 16, "'64Q' has an unknown unit", "K, M, G, T"},
	{"host: {memory: 64m}\n" VMS, 1, 16, "'64m' has an unknown unit", "from 4M to 1T"},
	{"host: {memory: 0}\n" VMS, 1, 16, "'0' is out of range", "from 4M to 1T"},
	{"host: {memory: 1025G}\n" VMS, 1, 16, "'1025G' is out of range", "from 4M to 1T"},
	{"host: {memory: 99999999999999999999T}\n" VMS, 1, 16, "out of range", "1T"},
	{"host: {memory: 4194305}\n" VMS, 1, 16, "'4194305' is not whole pages", "4K"},
	{"host: {memory: }\n" VMS, 1, 16, "'' is empty", "from 4M"},
	{"host: {memory: [64M]}\n" VMS, 1, 16, "a list is given", "a size"},
	{"host: {memory: 64M, policy: mom, mechanisms: [swap]}\n" VMS, 1, 29,
	 "'mom' works by balloons", "balloon"},
	{"host: {memory: 64M, policy: best}\n" VMS, 1, 29, "'best' is unknown", "proportional"},
	{"host: {memory: 64M, mechanisms: [balloon, balloon]}\n" VMS, 1, 43,
	 "'balloon' is repeated", "once"},
	{"host: {memory: 64M, mechanisms: [swap], compress: {cache: 5%}}\n" VMS, 1, 51,
	 "compress is given", "mechanisms: [share, balloon, compress, swap]"},
	{"host: {memory: 64M, mechanisms: [compress], compress: {cache: 51%}}\n" VMS, 1, 63,
	 "'51%' is out of range", "0.1% to 50%"},
	{"host: {memory: 64M, mechanisms: [compress], compress: {size: 5%}}\n" VMS, 1, 56, "'size'",
	 "cache"},
	{"host: {memory: 64M, mechanisms: [compress, compress]}\n" VMS, 1, 44,
	 "'compress' is repeated", "once"},
	{"host: {memory: 64M, mechanisms: [swop]}\n" VMS, 1, 34, "'swop'", "did you mean swap?"},
	{"host: {memory: 64M, mechanisms: swap}\n" VMS, 1, 33, "'swap' is not a list",
	 "[share, balloon, compress, swap]"},
	{"host: {memory: 64M, mechanisms: [swap, swap]}\n" VMS, 1, 40, "'swap' is repeated",
	 "once"},
	{"host: {memory: 64M, mechanisms: [], swap: {size: 4K}}\n" VMS, 1, 43, "swap is given",
	 "mechanisms: [swap]"},
	{"host: {memory: 64M, swap: {size: 0}}\n" VMS, 1, 34, "'0' is out of range", "from 4K"},
	{"host: {memory: 64M, swap: {path: ''}}\n" VMS, 1, 34, "''", "a file's path"},
	{"host: {memory: 64M, swap: {prefetch: 32}}\n" VMS, 1, 38, "'32' is out of range", "to 31"},
	{"host: {memory: 64M, swap: {overwrite: yes}}\n" VMS, 1, 39, "'yes' is unknown",
	 "read, skip"},
	{"host: {memory: 64M, swap: {zeros: drob}}\n" VMS, 1, 35, "'drob'", "did you mean drop?"},
	{"host: {memory: 64M, swap: {sise: 4M}}\n" VMS, 1, 28, "'sise'", "did you mean size?"},
	{"host: {memory: 64M, pager: optimal}\n" VMS, 1, 28, "'optimal' is unknown", "random"},
	{"host: {memory: 64M, tax: 100%}\n" VMS, 1, 26, "'100%' is out of range", "to 99%"},
	{"host: {memory: 64M, sampling: {pages: 0}}\n" VMS, 1, 39, "'0' is out of range",
	 "from 1 to 4096"},
	{"host: {memory: 64M, sampling: {period: 5}}\n" VMS, 1, 40, "'5' has no unit", "ms"},
	{"host: {memory: 64M, sampling: {gain: 5%}}\n" VMS, 1, 32, "'gain'", "slow, fast"},
	{"host: {memory: 64M, sampling: {estimator: reads}}\n" VMS, 1, 43, "'reads' is unknown",
	 "touch, write, refault"},
	{"host: {memory: 64M, share: {scan: spiral}}\n" VMS, 1, 35, "'spiral'",
	 "random, sequential"},
	{"host: {memory: 64M, share: {groups: none}}\n" VMS, 1, 37, "'none' is unknown", "all"},
	{"host: {memory: 64M, mechanisms: [swap], share: {scan: random}}\n" VMS, 1, 48,
	 "share is given", "mechanisms: [share"},
	{"host: {memory: 64M, cpus: 0}\n" VMS, 1, 27, "'0' is out of range", "from 1"},
	{"host: {memory: 64M, cpus: many}\n" VMS, 1, 27, "'many'", "auto"},
	{"host: {memory: 64M, rebalance: 15}\n" VMS, 1, 32, "'15' has no unit", "units ns, us, ms"},
	{"host: {memory: 64M, rebalance: 2h}\n" VMS, 1, 32, "'2h' is out of range", "10ms to 1h"},
	{"host: {memory: 64M, states: esx7}\n" VMS, 1, 29, "'esx7' is unknown", "esx2002, esx6"},
	{"host: {memory: 64M, states: {high: 6%, soft: 4%, hard: 2%}}\n" VMS, 1, 29,
	 "'low' is missing", "states"},
	{"host: {memory: 64M, states: {high: 6%, soft: 6%, hard: 2%, low: 1%}}\n" VMS, 1, 46,
	 "'6%' is not below", "high > soft"},
	{"host: {memory: 64M, states: {high: 60%, soft: 6%, hard: 2%, low: 1%}}\n" VMS, 1, 36,
	 "'60%' is out of range", "to 50%"},
	/* vms */
	{HOST "vms: 3\n", 2, 6, "'3' is not a list", "a list of VMs"},
	{HOST "vms: []\n", 2, 6, "empty", "1 to 1024"},
	{HOST "vms: [a]\n", 2, 7, "'a' is not a map", "a map"},
	{HOST "vms: [{memory: 16M}]\n", 2, 7, "'name' is missing", "a VM"},
	{HOST "vms: [{name: a}]\n", 2, 7, "'memory' is missing", "a VM"},
	{HOST "vms: [{name: 9a, memory: 16M}]\n", 2, 14, "'9a' does not start", "a-z"},
	{HOST "vms: [{name: a_b, memory: 16M}]\n", 2, 14, "'a_b'", "letters a-z"},
	{HOST "vms: [{name: a123456789b123456789c123456789d123456789e123456789, memory: 16M}]\n", 2,
	 14, "too long", "at most 48"},
	{HOST "vms: [{name: a, memory: 2M}]\n", 2, 25, "'2M' is out of range", "from 4M"},
	{HOST "vms: [{name: a, memory: 2T}]\n", 2, 25, "'2T' is out of range", "to 1T"},
	{HOST "vms:\n  - {name: a, memory: 16M}\n  - {name: a, memory: 16M}\n", 4, 12,
	 "'a' is taken", "a name of its own"},
	{HOST "vms:\n  - {name: a-1, memory: 16M}\n  - {name: a, count: 2, memory: 16M}\n", 4, 12,
	 "'a-1' is taken", "a name of its own"},
	{HOST
	 "vms:\n  - {name: a, count: 1000, memory: 4M}\n  - {name: b, count: 25, memory: 4M}\n",
	 4, 5, "'1025' VMs", "up to 1024"},
	{VM("count: 0"), 4, 12, "'0' is out of range", "from 1 to 1024"},
	{VM("min: 17M"), 4, 10, "'17M' is more than memory", "16M"},
	{VM("shares: none"), 4, 13, "'none'", "low, normal, high"},
	{VM("shares: 0"), 4, 13, "'0'", "1 to 1000000"},
	{VM("vcpus: 2"), 4, 12, "'2' is not built yet", "1"},
	{VM("vcpus: 0"), 4, 12, "'0' is out of range", "from 1"},
	{VM("group: A"), 4, 12, "'A'", "a-z"},
	{VM("memroy: 3"), 4, 5, "'memroy'", "did you mean memory?"},
	{VM("guest: {kind: linux}"), 4, 19, "'linux' is not built yet", "lab"},
	{VM("guest: {initrd: x}"), 4, 13, "'initrd'", "not built yet"},
	{VM("guest: {balloon: 101%}"), 4, 22, "balloon", "100%"},
	{VM("guest: {reporting: true}"), 4, 24, "'true' is unknown", "no, yes"},
	{VM("guest: {reporting: yes, balloon: 0%}"), 4, 24, "needs a balloon driver", "above 0%"},
	{VM("guest: {kernel: ''}"), 4, 21, "kernel", "ELF64"},
	{VM("guest: {pager: mru}"), 4, 20, "'mru' is unknown", "clock"},
	{VM("guest: lab"), 4, 12, "'lab' is not a map", "a map"},
	{HOST "vms:\n  - {name: a, count: 4, memory: 32M, min: 17M}\n", 1, 16,
	 "'64M' is less than the VMs' min together", "68M"},
	{HOST "vms: [{name: a, count: 3, memory: 512G}]\n", 1, 7, "'auto'", "up to 1T"},
	/* workloads */
	{VM("workload: zipf"), 4, 15, "'zipf' is not a map", "{kind: KIND"},
	{WORKLOAD("{pages: 1}"), 4, 5, "'kind' is missing", "idle, toucher, zipf"},
	{WORKLOAD("{kind: kv}"), 4, 12, "'kv' is not built yet", "idle, toucher, zipf"},
	{WORKLOAD("{kind: fileserver, pages: 1}"), 4, 24, "inapplicable key 'pages'", "files"},
	{WORKLOAD("{kind: zipf, files: 1}"), 4, 18, "inapplicable key 'files'", "pages"},
	{WORKLOAD("{kind: zipf, file-size: 4K}"), 4, 18, "inapplicable key 'file-size'", "pages"},
	{WORKLOAD("{kind: fileserver, files: 0}"), 4, 31, "'0' is out of range", "from 1"},
	{WORKLOAD("{kind: fileserver, file-size: 6K}"), 4, 35, "'6K' is not whole pages", "4K"},
	{WORKLOAD("{kind: fileserver, file-size: 2G}"), 4, 35, "'2G' is out of range", "to 1G"},
	{WORKLOAD("{kind: fileserver, alpha: 5}"), 4, 31, "'5' is out of range", "from 0 to 4"},
	/* 16 MiB of memory: records of 256 MiB at most, which are 1024 files of 128 KiB and as much again */
	{WORKLOAD("{kind: fileserver, files: 1025}"), 4, 31, "'1025' need a disk of 262400K",
	 "up to 256M, 16 times the guest's memory"},
	{VM("guest: {disk: 1M},\n    workload: {kind: fileserver, files: 5}"), 5, 41,
	 "'5' need a disk of 1280K", "up to 1M, the guest's disk"},
	{VM("guest: {disk: 257M}"), 4, 19, "'257M' is more", "up to 16 times its memory"},
	{VM("guest: {disk: /dev/sda}"), 4, 19, "'/dev/sda' is not a number", "such as 256M"},
	{WORKLOAD("{kind: zip}"), 4, 12, "'zip' is unknown", "did you mean zipf?"},
	{WORKLOAD("{kind: idle, pages: 1}"), 4, 18, "inapplicable key 'pages'", "workload idle"},
	{WORKLOAD("{kind: boot, rate: 1}"), 4, 18, "inapplicable key 'rate'", "workload boot"},
	{WORKLOAD("{kind: scan, alpha: 1}"), 4, 18, "inapplicable key 'alpha'", "pages, write"},
	{WORKLOAD("{kind: zipf, seconds: 1}"), 4, 18, "inapplicable key 'seconds'", "alpha"},
	{WORKLOAD("{kind: zipf, pages: 0}"), 4, 25, "'0' is out of range", "from 1"},
	{WORKLOAD("{kind: zipf, pages: 4M}"), 4, 25, "'4M'", "a whole number"},
	{WORKLOAD("{kind: zipf, pages: 8193}"), 4, 25, "'8193' are more", "up to 8192"},
	{WORKLOAD("{kind: zipf, alpha: 4.1}"), 4, 25, "'4.1' is out of range", "from 0 to 4"},
	{WORKLOAD("{kind: zipf, write: 0.3}"), 4, 25, "'0.3' has no unit", "30% or 0.1%"},
	{WORKLOAD("{kind: zipf, write: 101%}"), 4, 25, "'101%' is out of range", "to 100%"},
	{WORKLOAD("{kind: zipf, write: 0.00001%}"), 4, 25, "is not a whole number",
	 "parts per million"},
	{WORKLOAD("{kind: zipf, rate: 0}"), 4, 24, "'0' is not a rate", "or max"},
	{WORKLOAD("{kind: zipf, rate: fast}"), 4, 24, "'fast' is not a rate", "or max"},
	{WORKLOAD("{kind: zipf, content: {zero: 60%, common: 50%}}"), 4, 27, "'110%'",
	 "at most 100%"},
	{WORKLOAD("{kind: zipf, content: {class: office}}"), 4, 35, "'office' has no share",
	 "share: 20%"},
	{WORKLOAD("{kind: zipf, content: {class: {name: x}}}"), 4, 35, "'share' is missing",
	 "class"},
	{WORKLOAD("{kind: zipf, content: {private: 1%}}"), 4, 28, "'private'",
	 "zero, common, class"},
	{WORKLOAD("{kind: phased}"), 4, 5, "'phases' is missing", "workload phased"},
	{WORKLOAD("{kind: phased, phases: []}"), 4, 28, "'0' entries", "1 to 8"},
	{WORKLOAD("{kind: phased, phases: 3}"), 4, 28, "'3' is not a list", "a list of workloads"},
	{WORKLOAD("{kind: phased, phases: [{kind: idle}, {kind: idle}]}"), 4, 29,
	 "'seconds' is missing", "only the last"},
	{WORKLOAD("{kind: phased, phases: [{kind: phased}]}"), 4, 36, "'phased' is inside phases",
	 "idle, toucher"},
	{WORKLOAD("{kind: phased, phases: [{kind: idle, seconds: 0}]}"), 4, 51,
	 "'0' is out of range", "from 0.001"},
};

static void expect(const char *text, const char *prefix, const char *const *holds,
		   const struct error *error)
{
	if (strncmp(error->text, prefix, strlen(prefix)) != 0)
		fail_msg("'%s'\nis not at '%s', for\n%s", error->text, prefix, text);
	for (; *holds; holds++)
		if (!strstr(error->text, *holds))
			fail_msg("'%s'\ndoes not hold '%s', for\n%s", error->text, *holds, text);
	assert_true(error->user);
	/* One line, whole. */
	assert_null(strchr(error->text, '\n'));
	assert_true(strlen(error->text) < sizeof(error->text) - 1);
}

static void test_bad_files(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		const char *holds[] = {bad[i].offending, bad[i].allowed, NULL};
		char path[32], prefix[64];
		struct scenario *s;
		struct error error;

		if (load(bad[i].text, NULL, 0, path, &s, &error) != -EINVAL)
			fail_msg("not refused:\n%s", bad[i].text);
		assert_null(s);
		snprintf(prefix, sizeof(prefix), "%s:%u:%u: ", path, bad[i].line, bad[i].column);
		expect(bad[i].text, prefix, holds, &error);
	}
}

/* Line numbers count from the file's start over comments, blank lines and block style. */
static void test_block_style(void **state)
{
	const char *holds[] = {"pages", "'many' is not a number", NULL};
	char path[32], prefix[64];
	struct scenario *s;
	struct error error;

	(void)state;
	assert_int_equal(load("# a comment\n\nhost:\n  memory: 64M   # the machine\n\nvms:\n"
			      "  - name: a\n    memory: 16M\n    workload:\n      kind: scan\n"
			      "      pages:   many\n",
			      NULL, 0, path, &s, &error),
			 -EINVAL);
	snprintf(prefix, sizeof(prefix), "%s:11:16: ", path);
	expect("", prefix, holds, &error);
}

static const struct bad_set {
	const char *set, *offending, *allowed;
} bad_sets[] = {
	{"host.memory", "no '='", "KEY.PATH=VALUE"},
	{"=3", "an empty word", "KEY.PATH=VALUE"},
	{"host..memory=3", "an empty word", "KEY.PATH=VALUE"},
	{"host.memory=64Q", "'64Q' has an unknown unit", "from 4M to 1T"},
	{"host.memory=", "'' is empty", "from 4M"},
	{"host.memry=64M", "unknown key 'memry'", "did you mean memory?"},
	{"hots.memory=64M", "unknown key 'hots'", "did you mean host?"},
	{"host.memory.x=3", "a plain value has no key 'x'", "a map or list"},
	{"vms.1.memory=8M", "no such entry '1'", "0 to 0, a"},
	{"vms.b.memory=8M", "no such entry 'b'", "0 to 0, a"},
	{"vms.99999999999999999999.memory=8M", "no such entry", "0 to 0, a"},
	{"vms.0.min=17M", "'17M' is more than memory", "16M"},
	{"vms.0.workload={kind: idle", "YAML syntax", "',' or '}'"},
	{"vms.0.workload={kind: nap}", "'nap' is unknown", "idle"},
	{"vms=[]", "vms is empty", "1 to 1024"},
	{"vms.a.name=B", "'B' does not start", "a-z"},
	{"host.policy=best", "'best' is unknown", "esx"},
	{"seed=*x", "aliases", "plain values"},
	{"a.b.c.d.e.f.g.h.i.j.k.l.m.n.o.p.q=1", "nested too deeply", "16"},
};

static void test_bad_sets(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(bad_sets) / sizeof(bad_sets[0]); i++) {
		const char *holds[] = {bad_sets[i].offending, bad_sets[i].allowed, NULL};
		char path[32], prefix[128];
		struct scenario *s;
		struct error error;

		if (load(HOST VMS, &bad_sets[i].set, 1, path, &s, &error) != -EINVAL)
			fail_msg("not refused: --set %s", bad_sets[i].set);
		assert_null(s);
		snprintf(prefix, sizeof(prefix), "--set '%s': ", bad_sets[i].set);
		expect(bad_sets[i].set, prefix, holds, &error);
	}
}

/* A mistake of the file stays the file's, whatever else is set. */
static void test_set_beside_bad_file(void **state)
{
	const char *set = "seed=3", *holds[] = {"'3'", "%", NULL};
	char path[32], prefix[64];
	struct scenario *s;
	struct error error;

	(void)state;
	assert_int_equal(load("host: {memory: 64M, tax: 3}\n" VMS, &set, 1, path, &s, &error),
			 -EINVAL);
	snprintf(prefix, sizeof(prefix), "%s:1:26: ", path);
	expect("", prefix, holds, &error);
}

static void load_path(const char *path, const char *const *holds)
{
	struct error error = {0};
	struct scenario *s;

	assert_int_equal(scenario_load(path, NULL, 0, &s, &error), -EINVAL);
	assert_null(s);
	expect(path, path, holds, &error);
}

static void test_bad_paths(void **state)
{
	const char *missing[] = {"No such file", "a YAML file", NULL};
	const char *directory[] = {"is a directory", "a YAML file", NULL};
	const char *loop[] = {"Not a directory", "a YAML file", NULL};

	(void)state;
	load_path("no-such-scenario.yaml", missing);
	load_path("/proc/self", directory);
	load_path("/proc/self/stat/x", loop);
}

/* A long path is cut at its start and control characters are masked; what is wrong stays readable. */
static void test_long_path(void **state)
{
	const char *holds[] = {"odd?name.yaml:1:1: ", "the scenario is empty", "host and vms",
			       NULL};
	char folder[] = "scenario-XXXXXX", path[1000];
	struct error error = {0};
	struct scenario *s;
	size_t used;
	FILE *f;

	(void)state;
	assert_non_null(mkdtemp(folder));
	used = (size_t)snprintf(path, sizeof(path), "%s", folder);
	for (int i = 0; i < 200; i++)
		used += (size_t)snprintf(path + used, sizeof(path) - used, "/.");
	snprintf(path + used, sizeof(path) - used, "/odd\nname.yaml");
	f = fopen(path, "w");
	assert_non_null(f);
	fclose(f);
	assert_int_equal(scenario_load(path, NULL, 0, &s, &error), -EINVAL);
	unlink(path);
	rmdir(folder);
	expect(path, "...", holds, &error);
}

/* Too long and too many: bounded, and the message still ends with what is allowed. */
static void test_bounds(void **state)
{
	const char *too_long[] = {"too long", "less than 1 MiB", NULL};
	const char *too_many[] = {"too many values", "65536", NULL};
	size_t bytes = 1 << 20;
	char path[32], *text = malloc(bytes);
	struct scenario *s;
	struct error error;

	(void)state;
	assert_non_null(text);
	memset(text, '#', bytes);
	assert_int_equal(load_bytes(text, bytes, NULL, 0, path, &s, &error), -EINVAL);
	expect("1 MiB", path, too_long, &error);
	memcpy(text, "a: [", 4);
	for (size_t i = 4; i < bytes; i++)
		text[i] = i % 2 ? ',' : '1';
	assert_int_equal(load_bytes(text, 200000, NULL, 0, path, &s, &error), -EINVAL);
	expect("a: [1,1,..", path, too_many, &error);
	/* Deep nesting ends early, whatever the parser thinks of it. */
	memset(text, '[', bytes);
	assert_int_equal(load_bytes(text, bytes - 1, NULL, 0, path, &s, &error), -EINVAL);
	assert_non_null(strstr(error.text, "1:17: nested too deeply"));
	free(text);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_bad_files), cmocka_unit_test(test_block_style),
		cmocka_unit_test(test_bad_sets),  cmocka_unit_test(test_set_beside_bad_file),
		cmocka_unit_test(test_bad_paths), cmocka_unit_test(test_long_path),
		cmocka_unit_test(test_bounds),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
