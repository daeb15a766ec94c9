// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * try.c: what happens to a page that was looked at.
 *
 *   ineligible with this hash      nothing
 *   a frame has its hash           compare; same: share it. Else a false match
 *   a hinted page has its hash     hash that one again: changed, drop the hint and look on; compare; same: the hinted
 *                                  page gives the new frame its name and content, both share it. Else a false match
 *   nothing has                    leave a hint
 *
 * Guests run meanwhile, so bytes that differ may only mean that a page has just changed. Before a page is declared
 * ineligible both sides are hashed once more. For the same reason the comparison here does not make sharing safe: the
 * body compares again what can no longer be written (struct dedup_ops).
 *
 * A page that matched but could not be shared leaves no hint: so, without damping, one page in a group has a hint of a
 * given hash, and a body that refuses for long does not make chains of equal hints. A hinted page that turned out
 * volatile gets no new hint here; its own turn comes.
 */
#include <errno.h>

#include "dedup/table.h"

/* Of one try. */
struct attempt {
	struct dedup *d;
	const struct dedup_ops *ops;
	void *ctx;
	uint32_t page;
	uint64_t hash;
};

static enum dedup_reason refusal(const struct attempt *a, int error)
{
	switch (error) {
	case -EAGAIN:
		dedup_hint_drop(a->d, a->page);
		return DEDUP_VOLATILE;
	case -ENOSPC:
		return DEDUP_NO_MAPPING;
	case -ENOMEM:
		return DEDUP_NO_FRAME;
	case -EBUSY:
		return DEDUP_BUSY;
	default:
		return DEDUP_FAILED;
	}
}

static bool still_has_hash(const struct attempt *a, uint32_t page)
{
	uint64_t now = 0;

	return !a->ops->hash(a->ctx, page, &now) && (now & a->d->hash_mask) == a->hash;
}

/* The bytes differ: false match, or did the page change? */
static enum dedup_reason differs(const struct attempt *a)
{
	if (!still_has_hash(a, a->page)) {
		dedup_hint_drop(a->d, a->page);
		return DEDUP_VOLATILE;
	}
	dedup_ineligible_set(a->d, a->page, a->hash);
	return DEDUP_FALSE_MATCH;
}

static int share(const struct attempt *a, uint32_t frame)
{
	int error;

	dedup_frame_get(a->d, frame);
	error = a->ops->share(a->ctx, a->page, frame);
	if (error)
		dedup_frame_put(a->d, frame);
	else
		dedup_hint_drop(a->d, a->page);
	return error;
}

static enum dedup_reason try_frame(const struct attempt *a, uint32_t frame)
{
	bool same = false;
	int error = a->ops->equal_frame(a->ctx, a->page, frame, &same);

	if (error)
		return refusal(a, error);
	if (!same)
		return differs(a);
	error = share(a, frame);
	return error ? refusal(a, error) : DEDUP_SHARED;
}

/* True: *reason is the answer. False: that hint was stale and is gone, look on. */
static bool try_hint(const struct attempt *a, uint32_t other, enum dedup_reason *reason)
{
	bool same = false;
	int error;

	*reason = DEDUP_FAILED;
	if (!still_has_hash(a, other)) {
		dedup_hint_stale(a->d, other);
		return false;
	}
	error = a->ops->equal(a->ctx, a->page, other, &same);
	if (error) {
		*reason = refusal(a, error);
		return true;
	}
	if (!same && !still_has_hash(a, other)) {
		dedup_hint_stale(a->d, other);
		return false;
	}
	if (!same) {
		*reason = differs(a);
		return true;
	}
	dedup_share_begin(a->d, other, a->hash); /* it has a hint, so it names no frame */
	dedup_frame_get(a->d, other);
	error = a->ops->share_first(a->ctx, other);
	if (error) {
		dedup_frame_put(a->d, other);
		dedup_hint_set(a->d, other, a->hash);
		if (error == -EAGAIN) { /* that page, not ours */
			dedup_hint_stale(a->d, other);
			return false;
		}
	} else {
		error = share(a, other);
	}
	*reason = error ? refusal(a, error) : DEDUP_SHARED_NEW;
	return true;
}

enum dedup_reason dedup_try(struct dedup *d, const struct dedup_ops *ops, void *ctx, uint32_t page,
			    uint64_t hash)
{
	const struct attempt a = {d, ops, ctx, page, hash & d->hash_mask};
	struct dedup_match match = {.page = DEDUP_NONE};
	enum dedup_reason reason;
	uint64_t before;
	bool hinted, changed;

	if (dedup_ineligible(d, page, hash))
		return DEDUP_INELIGIBLE;
	dedup_ineligible_clear(d, page);
	hinted = dedup_hint_has(d, page, &before);
	changed = hinted && before != a.hash;
	if (changed)
		dedup_hint_drop(d, page);
	for (unsigned i = 0; i < DEDUP_TRIES && !(changed && d->config.damp); i++) {
		match = dedup_find(d, page, a.hash);
		if (match.page == DEDUP_NONE)
			break;
		if (match.is_frame)
			return try_frame(&a, match.page);
		if (try_hint(&a, match.page, &reason))
			return reason;
	}
	if (!dedup_hint_set(d, page, a.hash))
		return match.other_group ? DEDUP_OTHER_GROUP : DEDUP_HOME_TAKEN;
	if (changed)
		return DEDUP_VOLATILE;
	if (match.other_group)
		return DEDUP_OTHER_GROUP;
	return hinted ? DEDUP_UNIQUE : DEDUP_HINTED;
}

const char *dedup_reason_name(enum dedup_reason reason)
{
	static const char *const names[DEDUP_REASONS] = {
		[DEDUP_SHARED] = "shared",
		[DEDUP_SHARED_NEW] = "shared-new",
		[DEDUP_ZERO] = "zero",
		[DEDUP_HINTED] = "hinted",
		[DEDUP_UNIQUE] = "unique",
		[DEDUP_VOLATILE] = "volatile",
		[DEDUP_OTHER_GROUP] = "other-group",
		[DEDUP_HOME_TAKEN] = "home-taken",
		[DEDUP_FALSE_MATCH] = "false-match",
		[DEDUP_INELIGIBLE] = "ineligible",
		[DEDUP_NO_MAPPING] = "no-mapping",
		[DEDUP_NO_FRAME] = "no-frame",
		[DEDUP_BUSY] = "busy",
		[DEDUP_FAILED] = "failed",
	};

	return names[reason];
}
