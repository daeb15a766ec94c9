/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * content.h: what every word of every workload page must hold, so that lost, stale and mixed-up memory is seen.
 *
 * The content of a page is a function of (class, page number, version). A page's class is drawn by page number alone:
 * page 17 is common in every guest with the same shares, or in none.
 *   zero     all words 0
 *   common   the same in every guest
 *   class    the same in every guest of the class
 *   thin     private, but its words repeat, after 64 to 247 of them, so that it compresses to a third on average
 *   private  also of seed, vm and phase: found nowhere else, not even in an earlier phase of this guest
 * Version 0 is what filling wrote. A write bumps the version: words 0 and 511 become stamps of (seed, vm, phase, page,
 * version), which makes the page private; the other words keep what filling wrote.
 *
 * The user keeps one uint32_t mark a page: the version, and which of the inner words the next touch is to check.
 */
#ifndef BALLAST_GUEST_CONTENT_H
#define BALLAST_GUEST_CONTENT_H

#include "ballast/types.h"

#define PAGE_WORDS 512u

struct phase_spec;

/* The identity of one phase's content, made by content_init(); plain data, may be copied. */
struct content {
	uint32_t zero_below, common_below, class_below,
		thin_below; /* of a page's draw in [0, PPM) */
	uint64_t class_key, private_key, stamp_key;
};

enum content_class { CONTENT_ZERO, CONTENT_COMMON, CONTENT_CLASS, CONTENT_PRIVATE, CONTENT_THIN };

/* A word that is not what this guest last wrote. */
struct content_error {
	uint32_t word; /* its index in the page */
	uint64_t found, expected;
};

/* spec is not kept. Boot's content is all zero, whatever its shares say. */
void content_init(struct content *c, const struct phase_spec *spec, uint64_t seed, uint64_t vm,
		  uint32_t phase);

/* The class_id of a class NAME; name is 0-terminated. */
uint64_t content_class_id(const char *name);

enum content_class content_class_of(const struct content *c, uint32_t page);

/* What word index (< PAGE_WORDS) of this page must hold at this version. */
uint64_t content_word(const struct content *c, uint32_t page, uint32_t version, uint32_t index);

/* Writes all PAGE_WORDS words, version 0. The page's mark becomes 0. */
void content_fill(const struct content *c, uint32_t page, uint64_t *words);

/* Writes the words that differ between versions: 0 and 511. */
void content_stamp(const struct content *c, uint32_t page, uint32_t version, uint64_t *words);

/* Checks words 0, 511 and 1 + turn % 510. False: *error says the first wrong one; else *error is zeroed. */
bool content_check(const struct content *c, uint32_t page, uint32_t version, uint32_t turn,
		   const uint64_t *words, struct content_error *error);

/*
 * One touch: checks the page, then stamps the next version if write. Every word of a page is checked at least once in
 * any 510 touches of it. *mark: the page's, 0 after filling. Returns what content_check() found. A read writes nothing
 * to the page.
 */
bool content_touch(const struct content *c, uint32_t page, uint32_t *mark, bool write,
		   uint64_t *words, struct content_error *error);

/* The page is written whole: filled, and stamped with the next version. What was there does not matter. */
void content_rewrite(const struct content *c, uint32_t page, uint32_t *mark, uint64_t *words);
/* The same of an identity. */
void content_rewrite_identity(const struct content *c, uint32_t page, uint32_t *mark,
			      uint64_t *identity);

/*
 * A page as one number, for a body that keeps no bytes (the simulator): 0 for a page of zeros, else different for
 * different contents, as sure as 64-bit hashes are. What content_fill() and content_stamp() leave in a page of that
 * version has this identity, and nothing else has.
 */
uint64_t content_identity(const struct content *c, uint32_t page, uint32_t version);
/* The identity of a page of any other content, by a hash of it. */
uint64_t content_identity_of(uint64_t hash);
/* After how many words the page repeats, but for stamps; PAGE_WORDS: it does not. Of a page of zeros 0. It stands in the
 * identity, so that it is known how well a page compresses. */
uint32_t content_identity_period(uint64_t identity);

/* content_touch() of such a page; *error is of the word CONTENT_IDENTITY, which no page has. */
#define CONTENT_IDENTITY PAGE_WORDS
bool content_touch_identity(const struct content *c, uint32_t page, uint32_t *mark, bool write,
			    uint64_t *identity, struct content_error *error);

/* The version in a mark. Versions count from 1 again after 2^23 - 1 writes of one page. */
uint32_t content_mark_version(uint32_t mark);

#endif
