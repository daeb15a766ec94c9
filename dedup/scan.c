// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * scan.c: the scanner: order, turns and rates.
 *
 * Random order without a table: a permutation of [0, 2^bits), 2^bits being the next power of two, walked along its
 * cycles until it lands below gfns (Black, Rogaway, Ciphers with arbitrary finite domains, CT-RSA 2002): fewer than two
 * steps a page on average (a VM of a handful of pages: some more). The permutation is a Feistel network with halves of
 * bits / 2 and the rest, keyed anew for each pass.
 *
 * Rates are token buckets, one a VM and one for all, in units of a page times a nanosecond (PAGE_PRICE is one page):
 * dt * rate needs no division, so nothing is rounded and no time lost. They start empty. A VM's bucket is filled when
 * it is looked at. A bucket with an unlimited rate is always full.
 */
#include <assert.h>
#include <errno.h>

#include "ballast/rng.h"
#include "dedup/scan.h"

#define PAGE_PRICE ((int64_t)NS_PER_S)
#define SKIP_PRICE (PAGE_PRICE / DEDUP_SCAN_SKIPS)
#define ROUNDS     6u
#define MIN_BITS   4u /* smaller networks mix badly */

_Static_assert(PAGE_PRICE % DEDUP_SCAN_SKIPS == 0, "no rounding");

struct bucket {
	int64_t level; /* below 0: pages looked at beside are not paid for yet */
	uint64_t filled_ns;
};

struct scan_vm {
	uint32_t gfns; /* 0: not scanned */
	uint32_t next; /* place in the pass */
	uint32_t next_block, next_in_block;
	uint32_t block; /* the one in which next_in_block counts, unless that is 0 */
	uint64_t passes;
	uint64_t key; /* of this pass's order */
	struct bucket bucket;
};

struct dedup_scan {
	struct dedup_scan_config config;
	uint64_t given, skipped;
	uint64_t nr_added; /* so that a VM that comes back gets another order */
	uint32_t turn;     /* the VM that is asked first */
	uint32_t last;     /* the VM of the last page given */
	struct bucket bucket;
	struct scan_vm vm[];
};

static void bucket_fill(struct bucket *b, uint32_t rate, uint64_t now_ns)
{
	int64_t top = PAGE_PRICE + (int64_t)rate * DEDUP_SCAN_BURST_NS;
	uint64_t dt = now_ns > b->filled_ns ? now_ns - b->filled_ns : 0;

	if (now_ns > b->filled_ns)
		b->filled_ns = now_ns;
	/* above the top it is when the rate was lowered; the division keeps dt * rate small */
	if (rate == DEDUP_SCAN_UNLIMITED || b->level >= top ||
	    (rate && dt > (uint64_t)(top - b->level) / rate))
		b->level = top;
	else
		b->level += (int64_t)(dt * rate);
}

/* When there will be a page's price in the bucket, just filled. */
static uint64_t bucket_due(const struct bucket *b, uint32_t rate, uint64_t now_ns)
{
	if (!rate)
		return UINT64_MAX;
	if (b->level >= PAGE_PRICE)
		return now_ns;
	return now_ns + ((uint64_t)(PAGE_PRICE - b->level) + rate - 1) / rate;
}

/* One permutation of [0, 2^bits) a key, 1 <= bits <= 32. */
static uint32_t permute(uint32_t x, unsigned bits, uint64_t key)
{
	unsigned low_bits = bits - bits / 2;
	uint32_t low_mask = (uint32_t)((1ull << low_bits) - 1);
	uint32_t high_mask = (1u << bits / 2) - 1;
	uint32_t low = x & low_mask, high = x >> low_bits;

	for (unsigned round = 0; round < ROUNDS; round++) {
		high ^= (uint32_t)rng_mix(key + 2 * round + ((uint64_t)low << 32)) & high_mask;
		low ^= (uint32_t)rng_mix(key + 2 * round + 1 + ((uint64_t)high << 32)) & low_mask;
	}
	return high << low_bits | low;
}

static uint32_t block_at(const struct scan_vm *v, uint32_t place, uint32_t blocks)
{
	unsigned bits = MIN_BITS;

	while (bits < 32 && 1u << bits < blocks)
		bits++;
	do
		place = permute(place, bits, v->key);
	while (place >= blocks);
	return place;
}

static uint32_t gfn_next(const struct dedup_scan *s, struct scan_vm *v)
{
	const uint32_t size = s->config.block_pages ? s->config.block_pages : 1;
	uint32_t g;

	if (s->config.order == DEDUP_SCAN_SEQUENTIAL)
		return v->next;
	if (!v->next_in_block)
		v->block = block_at(v, v->next_block, (v->gfns - 1) / size + 1);
	g = v->block * size + v->next_in_block++;
	if (v->next_in_block == size || g + 1 == v->gfns) {
		v->next_in_block = 0;
		v->next_block++;
	}
	return g;
}

static void pass_begin(const struct dedup_scan *s, struct scan_vm *v)
{
	v->next = v->next_block = v->next_in_block = 0;
	v->key = rng_mix(v->key + s->config.seed);
}

size_t dedup_scan_bytes(uint32_t max_vms)
{
	return sizeof(struct dedup_scan) + max_vms * sizeof(struct scan_vm);
}

int dedup_scan_init(void *mem, const struct dedup_scan_config *config)
{
	struct dedup_scan *s = mem;

	if (!config->max_vms)
		return -EINVAL;
	*s = (struct dedup_scan){.config = *config, .last = UINT32_MAX};
	s->bucket.filled_ns = config->start_ns;
	for (uint32_t i = 0; i < config->max_vms; i++)
		s->vm[i] = (struct scan_vm){.gfns = 0};
	return 0;
}

void dedup_scan_rates_set(struct dedup_scan *s, uint32_t rate_pages, uint32_t vm_rate_pages,
			  uint64_t now_ns)
{
	bucket_fill(&s->bucket, s->config.rate_pages, now_ns);
	for (uint32_t i = 0; i < s->config.max_vms; i++)
		if (s->vm[i].gfns)
			bucket_fill(&s->vm[i].bucket, s->config.vm_rate_pages, now_ns);
	s->config.rate_pages = rate_pages;
	s->config.vm_rate_pages = vm_rate_pages;
}

void dedup_scan_vm_add(struct dedup_scan *s, uint32_t vm, uint32_t gfns, uint64_t now_ns)
{
	struct scan_vm *v = &s->vm[vm];

	assert(vm < s->config.max_vms && gfns && !v->gfns);
	*v = (struct scan_vm){.gfns = gfns, .key = rng_mix(++s->nr_added)};
	v->bucket.filled_ns = now_ns;
	pass_begin(s, v);
}

void dedup_scan_vm_remove(struct dedup_scan *s, uint32_t vm)
{
	assert(vm < s->config.max_vms);
	s->vm[vm].gfns = 0;
	if (s->last == vm)
		s->last = UINT32_MAX;
}

/* The next VM in turn that has a page's price; or UINT32_MAX, and when the first one will. */
static uint32_t vm_in_turn(struct dedup_scan *s, uint64_t now_ns, uint64_t *due_ns)
{
	uint32_t i = s->turn;

	*due_ns = UINT64_MAX;
	for (uint32_t n = 0; n < s->config.max_vms; n++, i++) {
		uint64_t due;

		if (i >= s->config.max_vms)
			i = 0;
		if (!s->vm[i].gfns)
			continue;
		bucket_fill(&s->vm[i].bucket, s->config.vm_rate_pages, now_ns);
		due = bucket_due(&s->vm[i].bucket, s->config.vm_rate_pages, now_ns);
		if (due <= now_ns)
			return i;
		if (due < *due_ns)
			*due_ns = due;
	}
	return UINT32_MAX;
}

bool dedup_scan_next(struct dedup_scan *s, uint64_t now_ns, uint32_t *vm, gfn_t *g,
		     uint64_t *again_ns)
{
	uint64_t due, vm_due = now_ns;
	struct scan_vm *v;
	uint32_t i;

	bucket_fill(&s->bucket, s->config.rate_pages, now_ns);
	due = bucket_due(&s->bucket, s->config.rate_pages, now_ns);
	i = vm_in_turn(s, now_ns, &vm_due);
	if (due > now_ns || i == UINT32_MAX) {
		*again_ns = i == UINT32_MAX && vm_due > due ? vm_due : due;
		return false;
	}
	v = &s->vm[i];
	*vm = i;
	*g = gfn(gfn_next(s, v));
	if (++v->next == v->gfns) {
		v->passes++;
		pass_begin(s, v);
	}
	v->bucket.level -= PAGE_PRICE;
	s->bucket.level -= PAGE_PRICE;
	s->turn = i + 1;
	s->last = i;
	s->given++;
	return true;
}

void dedup_scan_skipped(struct dedup_scan *s)
{
	if (s->last == UINT32_MAX)
		return;
	s->vm[s->last].bucket.level += PAGE_PRICE - SKIP_PRICE;
	s->bucket.level += PAGE_PRICE - SKIP_PRICE;
	s->last = UINT32_MAX;
	s->skipped++;
}

void dedup_scan_beside(struct dedup_scan *s, uint32_t vm)
{
	assert(vm < s->config.max_vms);
	if (!s->vm[vm].gfns)
		return;
	s->vm[vm].bucket.level -= PAGE_PRICE;
	s->bucket.level -= PAGE_PRICE;
}

uint64_t dedup_scan_passes(const struct dedup_scan *s, uint32_t vm)
{
	assert(vm < s->config.max_vms);
	return s->vm[vm].passes;
}

void dedup_scan_counts(const struct dedup_scan *s, uint64_t *given, uint64_t *skipped)
{
	*given = s->given;
	*skipped = s->skipped;
}
