/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * live_table.c: a run as it goes, for who is watching.
 *
 * The table is drawn over itself: up as many lines as the last picture had, each line erased to its end, the rest of the
 * screen below cleared. A picture never has more lines than the window, or going up would not reach its top; VMs that
 * do not fit are counted in a line of their own and are in the total. The cursor is not hidden and the screen not
 * switched, so there is nothing to restore, whatever ends the program.
 *
 * Rates are over the time between two snapshots. Guests' counters may go backwards (a guest may write what it likes
 * there): that shows as 0.
 */
#include "cmd/live_table.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "cmd/human.h"
#include "cmd/report.h"
#include "cmd/report_fields.h"
#include "lib/table.h"

#define LINE_EVERY_NS (5 * NS_PER_S)
#define FRAME_LINES   4 /* host line, empty line, titles, total */

struct live {
	enum live_mode mode;
	FILE *out;
	const struct scenario *scenario;
	int lines;        /* of the picture on the screen */
	uint64_t next_ns; /* of the next line */
};

enum live_mode live_mode_of(int fd)
{
	const char *term = getenv("TERM");

	return isatty(fd) && term && strcmp(term, "dumb") != 0 ? LIVE_TABLE : LIVE_LINES;
}

struct live *live_begin(enum live_mode mode, FILE *out, const struct scenario *scenario)
{
	struct live *live = calloc(1, sizeof(*live));

	if (live)
		*live = (struct live){mode, out, scenario, 0, LINE_EVERY_NS};
	return live;
}

/* What happened between two snapshots, a second. before NULL: since the start. */
struct rates {
	uint64_t work, faults, errors;
};

static uint64_t grown(uint64_t before, uint64_t now)
{
	return now > before ? now - before : 0;
}

static struct rates vm_growth(const struct machine_snapshot *before,
			      const struct machine_snapshot *now, unsigned i)
{
	const struct guest_stats *g = &machine_snapshot_live(now, i)->guest;
	struct rates r = {g->work_units, report_vm_faults(&now->vm[i]), g->integrity_errors};

	if (before && i < before->nr_vms) {
		r.work = grown(machine_snapshot_live(before, i)->guest.work_units, r.work);
		r.faults = grown(report_vm_faults(&before->vm[i]), r.faults);
	}
	return r;
}

static struct rates all_growth(const struct machine_snapshot *before,
			       const struct machine_snapshot *now)
{
	struct rates sum = {0};

	for (unsigned i = 0; i < now->nr_vms; i++) {
		struct rates r = vm_growth(before, now, i);

		sum.work += r.work;
		sum.faults += r.faults;
		sum.errors += r.errors;
	}
	return sum;
}

static uint64_t time_between(const struct machine_snapshot *before,
			     const struct machine_snapshot *now)
{
	return before ? now->now_ns - before->now_ns : now->now_ns;
}

void live_line_print(FILE *out, const struct machine_snapshot *before,
		     const struct machine_snapshot *now)
{
	struct rates r = all_growth(before, now);
	uint64_t ns = time_between(before, now);

	fprintf(out, "%s  %s  used %s free %s  swap %s  work %s/s  faults %s/s  errors %s",
		human_seconds(now->now_ns).text, report_state_names[now->host.state],
		human_pages(now->host.used_pages).text, human_pages(now->host.free_pages).text,
		human_pages(now->host.swap.used_pages).text,
		human_count(human_rate(r.work, ns)).text,
		human_count(human_rate(r.faults, ns)).text, human_count(r.errors).text);
}

static const struct table_column columns[] = {
	{"vm", false},       {"resident", true}, {"swapped", true},
	{"untouched", true}, {"target", true},   {"faults/s", true},
	{"work/s", true},    {"errors", true},   {"", false},
};
#define NR_COLUMNS (sizeof(columns) / sizeof(columns[0]))

static const char *vm_remark(const struct mm_vm_stats *vm, const struct vm_live_stats *live)
{
	if (live->exit != VM_RUNNING)
		return report_exit_name(live->exit);
	return vm->waiting_faults ? "waiting" : "";
}

static void vm_cells(struct table *t, const char *name, const struct machine_snapshot *before,
		     const struct machine_snapshot *now, unsigned i)
{
	const struct mm_vm_stats *vm = &now->vm[i];
	struct rates r = vm_growth(before, now, i);
	uint64_t ns = time_between(before, now);

	table_cell(t, "%s", name);
	table_cell(t, "%s", human_mib(vm->resident_pages).text);
	table_cell(t, "%s", human_mib(vm->swapped_pages).text);
	table_cell(t, "%s", human_mib(vm->untouched_pages).text);
	table_cell(t, "%s", human_mib(vm->target_pages).text);
	table_cell(t, "%s", human_count(human_rate(r.faults, ns)).text);
	table_cell(t, "%s", human_count(human_rate(r.work, ns)).text);
	table_cell(t, "%s", human_count(r.errors).text);
	table_cell(t, "%s", vm_remark(vm, machine_snapshot_live(now, i)));
}

static void total_cells(struct table *t, const struct machine_snapshot *before,
			const struct machine_snapshot *now, unsigned hidden)
{
	struct rates r = all_growth(before, now);
	uint64_t ns = time_between(before, now);
	struct report_totals sum;
	npages_t target = 0;

	for (unsigned i = 0; i < now->nr_vms; i++)
		target += now->vm[i].target_pages;
	report_totals(now, &sum);
	table_cell(t, "total");
	table_cell(t, "%s", human_mib(sum.resident_pages).text);
	table_cell(t, "%s", human_mib(sum.swapped_pages).text);
	table_cell(t, "%s", human_mib(sum.untouched_pages).text);
	table_cell(t, "%s", human_mib(target).text);
	table_cell(t, "%s", human_count(human_rate(r.faults, ns)).text);
	table_cell(t, "%s", human_count(human_rate(r.work, ns)).text);
	table_cell(t, "%s", human_count(r.errors).text);
	if (hidden)
		table_cell(t, "%u more not shown", hidden);
}

static void host_line(FILE *out, const char *name, const struct machine_snapshot *now,
		      uint64_t duration_ns)
{
	const struct mm_host_stats *h = &now->host;

	fprintf(out,
		"%s  %.1f of %.1f s  state %s  used %s of %s  free %s  swap %s of %s  table in "
		"MiB\n",
		name, report_seconds(now->now_ns), report_seconds(duration_ns),
		report_state_names[h->state], human_pages(h->used_pages).text,
		human_pages(h->memory_pages).text, human_pages(h->free_pages).text,
		human_pages(h->swap.used_pages).text, human_pages(h->swap.capacity_pages).text);
}

/* text's lines, each cut to so many characters. Returns their number. */
static int print_cut(FILE *out, const char *text, unsigned width)
{
	int lines = 0;

	for (const char *line = text; *line; lines++) {
		size_t length = strcspn(line, "\n");

		fprintf(out, "%.*s\n", (int)(length < width ? length : width), line);
		line += length + (line[length] == '\n');
	}
	return lines;
}

int live_table_print(FILE *out, const struct scenario *scenario,
		     const struct machine_snapshot *before, const struct machine_snapshot *now,
		     unsigned rows, unsigned width)
{
	unsigned room = rows > FRAME_LINES ? rows - FRAME_LINES : 0;
	unsigned shown = now->nr_vms < room ? now->nr_vms : room;
	struct table *t = table_create(columns, NR_COLUMNS);
	char *text = NULL;
	size_t bytes;
	FILE *buffer = open_memstream(&text, &bytes);
	int result = -ENOMEM;

	if (!t || !buffer)
		goto out;
	host_line(buffer, scenario->name, now, scenario->duration_ns);
	if (room) {
		fputc('\n', buffer);
		for (unsigned i = 0; i < shown; i++)
			vm_cells(t, scenario->vms[i].name, before, now, i);
		total_cells(t, before, now, now->nr_vms - shown);
		result = table_print(t, buffer);
	} else {
		result = 0; /* a window too low for a table: the host's line alone */
	}
	if (fclose(buffer) != 0)
		result = -ENOMEM;
	buffer = NULL;
	if (result >= 0)
		result = print_cut(out, text, width);
out:
	if (buffer)
		fclose(buffer);
	free(text);
	table_destroy(t);
	return result;
}

static void redraw(struct live *live, const struct machine_snapshot *before,
		   const struct machine_snapshot *now)
{
	struct winsize w = {.ws_row = 0};
	char *text = NULL;
	size_t bytes;
	FILE *frame = open_memstream(&text, &bytes);
	int lines;

	if (!frame)
		return;
	if (ioctl(fileno(live->out), TIOCGWINSZ, &w) != 0 || !w.ws_row || !w.ws_col)
		w = (struct winsize){.ws_row = 24, .ws_col = 80};
	/* The cursor stands on the line below the last one. A line that fills the window would wrap. */
	lines = live_table_print(frame, live->scenario, before, now, w.ws_row - 1u, w.ws_col - 1u);
	if (fclose(frame) == 0 && lines >= 0) {
		fputc('\r', live->out);
		if (live->lines)
			fprintf(live->out, "\033[%dA", live->lines);
		for (const char *line = text; *line; line = strchr(line, '\n') + 1)
			fprintf(live->out, "%.*s\033[K\n", (int)strcspn(line, "\n"), line);
		fputs("\033[J", live->out);
		fflush(live->out);
		live->lines = lines;
	}
	free(text);
}

void live_show(struct live *live, const struct machine_snapshot *before,
	       const struct machine_snapshot *now)
{
	if (live->mode == LIVE_TABLE) {
		redraw(live, before, now);
	} else if (live->mode == LIVE_LINES && now->now_ns >= live->next_ns) {
		live_line_print(live->out, before, now);
		fputc('\n', live->out);
		fflush(live->out);
		live->next_ns = (now->now_ns / LINE_EVERY_NS + 1) * LINE_EVERY_NS;
	}
}

void live_end(struct live *live, bool erase)
{
	if (live && erase && live->lines)
		fprintf(live->out, "\r\033[%dA\033[J", live->lines);
	if (live)
		fflush(live->out);
	free(live);
}
