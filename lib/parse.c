/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * parse.c: one reader for every number with a unit.
 *
 * All kinds are digits, optionally a point and more digits, and a unit of the kind's table. The number is kept as an
 * integer mantissa and a count of decimals; value = mantissa * factor / 10^decimals must come out even, so decimals
 * are exact or refused and no floating point is involved. mantissa and factor are 64 bits each and the product 128,
 * so nothing can wrap. strtoull() is not used: it takes signs, blanks and a wrapped "-1".
 */
#include "lib/parse.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "ballast/types.h"
#include "lib/words.h"

#define DECIMALS_MAX 9
#define DIGITS       "0123456789"

static const struct parse_unit unit_none[] = {{"", 1}, {NULL, 0}};
static const struct parse_unit unit_bytes[] = {
	{"", 1},
	{"K", 1ull << 10},
	{"KiB", 1ull << 10},
	{"M", 1ull << 20},
	{"MiB", 1ull << 20},
	{"G", 1ull << 30},
	{"GiB", 1ull << 30},
	{"T", 1ull << 40},
	{"TiB", 1ull << 40},
	{NULL, 0},
};
static const struct parse_unit unit_percent[] = {{"%", PPM / 100}, {NULL, 0}};
static const struct parse_unit unit_time[] = {
	{"ns", 1},       {"us", 1000},         {"ms", 1000000},
	{"s", NS_PER_S}, {"m", 60 * NS_PER_S}, {"h", 3600 * NS_PER_S},
	{NULL, 0},
};
static const struct parse_unit unit_seconds[] = {{"", NS_PER_S}, {NULL, 0}};
static const struct parse_unit unit_decimal[] = {{"", PPM}, {NULL, 0}};

const struct parse_kind parse_count = {"a whole number", "", "", unit_none};
const struct parse_kind parse_bytes = {"a size", "such as 256M; units K, M, G, T or none for bytes",
				       " of bytes", unit_bytes};
const struct parse_kind parse_percent = {"a percentage", "such as 30% or 0.1%",
					 " of parts per million", unit_percent};
const struct parse_kind parse_time = {"a duration",
				      "such as 10s or 500ms; units ns, us, ms, s, m, h",
				      " of nanoseconds", unit_time};
const struct parse_kind parse_seconds = {"a number of seconds", "such as 30 or 0.5, without a unit",
					 " of nanoseconds", unit_seconds};
const struct parse_kind parse_decimal = {"a decimal number", "such as 0.9", " of millionths",
					 unit_decimal};

struct number {
	uint64_t mantissa;
	uint64_t scale; /* 10^decimals; 0: more decimals than any kind can hold */
	bool huge;      /* the mantissa does not fit */
	const char *unit;
};

static void number_add(struct number *n, const char *digits, size_t count)
{
	for (size_t i = 0; i < count; i++)
		if (__builtin_mul_overflow(n->mantissa, 10, &n->mantissa) ||
		    __builtin_add_overflow(n->mantissa, (uint64_t)(digits[i] - '0'), &n->mantissa))
			n->huge = true;
}

/* false: text does not start with a number. */
static bool number_scan(const char *text, struct number *n)
{
	size_t whole = strspn(text, DIGITS), decimals = 0;

	*n = (struct number){.scale = 1, .unit = text + whole};
	if (!whole)
		return false;
	number_add(n, text, whole);
	if (text[whole] == '.')
		decimals = strspn(text + whole + 1, DIGITS);
	if (!decimals)
		return true;
	n->unit += 1 + decimals;
	/* Zeros at the end change nothing. */
	while (decimals && text[whole + decimals] == '0')
		decimals--;
	if (decimals > DECIMALS_MAX) {
		n->scale = 0;
		return true;
	}
	number_add(n, text + whole + 1, decimals);
	for (size_t i = 0; i < decimals; i++)
		n->scale *= 10;
	return true;
}

static const struct parse_unit *unit_find(const struct parse_kind *kind, const char *name)
{
	for (const struct parse_unit *u = kind->unit; u->factor; u++)
		if (strcmp(u->name, name) == 0)
			return u;
	return NULL;
}

/* What is wrong, in words, or NULL and *out. */
static const char *value_scan(const struct parse_kind *kind, const char *text, uint64_t min,
			      uint64_t max, uint64_t *out)
{
	const struct parse_unit *unit;
	unsigned __int128 product;
	struct number n;

	if (!*text)
		return "is empty";
	if (!number_scan(text, &n))
		return "is not a number";
	unit = unit_find(kind, n.unit);
	if (!unit && !*n.unit)
		return "has no unit";
	if (!unit)
		return kind->unit[1].factor || *kind->unit->name ? "has an unknown unit"
								 : "has a unit or trailing text";
	if (n.huge)
		return "is out of range";
	product = (unsigned __int128)n.mantissa * unit->factor;
	if (!n.scale || product % n.scale)
		return "is not a whole number";
	product /= n.scale;
	if (product < min || product > max)
		return "is out of range";
	*out = (uint64_t)product;
	return NULL;
}

int parse_value(const struct parse_kind *kind, const char *text, uint64_t min, uint64_t max,
		uint64_t *out, struct error *error)
{
	char low[PARSE_FORMAT_BYTES], high[PARSE_FORMAT_BYTES], quoted[64];
	const char *wrong;
	bool whole;

	*out = 0;
	wrong = value_scan(kind, text, min, max, out);
	if (!wrong)
		return 0;
	whole = strcmp(wrong, "is not a whole number") == 0;
	return error_user(error, "'%s' %s%s; allowed: %s from %s to %s%s%s",
			  words_quote(text, quoted, sizeof(quoted)), wrong, whole ? kind->base : "",
			  kind->what, parse_format(kind, min, low, sizeof(low)),
			  parse_format(kind, max, high, sizeof(high)), *kind->example ? ", " : "",
			  kind->example);
}

int parse_name(const char *text, size_t bytes, struct error *error)
{
	size_t length = strlen(text);
	char quoted[64];
	const char *wrong = NULL;

	if (!length)
		wrong = "is empty";
	else if (*text < 'a' || *text > 'z')
		wrong = "does not start with a letter a-z";
	else if (strspn(text, "abcdefghijklmnopqrstuvwxyz0123456789-") != length)
		wrong = "has a character that names may not have";
	else if (length >= bytes)
		wrong = "is too long";
	if (!wrong)
		return 0;
	return error_user(
		error,
		"'%s' %s; allowed: a name of letters a-z, digits and '-', at most %zu of them",
		words_quote(text, quoted, sizeof(quoted)), wrong, bytes - 1);
}

char *parse_format(const struct parse_kind *kind, uint64_t value, char *buf, size_t bytes)
{
	const struct parse_unit *best = kind->unit;
	char fraction[DECIMALS_MAX + 2] = ".";
	size_t digits = 0;
	uint64_t rest;

	for (const struct parse_unit *u = kind->unit; value && u->factor; u++)
		if (u->factor > best->factor && value % u->factor == 0)
			best = u;
	/* Not even the smallest unit may divide the value (0.1%); its factor is a power of ten then. */
	for (rest = value % best->factor; rest && digits < DECIMALS_MAX; rest %= best->factor) {
		rest *= 10;
		fraction[++digits] = (char)('0' + rest / best->factor);
	}
	snprintf(buf, bytes, "%llu%s%s", (unsigned long long)(value / best->factor),
		 digits ? fraction : "", best->name);
	return buf;
}
