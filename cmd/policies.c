/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * policies.c: the replacement policies as help and manual list them: policy_table, a name and its paper each.
 */
#include "cmd/policies.h"

#include "mm/policy/policy.h"

static const char intro[] = "Replacement policies, for host.pager and a VM's guest.pager in a "
			    "scenario and for replay,\nand where each is defined. "
			    "mm/policy/README.md tells what each sees in a pager, and what it\n"
			    "loses there. Replay also has opt, Belady's optimum.\n";

void policies_help(FILE *out)
{
	fputs(intro, out);
	for (size_t i = 0; policy_table[i]; i++)
		fprintf(out, "\n  %s\n      %s\n", policy_table[i]->name, policy_table[i]->paper);
}

/* Hyphens would come out as dashes. */
static void man_text(const char *text, FILE *out)
{
	for (; *text; text++) {
		if (*text == '-')
			fputc('\\', out);
		fputc(*text, out);
	}
}

void policies_man(FILE *out)
{
	fprintf(out, ".SH POLICIES\n%s", intro);
	for (size_t i = 0; policy_table[i]; i++) {
		fputs(".TP\n\\fB", out);
		man_text(policy_table[i]->name, out);
		fputs("\\fR\n", out);
		man_text(policy_table[i]->paper, out);
		fputc('\n', out);
	}
}
