/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * words.h: lists of words for messages: what is allowed, and what was probably meant.
 */
#ifndef BALLAST_LIB_WORDS_H
#define BALLAST_LIB_WORDS_H

#include <stddef.h>

/* A growing list of borrowed words; set it to {0} to start. Words beyond WORDS_MAX are left out. */
#define WORDS_MAX 64
struct words {
	unsigned nr;
	const char *word[WORDS_MAX];
};

void words_add(struct words *list, const char *word);

/*
 * The word nearest to text by edits (swaps of neighbours count one), the first of equals; NULL if none is within a
 * third of its length (at least one edit). O(words x length^2), long texts are near to nothing.
 */
const char *words_nearest(const struct words *list, const char *text);

/* "a, b, c", cut to bytes. Returns buf. */
char *words_join(const struct words *list, char *buf, size_t bytes);

/*
 * text made fit for a one-line message: control bytes as '?', cut to bytes with "..." at the end. Returns buf.
 */
char *words_quote(const char *text, char *buf, size_t bytes);

#endif
