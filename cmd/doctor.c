/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * doctor.c: `ballast doctor`: what this host offers, what will not work, why, and what to do about it.
 *
 * The checks are vmm/host_probe.c's; this prints them, for people or as JSON, and exits with 0 if a run is possible.
 */
#include <errno.h>
#include <stddef.h>
#include <stdio.h>
#include <sys/stat.h>

#include "cmd/commands.h"
#include "lib/jsonl.h"
#include "lib/options.h"
#include "vmm/host_probe.h"

struct doctor_options {
	bool json;
	const char *dir;
};

static const struct option_def options[] = {
	{'j', "json", NULL, "print one JSON object", OPTION_FLAG,
	 offsetof(struct doctor_options, json), NULL, 0, 0},
	{'d', "dir", "DIR", "folder that swap and results would go to (default: this one)",
	 OPTION_TEXT, offsetof(struct doctor_options, dir), NULL, 0, 0},
	{.name = NULL},
};

static const struct option_table doctor_table = {
	"doctor",
	"tell what this host offers and what will not work",
	"",
	0,
	0,
	options,
	"Each line is a check: ok, warn (a run works, at the cost named) or missing (no run "
	"without\n"
	"it). The exit status is 0 if a run is possible and 1 if it is not."};

static void print_text(const struct probe_result *r)
{
	printf("%-8s %-21s %s\n", probe_status_name(r->status), r->name, r->found);
	if (r->status == PROBE_OK)
		return;
	printf("%-8s   cost: %s\n", "", r->cost);
	printf("%-8s   to get it: %s\n", "", r->remedy);
}

static json_t *to_json(const struct probe_result *r)
{
	return json_pack("{s:s, s:s, s:s, s:s, s:s}", "name", r->name, "status",
			 probe_status_name(r->status), "found", r->found, "cost", r->cost, "remedy",
			 r->remedy);
}

int cmd_doctor(int argc, char **argv)
{
	struct doctor_options o = {.dir = "."};
	json_t *list = json_array();
	struct error error = {0};
	struct stat st;
	unsigned operands, missing = 0;
	int err = options_parse(&doctor_table, argc, argv, &o, &operands, &error);

	if (err) {
		json_decref(list);
		return err > 0 ? COMMAND_DONE : command_fail(&error);
	}
	/* A folder that is not there can be made; a file cannot become one. */
	if (stat(o.dir, &st) == 0 && !S_ISDIR(st.st_mode)) {
		json_decref(list);
		error_user(&error, "--dir '%.200s' is not a folder; allowed: a folder", o.dir);
		return command_fail(&error);
	}
	for (unsigned i = 0; i < host_probe_count(); i++) {
		struct probe_place place = {.kvm_path = "/dev/kvm", .work_dir = o.dir};
		struct probe_result r;

		host_probe_run(i, &place, &r);
		missing += r.status == PROBE_MISSING;
		if (o.json)
			json_array_append_new(list, to_json(&r));
		else
			print_text(&r);
	}
	if (o.json) {
		json_t *all = json_pack("{s:i, s:b, s:o}", "schema", 1, "run_possible", !missing,
					"checks", list);

		/* What could not be written main reports. */
		if (!all || jsonl_write(stdout, all) == -ENOMEM) {
			error_host(&error, ENOMEM, "doctor");
			return command_fail(&error);
		}
		return missing ? COMMAND_HOST : COMMAND_DONE;
	}
	json_decref(list);
	if (missing)
		printf("\nNo run is possible here: %u of the things above are missing.\n", missing);
	else
		printf("\nA run is possible here.\n");
	return missing ? COMMAND_HOST : COMMAND_DONE;
}
