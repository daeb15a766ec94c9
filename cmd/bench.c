/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * bench.c: `ballast bench`: each figure beside a reference measured in the same run, so that ratios travel.
 */
#include "cmd/bench.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "cmd/commands.h"
#include "lib/jsonl.h"
#include "lib/options.h"
#include "lib/table.h"
#include "lib/words.h"

extern const uint8_t lab_image_start[], lab_image_end[];

struct bench_options {
	bool json;
	const char *dir;
	struct option_number rounds;
};

static const struct option_def options[] = {
	{.name = "json",
	 .help = "print one JSON object a line",
	 .type = OPTION_FLAG,
	 .offset = offsetof(struct bench_options, json)},
	{.name = "dir",
	 .argument = "DIR",
	 .help = "folder for swap and work files (default: the working folder)",
	 .type = OPTION_TEXT,
	 .offset = offsetof(struct bench_options, dir)},
	{.name = "rounds",
	 .argument = "N",
	 .help = "rounds of each measurement, reference and ours in turn (default 7)",
	 .type = OPTION_NUMBER,
	 .offset = offsetof(struct bench_options, rounds),
	 .kind = &parse_count,
	 .min = 1,
	 .max = 1000},
	{.name = NULL},
};

static const struct option_table table = {
	"bench",
	"measure against raw mechanisms on this host",
	"[NAME..]",
	0,
	16,
	options,
	"Names: fault (zero-fill fault and swap-in, against a bare userfaultfd fault and that plus "
	"one\n"
	"O_DIRECT read), boot (VM creation to the first workload step, against creating a bare "
	"VM),\n"
	"balloon (memory a guest gives up and takes back, against discarding and telling alone),\n"
	"overhead (memory of the VMM that is not guest memory), share (looking for equal pages "
	"and\n"
	"merging them, against the kernel's KSM, whose settings it changes meanwhile; minutes), mm "
	"(the\n"
	"manager's own decisions, against a getpid system call), sampling (what estimating a "
	"guest's\n"
	"working set costs the guest, against a guest without), compress (a fault of a compressed "
	"page,\n"
	"against one that reads from swap; compressing, against LZ4 alone), record (faults while "
	"they\n"
	"are recorded, against not recorded), replay (the simulator's requests, against the "
	"barest\n"
	"loop), sim (touches of simulated guests, against the workload alone). Without a name: "
	"all.\n"
	"Ratios compare with a reference measured in the same run; the times alone do not "
	"travel.\n",
};

static const struct {
	const char *name;
	int (*run)(struct bench *b, struct error *error);
} benchmarks[] = {
	{"fault", bench_fault},       {"boot", bench_boot},         {"balloon", bench_balloon},
	{"overhead", bench_overhead}, {"share", bench_share},       {"mm", bench_mm},
	{"sampling", bench_sampling}, {"compress", bench_compress}, {"record", bench_record},
	{"replay", bench_replay},     {"sim", bench_sim},
};
#define NR_BENCHMARKS (sizeof benchmarks / sizeof benchmarks[0])

double bench_now_us(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec * 1e6 + (double)t.tv_nsec / 1e3;
}

int samples_add(struct samples *s, double value)
{
	if (s->nr == s->room) {
		unsigned room = s->room ? s->room * 2 : 256;
		double *more = realloc(s->value, room * sizeof *more);

		if (!more)
			return -ENOMEM;
		s->value = more;
		s->room = room;
	}
	s->value[s->nr++] = value;
	return 0;
}

static int by_value(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

double samples_percentile(struct samples *s, unsigned percent)
{
	if (!s->nr)
		return 0;
	qsort(s->value, s->nr, sizeof *s->value, by_value);
	return s->value[(uint64_t)(s->nr - 1) * percent / 100];
}

void samples_free(struct samples *s)
{
	free(s->value);
	*s = (struct samples){0};
}

int bench_machine(const struct bench *b, npages_t memory, npages_t swap, unsigned max_vms,
		  struct machine **out, struct error *error)
{
	struct machine_config config = {
		.memory_pages = memory,
		.swap_pages = swap,
		.work_dir = b->dir,
		.pager = policy_find("random"),
		.state_ppm = {60000, 40000, 20000, 10000},
		.rebalance_ns = 15 * NS_PER_S,
		.seed = 1,
		.max_vms = max_vms,
		.record = b->record,
	};

	return machine_create(&config, out, error);
}

int bench_add_vm(struct machine *m, const char *name, npages_t pages, const char *cmdline,
		 vmid_t *out, struct error *error)
{
	struct vm_config config = {
		.name = name,
		.pages = pages,
		.shares = 1000,
		.vcpus = cmdline ? 1 : 0,
		.kernel = lab_image_start,
		.kernel_bytes = (size_t)(lab_image_end - lab_image_start),
		.kernel_name = "lab guest",
		.cmdline = cmdline,
		.lab = true,
	};

	return machine_add_vm(m, &config, out, error);
}

static double ratio(const struct bench_result *r)
{
	return r->reference > 0 ? r->value / r->reference : 0;
}

/* null: there is no reference. */
static json_t *if_referenced(const struct bench_result *r, double figure)
{
	return r->reference > 0 ? json_real(figure) : json_null();
}

static void print_json(const struct bench_result *r)
{
	static const char *const names[] = {[GOAL_RATIO_MOST] = "goal_ratio",
					    [GOAL_RATIO_LEAST] = "goal_ratio_at_least",
					    [GOAL_VALUE_MOST] = "goal_value",
					    [GOAL_VALUE_LEAST] = "goal_value_at_least"};
	json_t *o = json_pack("{s:s, s:f, s:s, s:o, s:o, s:s, s:i}", "name", r->name, "value",
			      r->value, "unit", r->unit, "reference",
			      if_referenced(r, r->reference), "ratio", if_referenced(r, ratio(r)),
			      "reference_is", r->reference_what, "samples", (int)r->samples);

	if (o && r->goal > 0)
		json_object_set_new(o, names[r->goal_is], json_real(r->goal));
	jsonl_write(stdout, o);
	fflush(stdout);
}

static bool goal_of_value(const struct bench_result *r)
{
	return r->goal_is == GOAL_VALUE_MOST || r->goal_is == GOAL_VALUE_LEAST;
}

static bool goal_is_least(const struct bench_result *r)
{
	return r->goal_is == GOAL_RATIO_LEAST || r->goal_is == GOAL_VALUE_LEAST;
}

static bool goal_met(const struct bench_result *r)
{
	double compared = goal_of_value(r) ? r->value : ratio(r);

	return goal_is_least(r) ? compared >= r->goal : compared <= r->goal;
}

static void print_row(struct bench *b, const struct bench_result *r)
{
	bool of_value = goal_of_value(r), least = goal_is_least(r);

	table_cell(b->table, "%s", r->name);
	table_cell(b->table, "%.4g %s", r->value, r->unit);
	if (r->reference > 0) {
		table_cell(b->table, "%.4g %s", r->reference, r->unit);
		table_cell(b->table, "%.3f", ratio(r));
	} else {
		table_cell(b->table, "-");
		table_cell(b->table, "-");
	}
	if (r->goal > 0)
		table_cell(b->table, "%s %s %.4g%s%s: %s", of_value ? "value" : "ratio",
			   least ? ">=" : "<=", r->goal, of_value ? " " : "",
			   of_value ? r->unit : "", goal_met(r) ? "met" : "missed");
	else
		table_cell(b->table, "-");
	table_cell(b->table, "%s", r->reference_what);
}

static void print_result(struct bench *b, const struct bench_result *r)
{
	pthread_mutex_lock(&b->lock);
	if (b->json)
		print_json(r);
	else
		print_row(b, r);
	b->printed++;
	pthread_mutex_unlock(&b->lock);
}

static int name_unknown(const char *name, struct error *error)
{
	char allowed[200], quoted[64];
	struct words words = {0};

	for (unsigned k = 0; k < NR_BENCHMARKS; k++)
		words_add(&words, benchmarks[k].name);
	return error_user(error, "bench: no benchmark is called '%s'; allowed: %s",
			  words_quote(name, quoted, sizeof(quoted)),
			  words_join(&words, allowed, sizeof(allowed)));
}

static int check_names(unsigned names, char **name, struct error *error)
{
	for (unsigned i = 0; i < names; i++) {
		bool known = false;

		for (unsigned k = 0; k < NR_BENCHMARKS; k++)
			known |= strcmp(benchmarks[k].name, name[i]) == 0;
		if (!known)
			return name_unknown(name[i], error);
	}
	return 0;
}

static int run_named(struct bench *b, const char *name, struct error *error)
{
	for (unsigned i = 0; i < NR_BENCHMARKS; i++)
		if (strcmp(benchmarks[i].name, name) == 0)
			return benchmarks[i].run(b, error);
	return name_unknown(name, error);
}

int cmd_bench(int argc, char **argv)
{
	static const struct table_column columns[] = {
		{"benchmark", false}, {"value", true}, {"reference", true},
		{"ratio", true},      {"goal", false}, {"reference is", false}};
	struct bench_options o = {.dir = ".", .rounds = {.value = 7}};
	struct bench b = {0};
	struct error error;
	unsigned names = 0;
	int result = options_parse(&table, argc, argv, &o, &names, &error);

	if (result)
		return result < 0 ? command_fail(&error) : COMMAND_DONE;
	b = (struct bench){.json = o.json, .rounds = (unsigned)o.rounds.value};
	result = check_names(names, argv + 1, &error);
	if (result)
		return command_fail(&error);
	b.print = print_result;
	b.table = o.json ? NULL : table_create(columns, 6);
	result = bench_work_begin(&b, o.dir, &error);
	for (unsigned i = 0; !result && i < (names ? names : NR_BENCHMARKS); i++)
		result = run_named(&b, names ? argv[1 + i] : benchmarks[i].name, &error);
	bench_work_end(&b);
	table_destroy(b.table);
	return result ? command_fail(&error) : COMMAND_DONE;
}
