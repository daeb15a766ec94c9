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
#define FRAME_LINES   4 /* host line, note or empty line, titles, total */

struct live {
	enum live_mode mode;
	FILE *out;
	const struct scenario *scenario;
	char note[200];   /* what happened last */
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
		*live = (struct live){
			.mode = mode, .out = out, .scenario = scenario, .next_ns = LINE_EVERY_NS};
	return live;
}

/* What happened between two snapshots, a second. before NULL: since the start. */
struct rates {
	uint64_t work, faults, errors, stalled_ns;
};

static uint64_t grown(uint64_t before, uint64_t now)
{
	return now > before ? now - before : 0;
}

static struct rates vm_growth(const struct machine_snapshot *before,
			      const struct machine_snapshot *now, unsigned i)
{
	const struct guest_stats *g = &machine_snapshot_live(now, i)->guest;
	struct rates r = {g->work_units, report_vm_faults(&now->vm[i]), g->integrity_errors,
			  now->vm[i].stalled_ns};

	if (before && i < before->nr_vms) {
		r.work = grown(machine_snapshot_live(before, i)->guest.work_units, r.work);
		r.faults = grown(report_vm_faults(&before->vm[i]), r.faults);
		r.stalled_ns = grown(before->vm[i].stalled_ns, r.stalled_ns);
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
		sum.stalled_ns += r.stalled_ns;
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

/*
 * Two tables: what fits 80 columns, and more for a wide window. Either has the three accounts of a VM's memory side by
 * side: in use by the guest's word, in RAM by the manager's, and by the kernel's.
 */
enum { NARROW = 1, WIDE = 2, BOTH = 3, COMPRESS = 4 }; /* the last: WIDE, if pages are compressed */
#define WIDE_COLUMNS 110u

struct live_row {
	const char *name;
	bool guest_said, kernel_read;
	npages_t guest, resident, kernel, shared, ballooned, compressed, swapped, untouched, target;
	uint64_t faults, work, errors; /* a second */
	uint64_t stalled_permille;
	char remark[48];
};

static const struct {
	struct table_column column;
	unsigned tables;
} columns[] = {
	{{"MiB", false}, BOTH},      {{"guest", true}, BOTH},    {{"in RAM", true}, BOTH},
	{{"kernel", true}, BOTH},    {{"shared", true}, WIDE},   {{"balloon", true}, BOTH},
	{{"compr", true}, COMPRESS}, {{"swap", true}, BOTH},     {{"untouched", true}, WIDE},
	{{"target", true}, BOTH},    {{"faults/s", true}, WIDE}, {{"flt/s", true}, NARROW},
	{{"work/s", true}, BOTH},    {{"stalled", true}, WIDE},  {{"errors", true}, WIDE},
	{{"", false}, BOTH},
};
#define NR_COLUMNS (sizeof(columns) / sizeof(columns[0]))

static struct table *make_table(unsigned which)
{
	struct table_column chosen[NR_COLUMNS];
	unsigned nr = 0;

	for (unsigned i = 0; i < NR_COLUMNS; i++)
		if (columns[i].tables & which)
			chosen[nr++] = columns[i].column;
	return table_create(chosen, nr);
}

static void mib_cell(struct table *t, bool known, npages_t pages)
{
	table_cell(t, "%s", known ? human_mib(pages).text : "-");
}

static void row_cells(struct table *t, const struct live_row *r, unsigned which)
{
	table_cell(t, "%s", r->name);
	mib_cell(t, r->guest_said, r->guest);
	mib_cell(t, true, r->resident);
	mib_cell(t, r->kernel_read, r->kernel);
	if (which & WIDE)
		mib_cell(t, true, r->shared);
	mib_cell(t, true, r->ballooned);
	if (which & COMPRESS)
		mib_cell(t, true, r->compressed);
	mib_cell(t, true, r->swapped);
	if (which & WIDE)
		mib_cell(t, true, r->untouched);
	mib_cell(t, true, r->target);
	table_cell(t, "%s", human_count(r->faults).text);
	table_cell(t, "%s", human_count(r->work).text);
	if (which & WIDE) {
		table_cell(t, "%u %%", (unsigned)(r->stalled_permille + 5) / 10);
		table_cell(t, "%s", human_count(r->errors).text);
	}
	table_cell(t, "%s", r->remark);
}

static void vm_remark(struct live_row *row, const struct mm_vm_stats *vm,
		      const struct vm_live_stats *live, bool above_in_low)
{
	const char *words = "";

	if (live->exit != VM_RUNNING)
		words = report_exit_name(live->exit);
	else if (live->guest.integrity_errors)
		words = "ERRORS";
	else if (vm->waiting_faults)
		words = above_in_low ? "held" : "waiting";
	snprintf(row->remark, sizeof(row->remark), "%s", words);
}

static void vm_row(struct live_row *row, const char *name, const struct machine_snapshot *before,
		   const struct machine_snapshot *now, unsigned i)
{
	const struct mm_vm_stats *vm = &now->vm[i];
	struct rates r = vm_growth(before, now, i);
	uint64_t ns = time_between(before, now);
	struct report_account a;

	report_account_vm(now, i, &a);
	*row = (struct live_row){
		.name = name,
		.guest_said = a.guest_said,
		.kernel_read = a.kernel_read,
		.guest = a.guest_in_use_pages,
		.resident = vm->resident_pages,
		.kernel = a.kernel_pages,
		.shared = vm->shared_pages,
		.ballooned = vm->ballooned_pages,
		.compressed = vm->compressed_pages,
		.swapped = vm->swapped_pages,
		.untouched = vm->untouched_pages,
		.target = vm->target_pages,
		.faults = human_rate(r.faults, ns),
		.work = human_rate(r.work, ns),
		.errors = r.errors,
		.stalled_permille = ns ? r.stalled_ns * 1000 / ns : 0,
	};
	vm_remark(row, vm, machine_snapshot_live(now, i),
		  now->host.state == MM_LOW && vm->resident_pages > vm->target_pages);
}

static void total_row(struct live_row *row, const struct machine_snapshot *before,
		      const struct machine_snapshot *now, unsigned hidden)
{
	struct rates r = all_growth(before, now);
	uint64_t ns = time_between(before, now);
	struct report_account_host a;
	struct report_totals sum;

	report_account_host(now, &a);
	report_totals(now, &sum);
	*row = (struct live_row){
		.name = "total",
		.guest_said = a.guests_said != 0,
		.kernel_read = a.kernel_read,
		.guest = a.guest_in_use_pages,
		.resident = sum.resident_pages,
		.swapped = sum.swapped_pages,
		.untouched = sum.untouched_pages,
		.faults = human_rate(r.faults, ns),
		.work = human_rate(r.work, ns),
		.errors = r.errors,
		.stalled_permille = ns && now->nr_vms ? r.stalled_ns * 1000 / ns / now->nr_vms : 0,
	};
	for (unsigned i = 0; i < now->nr_vms; i++) {
		row->target += now->vm[i].target_pages;
		row->shared += now->vm[i].shared_pages;
		row->ballooned += now->vm[i].ballooned_pages;
		row->compressed += now->vm[i].compressed_pages;
		row->kernel += machine_snapshot_live(now, i)->kernel.bytes >> PAGE_SHIFT_BITS;
	}
	if (hidden)
		snprintf(row->remark, sizeof(row->remark), "%u more not shown", hidden);
	else if (!a.agrees)
		snprintf(row->remark, sizeof(row->remark), "DISAGREE");
}

static void host_line(FILE *out, const char *name, const struct machine_snapshot *now,
		      uint64_t duration_ns, unsigned which)
{
	const struct mm_host_stats *h = &now->host;

	fprintf(out, "%s  %.1f of %.1f s  state %s  used %s/%s  kernel %s  swap %s", name,
		report_seconds(now->now_ns), report_seconds(duration_ns),
		report_state_names[h->state], human_pages(h->used_pages).text,
		human_pages(h->memory_pages).text, human_bytes(now->kernel.guest_bytes).text,
		human_pages(h->swap.used_pages).text);
	if (which & WIDE)
		fprintf(out, "/%s  free %s", human_pages(h->swap.capacity_pages).text,
			human_pages(h->free_pages).text);
	fputc('\n', out);
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

int live_table_print(FILE *out, const struct scenario *scenario, const char *note,
		     const struct machine_snapshot *before, const struct machine_snapshot *now,
		     unsigned rows, unsigned width)
{
	unsigned room = rows > FRAME_LINES ? rows - FRAME_LINES : 0;
	unsigned shown = now->nr_vms < room ? now->nr_vms : room;
	unsigned which = width < WIDE_COLUMNS ? NARROW
			 : scenario->compress ? WIDE | COMPRESS
					      : WIDE;
	struct table *t = make_table(which);
	struct live_row row;
	char *text = NULL;
	size_t bytes;
	FILE *buffer = open_memstream(&text, &bytes);
	int result = -ENOMEM;

	if (!t || !buffer)
		goto out;
	host_line(buffer, scenario->name, now, scenario->duration_ns, which);
	if (room) {
		fprintf(buffer, "%s\n", note);
		for (unsigned i = 0; i < shown; i++) {
			vm_row(&row, scenario->vms[i].name, before, now, i);
			row_cells(t, &row, which);
		}
		total_row(&row, before, now, now->nr_vms - shown);
		row_cells(t, &row, which);
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
	lines = live_table_print(frame, live->scenario, live->note, before, now, w.ws_row - 1u,
				 w.ws_col - 1u);
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

void live_note(struct live *live, uint64_t now_ns, const char *text)
{
	snprintf(live->note, sizeof(live->note), "at %s  %.140s", human_seconds(now_ns).text, text);
	if (live->mode != LIVE_LINES)
		return;
	fprintf(live->out, "%s\n", live->note);
	fflush(live->out);
}

void live_end(struct live *live, bool erase)
{
	if (live && erase && live->lines)
		fprintf(live->out, "\r\033[%dA\033[J", live->lines);
	if (live)
		fflush(live->out);
	free(live);
}
