/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * seam.c: the table of calls, calls in words, and the configuration as numbers.
 */
#include "mm/seam.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

_Static_assert(sizeof(struct mm_body_ops) ==
		       (MM_SEAM_CALLS - MM_ENTRIES_END) * sizeof(void (*)(void)),
	       "an op of struct mm_body_ops has no line in MM_OPS");
static const struct mm_seam_info infos[MM_SEAM_CALLS] = {[MM_SEAM_END] = {"end", ":"},
							 [MM_SEAM_RETURN] = {"return", ":"},
#define X(NAME, name, form) [MM_ENTRY_##NAME] = {#name, form},
							 MM_ENTRIES(X)
#undef X
#define X(NAME, name, form) [MM_OP_##NAME] = {#name, form},
								 MM_OPS(X)
#undef X
};

const struct mm_seam_info *mm_seam_info(unsigned call)
{
	return call < MM_SEAM_CALLS ? &infos[call] : NULL;
}

/* Text with an end that can be added to. */
struct text {
	char *at;
	size_t room, used;
};

__attribute__((format(printf, 2, 3))) static void add(struct text *t, const char *format, ...)
{
	__builtin_va_list list;
	int n;

	__builtin_va_start(list, format);
	n = vsnprintf(t->used < t->room ? t->at + t->used : NULL,
		      t->used < t->room ? t->room - t->used : 0, format, list);
	__builtin_va_end(list);
	t->used += n > 0 ? (size_t)n : 0;
}

static void add_value(struct text *t, char letter, uint64_t value)
{
	static const struct {
		char letter;
		const char *what;
	} what[] = {{'m', "vm "},    {'g', "gfn "},     {'s', "stage "}, {'l', "slot "},
		    {'f', "frame "}, {'r', "request "}, {'h', "hash "},  {'p', "place "}};

	for (size_t i = 0; i < sizeof what / sizeof *what; i++)
		if (what[i].letter == letter)
			add(t, "%s", what[i].what);
	if (letter == 'm' && value == MM_VM_NONE)
		add(t, "none");
	else if (letter == 'b')
		add(t, "%s", value ? "true" : "false");
	else if (letter == 'h')
		add(t, "%016" PRIx64, value);
	else if (letter == 'e')
		add(t, "%" PRId64, (int64_t)value);
	else
		add(t, "%" PRIu64 "%s", value, letter == 't' || letter == 'o' ? " ns" : "");
}

const char *mm_args_form(const struct mm_args *a)
{
	return a->call == MM_SEAM_RETURN ? strchr(infos[a->entry].form, ':') + 1
					 : infos[a->call].form;
}

const char *mm_args_text(const struct mm_args *a, char *text, size_t room)
{
	const char *form = mm_args_form(a);
	struct text t = {.at = text, .room = room};
	size_t tuple;

	add(&t, "%s(", infos[a->call].name);
	for (unsigned i = 0; i < a->nr_fixed; i++) {
		add(&t, "%s", i ? ", " : "");
		add_value(&t, form[i], a->fixed[i]);
	}
	form = &form[a->nr_fixed];
	tuple = form[0] == '*' ? mm_form_letters(form + 1) : 0;
	if (tuple)
		add(&t, "%s%u:", a->nr_fixed ? ", " : "", (unsigned)(a->nr_list / tuple));
	for (uint32_t i = 0; tuple && i < a->nr_list && t.used < room; i++) {
		add(&t, "%s", i % tuple ? " " : i ? "; " : " ");
		add_value(&t, form[1 + i % tuple], a->list[i]);
	}
	add(&t, ")");
	return text;
}

bool mm_args_equal(const struct mm_args *a, const struct mm_args *b)
{
	return a->call == b->call && a->nr_fixed == b->nr_fixed && a->nr_list == b->nr_list &&
	       (!a->nr_fixed || memcmp(a->fixed, b->fixed, a->nr_fixed * sizeof *a->fixed) == 0) &&
	       (!a->nr_list || memcmp(a->list, b->list, a->nr_list * sizeof *a->list) == 0);
}

uint32_t mm_name_values(const char *name, uint64_t *value)
{
	uint32_t n = 0;

	do
		value[n] = (unsigned char)name[n];
	while (name[n++]);
	return n;
}

uint32_t mm_config_values(const struct mm_config *config, uint64_t *value)
{
	uint32_t n = 0;

#define X(field) value[n++] = (uint64_t)config->field;
	MM_CONFIG_FIELDS(X)
#undef X
	n += mm_name_values(config->pager ? config->pager->name : "", value + n);
	return n + mm_name_values(config->policy ? config->policy->name : "", value + n);
}

/* The characters from *at on, up to a 0. */
static bool get_name(const uint64_t *value, uint32_t nr, uint32_t *at, char *name, size_t room)
{
	for (size_t i = 0; i < room && *at < nr; i++) {
		name[i] = (char)value[(*at)++];
		if (!name[i])
			return true;
	}
	return false;
}

int mm_config_of_values(const uint64_t *value, uint32_t nr, struct mm_config *out)
{
	char pager[64], policy[64];
	uint32_t n = 0;

#define X(field) n++;
	MM_CONFIG_FIELDS(X)
#undef X
	*out = (struct mm_config){.pager = NULL};
	if (nr < n)
		return -22;
	n = 0;
#define X(field) out->field = (__typeof__(out->field))value[n++];
	MM_CONFIG_FIELDS(X)
#undef X
	if (!get_name(value, nr, &n, pager, sizeof pager) ||
	    !get_name(value, nr, &n, policy, sizeof policy) || n != nr)
		return -22;
	out->pager = policy_find(pager);
	out->policy = target_find(policy);
	return (*pager && !out->pager) || (*policy && !out->policy) ? -22 : 0;
}

size_t mm_seam_text(char *text, size_t room)
{
	struct text t = {.at = text, .room = room};

	for (unsigned i = 0; i < MM_SEAM_CALLS; i++)
		add(&t, "call %u %s %s\n", i, infos[i].name, infos[i].form);
#define X(field) add(&t, "config %s\n", #field);
	MM_CONFIG_FIELDS(X)
#undef X
	return t.used;
}
