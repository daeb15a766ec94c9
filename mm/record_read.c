/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * record_read.c: a recorded stream, item by item. What it says is checked for form only: whoever uses the numbers checks
 * them.
 */
#include <stdlib.h>
#include <string.h>

#include "mm/record.h"

#define BROKEN  (-84) /* -EILSEQ; errno.h is the host's */
#define NO_MORE (-61) /* -ENODATA */

int mm_record_open(struct mm_record_reader *r, const struct mm_record_source *source)
{
	*r = (struct mm_record_reader){.source = *source};
	r->list = malloc(MM_SEAM_LIST * sizeof *r->list);
	return r->list ? 0 : -12;
}

void mm_record_close(struct mm_record_reader *r)
{
	free(r->list);
	r->list = NULL;
}

static int get_byte(struct mm_record_reader *r, uint8_t *out)
{
	if (r->at == r->end) {
		size_t nr = r->source.more(r->source.ctx, &r->at);

		r->end = r->at + nr;
		if (!nr)
			return NO_MORE;
	}
	*out = *r->at++;
	r->read_bytes++;
	return 0;
}

static int get_number(struct mm_record_reader *r, uint64_t *out)
{
	uint8_t byte = 0;
	int result;

	*out = 0;
	for (unsigned shift = 0; shift < 64; shift += 7) {
		result = get_byte(r, &byte);
		if (result)
			return result;
		*out |= (uint64_t)(byte & 0x7f) << shift;
		if (!(byte & 0x80))
			return shift == 63 && byte > 1 ? BROKEN : 0;
	}
	return BROKEN;
}

static uint64_t unzigzag(uint64_t n)
{
	return n >> 1 ^ (n & 1 ? UINT64_MAX : 0);
}

static int get_hash(struct mm_record_reader *r, uint64_t *out)
{
	uint8_t byte[sizeof *out] = {0};

	for (size_t i = 0; i < sizeof byte; i++) {
		int result = get_byte(r, &byte[i]);

		if (result)
			return result;
	}
	memcpy(out, byte, sizeof byte);
	return 0;
}

static int get_value(struct mm_record_reader *r, char letter, uint64_t *out)
{
	int result = letter == 'h' ? get_hash(r, out) : get_number(r, out);

	if (result)
		return result;
	switch (letter) {
	case 'g':
		*out = r->gfn += unzigzag(*out);
		break;
	case 't':
		*out = r->now_ns += unzigzag(*out);
		break;
	case 'o':
		*out = r->now_ns + unzigzag(*out);
		break;
	case 'e':
		*out = unzigzag(*out);
		break;
	case 'b':
		return *out > 1 ? BROKEN : 0;
	case 'm':
	case 's':
	case 'l':
	case 'f':
	case 'p':
	case 'r':
		return *out > UINT32_MAX ? BROKEN : 0;
	default:
		break;
	}
	return 0;
}

static int get_list(struct mm_record_reader *r, const char *form)
{
	uint32_t tuple = mm_form_letters(form);
	uint64_t nr;
	int result = get_number(r, &nr);

	if (!result && nr > MM_SEAM_LIST / tuple)
		return BROKEN;
	for (uint32_t i = 0; !result && i < nr * tuple; i++)
		result = get_value(r, form[i % tuple], &r->list[i]);
	r->args.nr_list = result ? 0 : (uint32_t)nr * tuple;
	return result;
}

/* Up to the end or the colon of the form; *form: behind what was read. */
static int get_values(struct mm_record_reader *r, const char **form)
{
	const char *f = *form;
	int result = 0;

	for (; *f && *f != ':' && *f != '*' && !result; f++)
		result = get_value(r, *f, &r->fixed[r->args.nr_fixed++]);
	if (*f == '*' && !result) {
		result = get_list(r, f + 1);
		f += mm_form_letters(f);
	}
	*form = f + (*f == ':');
	return result;
}

int mm_record_next(struct mm_record_reader *r)
{
	const char *form;
	uint64_t call;
	int result = get_number(r, &call);

	r->args = (struct mm_args){.fixed = r->fixed, .list = r->list};
	r->nr_results = 0;
	if (result)
		return result;
	if (call >= MM_SEAM_CALLS ||
	    (call != MM_SEAM_RETURN && call < MM_ENTRIES_END && r->entry) ||
	    (call == MM_SEAM_RETURN && !r->entry) || (call >= MM_ENTRIES_END && !r->entry))
		return BROKEN;
	r->args.call = (unsigned)call;
	r->args.entry = r->entry;
	form = mm_args_form(&r->args);
	if (call < MM_ENTRIES_END)
		r->entry = mm_seam_is_entry((unsigned)call) ? (unsigned)call : 0;
	result = get_values(r, &form);
	if (call < MM_ENTRIES_END)
		return result;
	for (unsigned i = 0; *form && !result; form++, i++) {
		if (i && r->result[0]) /* it failed: the others are not there */
			break;
		result = get_value(r, *form, &r->result[r->nr_results++]);
	}
	return result;
}
