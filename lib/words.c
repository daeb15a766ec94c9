/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * words.c: what is allowed, and what was probably meant.
 *
 * The distance is optimal string alignment (Damerau-Levenshtein without overlapping swaps): insertions, deletions,
 * replacements and swaps of neighbours cost one. Three rows of the matrix are enough. Words longer than NEAR_BYTES are
 * not compared: nobody mistypes into them, and the rows stay on the stack.
 */
#include "lib/words.h"

#include <stdio.h>
#include <string.h>

#define NEAR_BYTES 40

void words_add(struct words *list, const char *word)
{
	if (list->nr < WORDS_MAX)
		list->word[list->nr++] = word;
}

static unsigned min3(unsigned a, unsigned b, unsigned c)
{
	unsigned m = a < b ? a : b;

	return m < c ? m : c;
}

static unsigned distance(const char *a, size_t a_len, const char *b, size_t b_len)
{
	unsigned rows[3][NEAR_BYTES + 1];
	unsigned *before = rows[0], *above = rows[1], *row = rows[2];

	for (size_t j = 0; j <= b_len; j++)
		above[j] = (unsigned)j;
	for (size_t i = 1; i <= a_len; i++) {
		unsigned *spare = before;

		row[0] = (unsigned)i;
		for (size_t j = 1; j <= b_len; j++) {
			row[j] = min3(above[j] + 1, row[j - 1] + 1,
				      above[j - 1] + (a[i - 1] != b[j - 1]));
			if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] &&
			    before[j - 2] + 1 < row[j])
				row[j] = before[j - 2] + 1;
		}
		before = above;
		above = row;
		row = spare;
	}
	return above[b_len];
}

const char *words_nearest(const struct words *list, const char *text)
{
	size_t length = strlen(text);
	unsigned limit = length / 3 > 1 ? (unsigned)(length / 3) : 1;
	unsigned best_distance = limit + 1;
	const char *best = NULL;

	if (length == 0 || length > NEAR_BYTES)
		return NULL;
	for (unsigned i = 0; i < list->nr; i++) {
		size_t other = strlen(list->word[i]);
		unsigned d;

		if (other > NEAR_BYTES)
			continue;
		d = distance(text, length, list->word[i], other);
		if (d < best_distance) {
			best_distance = d;
			best = list->word[i];
		}
	}
	return best;
}

char *words_join(const struct words *list, char *buf, size_t bytes)
{
	size_t used = 0;

	buf[0] = '\0';
	for (unsigned i = 0; i < list->nr && used < bytes; i++) {
		int n = snprintf(buf + used, bytes - used, "%s%s", i ? ", " : "", list->word[i]);

		used += n > 0 ? (size_t)n : 0;
	}
	return buf;
}

char *words_quote(const char *text, char *buf, size_t bytes)
{
	size_t i;

	for (i = 0; text[i] && i + 1 < bytes; i++)
		buf[i] = (unsigned char)text[i] < ' ' || text[i] == 0x7f ? '?' : text[i];
	buf[i] = '\0';
	if (text[i] && bytes > 4) {
		/* Not inside a UTF-8 character: drop its bytes and the dots' room. */
		i = bytes - 4;
		while (i && ((unsigned char)buf[i] & 0xc0) == 0x80)
			i--;
		memcpy(buf + i, "...", 4);
	}
	return buf;
}
