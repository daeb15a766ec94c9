/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * scenario_vm.c: the list of VMs.
 *
 * An entry is read once and then copied `count` times under its final names, so that the rest of the program sees
 * plain VMs. Names are compared after that: `web` with count 2 and a `web-1` of its own are the same VM twice.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cmd/scenario_internal.h"

#define VM_NAME_CHARS 48 /* leaves room for the number that count adds */
#define VM_SHARES_MAX 1000000ull

struct vm_draft {
	struct scenario_vm vm;
	uint32_t count;
	struct guest_draft {
		uint32_t kind, reporting, balloon_ppm;
		const struct policy_ops *pager;
		npages_t swap_pages; /* UINT64_MAX: as big as memory */
		npages_t disk_pages;
		const char *kernel; /* borrowed from the document; NULL: the built-in one */
	} guest;
};

static int read_shares(const struct key *key, const struct node *value, void *target,
		       struct error *error)
{
	static const struct {
		const char *word;
		uint32_t shares;
	} levels[] = {{"low", 500}, {"normal", 1000}, {"high", 2000}};
	struct vm_draft *draft = target;

	for (size_t i = 0; i < sizeof(levels) / sizeof(levels[0]); i++)
		if (value->kind == NODE_SCALAR && strcmp(value->text, levels[i].word) == 0) {
			draft->vm.shares = levels[i].shares;
			return 0;
		}
	if (key_read_number(key, value, target, NULL))
		return key_wrong(value, key->name, "is not a number of shares",
				 "low, normal, high, or 1 to 1000000", error);
	return 0;
}

static int read_vcpus(const struct key *key, const struct node *value, void *target,
		      struct error *error)
{
	struct vm_draft *draft = target;
	int err = key_read_number(key, value, target, error);

	if (!err && draft->vm.vcpus > 1)
		return key_wrong(value, key->name, "is not built yet", "1", error);
	return err;
}

static int read_guest_kind(const struct key *key, const struct node *value, void *target,
			   struct error *error)
{
	static const struct key_word words[] = {
		{"lab", 0, false}, {"linux", 1, true}, {NULL, 0, false}};
	struct guest_draft *draft = target;

	return key_word(words, value, key->name, &draft->kind, error);
}

static int read_kernel(const struct key *key, const struct node *value, void *target,
		       struct error *error)
{
	struct guest_draft *draft = target;
	int err = key_text(value, key->name, "an ELF64 file's path", &draft->kernel, error);

	if (!err && (!*draft->kernel || strlen(draft->kernel) >= SCENARIO_PATH_BYTES))
		return key_wrong(value, key->name, "is not a path", "an ELF64 file's path", error);
	return err;
}

static int read_reporting(const struct key *key, const struct node *value, void *target,
			  struct error *error)
{
	static const struct key_word words[] = {
		{"no", 0, false}, {"yes", 1, false}, {NULL, 0, false}};
	struct guest_draft *draft = target;

	return key_word(words, value, key->name, &draft->reporting, error);
}

static int read_disk(const struct key *key, const struct node *value, void *target,
		     struct error *error)
{
	struct guest_draft *draft = target;

	draft->disk_pages = SCENARIO_DISK_AUTO;
	if (value->kind == NODE_SCALAR && strcmp(value->text, "auto") == 0)
		return 0;
	return key_read_pages(key, value, target, error);
}

#define LINUX_ONLY "guests of kind lab, which need none"

static const struct key guest_keys[] = {
	{"kind", read_guest_kind, .fallback = "lab"},
	{"pager", key_read_pager, .fallback = "clock", KEY_FIELD(struct guest_draft, pager)},
	{"swap", key_read_pages, .min = 0, .max = PARSE_BYTES_MAX,
	 KEY_FIELD(struct guest_draft, swap_pages)},
	{"balloon", key_read_number, .fallback = "65%", .kind = &parse_percent, .min = 0,
	 .max = PPM, KEY_FIELD(struct guest_draft, balloon_ppm)},
	{"reporting", read_reporting, .fallback = "no"},
	{.name = "kernel", .read = read_kernel},
	{.name = "initrd", .unbuilt = LINUX_ONLY},
	{.name = "cmdline", .unbuilt = LINUX_ONLY},
	{"disk", read_disk, .fallback = "auto", .min = 0, .max = PARSE_BYTES_MAX,
	 KEY_FIELD(struct guest_draft, disk_pages)},
	{.name = NULL},
};

static int read_guest(const struct key *key, const struct node *value, void *target,
		      struct error *error)
{
	struct vm_draft *draft = target;
	int err = keys_read(guest_keys, value, key->name, 0, &draft->guest, error);

	if (!err && draft->guest.reporting && !draft->guest.balloon_ppm)
		return key_wrong(node_child(value, "reporting"), "reporting",
				 "needs a balloon driver, and balloon is 0%",
				 "no, or balloon above 0%", error);
	if (!err && draft->guest.disk_pages != SCENARIO_DISK_AUTO &&
	    draft->guest.disk_pages > SCENARIO_DISK_TIMES * draft->vm.memory_pages)
		return key_wrong(node_child(value, "disk"), "disk",
				 "is more than the guest's memory can hold records of",
				 "auto, or up to 16 times its memory", error);
	return err;
}

static npages_t guest_swap(const struct vm_draft *draft)
{
	return draft->guest.swap_pages == UINT64_MAX ? draft->vm.memory_pages
						     : draft->guest.swap_pages;
}

static int read_workload(const struct key *key, const struct node *value, void *target,
			 struct error *error)
{
	struct vm_draft *draft = target;
	const struct guest_size guest = {draft->vm.memory_pages, guest_swap(draft),
					 draft->guest.disk_pages};

	(void)key;
	return scenario_workload_read(value, &guest, &draft->vm.workload, error);
}

/* memory comes before guest, both before workload, whose size is checked against the guest's memory, swap and disk. */
static const struct key vm_keys[] = {
	{"name", key_read_name, .required = true, .max = VM_NAME_CHARS,
	 KEY_FIELD(struct vm_draft, vm.name)},
	{"count", key_read_number, .fallback = "1", .kind = &parse_count, .min = 1,
	 .max = SCENARIO_VMS_MAX, KEY_FIELD(struct vm_draft, count)},
	{"memory", key_read_pages, .required = true, .min = SCENARIO_MEMORY_MIN,
	 .max = PARSE_BYTES_MAX, KEY_FIELD(struct vm_draft, vm.memory_pages)},
	{"min", key_read_pages, .fallback = "0", .min = 0, .max = PARSE_BYTES_MAX,
	 KEY_FIELD(struct vm_draft, vm.min_pages)},
	{"shares", read_shares, .fallback = "normal", .kind = &parse_count, .min = 1,
	 .max = VM_SHARES_MAX, KEY_FIELD(struct vm_draft, vm.shares)},
	{"vcpus", read_vcpus, .fallback = "1", .kind = &parse_count, .min = 1, .max = 64,
	 KEY_FIELD(struct vm_draft, vm.vcpus)},
	{"guest", read_guest, .fallback = "{}"},
	{"group", key_read_name, .max = VM_NAME_CHARS, KEY_FIELD(struct vm_draft, vm.group)},
	{.name = "workload", .read = read_workload},
	{.name = NULL},
};

static int read_draft(const struct node *entry, struct vm_draft *draft, struct error *error)
{
	char memory[PARSE_FORMAT_BYTES];
	int err;

	*draft = (struct vm_draft){.guest.swap_pages = UINT64_MAX};
	draft->vm.workload.nr_phases = 1; /* idle */
	err = keys_read(vm_keys, entry, "a VM", 0, draft, error);
	if (err)
		return err;
	draft->vm.guest_pager = draft->guest.pager;
	draft->vm.guest_reporting = draft->guest.reporting;
	draft->vm.guest_balloon_ppm = draft->guest.balloon_ppm;
	draft->vm.guest_swap_pages = guest_swap(draft);
	draft->vm.guest_disk_pages = draft->guest.disk_pages;
	if (draft->guest.kernel)
		strcpy(draft->vm.kernel, draft->guest.kernel); /* read_kernel saw to its length */
	if (draft->vm.min_pages > draft->vm.memory_pages)
		return key_wrong(node_child(entry, "min"), "min", "is more than memory",
				 parse_format(&parse_bytes, pages_to_bytes(draft->vm.memory_pages),
					      memory, sizeof(memory)),
				 error);
	return 0;
}

static int add_copies(struct scenario *s, const struct node *entry, const struct vm_draft *draft,
		      struct error *error)
{
	const struct node *name = node_child(entry, "name");
	struct scenario_vm *vms;

	if (draft->count > SCENARIO_VMS_MAX - s->nr_vms)
		return node_error(entry, error, "'%u' VMs; allowed: up to %d in a scenario",
				  s->nr_vms + draft->count, SCENARIO_VMS_MAX);
	vms = realloc(s->vms, (s->nr_vms + draft->count) * sizeof(*vms));
	if (!vms)
		return error_host(error, ENOMEM, "scenario");
	s->vms = vms;
	for (uint32_t i = 0; i < draft->count; i++) {
		struct scenario_vm *vm = &vms[s->nr_vms];

		*vm = draft->vm;
		if (draft->count > 1)
			snprintf(vm->name, sizeof(vm->name), "%.*s-%u", VM_NAME_CHARS,
				 draft->vm.name, i);
		for (unsigned other = 0; other < s->nr_vms; other++)
			if (strcmp(vms[other].name, vm->name) == 0)
				return node_error(name, error,
						  "name '%s' is taken by an earlier VM; allowed: a "
						  "name of its own",
						  vm->name);
		s->nr_vms++;
	}
	return 0;
}

int scenario_vm_add(struct scenario *s, const struct node *entry, struct error *error)
{
	struct vm_draft draft;
	int err = read_draft(entry, &draft, error);

	return err ? err : add_copies(s, entry, &draft, error);
}

uint32_t scenario_vm_count(const struct node *entry)
{
	const struct node *count = node_child(entry, "count");
	uint64_t n = 1;

	if (count)
		parse_value(&parse_count, count->text, 1, SCENARIO_VMS_MAX, &n, NULL);
	return (uint32_t)n;
}

int scenario_vm_key_read(const char *name, const struct node *value, struct scenario_vm *out,
			 struct error *error)
{
	struct vm_draft draft = {.vm = *out};
	const struct key *k = vm_keys;
	int err;

	while (strcmp(k->name, name) != 0)
		k++;
	err = k->read(k, value, &draft, error);
	*out = draft.vm;
	return err;
}

int scenario_vms_read(const struct key *key, const struct node *value, void *target,
		      struct error *error)
{
	struct scenario *s = target;
	int err = 0;

	if (value->kind != NODE_LIST)
		return key_wrong(value, key->name, "is not a list", "a list of VMs", error);
	if (!value->nr)
		return node_error(value, error, "vms is empty; allowed: 1 to %d VMs",
				  SCENARIO_VMS_MAX);
	for (const struct node *entry = value->first; entry && !err; entry = entry->next)
		err = scenario_vm_add(s, entry, error);
	return err;
}
