/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * content.c: page content from hashes; definitions in content.h.
 *
 * Everything is rng_mix() of sums with odd multiples of one constant, as in SplitMix64: a key for each class of
 * content, from that a key for each page, from that the words as a stream. rng_mix() is a bijection, so different
 * pages of one class have different keys and different (version, index) of one page different stamps; that two keys or
 * streams meet otherwise is as unlikely as for random 64-bit numbers.
 *
 * A mark holds the version in its low 23 bits and the turn in its high 9. The turn rotates through the inner words a
 * page at a time, so that a word corrupted under a page is found no matter in which order the workload takes pages.
 */
#include <string.h>

#include "guest/core/workload.h"

#define STEP         0x9e3779b97f4a7c15ull
#define LAST_WORD    (PAGE_WORDS - 1)
#define INNER_WORDS  (PAGE_WORDS - 2)
#define THIN_LEAST   64u  /* words of a thin page that differ: it compresses to an eighth */
#define THIN_MOST    247u /* and to half, with something to spare for stamps */
#define VERSION_BITS 23
#define VERSION_MAX  ((1u << VERSION_BITS) - 1)

_Static_assert(INNER_WORDS <= 1u << (32 - VERSION_BITS), "a turn fits in a mark");
_Static_assert(PAGE_WORDS * sizeof(uint64_t) == PAGE_BYTES, "words fill a page");

/* What tells the streams apart: digits of pi. */
#define DOMAIN_DRAW    0x243f6a8885a308d3ull /* of a page's class */
#define DOMAIN_COMMON  0x13198a2e03707344ull
#define DOMAIN_CLASS   0xa4093822299f31d0ull
#define DOMAIN_PRIVATE 0x082efa98ec4e6c89ull
#define DOMAIN_STAMP   0x452821e638d01377ull
#define DOMAIN_THIN    0xbe5466cf34e90c6cull

static uint64_t page_key(uint64_t class_key, uint32_t page)
{
	return rng_mix(class_key + page * STEP);
}

static uint64_t stream_word(uint64_t key, uint32_t index)
{
	return rng_mix(key + (index + 1) * STEP);
}

void content_init(struct content *c, const struct phase_spec *spec, uint64_t seed, uint64_t vm,
		  uint32_t phase)
{
	uint64_t own = rng_mix(rng_mix(rng_mix(seed ^ DOMAIN_PRIVATE) + vm) + phase);
	bool zero = spec->kind == WORK_BOOT;

	c->zero_below = zero ? PPM : spec->zero_ppm;
	c->common_below = zero ? PPM : c->zero_below + spec->common_ppm;
	c->class_below = zero ? PPM : c->common_below + spec->class_ppm;
	c->thin_below = zero ? PPM : c->class_below + spec->thin_ppm;
	c->class_key = rng_mix(spec->class_id ^ DOMAIN_CLASS);
	c->private_key = own;
	c->stamp_key = rng_mix(own ^ DOMAIN_STAMP);
}

uint64_t content_class_id(const char *name)
{
	uint64_t id = 0;

	while (*name)
		id = rng_mix(id + STEP + (unsigned char)*name++);
	return id;
}

enum content_class content_class_of(const struct content *c, uint32_t page)
{
	uint64_t draw = ((unsigned __int128)page_key(DOMAIN_DRAW, page) * PPM) >> 64;

	if (draw < c->zero_below)
		return CONTENT_ZERO;
	if (draw < c->common_below)
		return CONTENT_COMMON;
	if (draw < c->class_below)
		return CONTENT_CLASS;
	return draw < c->thin_below ? CONTENT_THIN : CONTENT_PRIVATE;
}

/* The key of what filling writes, and after how many words it repeats; false: the page is zero. */
static bool fill_key(const struct content *c, uint32_t page, uint64_t *key_out, uint32_t *period)
{
	enum content_class class = content_class_of(c, page);

	*period = PAGE_WORDS;
	if (class == CONTENT_THIN)
		*period = THIN_LEAST +
			  (uint32_t)(page_key(DOMAIN_THIN, page) % (THIN_MOST - THIN_LEAST + 1));
	*key_out = page_key(class == CONTENT_COMMON  ? DOMAIN_COMMON
			    : class == CONTENT_CLASS ? c->class_key
						     : c->private_key,
			    page);
	return class != CONTENT_ZERO;
}

uint64_t content_word(const struct content *c, uint32_t page, uint32_t version, uint32_t index)
{
	uint32_t period;
	uint64_t key;

	if (version && (index == 0 || index == LAST_WORD))
		return stream_word(page_key(c->stamp_key, page) + version * (STEP << 32), index);
	return fill_key(c, page, &key, &period) ? stream_word(key, index % period) : 0;
}

void content_fill(const struct content *c, uint32_t page, uint64_t *words)
{
	uint32_t period;
	uint64_t key;

	if (!fill_key(c, page, &key, &period)) {
		memset(words, 0, PAGE_BYTES);
		return;
	}
	for (uint32_t i = 0; i < PAGE_WORDS; i++)
		words[i] = i < period ? stream_word(key, i) : words[i - period];
}

void content_stamp(const struct content *c, uint32_t page, uint32_t version, uint64_t *words)
{
	words[0] = content_word(c, page, version, 0);
	words[LAST_WORD] = content_word(c, page, version, LAST_WORD);
}

bool content_check(const struct content *c, uint32_t page, uint32_t version, uint32_t turn,
		   const uint64_t *words, struct content_error *error)
{
	const uint32_t index[] = {0, 1 + turn % INNER_WORDS, LAST_WORD};

	for (unsigned i = 0; i < 3; i++) {
		uint64_t found = words[index[i]];
		uint64_t expected = content_word(c, page, version, index[i]);

		if (found != expected) {
			*error = (struct content_error){index[i], found, expected};
			return false;
		}
	}
	*error = (struct content_error){0};
	return true;
}

static uint32_t version_after(uint32_t version)
{
	return version < VERSION_MAX ? version + 1 : 1;
}

bool content_touch(const struct content *c, uint32_t page, uint32_t *mark, bool write,
		   uint64_t *words, struct content_error *error)
{
	uint32_t version = *mark & VERSION_MAX, turn = *mark >> VERSION_BITS;
	bool ok = content_check(c, page, version, turn, words, error);

	if (write) {
		version = version_after(version);
		content_stamp(c, page, version, words);
	}
	turn = turn + 1 < INNER_WORDS ? turn + 1 : 0;
	*mark = turn << VERSION_BITS | version;
	return ok;
}

void content_rewrite(const struct content *c, uint32_t page, uint32_t *mark, uint64_t *words)
{
	uint32_t version = version_after(*mark & VERSION_MAX);

	content_fill(c, page, words);
	content_stamp(c, page, version, words);
	*mark = (*mark & ~VERSION_MAX) | version;
}

/* The low byte is how long a thin page's period is, or what no period is. */
#define PERIOD_MASK 0xffull
#define NO_PERIOD   1u

_Static_assert(THIN_LEAST > NO_PERIOD && THIN_MOST <= PERIOD_MASK, "a period fits in a byte");

uint64_t content_identity_of(uint64_t hash)
{
	return (hash & ~PERIOD_MASK) | NO_PERIOD;
}

uint32_t content_identity_period(uint64_t identity)
{
	uint32_t period = identity & PERIOD_MASK;

	return !identity ? 0 : period == NO_PERIOD ? PAGE_WORDS : period;
}

uint64_t content_identity(const struct content *c, uint32_t page, uint32_t version)
{
	uint32_t period;
	uint64_t key;
	bool some = fill_key(c, page, &key, &period);

	if (version) /* word 0 of a stamp is like no other, and the stamp's key tells whose the inner words are */
		key = page_key(c->stamp_key, page) + version * (STEP << 32);
	else if (!some)
		return 0;
	key = content_identity_of(stream_word(key, 0));
	return period < PAGE_WORDS ? (key & ~PERIOD_MASK) | period : key;
}

bool content_touch_identity(const struct content *c, uint32_t page, uint32_t *mark, bool write,
			    uint64_t *identity, struct content_error *error)
{
	uint32_t version = *mark & VERSION_MAX;
	uint64_t expected = content_identity(c, page, version);
	bool ok = *identity == expected;

	if (!ok)
		*error = (struct content_error){CONTENT_IDENTITY, *identity, expected};
	if (write) {
		version = version_after(version);
		*identity = content_identity(c, page, version);
		*mark = version; /* without turns: each touch sees all of the page */
	}
	return ok;
}

void content_rewrite_identity(const struct content *c, uint32_t page, uint32_t *mark,
			      uint64_t *identity)
{
	*mark = version_after(*mark & VERSION_MAX);
	*identity = content_identity(c, page, *mark);
}

uint32_t content_mark_version(uint32_t mark)
{
	return mark & VERSION_MAX;
}
