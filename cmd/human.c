/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * human.c: numbers for people. Values are rounded to nearest in integers, so that the text is the same everywhere, and
 * a value that rounds up to the next unit is shown in it: 1023.9K is 1.0M, never 1024K.
 */
#include "cmd/human.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

/* value / unit, one decimal below ten. */
static struct human scaled(uint64_t value, uint64_t unit, char letter)
{
	struct human h;
	unsigned __int128 wide = value;
	uint64_t tenths = (uint64_t)((wide * 10 + unit / 2) / unit);

	if (tenths < 100)
		snprintf(h.text, sizeof(h.text), "%" PRIu64 ".%" PRIu64 "%c", tenths / 10,
			 tenths % 10, letter);
	else
		snprintf(h.text, sizeof(h.text), "%" PRIu64 "%c",
			 (uint64_t)((wide + unit / 2) / unit), letter);
	return h;
}

/* step: 1000 or 1024; the first letter stands for one step. */
static struct human with_unit(uint64_t value, uint64_t step, const char *letters)
{
	uint64_t unit = step;
	struct human h;

	if (value < step) {
		snprintf(h.text, sizeof(h.text), "%" PRIu64, value);
		return h;
	}
	/* The next unit as soon as this one would be shown as a whole step of itself. */
	while (letters[1] && value >= unit * step - unit / 2) {
		unit *= step;
		letters++;
	}
	return scaled(value, unit, *letters);
}

struct human human_count(uint64_t n)
{
	return with_unit(n, 1000, "kMGTP");
}

struct human human_bytes(uint64_t bytes)
{
	return with_unit(bytes, 1024, "KMGTP");
}

struct human human_pages(npages_t pages)
{
	return human_bytes(pages_to_bytes(pages));
}

struct human human_size(npages_t pages)
{
	struct human h = human_pages(pages);
	size_t length = strlen(h.text);
	char letter = h.text[length - 1];

	/* 0 pages are "0", with no letter; anything else is at least 4 KiB. */
	if (letter >= 'A')
		snprintf(h.text + length - 1, sizeof(h.text) - length + 1, " %ciB", letter);
	else
		snprintf(h.text + length, sizeof(h.text) - length, " B");
	return h;
}

struct human human_mib(npages_t pages)
{
	struct human h = scaled(pages, (1u << 20) / PAGE_BYTES, ' ');

	if (!pages)
		return (struct human){"0"};
	h.text[strcspn(h.text, " ")] = '\0';
	return h;
}

struct human human_grouped(uint64_t n)
{
	char digits[24];
	struct human h;
	size_t length = (size_t)snprintf(digits, sizeof(digits), "%" PRIu64, n), at = 0;

	for (size_t i = 0; i < length; i++) {
		if (i && (length - i) % 3 == 0)
			h.text[at++] = ',';
		h.text[at++] = digits[i];
	}
	h.text[at] = '\0';
	return h;
}

struct human human_seconds(uint64_t ns)
{
	uint64_t tenths = (ns + NS_PER_S / 20) / (NS_PER_S / 10);
	struct human h;

	snprintf(h.text, sizeof(h.text), "%" PRIu64 ".%" PRIu64 " s", tenths / 10, tenths % 10);
	return h;
}

struct human human_some(uint64_t n, const char *one, const char *many)
{
	struct human h;

	snprintf(h.text, sizeof(h.text), "%.26s %.20s", human_grouped(n).text, n == 1 ? one : many);
	return h;
}

uint64_t human_rate(uint64_t passed, uint64_t ns)
{
	return ns ? (uint64_t)((unsigned __int128)passed * NS_PER_S / ns) : 0;
}
