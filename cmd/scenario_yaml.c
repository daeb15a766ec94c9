/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * scenario_yaml.c: YAML text to a tree of nodes that know where they stand.
 *
 * libyaml's events become scalars, lists and maps; what the scenario language does not have (anchors, aliases, tags,
 * several documents, keys that are not words) is refused here, with its place. The file is from the user and may be
 * anything, so its size, the number of nodes and the nesting are bounded and recursion is bounded with them.
 *
 * All memory of a document hangs on one list of chunks and goes in one sweep; a half-built tree needs no unwinding.
 * Scalars stay text: what "10" means is up to the key that it belongs to, so YAML's type guessing plays no part.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <yaml.h>

#include "cmd/scenario_internal.h"

struct doc_chunk {
	struct doc_chunk *next;
	char bytes[] __attribute__((aligned(16)));
};

struct parsing {
	struct scenario_doc *doc;
	const char *origin, *text;
	bool marks;
	yaml_parser_t parser;
	yaml_event_t event;
	bool has_event; /* event is to be deleted */
	struct error *error;
};

static void *doc_alloc(struct scenario_doc *doc, size_t bytes)
{
	struct doc_chunk *c = calloc(1, sizeof(*c) + bytes);

	if (!c)
		return NULL;
	c->next = doc->chunks;
	doc->chunks = c;
	return c->bytes;
}

const char *scenario_doc_text(struct scenario_doc *doc, const char *text, size_t bytes)
{
	char *copy = doc_alloc(doc, bytes + 1);

	if (copy)
		memcpy(copy, text, bytes);
	return copy;
}

struct node *scenario_doc_node(struct scenario_doc *doc, enum node_kind kind, const char *origin,
			       unsigned line, unsigned column)
{
	struct node *n;

	if (doc->nr_nodes >= SCENARIO_NODES_MAX)
		return NULL;
	n = doc_alloc(doc, sizeof(*n));
	if (!n)
		return NULL;
	doc->nr_nodes++;
	n->kind = kind;
	n->origin = origin;
	n->line = line;
	n->column = column;
	n->text = "";
	return n;
}

void scenario_doc_free(struct scenario_doc *doc)
{
	while (doc->chunks) {
		struct doc_chunk *c = doc->chunks;

		doc->chunks = c->next;
		free(c);
	}
	doc->root = NULL;
}

int node_error(const struct node *n, struct error *error, const char *format, ...)
{
	char text[ERROR_TEXT_BYTES], origin[200];
	size_t length = strlen(n->origin);
	const char *cut = NULL, *dots;
	va_list args;

	va_start(args, format);
	vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	/* Of a long path the end says more than the start. */
	if (length >= sizeof(origin))
		cut = n->origin + length - sizeof(origin) + 1;
	words_quote(cut ? cut : n->origin, origin, sizeof(origin));
	error_user(error, "%s", text);
	dots = cut ? "..." : "";
	if (n->line)
		error_prefix(error, "%s%s:%u:%u: ", dots, origin, n->line, n->column);
	else
		error_prefix(error, "%s%s: ", dots, origin);
	return -EINVAL;
}

const struct node *node_child(const struct node *n, const char *key)
{
	if (!n || n->kind != NODE_MAP)
		return NULL;
	for (const struct node *c = n->first; c; c = c->next)
		if (strcmp(c->key->text, key) == 0)
			return c;
	return NULL;
}

const char *node_kind_name(enum node_kind kind)
{
	return kind == NODE_SCALAR ? "a plain value" : kind == NODE_LIST ? "a list" : "a map";
}

static int error_at(struct parsing *p, yaml_mark_t mark, const char *text)
{
	struct node place = {.origin = p->origin};

	if (p->marks) {
		place.line = (unsigned)mark.line + 1;
		place.column = (unsigned)mark.column + 1;
	}
	return node_error(&place, p->error, "%s", text);
}

/* The mark of an offset in the text, which is UTF-8 up to there. */
static yaml_mark_t mark_at(const char *text, size_t offset)
{
	yaml_mark_t mark = {.index = offset};

	for (size_t i = 0; i < offset; i++) {
		if (text[i] == '\n') {
			mark.line++;
			mark.column = 0;
		} else if (((unsigned char)text[i] & 0xc0) != 0x80) {
			mark.column++;
		}
	}
	return mark;
}

static int syntax_error(struct parsing *p)
{
	const yaml_parser_t *y = &p->parser;
	char text[200];

	if (y->error == YAML_MEMORY_ERROR)
		return error_host(p->error, ENOMEM, "%s", p->origin);
	snprintf(text, sizeof(text), "YAML syntax: %s%s%s; allowed: a YAML document",
		 y->problem ? y->problem : "unreadable", y->context ? ", " : "",
		 y->context ? y->context : "");
	/* The reader (bad UTF-8, control characters) is ahead of the marks and gives an offset. */
	return error_at(p,
			y->error == YAML_READER_ERROR ? mark_at(p->text, y->problem_offset)
						      : y->problem_mark,
			text);
}

static int next_event(struct parsing *p)
{
	if (p->has_event)
		yaml_event_delete(&p->event);
	p->has_event = false;
	if (!yaml_parser_parse(&p->parser, &p->event))
		return syntax_error(p);
	p->has_event = true;
	return 0;
}

static struct node *node_new(struct parsing *p, enum node_kind kind)
{
	yaml_mark_t mark = p->event.start_mark;
	struct node *n =
		scenario_doc_node(p->doc, kind, p->origin, p->marks ? (unsigned)mark.line + 1 : 0,
				  p->marks ? (unsigned)mark.column + 1 : 0);

	if (n)
		return n;
	if (p->doc->nr_nodes >= SCENARIO_NODES_MAX)
		error_at(p, mark, "too many values; allowed: 65536 in a scenario");
	else
		error_host(p->error, ENOMEM, "%s", p->origin);
	return NULL;
}

static int node_failed(const struct parsing *p)
{
	return p->error->user ? -EINVAL : -ENOMEM;
}

static int no_extras(struct parsing *p, const yaml_char_t *anchor, const yaml_char_t *tag)
{
	if (anchor)
		return error_at(
			p, p->event.start_mark,
			"anchors are not part of scenarios; allowed: plain values, lists, maps");
	if (tag)
		return error_at(
			p, p->event.start_mark,
			"tags are not part of scenarios; allowed: plain values, lists, maps");
	return 0;
}

static int build_scalar(struct parsing *p, struct node **out)
{
	size_t length = p->event.data.scalar.length;
	const char *value = (const char *)p->event.data.scalar.value;
	int err = no_extras(p, p->event.data.scalar.anchor, p->event.data.scalar.tag);

	if (err)
		return err;
	if (memchr(value, '\0', length))
		return error_at(p, p->event.start_mark,
				"a value has a 0 byte in it; allowed: text");
	*out = node_new(p, NODE_SCALAR);
	if (!*out)
		return node_failed(p);
	(*out)->text = scenario_doc_text(p->doc, value, length);
	return (*out)->text ? 0 : error_host(p->error, ENOMEM, "%s", p->origin);
}

static int build(struct parsing *p, unsigned depth, struct node **out);

/* The event that opened the list or map is current; afterwards the one that closed it is. */
static int build_children(struct parsing *p, unsigned depth, struct node *parent)
{
	struct node **tail = &parent->first;
	yaml_event_type_t end =
		parent->kind == NODE_MAP ? YAML_MAPPING_END_EVENT : YAML_SEQUENCE_END_EVENT;
	int err;

	for (;;) {
		struct node *key = NULL;

		err = next_event(p);
		if (err)
			return err;
		if (p->event.type == end)
			return 0;
		if (parent->kind == NODE_MAP) {
			if (p->event.type != YAML_SCALAR_EVENT && p->event.type != YAML_ALIAS_EVENT)
				return error_at(p, p->event.start_mark,
						"a key is a list or a map; allowed: words");
			err = build(p, depth + 1, &key);
			if (!err)
				err = next_event(p);
			if (err)
				return err;
		}
		err = build(p, depth + 1, tail);
		if (err)
			return err;
		(*tail)->key = key;
		tail = &(*tail)->next;
		parent->nr++;
	}
}

/* One node from the current event on. */
static int build(struct parsing *p, unsigned depth, struct node **out)
{
	bool map = p->event.type == YAML_MAPPING_START_EVENT;
	int err;

	*out = NULL;
	if (p->event.type == YAML_ALIAS_EVENT)
		return error_at(
			p, p->event.start_mark,
			"aliases are not part of scenarios; allowed: plain values, lists, maps");
	if (p->event.type == YAML_SCALAR_EVENT)
		return build_scalar(p, out);
	err = map ? no_extras(p, p->event.data.mapping_start.anchor,
			      p->event.data.mapping_start.tag)
		  : no_extras(p, p->event.data.sequence_start.anchor,
			      p->event.data.sequence_start.tag);
	if (err)
		return err;
	if (depth >= SCENARIO_DEPTH_MAX)
		return error_at(p, p->event.start_mark, "nested too deeply; allowed: 16 levels");
	*out = node_new(p, map ? NODE_MAP : NODE_LIST);
	return *out ? build_children(p, depth, *out) : node_failed(p);
}

static int build_stream(struct parsing *p, struct node **out)
{
	int err = next_event(p); /* the stream's start */

	if (!err)
		err = next_event(p);
	if (err)
		return err;
	if (p->event.type == YAML_STREAM_END_EVENT) {
		*out = node_new(p, NODE_SCALAR);
		return *out ? 0 : node_failed(p);
	}
	err = next_event(p); /* past the document's start */
	if (!err)
		err = build(p, 0, out);
	if (!err)
		err = next_event(p); /* the document's end */
	if (!err)
		err = next_event(p);
	if (!err && p->event.type != YAML_STREAM_END_EVENT)
		err = error_at(p, p->event.start_mark, "a second document; allowed: one");
	return err;
}

int scenario_doc_parse(struct scenario_doc *doc, const char *origin, bool marks, const char *text,
		       size_t bytes, struct node **out, struct error *error)
{
	struct error local = {0};
	struct parsing p = {
		.doc = doc, .text = text, .marks = marks, .error = error ? error : &local};
	int err;

	*out = NULL;
	p.origin = scenario_doc_text(doc, origin, strlen(origin));
	if (!p.origin || !yaml_parser_initialize(&p.parser))
		return error_host(error, ENOMEM, "%s", origin);
	yaml_parser_set_input_string(&p.parser, (const unsigned char *)text, bytes);
	yaml_parser_set_encoding(&p.parser, YAML_UTF8_ENCODING);
	err = build_stream(&p, out);
	if (p.has_event)
		yaml_event_delete(&p.event);
	yaml_parser_delete(&p.parser);
	return err;
}

static int read_all(int fd, const char *path, char *buf, size_t room, size_t *used,
		    struct error *error)
{
	*used = 0;
	while (*used < room) {
		ssize_t n = read(fd, buf + *used, room - *used);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return error_user(error, "%s: cannot be read: %s; allowed: a YAML file",
					  path, strerror(errno));
		if (n == 0)
			return 0;
		*used += (size_t)n;
	}
	return error_user(error, "%s: too long; allowed: a YAML file of less than 1 MiB", path);
}

int scenario_doc_read(struct scenario_doc *doc, const char *path, struct error *error)
{
	char shown[200];
	struct stat st;
	size_t used;
	char *buf;
	int fd, err;

	words_quote(path, shown, sizeof(shown));
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return error_user(error, "%s: cannot be opened: %s; allowed: a YAML file", shown,
				  strerror(errno));
	if (fstat(fd, &st) == 0 && S_ISDIR(st.st_mode)) {
		close(fd);
		return error_user(error, "%s: is a directory; allowed: a YAML file", shown);
	}
	buf = malloc(SCENARIO_FILE_BYTES_MAX);
	if (!buf) {
		close(fd);
		return error_host(error, ENOMEM, "%s", shown);
	}
	err = read_all(fd, shown, buf, SCENARIO_FILE_BYTES_MAX, &used, error);
	close(fd);
	if (!err)
		err = scenario_doc_parse(doc, path, true, buf, used, &doc->root, error);
	free(buf);
	return err;
}
