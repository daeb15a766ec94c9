/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * seam.h: every call across the seam between manager and body, in both directions, by name and with its arguments.
 *
 * Two tables: the entry points of mm.h that can change something (recorded by entry.c), and all of struct mm_body_ops
 * (recorded by tape.c). A line is NAME, name, form. The form has a letter an argument, then a colon, then a letter a
 * result; it says how a value is written in a record (docs/record-format.md) and how it is shown:
 *
 *	m  number of a VM                       g  guest frame number: difference to the one before it
 *	t  now_ns: difference to the one before o  another time: difference to now_ns
 *	n  a count                              b  a truth value
 *	s  stage    l  slot    f  frame of the pool    p  place in a cache    r  swap request, by its number
 *	e  a result: 0 or more, or -errno       h  a hash, 8 bytes       c  a character
 *	*  a list: how many, then for each all the letters up to the colon or the end
 *
 * Results behind an e of an op are there only if it is 0.
 * Adding an entry point: its line here, its wrapper in entry.c, how to call it again in play_entry.c. Adding an op: its
 * line here, in the order of struct mm_body_ops, and its wrapper in tape.c. Nothing compiles, or tests/unit/
 * mm_seam_test.c fails, if one is forgotten. Queries (const struct mm *) are not recorded: they change nothing.
 */
#ifndef BALLAST_MM_SEAM_H
#define BALLAST_MM_SEAM_H

#include <stddef.h>

#include "mm/mm.h"

/* clang-format off */
#define MM_ENTRIES(X)                                                                             \
	X(CREATE, create, "tn*n:e")                                                              \
	X(VM_ADD, vm_add, "tmnnnnnn:e")                                                           \
	X(TAX_SET, tax_set, "tn:")                                                                \
	X(VM_SHARES_SET, vm_shares_set, "tmn:e")                                                  \
	X(VM_END, vm_end, "tm:")                                                                  \
	X(VM_RAN, vm_ran, "mn:")                                                                  \
	X(START, start, "t:")                                                                     \
	X(PLACE, place, "tmgbb:e")                                                                \
	X(FAULT, fault, "tmgb:")                                                                  \
	X(BALLOON_DRIVER, balloon_driver, "tmb:")                                                 \
	X(BALLOON_GAVE, balloon_gave, "tm*g:n")                                                   \
	X(BALLOON_TOOK, balloon_took, "tm*g:n")                                                   \
	X(PAGES_REPORTED, pages_reported, "tmgn:n")                                               \
	X(IO_DONE, io_done, "tre:")                                                               \
	X(VM_DOOM, vm_doom, "tm:")                                                                \
	X(RECLAIM, reclaim, "tn:n")                                                               \
	X(SCAN, scan, "tn:no")                                                                    \
	X(SCAN_RATES, scan_rates, "tnn:")                                                         \
	X(TICK, tick, "t:")                                                                       \
	X(STOP, stop, "t:")                                                                       \
	X(HOST_STATS, host_stats, "t:nnnnnnnnnnnnnnnn")                                           \
	X(VM_STATS, vm_stats, "tm:nnnnnnnnnnnnnnnn")                                              \
	X(POLICY_SET, policy_set, "t*c:e")                                                         \
	X(REBALANCE_SET, rebalance_set, "tn:")                                                     \
	X(SAMPLE_PERIOD_SET, sample_period_set, "tn:e")                                            \
	X(VM_MIN_SET, vm_min_set, "tmn:e")                                                         \
	X(VM_SAID, vm_said, "tmn:")                                                                \
	X(DISK_ACCESS, disk_access, "tmb*g:") \
	X(TRACE_PAGE, trace_page, "tmg:e") \
	X(EVENTS_TAKE, events_take, "n:n*nmonnnnnnnnnnnn")

#define MM_OPS(X)                                                                                 \
	X(ZALLOC, zalloc, "mn:b")                                                                 \
	X(FREE, free, "mn:")                                                                      \
	X(MAP_ZERO, map_zero, "mg:e")                                                             \
	X(MAP_BYTES, map_bytes, "mg:e")                                                           \
	X(MAP_STAGE, map_stage, "mgsb:e")                                                         \
	X(WITHDRAW, withdraw, "mgs:e")                                                            \
	X(DISCARD, discard, "mgn:e")                                                              \
	X(UNPROTECT, unprotect, "mg:e")                                                           \
	X(WAKE, wake, "mg:")                                                                      \
	X(DISCARD_ALL, discard_all, "m:")                                                         \
	X(STAGE_IS_ZERO, stage_is_zero, "s:b")                                                    \
	X(STAGE_HASH, stage_hash, "s:h") \
	X(STAGE_DROP, stage_drop, "sn:")                                                          \
	X(SWAP_START, swap_start, "rlbbb*smg:")                                                    \
	X(VM_BROKEN, vm_broken, "me:")                                                            \
	X(PROTECT, protect, "mg:e") \
	X(HASH, hash, "mg:eh")                                                                    \
	X(EQUAL, equal, "mgmg:eb")                                                                \
	X(EQUAL_FRAME, equal_frame, "mgf:eb")                                                     \
	X(PAGE_IS_ZERO, page_is_zero, "mg:eb")                                                    \
	X(SHARE, share, "mgnfb:e")                                                                \
	X(SHARE_ZERO, share_zero, "mg:e")                                                         \
	X(MAP_ZERO_PROTECTED, map_zero_protected, "mg:e")                                         \
	X(BREAK_SHARED, break_shared, "mg:e")                                                     \
	X(FRAME_FREE, frame_free, "f:")                                                           \
	X(COMPRESS, compress, "s:en") \
	X(CACHE_STORE, cache_store, "mp:") \
	X(CACHE_MAP, cache_map, "mgpb:e") \
	X(CACHE_READ, cache_read, "mps:e") \
	X(CACHE_MOVE, cache_move, "mpp:") \
	X(CACHE_FREE, cache_free, "mn:") \
	X(BALLOON_TARGET, balloon_target, "mn:")                                                  \
	X(RECLAIM_WANTED, reclaim_wanted, ":")
/* clang-format on */

enum mm_seam {
	MM_SEAM_END,    /* no more: the record is complete */
	MM_SEAM_RETURN, /* the entry point under way returns */
#define X(NAME, name, form) MM_ENTRY_##NAME,
	MM_ENTRIES(X)
#undef X
		MM_ENTRIES_END,
	MM_OPS_BEGIN = MM_ENTRIES_END - 1,
#define X(NAME, name, form) MM_OP_##NAME,
	MM_OPS(X)
#undef X
		MM_SEAM_CALLS
};

#define MM_SEAM_ARGS  40u   /* most fixed arguments, and most results */
#define MM_SEAM_TUPLE 16u   /* most values an entry of a list */
#define MM_SEAM_LIST  4096u /* most values in a list */

struct mm_seam_info {
	const char *name;
	const char *form;
};
/* NULL: no such call. */
const struct mm_seam_info *mm_seam_info(unsigned call);
static inline bool mm_seam_is_entry(unsigned call)
{
	return call > MM_SEAM_RETURN && call < MM_ENTRIES_END;
}

/* A call with its arguments: the fixed ones, then those of its list, entry after entry. */
struct mm_args {
	unsigned call; /* enum mm_seam */
	const uint64_t *fixed;
	unsigned nr_fixed;
	const uint64_t *list;
	uint32_t nr_list; /* values, not entries */
	unsigned entry;   /* of a return: which entry point returns */
};

/* Letters up to the colon or the end. */
static inline uint32_t mm_form_letters(const char *form)
{
	uint32_t n = 0;

	while (form[n] && form[n] != ':')
		n++;
	return n;
}
/* The letters of its arguments; of a return, of the results. */
const char *mm_args_form(const struct mm_args *args);
/* "fault(vm 0, gfn 812, true)"; cut off where room ends. Returns text. */
const char *mm_args_text(const struct mm_args *args, char *text, size_t room);
bool mm_args_equal(const struct mm_args *a, const struct mm_args *b);

/* create's second argument: which ops the body has, a bit each, in the order of the table.
 * The fields of struct mm_config that are numbers, start_ns aside; behind them in a record stand the names of pager and
 * policy. A field without a line here is not recorded; mm_seam_test.c looks for them. */
#define MM_CONFIG_FIELDS(X)     \
	X(memory_pages)         \
	X(swap_pages)           \
	X(tax_ppm)              \
	X(state_ppm[MM_HIGH])   \
	X(state_ppm[MM_SOFT])   \
	X(state_ppm[MM_HARD])   \
	X(state_ppm[MM_LOW])    \
	X(states_sliding)       \
	X(balloon)              \
	X(compress_ppm)         \
	X(spare_overwritten)    \
	X(write_zeros)          \
	X(ahead_most)           \
	X(share_capacity_pages) \
	X(share_hash_bits)      \
	X(scan.order)           \
	X(scan.block_pages)     \
	X(scan.rate_pages)      \
	X(scan.vm_rate_pages)   \
	X(sample_pages)         \
	X(sample_period_ns)     \
	X(sample_slow_ppm)      \
	X(sample_fast_ppm)      \
	X(estimator)            \
	X(rebalance_ns)         \
	X(seed)                 \
	X(most_at_once)         \
	X(promised_pages)       \
	X(max_vms)              \
	X(bounce_pages_per_vm)

#define MM_CONFIG_VALUES 128u
/* As values of create's list; value: room for MM_CONFIG_VALUES. Returns how many. */
uint32_t mm_config_values(const struct mm_config *config, uint64_t *value);
/* A name as the values of a list, with its 0; room for 64. Returns how many. */
uint32_t mm_name_values(const char *name, uint64_t *value);
/* -EINVAL: not as many, or no pager or policy of that name. start_ns stays 0. */
int mm_config_of_values(const uint64_t *value, uint32_t nr, struct mm_config *out);
/* All calls with their forms and the names of the fields, a line each, as in the head of a record: two programs with the
 * same text understand each other's records. Bytes it has, without the 0; cut off where room ends. */
size_t mm_seam_text(char *text, size_t room);

#endif
