/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * record.c: the recorder: a tape that asks the body behind it, and writes down what was asked and answered.
 */
#include "mm/record.h"

#include <string.h>

#include "mm/tape.h"

#define BUFFER_BYTES 65536u
#define VALUE_BYTES  10u /* longest value */

struct mm_record {
	struct mm_tape tape; /* first: a struct mm_tape * is a struct mm_record * */
	struct mm_record_sink sink;
	uint64_t now_ns, gfn; /* of the values before, for differences */
	unsigned entry;       /* the entry point under way */
	const char *results;  /* the letters that are still to be answered */
	size_t used;
	uint8_t buffer[BUFFER_BYTES];
};

static void hand_on(struct mm_record *r)
{
	r->sink.put(r->sink.ctx, r->buffer, r->used);
	r->used = 0;
}

static void put_number(struct mm_record *r, uint64_t n)
{
	uint8_t *at = r->buffer + r->used;

	for (; n >= 0x80; n >>= 7)
		*at++ = (uint8_t)n | 0x80;
	*at++ = (uint8_t)n;
	r->used = (size_t)(at - r->buffer);
}

/* Small numbers of both signs become small ones. */
static uint64_t zigzag(uint64_t difference)
{
	return difference << 1 ^ (difference >> 63 ? UINT64_MAX : 0);
}

static void put_value(struct mm_record *r, char letter, uint64_t value)
{
	if (BUFFER_BYTES - r->used < VALUE_BYTES)
		hand_on(r);
	switch (letter) {
	case 'g':
		put_number(r, zigzag(value - r->gfn));
		r->gfn = value;
		break;
	case 't':
		put_number(r, zigzag(value - r->now_ns));
		r->now_ns = value;
		break;
	case 'o':
		put_number(r, zigzag(value - r->now_ns));
		break;
	case 'e':
		put_number(r, zigzag(value));
		break;
	case 'h':
		memcpy(r->buffer + r->used, &value, sizeof value);
		r->used += sizeof value;
		break;
	default:
		put_number(r, value);
	}
}

static void put_list(struct mm_record *r, const char *form, const uint64_t *value, uint32_t nr)
{
	uint32_t tuple = mm_form_letters(form);

	put_value(r, 'n', nr / tuple);
	for (uint32_t i = 0; i < nr; i++)
		put_value(r, form[i % tuple], value[i]);
}

static void put_values(struct mm_record *r, const char *form, const struct mm_args *args)
{
	unsigned i = 0;

	for (; i < args->nr_fixed; i++)
		put_value(r, form[i], args->fixed[i]);
	if (form[i] == '*')
		put_list(r, form + i + 1, args->list, args->nr_list);
}

static bool record_call(struct mm_tape *t, const struct mm_args *args)
{
	struct mm_record *r = (struct mm_record *)t;
	const char *form = mm_seam_info(args->call)->form;

	put_value(r, 'n', args->call);
	put_values(r, form, args);
	r->results = strchr(form, ':') + 1;
	return true;
}

static uint64_t record_answer(struct mm_tape *t, uint64_t value)
{
	struct mm_record *r = (struct mm_record *)t;

	put_value(r, *r->results++, value);
	return value;
}

struct mm_record *record_make(const struct mm_record_sink *sink, const struct mm_body_ops *ops,
			      void *body)
{
	struct mm_record *r = ops->zalloc(body, MM_VM_NONE, sizeof *r);

	if (!r)
		return NULL;
	r->tape = (struct mm_tape){
		.call = record_call, .answer = record_answer, .ops = ops, .body = body};
	mm_tape_set(&r->tape, mm_tape_mask(ops));
	r->sink = *sink;
	return r;
}

void record_end(struct mm_record *r)
{
	put_value(r, 'n', MM_SEAM_END);
	hand_on(r);
	r->tape.ops->free(r->tape.body, MM_VM_NONE, r, sizeof *r);
}

struct mm_tape *record_tape(struct mm_record *r)
{
	return &r->tape;
}

void record_enter(struct mm_record *r, const struct mm_args *args)
{
	r->entry = args->call;
	put_value(r, 'n', args->call);
	put_values(r, mm_seam_info(args->call)->form, args);
}

void record_return(struct mm_record *r, const struct mm_args *results)
{
	struct mm_args args = *results;

	args.call = MM_SEAM_RETURN;
	args.entry = r->entry;
	put_value(r, 'n', MM_SEAM_RETURN);
	put_values(r, mm_args_form(&args), &args);
}
