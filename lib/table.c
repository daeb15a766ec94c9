/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * table.c: cells are kept as strings in one growing array, row by row; two passes print them, one for the widths and
 * one for the lines. Widths count bytes: the program's own texts are ASCII.
 */
#include "lib/table.h"

#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

struct table {
	unsigned nr_columns;
	bool failed; /* a cell could not be kept */
	size_t nr_cells, room;
	char **cell; /* owned, each one too */
	struct table_column column[];
};

struct table *table_create(const struct table_column *columns, unsigned nr_columns)
{
	struct table *t = calloc(1, sizeof(*t) + nr_columns * sizeof(t->column[0]));

	if (!t)
		return NULL;
	t->nr_columns = nr_columns;
	memcpy(t->column, columns, nr_columns * sizeof(t->column[0]));
	return t;
}

void table_cell(struct table *t, const char *format, ...)
{
	va_list args;
	char *text = NULL;
	int n;

	if (t->nr_cells == t->room) {
		size_t room = t->room ? 2 * t->room : 64;
		char **cell = realloc(t->cell, room * sizeof(*cell));

		if (!cell) {
			t->failed = true;
			return;
		}
		t->cell = cell;
		t->room = room;
	}
	va_start(args, format);
	n = vasprintf(&text, format, args);
	va_end(args);
	if (n < 0) {
		t->failed = true;
		return;
	}
	t->cell[t->nr_cells++] = text;
}

static size_t column_width(const struct table *t, unsigned column)
{
	size_t width = strlen(t->column[column].title);

	for (size_t i = column; i < t->nr_cells; i += t->nr_columns)
		if (strlen(t->cell[i]) > width)
			width = strlen(t->cell[i]);
	return width;
}

/* Blanks are held back until something follows them. */
static void pad(size_t *blanks, FILE *out)
{
	for (; *blanks; --*blanks)
		fputc(' ', out);
}

static void print_cell(const char *text, size_t width, bool right, size_t *blanks, FILE *out)
{
	size_t room = width - strlen(text);

	if (right)
		*blanks += room;
	if (*text) {
		pad(blanks, out);
		fputs(text, out);
	}
	if (!right)
		*blanks += room;
}

int table_print(const struct table *t, FILE *out)
{
	size_t rows = (t->nr_cells + t->nr_columns - 1) / t->nr_columns;
	size_t *width;

	if (t->failed)
		return -ENOMEM;
	width = calloc(t->nr_columns, sizeof(*width));
	if (!width)
		return -ENOMEM;
	for (unsigned c = 0; c < t->nr_columns; c++)
		width[c] = column_width(t, c);
	for (size_t row = 0; row <= rows; row++) {
		size_t blanks = 0;

		for (unsigned c = 0; c < t->nr_columns; c++) {
			size_t i = (row - 1) * t->nr_columns + c;
			const char *text = row == 0          ? t->column[c].title
					   : i < t->nr_cells ? t->cell[i]
							     : "";

			blanks += c ? 2 : 0;
			print_cell(text, width[c], t->column[c].right, &blanks, out);
		}
		fputc('\n', out);
	}
	free(width);
	return (int)rows + 1;
}

void table_clear(struct table *t)
{
	for (size_t i = 0; i < t->nr_cells; i++)
		free(t->cell[i]);
	t->nr_cells = 0;
	t->failed = false;
}

void table_destroy(struct table *t)
{
	if (!t)
		return;
	table_clear(t);
	free(t->cell);
	free(t);
}
