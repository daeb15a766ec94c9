#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# run.sh [--fast] [-o DIR]: a boot storm on a machine of half the guests' size. Leaves the run, figure.csv and figure.png in
# DIR. One minute; --fast: half.
here=$(cd "$(dirname "$0")" && pwd)
. "$here/../common.sh"

seconds=60
if $fast; then seconds=25; fi
"$ballast" run "$here/scenario.yaml" -o "$out/run" --seconds $seconds >"$out/run.txt"
cat "$out/run.txt"

# A line a sample: what the guests have been given, and what stands for it. All in MiB.
awk -F, '
	NR == 1 { for (i = 1; i <= NF; i++) column[$i] = i; next }
	function of(name) { return $column[name] / 256 }
	$2 != "" { resident += of("resident_pages"); shared += of("shared_pages"); ballooned += of("ballooned_pages"); swapped += of("swapped_pages"); next }
	{
		if (NR > 2 && !head++) print "seconds,allocated_mib,in_use_mib,shared_mib,zero_mib,ballooned_mib,swapped_mib,written_mib"
		printf "%.1f,%.1f,%.1f,%.1f,%.1f,%.1f,%.1f,%.1f\n", $1, resident + shared, of("used_pages"), shared, of("share.zero_pages"), ballooned, swapped, of("swap.written_pages")
		resident = shared = ballooned = swapped = 0
	}' "$out/run/samples.csv" >"$out/figure.csv"

# The storm is over when the last guest has zeroed its memory: until 15 s the guests do nothing else.
awk -F, -v errors="$(guests_sum "$out/run" integrity_errors)" '
	NR == 1 { next }
	$1 <= 15.5 { if ($5 > zero) zero = $5; written = $8 }
	{ if ($2 > allocated) allocated = $2; if ($7 > swapped) swapped = $7; saved = $4 }
	END {
		printf "boot storm: %.0f MiB of zero pages found, %.1f MiB written to swap meanwhile: %.1f %%\n", zero, written, zero ? 100 * written / zero : 0
		printf "afterwards: at most %.0f MiB allocated to guests, at most %.1f MiB swapped at any time, %.0f MiB shared at the end\n", allocated, swapped, saved
		printf "integrity errors: %d\n", errors
	}' "$out/figure.csv" | tee "$out/figure.txt"
draw
