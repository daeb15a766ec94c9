/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * plot.c: a picture of a run, drawn by gnuplot from samples.csv.
 *
 * The script is written into the run's folder, beside the data it reads, with nothing of this program in it: it can be
 * edited and drawn again years later. What depends on the run (names, sizes) stands at its top; the rest is the same
 * for any number of guests.
 */
#include "cmd/plot.h"

#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <spawn.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "cmd/human.h"
#include "cmd/report_file.h"

extern char **environ;

static const char head[] =
	"# Memory by guest over time, from samples.csv. In this folder, draw it again by\n"
	"#   gnuplot " PLOT_SCRIPT "\n"
	"#   gnuplot -e 'output = \"" PLOT_SVG "\"' " PLOT_SCRIPT "\n"
	"if (!exists(\"output\")) output = \"" PLOT_PNG "\"\n\n";

/*
 * A sample is a row a guest and one of the host, whose vm is empty. Reading them in order, `sum` is the upper edge of
 * each guest's layer, then of the host's on top of them, so the layers can be drawn over each other, the highest first.
 */
static const char data[] =
	"n = words(vms)\n"
	"set datafile separator comma\n"
	"set datafile columnheaders\n"
	"set datafile missing NaN\n"
	"array before[n + 1]\n"
	"do for [i = 1:n + 1] { before[i] = 0.0 }\n"
	"sum = top = t = step = 0.0\n"
	"# The host's row, at place n + 1 of a sample, starts the sum anew.\n"
	"place(x) = int(column(0)) % (n + 1) + 1\n"
	"stack(x, on_top) = (sum = place(0) == 1 ? x : place(0) <= n ? sum + x : sum + on_top, \\\n"
	"                    top = sum > top ? sum : top, sum)\n"
	"faults(x) = column(\"faults.zero\") + column(\"faults.swap_in\") + "
	"column(\"faults.sampled\") + column(\"faults.decompressed\") + \\\n"
	"            column(\"faults.cow\") + column(\"faults.pop\")\n"
	"grown(x) = (rise = x - before[place(0)], before[place(0)] = x)\n"
	"at(x) = (step = place(0) == 1 ? column(\"t_seconds\") - t : step, t = "
	"column(\"t_seconds\"))\n"
	"rate(x) = place(0) <= n ? (grown(x), step > 0 ? rise / step : 0.0) : 0.0\n"
	"set table $resident separator tab\n"
	"plot \"samples.csv\" using (at(0)): \\\n"
	"     (stack((column(\"resident_pages\") + column(\"compression.cache_frames\")) / 256, "
	"\\\n"
	"            column(\"pool_pages\") / 256)) with table\n"
	"# What sharing saves, what balloons hold, what is compressed and what is swapped, of all "
	"guests together,\n# in the host's row.\n"
	"array all[3] = [0.0, 0.0, 0.0]\n"
	"all_of(i, x) = (all[i] = place(0) == 1 ? x : place(0) <= n ? all[i] + x : all[i], "
	"all[i])\n"
	"set table $instead separator tab\n"
	"plot \"samples.csv\" using (at(0)):(place(0) > n ? column(\"share.saved_pages\") / 256 : "
	"0.0): \\\n"
	"     (all_of(1, column(\"ballooned_pages\") / 256)): \\\n"
	"     (all_of(2, column(\"swapped_pages\") / 256)): \\\n"
	"     (all_of(3, column(\"compressed_pages\") / 256)) with table\n"
	"t = sum = top = 0.0\n"
	"set table $faults separator tab\n"
	"plot \"samples.csv\" using (at(0)):(stack(rate(faults(0)), 0.0)) with table\n"
	"faults_top = top > 0 ? top : 1.0\n"
	"unset table\n"
	"unset datafile columnheaders\n"
	"set datafile separator tab\n\n";

static const char style[] =
	"if (output[strlen(output) - 3:*] eq \".svg\") {\n"
	"\tset terminal svg size 1000,800 font \"sans,13\" background \"white\"\n"
	"} else {\n"
	"\tset terminal pngcairo size 1000,800 font \"sans,10\"\n"
	"}\n"
	"set output output\n"
	"set multiplot title heading font \",13\"\n"
	"set lmargin at screen 0.085\n"
	"set rmargin at screen 0.80\n"
	"set key at screen 0.81,graph 1 left top vertical Left reverse samplen 2 maxrows 26\n"
	"do for [i = 1:words(moments)] {\n"
	"\tset arrow i from first real(word(moments, i)), graph 0 to first real(word(moments, i)), "
	"graph 1 \\\n"
	"\t     nohead front dt 3 lc rgb \"#303030\"\n"
	"}\n"
	"set border 3 lc rgb \"#606060\"\n"
	"set tics nomirror textcolor rgb \"#303030\"\n"
	"set grid ytics front lc rgb \"#ffffff\" lw 0.5\n"
	"set style fill solid 0.9 noborder\n"
	"set palette defined (0 \"#3b6ea5\", 1 \"#6aa6a0\", 2 \"#b7c36b\", 3 \"#e0a84e\", \\\n"
	"                     4 \"#c8604f\", 5 \"#7d4b80\")\n"
	"set cbrange [0:(n > 1 ? n - 1 : 1)]\n"
	"unset colorbox\n"
	"set autoscale xfixmax\n"
	"set xrange [0:*]\n"
	"set format x \"\"\n\n";

static const char panels[] =
	"set tmargin at screen 0.93\n"
	"set bmargin at screen 0.53\n"
	"set yrange [0:memory * 1.05]\n"
	"set ylabel \"in memory, MiB\"\n"
	"plot $resident every n + 1::n using 1:2 with filledcurves y1=0 lc rgb \"#a0a0a0\" \\\n"
	"     title \"shared\", \\\n"
	"     for [i = n - 1:0:-1] $resident every n + 1::i using 1:2 with filledcurves y1=0 \\\n"
	"     lc palette cb i title (n <= 24 ? word(vms, i + 1) : \"\"), \\\n"
	"     memory with lines lw 2 dt 2 lc rgb \"black\" title machine\n\n"
	"set tmargin at screen 0.50\n"
	"set bmargin at screen 0.30\n"
	"set yrange [0:*]\n"
	"set ylabel \"not in memory, MiB\"\n"
	"plot $instead every n + 1::n using 1:($2 + $3 + $4 + $5) with filledcurves y1=0 lc rgb "
	"\"#c8604f\" \\\n"
	"     title \"swapped\", \\\n"
	"     \"\" every n + 1::n using 1:($2 + $3 + $5) with filledcurves y1=0 lc rgb "
	"\"#7d4b80\" \\\n"
	"     title \"compressed\", \\\n"
	"     \"\" every n + 1::n using 1:($2 + $3) with filledcurves y1=0 lc rgb \"#e0a84e\" \\\n"
	"     title \"in balloons\", \\\n"
	"     \"\" every n + 1::n using 1:2 with filledcurves y1=0 lc rgb \"#6aa6a0\" \\\n"
	"     title \"saved by sharing\"\n"
	"set yrange [0:*]\n\n"
	"set tmargin at screen 0.27\n"
	"set bmargin at screen 0.07\n"
	"set yrange [0:faults_top * 1.05]\n"
	"set format x\n"
	"set format y \"%.0s%c\"\n"
	"set xlabel \"seconds\"\n"
	"set ylabel \"page faults a second\"\n"
	"plot for [i = n - 1:0:-1] $faults every n + 1::i using 1:2 with filledcurves y1=0 \\\n"
	"     lc palette cb i notitle\n"
	"unset multiplot\n";

void plot_script_print(FILE *out, const struct scenario *s)
{
	npages_t configured = 0;

	fputs(head, out);
	fputs("vms = \"", out);
	for (unsigned i = 0; i < s->nr_vms; i++) {
		fprintf(out, "%s%s", i ? " " : "", s->vms[i].name);
		configured += s->vms[i].memory_pages;
	}
	fprintf(out, "\"\nmemory = %" PRIu64 " / 256.0\n", s->memory_pages);
	fputs("# The timeline's.\nmoments = \"", out);
	for (unsigned i = 0; i < s->nr_actions; i++)
		if (!i || s->actions[i].at_ns != s->actions[i - 1].at_ns)
			fprintf(out, "%s%.3f", i ? " " : "", (double)s->actions[i].at_ns / 1e9);
	fputs("\"\n", out);
	fprintf(out, "machine = \"the machine: %s\"\n", human_size(s->memory_pages).text);
	fprintf(out, "heading = \"%s: %s of guests on a machine of %s\"\n", s->name,
		human_size(configured).text, human_size(s->memory_pages).text);
	fputs(data, out);
	fputs(style, out);
	fputs(panels, out);
}

static int write_script(const char *dir, const struct scenario *s, struct error *error)
{
	char *path = report_path(dir, PLOT_SCRIPT);
	FILE *out = path ? fopen(path, "we") : NULL;
	int err = 0;

	if (!out) {
		err = error_host(error, path ? errno : ENOMEM, "%s/%s", dir, PLOT_SCRIPT);
	} else {
		plot_script_print(out, s);
		if (fclose(out) != 0)
			err = error_host(error, errno, "%s", path);
	}
	free(path);
	return err;
}

/* The program runs in dir, with no signal blocked. 0 or an errno; ENOENT: there is no such program. */
static int spawn_in(const char *dir, char *const argv[], pid_t *child)
{
	posix_spawn_file_actions_t actions;
	posix_spawnattr_t attributes;
	sigset_t none;
	int err;

	sigemptyset(&none);
	posix_spawn_file_actions_init(&actions);
	posix_spawnattr_init(&attributes);
	err = posix_spawn_file_actions_addchdir_np(&actions, dir);
	if (!err)
		err = posix_spawnattr_setsigmask(&attributes, &none);
	if (!err)
		err = posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGMASK);
	if (!err)
		err = posix_spawnp(child, argv[0], &actions, &attributes, argv, environ);
	posix_spawnattr_destroy(&attributes);
	posix_spawn_file_actions_destroy(&actions);
	return err;
}

int plot_draw(const char *dir, const char *script, struct error *error)
{
	char program[] = "gnuplot", *name = strdup(script);
	char *argv[] = {program, name, NULL};
	int status, err;
	pid_t child;

	err = name ? spawn_in(dir, argv, &child) : ENOMEM;
	free(name);
	if (err == ENOENT) {
		/* Said in full: the system's words for it would seem to be about dir. */
		error_user(error,
			   "gnuplot is not installed (apt install gnuplot-nox); later, run gnuplot "
			   "%s in %s",
			   script, dir);
		return -ENOENT;
	}
	if (err)
		return error_host(error, err, "gnuplot");
	while (waitpid(child, &status, 0) < 0)
		if (errno != EINTR)
			return error_host(error, errno, "gnuplot");
	if (!WIFEXITED(status) || WEXITSTATUS(status) != 0)
		return error_host(error, EIO, "gnuplot could not draw %s/%s", dir, script);
	return 0;
}

int plot_run(const char *dir, const struct scenario *scenario, struct error *error)
{
	int err = write_script(dir, scenario, error);

	return err ? err : plot_draw(dir, PLOT_SCRIPT, error);
}
