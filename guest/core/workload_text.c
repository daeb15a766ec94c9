/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * workload_text.c: a workload as one word of a guest's command line, and back.
 *
 * The host writes it with workload_format() and the guest reads it with workload_parse(), so both directions go through
 * one table of keys and cannot drift apart. The reader trusts nothing: unknown and repeated keys, signs, leading zeros,
 * numbers that overflow their field and specs that workload_check() refuses are errors with an offset. Fields that are
 * 0 are left out, which keeps the line short and gives each spec one text.
 */
#include <errno.h>
#include <string.h>

#include "guest/core/workload.h"

struct text_key {
	const char *name;
	size_t offset; /* in struct phase_spec */
	size_t bytes;  /* 4 or 8 */
};

#define KEY(name, field)                                                                          \
	{                                                                                         \
		name, offsetof(struct phase_spec, field), sizeof(((struct phase_spec *)0)->field) \
	}
static const struct text_key keys[] = {
	KEY("pages", pages),     KEY("files", files),       KEY("size", file_pages),
	KEY("write", write_ppm), KEY("rate", rate),         KEY("alpha", alpha_ppm),
	KEY("zero", zero_ppm),   KEY("common", common_ppm), KEY("class", class_ppm),
	KEY("thin", thin_ppm),   KEY("id", class_id),       KEY("ns", duration_ns),
};
#define NR_KEYS (sizeof(keys) / sizeof(keys[0]))

static uint64_t field_get(const struct phase_spec *p, const struct text_key *key)
{
	uint32_t small;
	uint64_t value;

	if (key->bytes == sizeof(small)) {
		memcpy(&small, (const char *)p + key->offset, sizeof(small));
		return small;
	}
	memcpy(&value, (const char *)p + key->offset, sizeof(value));
	return value;
}

/* False: value does not fit. */
static bool field_set(struct phase_spec *p, const struct text_key *key, uint64_t value)
{
	uint32_t small = (uint32_t)value;

	if (key->bytes == sizeof(small)) {
		memcpy((char *)p + key->offset, &small, sizeof(small));
		return small == value;
	}
	memcpy((char *)p + key->offset, &value, sizeof(value));
	return true;
}

struct writer {
	char *buf;
	size_t size, length; /* length: of the whole text, whether it fits or not */
};

static void put_char(struct writer *w, char c)
{
	if (w->length < w->size)
		w->buf[w->length] = c;
	w->length++;
}

static void put_text(struct writer *w, const char *text)
{
	while (*text)
		put_char(w, *text++);
}

static void put_number(struct writer *w, uint64_t value)
{
	char digits[20];
	unsigned nr = 0;

	do {
		digits[nr++] = (char)('0' + value % 10);
		value /= 10;
	} while (value);
	while (nr)
		put_char(w, digits[--nr]);
}

int workload_format(const struct workload_spec *spec, char *buf, size_t size)
{
	struct writer w = {buf, size, 0};
	uint32_t bad_phase;
	bool valid = workload_check(spec, &bad_phase) == 0;

	for (uint32_t i = 0; valid && i < spec->nr_phases; i++) {
		const struct phase_spec *p = &spec->phase[i];

		if (i)
			put_char(&w, '+');
		put_text(&w, workload_kind_names[p->kind]);
		for (size_t k = 0; k < NR_KEYS; k++) {
			uint64_t value = field_get(p, &keys[k]);

			if (!value)
				continue;
			put_char(&w, ',');
			put_text(&w, keys[k].name);
			put_char(&w, '=');
			put_number(&w, value);
		}
	}
	if (size)
		buf[w.length < size ? w.length : size - 1] = 0;
	if (!valid)
		return -EINVAL;
	return w.length < size ? (int)w.length : -ENOSPC;
}

struct reader {
	const char *text;
	size_t length, at;
};

/* Takes name if it comes next and ends there: at the text's end or before one of ",+=". */
static bool take_word(struct reader *r, const char *name)
{
	size_t at = r->at;

	while (*name && at < r->length && r->text[at] == *name) {
		at++;
		name++;
	}
	if (*name)
		return false;
	if (at < r->length && r->text[at] != ',' && r->text[at] != '+' && r->text[at] != '=')
		return false;
	r->at = at;
	return true;
}

static bool take_char(struct reader *r, char c)
{
	if (r->at == r->length || r->text[r->at] != c)
		return false;
	r->at++;
	return true;
}

/* Decimal digits, no leading zero, at most 2^64 - 1. False: *r stands where it stood. */
static bool take_number(struct reader *r, uint64_t *value_out)
{
	size_t at = r->at;
	uint64_t value = 0;

	for (; at < r->length && r->text[at] >= '0' && r->text[at] <= '9'; at++) {
		uint64_t digit = (uint64_t)(r->text[at] - '0');

		if ((at > r->at && !value) || __builtin_mul_overflow(value, 10, &value) ||
		    __builtin_add_overflow(value, digit, &value))
			return false;
	}
	if (at == r->at)
		return false;
	r->at = at;
	*value_out = value;
	return true;
}

/* KIND[,KEY=NUMBER]... False: *r stands at what is wrong. */
static bool take_phase(struct reader *r, struct phase_spec *p)
{
	unsigned kind = 0, seen = 0;

	while (kind < WORKLOAD_KINDS && !take_word(r, workload_kind_names[kind]))
		kind++;
	if (kind == WORKLOAD_KINDS)
		return false;
	p->kind = kind;
	while (take_char(r, ',')) {
		size_t start = r->at, k = 0;
		uint64_t value;

		while (k < NR_KEYS && !take_word(r, keys[k].name))
			k++;
		if (k == NR_KEYS || seen & 1u << k) {
			r->at = start;
			return false;
		}
		seen |= 1u << k;
		if (!take_char(r, '='))
			return false;
		start = r->at;
		if (!take_number(r, &value))
			return false;
		if (!field_set(p, &keys[k], value)) {
			r->at = start;
			return false;
		}
	}
	return true;
}

int workload_parse(const char *text, size_t length, struct workload_spec *spec, size_t *error_at)
{
	struct reader r = {text, length, 0};
	size_t phase_at[WORKLOAD_PHASES] = {0};
	uint32_t bad_phase;

	memset(spec, 0, sizeof(*spec));
	do {
		if (spec->nr_phases == WORKLOAD_PHASES)
			goto bad;
		phase_at[spec->nr_phases] = r.at;
		if (!take_phase(&r, &spec->phase[spec->nr_phases++]))
			goto bad;
	} while (take_char(&r, '+'));
	if (r.at < length)
		goto bad;
	if (workload_check(spec, &bad_phase)) {
		r.at = phase_at[bad_phase];
		goto bad;
	}
	*error_at = 0;
	return 0;
bad:
	memset(spec, 0, sizeof(*spec));
	*error_at = r.at;
	return -EINVAL;
}
