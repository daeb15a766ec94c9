/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * mm_replay_compare.c: what was decided and what would have been, second by second and in sum.
 */
#include <errno.h>
#include <stdlib.h>

#include "cmd/human.h"
#include "cmd/mm_replay.h"
#include "cmd/report_fields.h"
#include "lib/table.h"

#define VMS_MOST      1024u
#define TIMES_SHOWN   12u
#define COLUMNS_SHOWN 5u

struct figures { /* of a VM, in each manager */
	npages_t target[MM_PLAY_MANAGERS], resident[MM_PLAY_MANAGERS], balloon[MM_PLAY_MANAGERS];
	uint64_t paged_out[MM_PLAY_MANAGERS], swapped_in[MM_PLAY_MANAGERS];
};

struct row {
	uint64_t at_ns;
	struct figures *vm; /* nr_vms of them, owned */
	unsigned nr_vms;
};

struct replay_compare {
	const char *(*name)(void *ctx, uint32_t vm);
	void *ctx;
	struct row *row; /* owned */
	size_t nr, room;
	uint64_t next_ns;
	struct mm_host_stats host[MM_PLAY_MANAGERS];
	struct mm_play_status status; /* as of the last row */
};

struct replay_compare *replay_compare_make(const char *(*name)(void *ctx, uint32_t vm), void *ctx)
{
	struct replay_compare *c = calloc(1, sizeof(*c));

	if (c)
		*c = (struct replay_compare){.name = name, .ctx = ctx};
	return c;
}

static void read_vm(struct figures *f, unsigned i, struct mm *mm, uint32_t vm, uint64_t now_ns)
{
	struct mm_vm_stats s;

	mm_vm_stats(mm, vm, now_ns, &s);
	f->target[i] = s.target_pages;
	f->resident[i] = s.resident_pages;
	f->balloon[i] = s.balloon_target_pages;
	f->paged_out[i] = s.paged_out_pages;
	f->swapped_in[i] = s.faults_swap_in;
}

static int add_row(struct replay_compare *c, const struct mm_play *play, unsigned nr_vms,
		   uint64_t at_ns)
{
	uint64_t now_ns = c->status.now_ns;
	struct row *r;

	if (c->nr == c->room) {
		size_t room = c->room ? c->room * 2 : 64;

		r = realloc(c->row, room * sizeof(*r));
		if (!r)
			return -ENOMEM;
		c->row = r;
		c->room = room;
	}
	r = &c->row[c->nr];
	*r = (struct row){at_ns, calloc(nr_vms ? nr_vms : 1, sizeof(*r->vm)), nr_vms};
	if (!r->vm)
		return -ENOMEM;
	c->nr++;
	for (unsigned i = 0; i < MM_PLAY_MANAGERS; i++) {
		struct mm *mm = mm_play_manager(play, (enum mm_play_which)i);

		mm_host_stats(mm, now_ns, &c->host[i]);
		for (unsigned vm = 0; vm < nr_vms; vm++)
			read_vm(&r->vm[vm], i, mm, vm, now_ns);
	}
	return 0;
}

int replay_compare_look(struct replay_compare *c, const struct mm_play *play)
{
	const struct mm_play_status *s = mm_play_status(play);
	uint64_t vms = s->of[MM_ENTRY_VM_ADD], at_ns;

	if (!s->of[MM_ENTRY_START] || !mm_play_manager(play, MM_PLAY_CHANGED) ||
	    s->now_ns < s->start_ns + c->next_ns)
		return 0;
	c->status = *s;
	at_ns = c->next_ns;
	c->next_ns = (s->now_ns - s->start_ns) / NS_PER_S * NS_PER_S + NS_PER_S;
	return add_row(c, play, vms < VMS_MOST ? (unsigned)vms : VMS_MOST, at_ns);
}

static void cell(struct table *t, const uint64_t *value)
{
	table_cell(t, "%s %s %s", human_grouped(value[MM_PLAY_RECORDED]).text,
		   human_grouped(value[MM_PLAY_SAME]).text,
		   human_grouped(value[MM_PLAY_CHANGED]).text);
}

static npages_t mean_target(const struct replay_compare *c, unsigned vm, unsigned i)
{
	uint64_t sum = 0, nr = 0;

	for (size_t k = 0; k < c->nr; k++)
		if (vm < c->row[k].nr_vms) {
			sum += c->row[k].vm[vm].target[i];
			nr++;
		}
	return nr ? sum / nr : 0;
}

static void print_sums(const struct replay_compare *c, FILE *out)
{
	static const struct table_column columns[] = {
		{"", false},         {"mean target", true},    {"target at the end", true},
		{"resident", true},  {"balloon target", true}, {"paged out", true},
		{"read back", true},
	};
	struct table *t = table_create(columns, sizeof(columns) / sizeof(*columns));
	const struct row *last = &c->row[c->nr - 1];
	uint64_t mean[MM_PLAY_MANAGERS];

	for (unsigned vm = 0; t && vm < last->nr_vms; vm++) {
		const struct figures *f = &last->vm[vm];

		table_cell(t, "%s", c->name(c->ctx, vm));
		for (unsigned i = 0; i < MM_PLAY_MANAGERS; i++)
			mean[i] = mean_target(c, vm, i);
		cell(t, mean);
		cell(t, f->target);
		cell(t, f->resident);
		cell(t, f->balloon);
		cell(t, f->paged_out);
		cell(t, f->swapped_in);
	}
	if (!t || table_print(t, out) < 0)
		fprintf(out, "(no memory for the table)\n");
	table_destroy(t);
}

/* Targets at up to TIMES_SHOWN moments, of the first VMs. */
static void print_targets(const struct replay_compare *c, FILE *out)
{
	struct table_column columns[1 + COLUMNS_SHOWN] = {{"targets at", false}};
	unsigned nr = c->row[c->nr - 1].nr_vms;
	size_t step = (c->nr + TIMES_SHOWN - 1) / TIMES_SHOWN;
	struct table *t;

	nr = nr < COLUMNS_SHOWN ? nr : COLUMNS_SHOWN;
	for (unsigned vm = 0; vm < nr; vm++)
		columns[1 + vm] = (struct table_column){c->name(c->ctx, vm), true};
	t = table_create(columns, 1 + nr);
	for (size_t k = 0; t && k < c->nr; k += step) {
		table_cell(t, "%.0f s", (double)c->row[k].at_ns / 1e9);
		for (unsigned vm = 0; vm < nr; vm++)
			if (vm < c->row[k].nr_vms)
				cell(t, c->row[k].vm[vm].target);
			else
				table_cell(t, "-");
	}
	if (!t || table_print(t, out) < 0)
		fprintf(out, "(no memory for the table)\n");
	table_destroy(t);
}

void replay_compare_print(const struct replay_compare *c, FILE *out)
{
	const struct mm_play_status *s = &c->status;

	if (!c->nr) {
		fprintf(out, "the machine had not begun to run: nothing to compare\n");
		return;
	}
	fprintf(out, "Each cell, in pages: as recorded, the same parameters in an open loop, what "
		     "if (in an open loop).\n\n");
	print_targets(c, out);
	fputc('\n', out);
	print_sums(c, out);
	fprintf(out,
		"\nIn an open loop the guests do what they did in the record, whatever is decided: "
		"faults, balloon moves\nand estimates of working sets are the recorded ones. The "
		"difference of the first two figures is the\nerror of that; the difference of the "
		"last two is the change's doing.\n%s left memory that stayed in it in the record, "
		"which cannot tell when they would have been\nread back; and what it does not call "
		"all zeros goes to swap. So the last two columns are a hint, targets\nare an "
		"answer.\n",
		human_some(s->unseen_pages, "page", "pages").text);
	if (s->known_answers + s->unknown_answers)
		fprintf(out,
			"What a page holds was asked %s times; to %s of them the record has no "
			"answer, and\nthe page was not looked at.\n",
			human_grouped(s->known_answers + s->unknown_answers).text,
			human_grouped(s->unknown_answers).text);
}

static json_t *three_json(const uint64_t *value)
{
	return json_pack("{s:o, s:o, s:o}", "recorded", report_count_json(value[MM_PLAY_RECORDED]),
			 "same", report_count_json(value[MM_PLAY_SAME]), "what_if",
			 report_count_json(value[MM_PLAY_CHANGED]));
}

static json_t *figures_json(const struct replay_compare *c, unsigned vm, const struct figures *f)
{
	return json_pack("{s:s, s:o, s:o, s:o, s:o, s:o}", "vm", c->name(c->ctx, vm),
			 "target_pages", three_json(f->target), "resident_pages",
			 three_json(f->resident), "balloon_target_pages", three_json(f->balloon),
			 "paged_out_pages", three_json(f->paged_out), "faults_swap_in",
			 three_json(f->swapped_in));
}

json_t *replay_compare_json(const struct replay_compare *c)
{
	const struct mm_host_stats *h = c->host;
	json_t *series = json_array(), *states = json_object();

	for (size_t k = 0; k < c->nr; k++) {
		json_t *vms = json_array();

		for (unsigned vm = 0; vm < c->row[k].nr_vms; vm++)
			json_array_append_new(vms, figures_json(c, vm, &c->row[k].vm[vm]));
		json_array_append_new(series,
				      json_pack("{s:f, s:o}", "t_seconds",
						report_seconds(c->row[k].at_ns), "vms", vms));
	}
	for (unsigned i = 0; i < MM_STATES; i++)
		json_object_set_new(states, report_state_names[i],
				    json_pack("{s:f, s:f, s:f}", "recorded",
					      report_seconds(h[MM_PLAY_RECORDED].state_ns[i]),
					      "same", report_seconds(h[MM_PLAY_SAME].state_ns[i]),
					      "what_if",
					      report_seconds(h[MM_PLAY_CHANGED].state_ns[i])));
	return json_pack("{s:o, s:o, s:o, s:o, s:o}", "unseen_pages",
			 report_count_json(c->status.unseen_pages), "known_answers",
			 report_count_json(c->status.known_answers), "unknown_answers",
			 report_count_json(c->status.unknown_answers), "state_seconds", states,
			 "series", series);
}

void replay_compare_free(struct replay_compare *c)
{
	if (!c)
		return;
	for (size_t k = 0; k < c->nr; k++)
		free(c->row[k].vm);
	free(c->row);
	free(c);
}
