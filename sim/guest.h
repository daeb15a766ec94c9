/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * guest.h: a simulated guest's insides, for sim/guest*.c only.
 *
 * The lab guest's own code (guest/core, balloon-driver) runs in a fiber, which stops where a guest would: on a page that
 * is not there, for its disk, to sleep, and after a slice of work, so that others have their turn. Its clock is its own
 * and runs ahead of the machine's by a slice at most; whatever reaches the manager does so as an event, at its time.
 */
#ifndef BALLAST_SIM_GUEST_H
#define BALLAST_SIM_GUEST_H

#include "ballast/guest_mail.h"
#include "balloon-driver/lab/lab_balloon.h"
#include "balloon-driver/lab/lab_report.h"
#include "guest/core/options.h"
#include "guest/core/run.h"
#include "sim/fiber.h"
#include "sim/machine_internal.h"

/* Why the guest stopped. */
enum sim_stop {
	SIM_STOP_SLICE, /* it would go on */
	SIM_STOP_PAGE,  /* touched, and not in its reach: page, page_protected */
	SIM_STOP_PAUSE, /* until pause_until_ns: a device works for it */
	SIM_STOP_SLEEP, /* until pause_until_ns, or it is rung for */
	SIM_STOP_DISK,  /* its disk announces which frames it is about to touch: disk_access */
	SIM_STOP_TELL,  /* the host is told of pages: tell */
	SIM_STOP_OVER,  /* for good */
};

/* Where what lies in a guest's memory: the kernel's image, then its records, then tables. Frames. */
struct sim_layout {
	uint32_t image, image_end; /* [GUEST_KERNEL_GPA, ..) */
	uint32_t records;          /* guest_bytes() of them, as guest.c of the core lays them out */
	size_t pte, frames, marks, slots, files, policy, end; /* offsets in them, bytes */
	uint32_t record_pages, table_pages;
};

struct sim_disk_access {
	const gfn_t *frames;
	uint32_t nr;
	bool overwrites;
};

struct sim_tell {
	enum { SIM_TELL_INFLATE, SIM_TELL_DEFLATE, SIM_TELL_FREE } what;
	const uint32_t *pfn; /* inflate, deflate */
	const struct lab_report_run *run;
	uint32_t nr;
};

struct sim_balloon {
	bool looked_for, there, rang;
	bool stats_asked, stats_said; /* by the host; by the driver, not read yet */
	npages_t target;
	uint64_t next_look_ns, wake_ns;
	struct lab_balloon driver;
	struct lab_report report;
	uint8_t stats[LAB_BALLOON_STAT_BYTES];
	/* the host's side */
	struct vm_balloon_stats seen;
	bool known; /* the manager knows of the driver */
	uint64_t asked_ns, said_ns;
	struct vm_said_stats said;
};

struct sim_vm {
	struct sim_machine *m;
	uint32_t id;
	char name[64];
	struct sim_page *page;         /* the machine's memory.range[id].page */
	const struct sim_range *range; /* whose page this is */
	struct sim_task task;
	struct sim_event timer;
	struct sim_fiber fiber;

	uint64_t now_ns, slice_end_ns; /* its own clock */
	uint64_t debt_ns;              /* what it has to do before it goes on */
	/* what the host does meanwhile; of the turn that runs; of those that ended, in all */
	uint64_t host_debt_ns, host_turn_ns, host_ns;
	enum sim_stop stop;
	gfn_t wanted; /* SIM_STOP_PAGE */
	bool wanted_protected;
	bool waits_for_page, asleep;
	bool busy; /* in the middle of its pager or its driver: records may not agree */
	uint64_t pause_until_ns;
	struct sim_disk_access disk_access;
	struct sim_tell tell;
	int tell_result;

	struct guest_options options;
	struct guest guest;
	struct guest_stats stats;
	struct sim_layout layout;
	void *records;  /* owned: the core's, guest_bytes() long */
	uint64_t *disk; /* owned; content of its swap disk's slots */
	uint32_t disk_slots;
	uint64_t *data; /* the same of the blocks of its disk for files */
	uint32_t data_blocks;
	uint64_t disk_reads, disk_writes;
	uint64_t own_key; /* of what its kernel writes */
	struct run run;
	struct sim_balloon balloon;
	bool balloon_device;

	uint64_t made_ns, boot_ns;
	enum vm_exit exit;
	char exit_reason[160];
	bool over;  /* nothing of it runs any more, but perhaps to the end of a slice */
	bool ended; /* the manager has its memory back */
	struct vm_live_stats *removed; /* owned; its figures when it was removed */
	struct guest_mail mail;
	uint64_t mails, mail_seen;
};

/* The guest stops; returns when it goes on. Inside its fiber only, as all functions below. */
void sim_guest_stop(struct sim_vm *v, enum sim_stop why);
/* Makes the frame's content reachable: it is there, and may be written if that was asked, until the guest stops again. */
struct sim_page *sim_guest_reach(struct sim_vm *v, gfn_t g, bool write);
/* The fiber's function; ctx: the guest. */
void sim_guest_main(void *ctx);
extern const struct pager_ops sim_guest_pager_ops;
/* Stops until that much time has passed and a device interrupts. */
void sim_guest_pause(struct sim_vm *v, uint64_t ns);

/* The balloon device interrupts it. From outside. */
void sim_guest_ring(struct sim_vm *v);

/* guest_memory.c: what lies where, and what of it the core's work touches. */
int sim_guest_layout(struct sim_vm *v, const struct sim_vm_config *config, struct guest_config *out,
		     struct error *error);
/* The kernel runs: what it always needs. */
void sim_guest_touch_image(struct sim_vm *v);
/* The entry and the mark of a page of the workload. */
void sim_guest_touch_entry(struct sim_vm *v, uint32_t page);
/* All records that a fault on it goes through. */
void sim_guest_touch_records(struct sim_vm *v, uint32_t page);

/* guest_balloon.c */
uint64_t sim_guest_balloon_serve(struct sim_vm *v);
bool sim_guest_balloon_relieve(struct sim_vm *v);
/* The host's part of SIM_STOP_TELL: carries it out; returns how long it takes. */
uint64_t sim_guest_told(struct sim_vm *v, uint64_t now_ns);

#endif
