/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * target_fill.c: finds the price at which targets sum to what there is. See target.h.
 *
 * Each VM's target is a rising line with up to three bends as the price x grows: it leaves its least, passes its kink,
 * reaches its most. All bends of all VMs, sorted by price, cut the sum of targets into straight pieces
 *
 *	PPM * sum(x) = fixed + slope * x
 *
 * and one sweep finds the piece that holds the wanted sum, so the price is a fraction of whole numbers, and exact.
 *
 * A bend at target t is at the price U / (q * weight), q = PPM - tax, U = t * q up to the kink, kink * q + (t - kink) * PPM
 * beyond. Bends are sorted by 64 bits of that, ties by the fraction itself. With pages and weights below 2^32, VMs below
 * 2^14, the largest product, slope * U, stays below 2^120.
 */
#include <string.h>

#include "mm/target.h"

typedef unsigned __int128 u128;

enum piece { AT_LEAST, STEEP, TAXED, AT_MOST };

/* A thing to sort: by key, ties by what it stands for. */
struct rank {
	uint64_t key;
	uint32_t vm;
	uint32_t bend; /* enum piece that begins there */
};

struct fill {
	struct target_vm *vm;
	uint32_t nr, tax, q; /* q = PPM - tax */
	u128 fixed, slope;
};

typedef bool less_fn(const struct fill *f, const struct rank *a, const struct rank *b);

size_t target_scratch_bytes(uint32_t nr)
{
	return (size_t)nr * 3 * 2 * sizeof(struct rank);
}

static npages_t bend_target(const struct fill *f, const struct rank *r)
{
	const struct target_vm *v = &f->vm[r->vm];

	return r->bend == AT_MOST                       ? v->most
	       : r->bend == TAXED && v->kink > v->least ? v->kink
							: v->least;
}

/* The price of target t is bend_cost / (q * weight). */
static uint64_t bend_cost(const struct fill *f, const struct rank *r)
{
	npages_t t = bend_target(f, r), kink = f->vm[r->vm].kink;

	return t <= kink ? t * f->q : kink * f->q + (t - kink) * PPM;
}

static bool lower_price(const struct fill *f, const struct rank *a, const struct rank *b)
{
	u128 left, right;

	if (a->key != b->key)
		return a->key < b->key;
	left = (u128)bend_cost(f, a) * f->vm[b->vm].weight;
	right = (u128)bend_cost(f, b) * f->vm[a->vm].weight;
	return left < right;
}

static bool larger_rest(const struct fill *f, const struct rank *a, const struct rank *b)
{
	if (a->key != b->key)
		return a->key > b->key;
	return f->vm[a->vm].rest > f->vm[b->vm].rest;
}

/* Merge sort, stable, from the bottom up; returns where the result is: in a or in b. */
static struct rank *sort(const struct fill *f, struct rank *a, struct rank *b, uint32_t nr,
			 less_fn *less)
{
	for (uint32_t run = 1; run < nr; run *= 2) {
		for (uint32_t at = 0; at < nr; at += 2 * run) {
			uint32_t middle = nr - at < run ? nr : at + run;
			uint32_t end = nr - at < 2 * run ? nr : at + 2 * run;
			uint32_t l = at, r = middle;

			for (uint32_t out = at; out < end; out++)
				b[out] = l < middle && (r == end || !less(f, &a[r], &a[l]))
						 ? a[l++]
						 : a[r++];
		}
		struct rank *t = a;
		a = b;
		b = t;
	}
	return a;
}

static uint32_t add_bend(const struct fill *f, struct rank *r, uint32_t nr, uint32_t vm,
			 enum piece bend)
{
	r[nr] = (struct rank){.vm = vm, .bend = bend};
	r[nr].key = (uint64_t)(((u128)bend_cost(f, &r[nr]) << 12) / f->vm[vm].weight);
	return nr + 1;
}

static uint32_t collect_bends(const struct fill *f, struct rank *r)
{
	uint32_t nr = 0;

	for (uint32_t i = 0; i < f->nr; i++) {
		const struct target_vm *v = &f->vm[i];

		if (v->least == v->most)
			continue;
		if (v->least < v->kink)
			nr = add_bend(f, r, nr, i, STEEP);
		if (v->kink < v->most)
			nr = add_bend(f, r, nr, i, TAXED);
		nr = add_bend(f, r, nr, i, AT_MOST);
	}
	return nr;
}

/* What a VM on that piece has in fixed and slope. */
static void piece_terms(const struct fill *f, const struct target_vm *v, u128 *fixed, u128 *slope)
{
	*slope = 0;
	switch ((enum piece)v->piece) {
	case AT_LEAST:
		*fixed = (u128)v->least * PPM;
		break;
	case STEEP:
		*fixed = 0;
		*slope = (u128)v->weight * PPM;
		break;
	case TAXED:
		*fixed = (u128)v->kink * f->tax;
		*slope = (u128)v->weight * f->q;
		break;
	case AT_MOST:
		*fixed = (u128)v->most * PPM;
		break;
	}
}

static void move_to(struct fill *f, struct target_vm *v, enum piece piece)
{
	u128 fixed, slope;

	piece_terms(f, v, &fixed, &slope);
	f->fixed -= fixed;
	f->slope -= slope;
	v->piece = (uint8_t)piece;
	piece_terms(f, v, &fixed, &slope);
	f->fixed += fixed;
	f->slope += slope;
}

/* Passes bends while the sum at their price is too small. */
static void sweep(struct fill *f, const struct rank *r, uint32_t nr, npages_t sum)
{
	for (uint32_t i = 0; i < nr; i++) {
		u128 per = (u128)f->q * f->vm[r[i].vm].weight;

		if (f->fixed * per + f->slope * bend_cost(f, &r[i]) >= (u128)sum * PPM * per)
			return;
		move_to(f, &f->vm[r[i].vm], (enum piece)r[i].bend);
	}
}

/* Targets at the price (PPM * sum - fixed) / slope, rounded down; returns the pages that rounding kept back. */
static npages_t settle(struct fill *f, npages_t sum)
{
	u128 price = (u128)sum * PPM > f->fixed ? (u128)sum * PPM - f->fixed : 0;
	npages_t left = sum;

	for (uint32_t i = 0; i < f->nr; i++) {
		struct target_vm *v = &f->vm[i];
		u128 pages = 0;

		v->rest = 0;
		if (v->piece == STEEP)
			pages = (u128)v->weight * price * PPM;
		else if (v->piece == TAXED)
			pages = (u128)v->kink * f->tax * f->slope + (u128)v->weight * f->q * price;
		v->target = v->piece == AT_LEAST ? v->least : v->most;
		if (v->piece == STEEP || v->piece == TAXED) {
			v->target = (npages_t)(pages / (f->slope * PPM));
			v->rest = pages - v->target * (f->slope * PPM);
		}
		left -= v->target < left ? v->target : left;
	}
	return left;
}

static void hand_out(struct fill *f, npages_t left, struct rank *r)
{
	u128 whole = f->slope * PPM;
	unsigned shift = 0;
	uint32_t nr = 0;

	while (whole >> shift > UINT64_MAX)
		shift++;
	for (uint32_t i = 0; i < f->nr; i++)
		if (f->vm[i].rest)
			r[nr++] = (struct rank){.key = (uint64_t)(f->vm[i].rest >> shift), .vm = i};
	r = sort(f, r, r + nr, nr, larger_rest);
	for (uint32_t i = 0; i < nr && i < left; i++)
		f->vm[r[i].vm].target++;
}

void target_fill(struct target_vm *vm, uint32_t nr, npages_t sum, uint32_t tax_ppm, void *scratch)
{
	struct fill f = {.vm = vm, .nr = nr, .tax = tax_ppm, .q = PPM - tax_ppm};
	npages_t least = 0, most = 0, left;
	struct rank *bends;
	uint32_t nr_bends;

	for (uint32_t i = 0; i < nr; i++) {
		vm[i].piece = AT_LEAST;
		f.fixed += (u128)vm[i].least * PPM;
		least += vm[i].least;
		most += vm[i].most;
	}
	if (sum <= least || sum >= most) {
		for (uint32_t i = 0; i < nr; i++)
			vm[i].target = sum <= least ? vm[i].least : vm[i].most;
		return;
	}
	nr_bends = collect_bends(&f, scratch);
	bends = sort(&f, scratch, (struct rank *)scratch + nr_bends, nr_bends, lower_price);
	sweep(&f, bends, nr_bends, sum);
	left = settle(&f, sum);
	hand_out(&f, left, scratch);
}
