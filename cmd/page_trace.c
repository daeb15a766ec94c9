/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * page_trace.c: see page_trace.h. Events come from the manager (mm/trace.h) with numbers; here they get their words.
 *
 * A file a page, written as it goes, a batch as a whole; what a full disk takes is counted and told at the end, as with
 * the other results.
 */
#include "cmd/page_trace.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "ballast/guest_abi.h"
#include "cmd/human.h"
#include "cmd/report_fields.h"
#include "lib/jsonl.h"
#include "lib/log.h"
#include "lib/words.h"

#define TAKE_EVENTS 256u

static uint64_t hole_pages(const struct scenario_vm *v)
{
	return pages_to_bytes(v->memory_pages) > GUEST_HOLE_START
		       ? (GUEST_HOLE_END - GUEST_HOLE_START) >> PAGE_SHIFT_BITS
		       : 0;
}

static bool has_page(const struct scenario_vm *v, uint64_t g)
{
	bool in_hole =
		g >= GUEST_HOLE_START >> PAGE_SHIFT_BITS && g < GUEST_HOLE_END >> PAGE_SHIFT_BITS;

	return g < v->memory_pages + hole_pages(v) && !(hole_pages(v) && in_hole);
}

static int wrong_page(const char *item, const struct scenario_vm *v, struct error *error)
{
	const unsigned long long behind = v->memory_pages + hole_pages(v);
	const unsigned long long hole = GUEST_HOLE_START >> PAGE_SHIFT_BITS;
	const unsigned long long high = GUEST_HOLE_END >> PAGE_SHIFT_BITS;
	char quoted[64];

	words_quote(item, quoted, sizeof(quoted));
	if (!hole_pages(v))
		return error_user(error,
				  "--trace-page '%s': no page of %s; allowed: %s:0 to %s:%llu, or "
				  "hexadecimal with 0x",
				  quoted, v->name, v->name, v->name, behind - 1);
	return error_user(error,
			  "--trace-page '%s': no page of %s; allowed: %s:0 to %s:0x%llx and "
			  "%s:0x%llx to %s:0x%llx",
			  quoted, v->name, v->name, v->name, hole - 1, v->name, high, v->name,
			  behind - 1);
}

static int wrong_vm(const char *item, const struct scenario *s, struct error *error)
{
	char quoted[64];

	words_quote(item, quoted, sizeof(quoted));
	if (s->nr_vms == 1)
		return error_user(error, "--trace-page '%s': allowed: %s:GFN, or 0:GFN", quoted,
				  s->vms[0].name);
	return error_user(error,
			  "--trace-page '%s': allowed: VM:GFN, VM a name (%s to %s) or 0 to %u",
			  quoted, s->vms[0].name, s->vms[s->nr_vms - 1].name, s->nr_vms - 1);
}

/* Digits only, base 10, or 16 after 0x. */
static bool read_number(const char *text, uint64_t *out)
{
	bool hex = text[0] == '0' && (text[1] == 'x' || text[1] == 'X');
	char *end;

	*out = 0;
	if (strspn(text + (hex ? 2 : 0), hex ? "0123456789abcdefABCDEF" : "0123456789") !=
		    strlen(text + (hex ? 2 : 0)) ||
	    !text[hex ? 2 : 0])
		return false;
	errno = 0;
	*out = strtoull(text, &end, hex ? 16 : 10);
	return !errno;
}

static bool find_vm(const struct scenario *s, const char *name, size_t length, unsigned *vm)
{
	char text[SCENARIO_NAME_BYTES];
	uint64_t number;

	*vm = 0;
	if (length >= sizeof(text))
		return false;
	memcpy(text, name, length);
	text[length] = '\0';
	for (unsigned i = 0; i < s->nr_vms; i++) {
		if (strcmp(s->vms[i].name, text) == 0) {
			*vm = i;
			return true;
		}
	}
	if (!read_number(text, &number) || number >= s->nr_vms)
		return false;
	*vm = (unsigned)number;
	return true;
}

static int read_item(struct page_trace *t, const char *item, struct error *error)
{
	const char *colon = strrchr(item, ':');
	const struct scenario *s = t->scenario;
	uint64_t g;
	unsigned vm;

	if (!colon || !find_vm(s, item, (size_t)(colon - item), &vm))
		return wrong_vm(item, s, error);
	if (!read_number(colon + 1, &g) || !has_page(&s->vms[vm], g))
		return wrong_page(item, &s->vms[vm], error);
	for (unsigned i = 0; i < t->nr; i++)
		if (t->page[i].vm == vm && t->page[i].gfn == g)
			return 0;
	if (t->nr == MM_TRACED_PAGES)
		return error_user(error, "--trace-page '%s': one page too many; allowed: %u", item,
				  MM_TRACED_PAGES);
	t->page[t->nr++] = (struct page_traced){.vm = vm, .gfn = (uint32_t)g, .log = {.fd = -1}};
	return 0;
}

int page_trace_read(struct page_trace *t, const char *const *item, unsigned nr,
		    const struct scenario *scenario, struct error *error)
{
	int err = 0;

	*t = (struct page_trace){.scenario = scenario};
	for (unsigned i = 0; i < nr && !err; i++)
		err = read_item(t, item[i], error);
	return err;
}

int page_trace_begin(struct page_trace *t, struct body *body, const char *dir, struct error *error)
{
	int err = 0;

	for (unsigned i = 0; i < t->nr && !err; i++) {
		struct page_traced *p = &t->page[i];
		char name[SCENARIO_NAME_BYTES + 32];

		snprintf(name, sizeof(name), "page-%s-%" PRIu32 ".jsonl",
			 t->scenario->vms[p->vm].name, p->gfn);
		err = report_log_open(&p->log, dir, name, error);
		if (!err && (err = body->ops->trace_page(body, vmid(p->vm), gfn(p->gfn))))
			error_host(error, -err, "tracing a page of %s",
				   t->scenario->vms[p->vm].name);
	}
	return err;
}

void page_trace_line(FILE *out, const struct mm_page_event *e, const char *vm, const char *pager)
{
	const struct mm_why_info *why = mm_why_info((enum mm_why)e->why);

	fprintf(out, "%.6f  %s:%" PRIu32 "  %s", (double)(e->at_ns / 1000) / 1e6, vm, e->gfn,
		mm_page_state_name(e->from));
	if (e->to != e->from)
		fprintf(out, " -> %s", mm_page_state_name(e->to));
	fprintf(out, ": %s (%s", why->words, mm_call_name((enum mm_call)e->call));
	if (why->by_policy)
		fprintf(out, ", %s", pager);
	if (e->slot != MM_NO_SLOT)
		fprintf(out, ", slot %" PRIu32, e->slot);
	if (e->why == MM_WHY_PASSED_BY)
		fprintf(out, ", %s", mm_paging_reason_name(e->detail));
	else if (why->detail)
		fprintf(out, ", %s %" PRIu32, why->detail, e->detail);
	fputc(')', out);
}

json_t *page_trace_json(const struct mm_page_event *e, const char *vm, const char *pager)
{
	const struct mm_why_info *why = mm_why_info((enum mm_why)e->why);
	json_t *line =
		json_pack("{s:f, s:s, s:I, s:s, s:s, s:s, s:s}", "t_seconds",
			  (double)(e->at_ns / 1000) / 1e6, "vm", vm, "gfn", (json_int_t)e->gfn,
			  "from", mm_page_state_name(e->from), "to", mm_page_state_name(e->to),
			  "why", why->name, "call", mm_call_name((enum mm_call)e->call));

	if (why->by_policy)
		json_object_set_new(line, "policy", json_string(pager));
	if (e->slot != MM_NO_SLOT)
		json_object_set_new(line, "slot", json_integer(e->slot));
	if (e->why == MM_WHY_PASSED_BY)
		json_object_set_new(line, why->detail,
				    json_string(mm_paging_reason_name(e->detail)));
	else if (why->detail)
		json_object_set_new(line, why->detail, json_integer(e->detail));
	return line;
}

static struct page_traced *find(struct page_trace *t, const struct mm_page_event *e)
{
	for (unsigned i = 0; i < t->nr; i++)
		if (t->page[i].vm == e->vm && t->page[i].gfn == e->gfn)
			return &t->page[i];
	return NULL;
}

static void tell(struct page_trace *t, const struct mm_page_event *e, FILE *out)
{
	struct page_traced *p = find(t, e);
	const char *pager = t->scenario->pager->name;
	char *text = NULL;
	size_t bytes = 0;
	FILE *buffer = p ? open_memstream(&text, &bytes) : NULL;
	bool ok = buffer &&
		  !jsonl_write(buffer, page_trace_json(e, t->scenario->vms[p->vm].name, pager));

	if (buffer && fclose(buffer) != 0)
		ok = false;
	if (p)
		report_log_append(&p->log, ok ? text : NULL, bytes);
	free(text);
	if (p && out) {
		page_trace_line(out, e, t->scenario->vms[p->vm].name, pager);
		fputc('\n', out);
	}
}

void page_trace_take(struct page_trace *t, struct body *body, uint64_t until_ns, FILE *out)
{
	struct mm_page_event e[TAKE_EVENTS];
	uint64_t lost;
	unsigned nr;

	if (!t->nr)
		return;
	do {
		nr = body->ops->page_events_take(body, e, TAKE_EVENTS, &lost);
		t->lost += lost;
		if (lost && out)
			fprintf(out, "(%s lost here)\n", human_some(lost, "event", "events").text);
		for (unsigned i = 0; i < nr; i++) {
			e[i].at_ns = e[i].at_ns < until_ns ? e[i].at_ns : until_ns;
			tell(t, &e[i], out);
		}
	} while (nr);
	if (out)
		fflush(out);
}

int page_trace_end(struct page_trace *t, struct error *error)
{
	int err = 0;

	for (unsigned i = 0; i < t->nr; i++) {
		struct report_log *log = &t->page[i].log;

		if (log->lost && !err)
			err = error_host(error, log->errnum, "%s: %s lost", log->path,
					 human_some(log->lost, "line", "lines").text);
		report_log_close(log);
	}
	if (t->lost)
		log_warn("histories of pages have gaps events=%llu", (unsigned long long)t->lost);
	t->nr = 0;
	return err;
}
