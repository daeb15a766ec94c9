/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * trace_ids.c: see trace_ids.h. The table is kept at most half full, linear probing from a mixed id: so a search that
 * fails ends after 2.5 slots on average.
 */
#include "sim/trace_ids.h"

#include <errno.h>

#include "ballast/rng.h"
#include "sim/big.h"

#define DIRECT_MIN (1u << 16)
#define DIRECT_MAX (1u << 24)
#define SLOTS_LOG2 16
#define AHEAD      24u
#define PAGES_MOST (UINT32_MAX - 1)

struct trace_id_slot {
	uint64_t id;
	uint32_t number; /* + 1; 0: free */
	uint32_t unused;
};

static size_t slot_bytes(unsigned log2)
{
	return sizeof(struct trace_id_slot) << log2;
}

int trace_ids_init(struct trace_ids *m)
{
	*m = (struct trace_ids){.directs = DIRECT_MIN, .slots_log2 = SLOTS_LOG2, .room = 1u << 16};
	m->direct = big_alloc(DIRECT_MIN * sizeof(*m->direct));
	m->slot = big_alloc(slot_bytes(SLOTS_LOG2));
	m->id = big_alloc(m->room * sizeof(*m->id));
	return m->direct && m->slot && m->id ? 0 : -ENOMEM;
}

void trace_ids_free(struct trace_ids *m)
{
	big_free(m->direct, m->directs * sizeof(*m->direct));
	big_free(m->slot, slot_bytes(m->slots_log2));
	big_free(m->id, m->room * sizeof(*m->id));
	*m = (struct trace_ids){0};
}

static int new_page(struct trace_ids *m, uint64_t id)
{
	if (m->pages == PAGES_MOST)
		return -E2BIG;
	if (m->pages == m->room) {
		uint64_t *more =
			big_grow(m->id, m->room * sizeof(*m->id), 2 * m->room * sizeof(*m->id));

		if (!more)
			return -ENOMEM;
		m->id = more;
		m->room *= 2;
	}
	m->id[m->pages++] = id;
	return 0;
}

static struct trace_id_slot *slot_first(const struct trace_ids *m, uint64_t id)
{
	return &m->slot[rng_mix(id) >> (64 - m->slots_log2)];
}

static struct trace_id_slot *slot_of(const struct trace_ids *m, uint64_t id)
{
	struct trace_id_slot *s = slot_first(m, id), *end = m->slot + (1ull << m->slots_log2);

	while (s->number && s->id != id)
		if (++s == end)
			s = m->slot;
	return s;
}

static int slots_double(struct trace_ids *m)
{
	struct trace_id_slot *old = m->slot;
	unsigned log2 = m->slots_log2;
	struct trace_id_slot *fresh = big_alloc(slot_bytes(log2 + 1));

	if (!fresh)
		return -ENOMEM;
	m->slot = fresh;
	m->slots_log2 = log2 + 1;
	for (uint64_t i = 0; i < 1ull << log2; i++)
		if (old[i].number)
			*slot_of(m, old[i].id) = old[i];
	big_free(old, slot_bytes(log2));
	return 0;
}

static int number_large(struct trace_ids *m, uint64_t id, uint32_t *out)
{
	struct trace_id_slot *s = slot_of(m, id);
	int err;

	if (!s->number) {
		if (m->in_slots >= 1ull << (m->slots_log2 - 1)) {
			err = slots_double(m);
			if (err)
				return err;
			s = slot_of(m, id);
		}
		err = new_page(m, id);
		if (err)
			return err;
		*s = (struct trace_id_slot){.id = id, .number = m->pages};
		m->in_slots++;
	}
	*out = s->number - 1;
	return 0;
}

static int direct_grow(struct trace_ids *m, uint32_t id)
{
	uint32_t directs = m->directs, *more;

	while (directs <= id)
		directs *= 2;
	more = big_grow(m->direct, m->directs * sizeof(*more), directs * sizeof(*more));
	if (!more)
		return -ENOMEM;
	m->direct = more;
	m->directs = directs;
	return 0;
}

static void look_ahead(const struct trace_ids *m, uint64_t id)
{
	if (id < m->directs)
		__builtin_prefetch(&m->direct[id], 1);
	else if (id >= DIRECT_MAX)
		__builtin_prefetch(slot_first(m, id), 1);
}

int trace_ids_number(struct trace_ids *m, const uint64_t *id, uint32_t nr, uint32_t *page_out)
{
	for (uint32_t i = 0; i < AHEAD && i < nr; i++)
		look_ahead(m, id[i]);
	for (uint32_t i = 0; i < nr; i++) {
		int err = 0;

		if (i + AHEAD < nr)
			look_ahead(m, id[i + AHEAD]);
		if (id[i] >= m->directs && id[i] < DIRECT_MAX)
			err = direct_grow(m, (uint32_t)id[i]);
		if (err)
			return err;
		if (id[i] >= DIRECT_MAX) {
			err = number_large(m, id[i], &page_out[i]);
		} else {
			if (!m->direct[id[i]]) {
				err = new_page(m, id[i]);
				m->direct[id[i]] = m->pages;
			}
			page_out[i] = m->direct[id[i]] - 1;
		}
		if (err)
			return err;
	}
	return 0;
}
