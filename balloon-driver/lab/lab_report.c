/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * lab_report.c: which free pages are told to the host, and when.
 *
 * One free page is as good as another. So it is not watched which of them is free for long, but how many never were needed
 * in a period: the least number of freed pages there was in it. So many are told in the next one, less a few; a guest that
 * frees pages and takes them again, as one that swaps does all the time, tells nothing and loses nothing.
 *
 * While a page is told it is nobody's: taken from the allocator, so that it is not handed out when the host takes its
 * content. Then it goes on a list of its own, from which pages are handed out after all that were freed since; so no page is
 * told twice. Pages never handed out are not told: the host has given nothing for them yet.
 * Reference: virtio 1.2, 5.5.6.7; Linux mm/page_reporting.c.
 */
#include "balloon-driver/lab/lab_report.h"

void lab_report_init(struct lab_report *r, struct frames *frames,
		     int (*tell)(void *ctx, const struct lab_report_run *run, unsigned nr),
		     void *ctx)
{
	*r = (struct lab_report){.frames = frames, .tell = tell, .ctx = ctx};
}

/* A page joins the runs [0, *nr). False: there are too many already. */
static bool add(struct lab_report *r, unsigned *nr, gfn_t g)
{
	struct lab_report_run *last = &r->run[*nr ? *nr - 1 : 0];

	if (*nr && g.v == last->first.v + last->nr) {
		last->nr++;
	} else if (*nr && g.v + 1 == last->first.v) {
		last->first = g;
		last->nr++;
	} else if (*nr == LAB_REPORT_RUNS) {
		return false;
	} else {
		r->run[(*nr)++] = (struct lab_report_run){g, 1};
	}
	return true;
}

/* What was told, or could not be, is free again. */
static void give_back(struct lab_report *r, unsigned nr, bool told)
{
	for (unsigned i = 0; i < nr; i++)
		for (uint32_t k = 0; k < r->run[i].nr; k++) {
			gfn_t g = gfn(r->run[i].first.v + k);

			if (told)
				frames_free_reported(r->frames, g);
			else
				frames_free(r->frames, g);
		}
}

static void tell_some(struct lab_report *r)
{
	npages_t pages = 0;
	unsigned nr = 0;
	gfn_t g;

	while (pages < LAB_REPORT_PAGES && pages < r->left && frames_take_unused(r->frames, &g)) {
		if (!add(r, &nr, g)) {
			frames_free(r->frames, g);
			break;
		}
		pages++;
	}
	if (pages && r->tell(r->ctx, r->run, nr)) {
		r->errors++;
		r->left = 0; /* until the next period */
		give_back(r, nr, false);
		return;
	}
	give_back(r, nr, true);
	r->told_pages += pages;
	r->left = pages ? r->left - pages : 0;
}

uint64_t lab_report_run(struct lab_report *r, uint64_t now_ns)
{
	if (now_ns >= r->period_end_ns) {
		npages_t unused = frames_unused_low(r->frames);

		/* in the first period all was in use, as far as is known */
		r->left = r->period_end_ns && unused >= LAB_REPORT_KEEP + LAB_REPORT_LEAST
				  ? unused - LAB_REPORT_KEEP
				  : 0;
		r->period_end_ns = now_ns + LAB_REPORT_PERIOD_NS;
	}
	if (r->left)
		tell_some(r);
	if (r->left)
		return now_ns;
	return r->frames->unused_pages >= LAB_REPORT_KEEP + LAB_REPORT_LEAST ? r->period_end_ns
									     : UINT64_MAX;
}
