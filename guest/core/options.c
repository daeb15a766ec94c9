/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * options.c: reads the guest's command line. Values are decimal numbers, 0x numbers, or names.
 *
 * Strict: an unknown lab. word or a value with anything behind it is an error, so that a VMM and a guest that do not
 * understand each other say so at once.
 */
#include "guest/core/options.h"

#include <errno.h>
#include <string.h>

#define NAME_BYTES 32

struct span {
	const char *at;
	size_t length;
};

static bool span_skip(struct span *s, const char *prefix)
{
	size_t i = 0;

	while (prefix[i]) {
		if (i == s->length || s->at[i] != prefix[i])
			return false;
		i++;
	}
	s->at += i;
	s->length -= i;
	return true;
}

/* Takes a number off the front of s. False: there is none, or it does not fit. */
static bool span_number(struct span *s, uint64_t *out)
{
	uint64_t base = span_skip(s, "0x") ? 16 : 10, value = 0;
	size_t digits = 0;

	for (; s->length; s->at++, s->length--, digits++) {
		unsigned char c = (unsigned char)*s->at;
		uint64_t digit = c >= '0' && c <= '9'   ? c - (uint64_t)'0'
				 : c >= 'a' && c <= 'f' ? c - (uint64_t)'a' + 10
							: 16;

		if (digit >= base)
			break;
		if (__builtin_mul_overflow(value, base, &value) ||
		    __builtin_add_overflow(value, digit, &value))
			return false;
	}
	*out = value;
	return digits > 0;
}

static bool parse_number(struct span value, uint64_t *out)
{
	return span_number(&value, out) && !value.length;
}

static bool parse_ppm(struct span value, uint32_t *out)
{
	uint64_t ppm;

	if (!parse_number(value, &ppm) || ppm > PPM)
		return false;
	*out = (uint32_t)ppm;
	return true;
}

static bool parse_index(struct span value, unsigned *out)
{
	uint64_t index;

	if (!parse_number(value, &index) || index >= OPTIONS_DEVICES)
		return false;
	*out = (unsigned)index;
	return true;
}

/* 0 or 1 */
static bool parse_bool(struct span value, bool *out)
{
	uint64_t number;

	if (!parse_number(value, &number) || number > 1)
		return false;
	*out = number;
	return true;
}

static bool parse_pager(struct span value, const struct policy_ops **out)
{
	char name[NAME_BYTES];

	if (value.length >= sizeof(name))
		return false;
	memcpy(name, value.at, value.length);
	name[value.length] = 0;
	*out = policy_find(name);
	return *out != NULL;
}

/* 4K@GPA:IRQ, as Linux writes it, with anything Linux allows behind a further colon refused. */
static bool parse_device(struct span value, struct guest_options *o)
{
	struct options_device *d = &o->device[o->nr_devices];
	uint64_t irq;

	if (o->nr_devices == OPTIONS_DEVICES || !span_skip(&value, "4K@") ||
	    !span_number(&value, &d->gpa) || !span_skip(&value, ":") ||
	    !parse_number(value, &irq) || irq > UINT32_MAX)
		return false;
	d->irq = (uint32_t)irq;
	o->nr_devices++;
	return true;
}

static bool parse_word(struct span word, struct guest_options *o)
{
	size_t at;

	if (span_skip(&word, "virtio_mmio.device="))
		return parse_device(word, o);
	if (!span_skip(&word, "lab."))
		return true;
	if (span_skip(&word, "seed="))
		return parse_number(word, &o->seed);
	if (span_skip(&word, "vm="))
		return parse_number(word, &o->vm);
	if (span_skip(&word, "pages="))
		return parse_number(word, &o->pages);
	if (span_skip(&word, "data="))
		return parse_index(word, &o->data);
	if (span_skip(&word, "tsc_khz="))
		return parse_number(word, &o->tsc_khz);
	if (span_skip(&word, "pager="))
		return parse_pager(word, &o->pager);
	if (span_skip(&word, "balloon="))
		return parse_ppm(word, &o->balloon_ppm);
	if (span_skip(&word, "reporting="))
		return parse_bool(word, &o->reporting);
	if (span_skip(&word, "workload="))
		return workload_parse(word.at, word.length, &o->workload, &at) == 0;
	return false;
}

int guest_options_parse(const char *text, size_t length, struct guest_options *out,
			const char **word, size_t *word_length)
{
	*out = (struct guest_options){
		.seed = 1,
		.pager = policy_find("clock"),
		.balloon_ppm = 650000,
		.data = OPTIONS_DEVICES,
	};
	out->workload.nr_phases = 1;
	out->workload.phase[0].kind = WORK_IDLE;
	for (size_t at = 0, end; at < length; at = end + 1) {
		struct span s;

		for (end = at; end < length && text[end] != ' ';)
			end++;
		s = (struct span){.at = text + at, .length = end - at};
		if (!parse_word(s, out)) {
			*word = s.at;
			*word_length = s.length;
			return -EINVAL;
		}
	}
	*word = NULL;
	*word_length = 0;
	return 0;
}
