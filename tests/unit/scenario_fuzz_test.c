/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * scenario_fuzz_test.c: mutated scenarios never crash the reader, and what it accepts is within its bounds.
 *
 * Start texts are right or nearly so; each round changes a few bytes, cuts, repeats or splices pieces. Run under SAN=1
 * it finds overruns and leaks. The seed is printed and can be given: FUZZ_SEED, FUZZ_ROUNDS in the environment.
 */
#include <errno.h>
#include <stdlib.h>

#include "ballast/rng.h"
#include "lib/parse.h"
#include "tests/support/seeds.h"
#include "tests/unit/scenario_support.h"

#define TEXT_BYTES 4096

static const char *const starts[] = {
	("name: quick\nseed: 7\nseconds: 1.5\nhost:\n  memory: 256M\n"
	 "  swap: {path: swap.bin, size: 64M}\n  mechanisms: [swap]\n  pager: fifo\n"
	 "  states: {high: 8%, soft: 4.5%, hard: 2%, low: 0.1%}\n  rebalance: 500ms\n"
	 "vms:\n  - name: web\n    count: 2\n    memory: 128M\n    min: 32M\n    shares: 700\n"
	 "    guest: {kind: lab, pager: lru, swap: 64M}\n"
	 "    workload: {kind: zipf, pages: 20000, alpha: 0.9, write: 30%, rate: max,\n"
	 "               content: {zero: 10%, common: 40%, class: {name: x, share: 20%}}}\n"),
	("{host: {memory: 64M, mechanisms: []}, vms: [{name: a, memory: 16M, workload:\n"
	 " {kind: phased, phases: [{kind: boot, seconds: 2}, {kind: scan, seconds: 1}]}}]}\n"),
	("host: {memory: 64M}\nvms: [{name: a, count: 2, memory: 16M, workload: {kind: zipf}}]\n"
	 "timeline:\n  - {at: 1s, set: {host.tax: 0%, vms.a.workload.pages: 7}}\n"
	 "  - {at: 2s, add: {name: b, memory: 8M}}\n"
	 "  - {at: 3s, set: {vms.a-1.workload.kind: idle, vms.b.min: 4M}}\n"
	 "  - {at: 3s, remove: a}\n"),
	("host: &a {memory: 64M}\nvms: *a\n? [x]\n: !!str |\n  text\n  more\n--- >\n "
	 "folded\n...\n"),
};

static const char *const pieces[] = {
	"{",
	"}",
	"[",
	"]",
	": ",
	"- ",
	"\n",
	"\n  ",
	"&x ",
	"*x",
	"!!str ",
	"'",
	"\"",
	"%",
	"#",
	"|",
	"99999999999999999999",
	"0",
	"-1",
	"1T",
	"\\0",
	"\xff",
	"\xc3\xa9",
	"~",
	"<<: ",
	"---\n",
	"? ",
};

/* Room is TEXT_BYTES; returns the new length. */
static size_t mutate(struct rng *rng, char *text, size_t length)
{
	size_t at = rng_below(rng, length + 1), n;
	const char *piece;

	switch (rng_below(rng, 5)) {
	case 0: /* a byte becomes another */
		if (at < length)
			text[at] = (char)rng_below(rng, 256);
		return length;
	case 1: /* cut some out */
		n = rng_below(rng, 20);
		n = n < length - at ? n : length - at;
		memmove(text + at, text + at + n, length - at - n);
		return length - n;
	case 2: /* cut the end off */
		return rng_below(rng, 4) ? length : at;
	case 3: /* repeat a part */
		n = rng_below(rng, 60);
		n = n < length - at ? n : length - at;
		if (length + n > TEXT_BYTES)
			return length;
		memmove(text + at + n, text + at, length - at);
		return length + n;
	default: /* put a piece in */
		piece = pieces[rng_below(rng, sizeof(pieces) / sizeof(pieces[0]))];
		n = strlen(piece);
		if (length + n > TEXT_BYTES)
			return length;
		memmove(text + at + n, text + at, length - at);
		memcpy(text + at, piece, n);
		return length + n;
	}
}

static void check_accepted(const struct scenario *s)
{
	npages_t limit = PARSE_BYTES_MAX / PAGE_BYTES, min = 0;
	uint32_t wrong;

	assert_in_range(s->nr_vms, 1, SCENARIO_VMS_MAX);
	assert_in_range(s->memory_pages, 1024, limit);
	assert_true(s->swap_pages <= limit);
	assert_non_null(s->pager);
	for (unsigned i = 0; i < s->nr_vms; i++) {
		const struct scenario_vm *vm = &s->vms[i];

		assert_int_equal(parse_name(vm->name, sizeof(vm->name), NULL), 0);
		assert_in_range(vm->memory_pages, 1024, limit);
		assert_true(vm->min_pages <= vm->memory_pages);
		assert_true(vm->shares > 0);
		assert_non_null(vm->guest_pager);
		assert_int_equal(workload_check(&vm->workload, &wrong), 0);
		min += vm->min_pages;
	}
	assert_true(min <= s->memory_pages);
}

static uint64_t from_environment(const char *name, uint64_t otherwise)
{
	const char *text = getenv(name);

	return text ? strtoull(text, NULL, 0) : otherwise;
}

static void test_mutations(void **state)
{
	uint64_t seed = from_environment("FUZZ_SEED", 20240607);
	uint64_t rounds = from_environment("FUZZ_ROUNDS", test_seeds(20000)), accepted = 0;
	struct rng rng = rng_seeded(seed);

	(void)state;
	print_message("seed %llu, %llu rounds\n", (unsigned long long)seed,
		      (unsigned long long)rounds);
	for (uint64_t i = 0; i < rounds; i++) {
		const char *start = starts[rng_below(&rng, sizeof(starts) / sizeof(starts[0]))];
		size_t length = strlen(start);
		char text[TEXT_BYTES], set[64], path[32];
		const char *sets[] = {set};
		struct scenario *s;
		struct error error;
		int err;

		memcpy(text, start, length);
		for (uint64_t n = rng_below(&rng, 6); n > 0; n--)
			length = mutate(&rng, text, length);
		/* Every other time a part of the text is an override as well. */
		snprintf(set, sizeof(set), "vms.0.%.*s", length < 40 ? 0 : 40,
			 text + rng_below(&rng, length < 40 ? 1 : length - 39));
		err = load_bytes(text, length, sets, (unsigned)rng_below(&rng, 2), path, &s,
				 &error);
		if (err) {
			assert_int_equal(err, -EINVAL);
			assert_true(error.user && *error.text);
			assert_null(s);
			continue;
		}
		accepted++;
		check_accepted(s);
		scenario_free(s);
	}
	/* The mutations are small enough that some survive; else this tested the YAML parser only. */
	assert_true(rounds < 1000 || accepted > rounds / 20);
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(test_mutations)};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
