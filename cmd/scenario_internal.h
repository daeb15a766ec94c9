/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * scenario_internal.h: the parts of the scenario reader, for cmd/scenario*.c only.
 *
 *	scenario_yaml.c	 text to a small tree of nodes that know where they stand
 *	scenario_set.c	 --set KEY=VALUE: changes that tree
 *	scenario_keys.c	 checks a map of the tree against a table of keys and stores its values
 *	scenario_swap.c	 the table of host.swap
 *	scenario_vm.c	 the tables of vms and guests
 *	scenario_workload.c  those of workloads
 *	scenario_timeline.c, scenario_timeline_set.c  what happens while it runs
 *	scenario.c	 the tables of the top and of host, and what concerns the whole
 */
#ifndef BALLAST_CMD_SCENARIO_INTERNAL_H
#define BALLAST_CMD_SCENARIO_INTERNAL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "cmd/scenario.h"
#include "lib/error.h"
#include "lib/parse.h"
#include "lib/words.h"

#define SCENARIO_FILE_BYTES_MAX (1u << 20)
#define SCENARIO_NODES_MAX      65536u
#define SCENARIO_DEPTH_MAX      16u
#define SCENARIO_SECONDS_MAX    (30ull * 24 * 3600 * NS_PER_S)
#define SCENARIO_MEMORY_MIN     (4ull << 20) /* of the machine and of a guest, bytes */

/* Tree. Everything in it belongs to its document and lives as long. */

enum node_kind { NODE_SCALAR, NODE_LIST, NODE_MAP };

struct node {
	enum node_kind kind;
	const char *origin;    /* the file's name, or "--set 'KEY=VALUE'" */
	unsigned line, column; /* from 1; line 0: origin says it all */
	const char *text;      /* of a scalar */
	struct node *key;      /* of a map's child: its key, a scalar */
	struct node *first, *next;
	unsigned nr; /* of children */
};

struct scenario_doc {
	struct node *root;
	struct doc_chunk *chunks; /* owned: all memory of the tree */
	unsigned nr_nodes;
};

/* Reads a file into an empty document. Anything wrong with it is the user's error. */
int scenario_doc_read(struct scenario_doc *doc, const char *path, struct error *error);

/*
 * Parses text, which came from origin (copied), into *out. marks: positions in it mean something to the user. A text
 * without any document gives an empty scalar.
 */
int scenario_doc_parse(struct scenario_doc *doc, const char *origin, bool marks, const char *text,
		       size_t bytes, struct node **out, struct error *error);

/* Applies one --set KEY.PATH=VALUE. */
int scenario_doc_set(struct scenario_doc *doc, const char *set, struct error *error);

void scenario_doc_free(struct scenario_doc *doc);

/* A new node at the place of another one, or NULL: no memory or too many nodes. */
struct node *scenario_doc_node(struct scenario_doc *doc, enum node_kind kind, const char *origin,
			       unsigned line, unsigned column);
/* A copy of bytes bytes and a 0, or NULL. */
const char *scenario_doc_text(struct scenario_doc *doc, const char *text, size_t bytes);

/* error_user() with "ORIGIN:LINE:COLUMN: " in front. Returns -EINVAL. */
__attribute__((format(printf, 3, 4))) int node_error(const struct node *n, struct error *error,
						     const char *format, ...);
/* The value of that key in a map, or NULL; also for n NULL or not a map. */
const struct node *node_child(const struct node *n, const char *key);
const char *node_kind_name(enum node_kind kind); /* "a list" */

/* Keys. */

struct key;
typedef int key_read_fn(const struct key *key, const struct node *value, void *target,
			struct error *error);

struct key {
	const char *name;  /* NULL ends a table */
	key_read_fn *read; /* how its value is read into the target */
	const char *
		fallback; /* default, as it would stand in the file; NULL: the target keeps what it has */
	bool required;
	const char *unbuilt; /* not NULL: known but not built yet; says what is allowed instead */
	unsigned only;       /* 0, or the kinds of map (bits) that may have it */
	const struct parse_kind *kind;
	uint64_t min, max;
	size_t offset, bytes; /* field of the target */
};

#define KEY_FIELD(type, field) .offset = offsetof(type, field), .bytes = sizeof(((type *)0)->field)

/*
 * Checks a map against a table and reads it: no unknown, unbuilt, inapplicable or repeated key, then every key in the
 * table's order, from the map or its fallback. what: how messages call the map ("host").
 */
int keys_read(const struct key *table, const struct node *map, const char *what, unsigned kinds,
	      void *target, struct error *error);

key_read_fn key_read_number; /* .kind in [.min, .max] into a uint64_t, uint32_t or unsigned */
key_read_fn
	key_read_pages;    /* a size that is whole pages, in bytes [.min, .max], into an npages_t */
key_read_fn key_read_name; /* a name into a char array */
key_read_fn key_read_pager; /* a replacement policy into a const struct policy_ops * */
key_read_fn key_read_nothing;

/* Words that a key may be; unbuilt ones are known but refused. NULL word at the end. */
struct key_word {
	const char *word;
	uint32_t value;
	bool unbuilt;
};
int key_word(const struct key_word *words, const struct node *value, const char *what,
	     uint32_t *out, struct error *error);
/* value->text if it is a scalar; what it should be otherwise goes into the message. */
int key_text(const struct node *value, const char *what, const char *allowed, const char **out,
	     struct error *error);
/* node_error() for a value: "WHAT 'TEXT' WRONG; allowed: ALLOWED". */
int key_wrong(const struct node *value, const char *what, const char *wrong, const char *allowed,
	      struct error *error);

/* Reads the list of VMs, counts expanded, into s->vms and s->nr_vms. */
key_read_fn scenario_vms_read;
/* Reads one more VM, counts expanded, behind the others. */
int scenario_vm_add(struct scenario *s, const struct node *entry, struct error *error);
/* How many VMs the entry, which was read, is. */
uint32_t scenario_vm_count(const struct node *entry);
/* Reads the value of one key of a VM ("min") into *out. */
int scenario_vm_key_read(const char *name, const struct node *value, struct scenario_vm *out,
			 struct error *error);
/* Reads the value of one key of the host ("tax", "share.per-vm") into *out. */
int scenario_host_key_read(const char *name, const struct node *value, struct scenario *out,
			   struct error *error);
/* Reads the timeline, if there is one; after everything else but the swap's size. */
int scenario_timeline_read(struct scenario_doc *doc, struct scenario *s, struct error *error);

/* Reads host.swap; mechanisms are known. */
key_read_fn scenario_swap_read;
/* A guest's disk for files: as large as its workloads want, up to that many times its memory, which holds the records. */
#define SCENARIO_DISK_AUTO  UINT64_MAX
#define SCENARIO_DISK_TIMES 16u

struct guest_size {
	npages_t memory, swap;
	npages_t disk; /* or SCENARIO_DISK_AUTO */
};

/* Reads a workload for a guest of that size into *out (scenario_workload.c). */
int scenario_workload_read(const struct node *value, const struct guest_size *guest,
			   struct workload_spec *out, struct error *error);
/* A workload (NULL: the default) with one key changed, or added; with another kind only the keys it has stay. *out: not
 * checked yet, the document's. key: the node that names it. */
int scenario_workload_change(struct scenario_doc *doc, const struct node *workload,
			     const struct node *key, const char *name, const struct node *value,
			     const struct node **out, struct error *error);

#endif
