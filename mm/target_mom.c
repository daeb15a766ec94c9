/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * target_mom.c: the balloon rules of oVirt's Memory Overcommitment Manager, the baseline that people run today.
 *
 * Source: doc/balloon.rules and doc/balloon-qos.rules of github.com/oVirt/mom, with their thresholds, and from
 * 02-balloon.policy of github.com/oVirt/vdsm that a guest without figures is left alone. A guest's *size* is what it is
 * configured with, less its balloon. While less than 20 % of the host is free, each guest shrinks by up to 5 % of its size,
 * but not below what it uses and as large a part of its size as is free of the host (which, at 5 % of the host and below,
 * is negative: the guest shall swap). Otherwise each grows by 5 %, or to what it uses and 20 %, if that is more. Steps
 * of less than a quarter of a percent are not taken. There are no shares, no tax and no sum: each guest is looked at by
 * itself, and nothing says that enough comes together. What is missing, the host pages out of whoever has most
 * resident, as under the policy none.
 *
 * The rules count in fractions; here all is whole millionths of a page, so figures are exact to that.
 */
#include "mm/target.h"

#define PRESSURE_PPM       200000 /* pressure_threshold */
#define CRITICAL_PPM       50000  /* pressure_critical */
#define MIN_FREE_PPM       200000 /* min_guest_free_percent */
#define MAX_CHANGE_PPM     50000  /* max_balloon_change_percent */
#define MIN_CHANGE_PPM     2500   /* min_balloon_change_percent */
#define CRITICAL_FORCE_PPM 50000  /* by how much a guest is then squeezed further */

typedef int64_t upages; /* millionths of a page; sizes are below 2^32 pages */

/* That part of the host that is free, of so many millionths of a page. */
static upages host_free_of(const struct target_request *r, upages x)
{
	return (upages)((__int128)x * (int64_t)r->host_free_sum /
			((__int128)r->samples * (int64_t)r->memory));
}

/* Is at most so much of the host free? Exact, where a rounded share would not be. */
static int host_free_against(const struct target_request *r, uint32_t ppm)
{
	unsigned __int128 free = (unsigned __int128)r->host_free_sum * PPM;
	unsigned __int128 line = (unsigned __int128)r->memory * r->samples * ppm;

	return free < line ? -1 : free > line;
}

static upages at_least(const struct target_vm *v, upages free_wanted)
{
	upages used = (upages)((v->size_sum - v->free_sum) * PPM / v->samples);
	upages wanted = used + free_wanted, least = (upages)v->least * PPM;

	return wanted > least ? wanted : least;
}

static bool big_enough(const struct target_vm *v, upages size)
{
	upages change = size - (upages)v->size * PPM;

	return (change < 0 ? -change : change) > (upages)v->size * MIN_CHANGE_PPM;
}

static void shrink(struct target_vm *v, const struct target_request *r)
{
	upages now = (upages)v->size * PPM, floor;
	upages size = (upages)v->size * (PPM - MAX_CHANGE_PPM);
	upages free_wanted = host_free_of(r, now);

	if (host_free_against(r, CRITICAL_PPM) <= 0)
		free_wanted -= (upages)v->size * CRITICAL_FORCE_PPM;
	else
		free_wanted = (upages)((__int128)free_wanted * MIN_FREE_PPM / PRESSURE_PPM);
	floor = at_least(v, free_wanted);
	if (size < floor)
		size = floor;
	if (size <= now && big_enough(v, size))
		v->new_size = (npages_t)(size / PPM);
}

static void grow(struct target_vm *v)
{
	upages size = (upages)v->size * (PPM + MAX_CHANGE_PPM), most = (upages)v->most * PPM;
	upages floor = at_least(v, (upages)v->size * MIN_FREE_PPM);

	if (v->size >= v->most)
		return;
	if (size < floor)
		size = floor;
	if (size > most)
		size = most;
	if (big_enough(v, size))
		v->new_size = (npages_t)(size / PPM);
}

static void sizes(struct target_vm *vm, uint32_t nr, const struct target_request *r)
{
	bool pressure = r->samples && host_free_against(r, PRESSURE_PPM) < 0;

	for (uint32_t i = 0; i < nr; i++) {
		struct target_vm *v = &vm[i];

		v->new_size = v->size;
		if (v->samples && r->samples && pressure)
			shrink(v, r);
		else if (v->samples && r->samples)
			grow(v);
		if (v->size < v->least)
			v->new_size = v->least; /* guaranteed, whatever the guest says */
	}
}

const struct target_policy target_mom = {
	.name = "mom",
	.what = "balloons by oVirt MOM's rules, by what guests say is free; the rest as none",
	.uses_resident = true,
	.divide = target_divide_by_resident,
	.sizes = sizes,
};
