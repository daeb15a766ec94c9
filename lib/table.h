/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * table.h: aligned columns of text for terminals. Cells are given row by row; widths come out at printing.
 */
#ifndef BALLAST_LIB_TABLE_H
#define BALLAST_LIB_TABLE_H

#include <stdbool.h>
#include <stdio.h>

struct table; /* owned by the creator, freed by table_destroy() */

struct table_column {
	const char *title; /* borrowed for the table's life */
	bool right;        /* numbers: aligned right */
};

/* columns are copied. NULL: no memory. */
struct table *table_create(const struct table_column *columns, unsigned nr_columns);

/* The next cell, left to right, then the next row. A failure is remembered until table_print(). */
__attribute__((format(printf, 2, 3))) void table_cell(struct table *t, const char *format, ...);

/*
 * Title and rows, two blanks between columns, no blanks at line ends; missing cells of the last row are empty. Returns
 * the number of lines printed, -ENOMEM if a cell could not be kept. Write errors stay with out (ferror).
 */
int table_print(const struct table *t, FILE *out);

void table_clear(struct table *t); /* drops the rows, keeps the columns */
void table_destroy(struct table *t);

#endif
