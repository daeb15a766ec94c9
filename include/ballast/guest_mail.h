/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * guest_mail.h: mail from the VMM to a lab guest, in memory that both see: another workload, to be run from now on.
 *
 * A box holds one letter. Letters are numbered from 1, and a new one takes the place of one that was not read yet: only the
 * latest workload counts. The number stands before and behind the text: begin is written first and read last, end the
 * other way round. So a reader that finds the same number in both has copied a whole text, and one that does not looks
 * again later. Nobody waits for anybody, and the writer reads nothing that the guest could have written.
 */
#ifndef BALLAST_GUEST_MAIL_H
#define BALLAST_GUEST_MAIL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define GUEST_MAIL_BYTES 2000u

struct guest_mail {
	uint64_t begin, end;
	uint64_t bytes;              /* of the text, at most GUEST_MAIL_BYTES */
	char text[GUEST_MAIL_BYTES]; /* a workload as workload_format() writes it, without 0 */
};

/* One writer. bytes <= GUEST_MAIL_BYTES; number: one more than the last. */
static inline void guest_mail_put(struct guest_mail *box, uint64_t number, const char *text,
				  size_t bytes)
{
	__atomic_store_n(&box->begin, number, __ATOMIC_RELAXED);
	__atomic_thread_fence(__ATOMIC_RELEASE);
	__atomic_store_n(&box->bytes, bytes, __ATOMIC_RELAXED);
	__builtin_memcpy(box->text, text, bytes);
	__atomic_store_n(&box->end, number, __ATOMIC_RELEASE);
}

/* True if the box holds a whole letter of another number than *seen, which becomes it: text has its *bytes. One load if
 * there is none. */
static inline bool guest_mail_take(const struct guest_mail *box, uint64_t *seen,
				   char text[GUEST_MAIL_BYTES], size_t *bytes)
{
	uint64_t end = __atomic_load_n(&box->end, __ATOMIC_ACQUIRE), claimed;

	if (end == *seen)
		return false;
	claimed = __atomic_load_n(&box->bytes, __ATOMIC_RELAXED);
	*bytes = claimed < GUEST_MAIL_BYTES ? (size_t)claimed : GUEST_MAIL_BYTES;
	__builtin_memcpy(text, box->text, *bytes);
	__atomic_thread_fence(__ATOMIC_ACQUIRE);
	if (__atomic_load_n(&box->begin, __ATOMIC_RELAXED) != end)
		return false;
	*seen = end;
	return true;
}

#endif
