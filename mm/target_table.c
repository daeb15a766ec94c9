/* SPDX-License-Identifier: GPL-2.0-or-later */
/* target_table.c: all target policies, in the order in which help and messages name them. */
#include <string.h>

#include "mm/target.h"

const struct target_policy *const target_table[] = {
	&target_esx, &target_proportional, &target_static, &target_none, &target_mom, NULL,
};

const struct target_policy *target_find(const char *name)
{
	for (unsigned i = 0; target_table[i]; i++)
		if (strcmp(target_table[i]->name, name) == 0)
			return target_table[i];
	return NULL;
}
