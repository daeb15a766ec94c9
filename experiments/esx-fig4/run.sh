#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# run.sh [--fast] [-o DIR]: page sharing between 1, 2, .. 10 guests that are alike, and between five groups of two.
# Leaves a folder a run, figure.csv and figure.png in DIR. Eleven minutes; --fast: one and a half.
here=$(cd "$(dirname "$0")" && pwd)
. "$here/../common.sh"

counts="1 2 3 4 5 6 7 8 9 10" seconds=60
if $fast; then counts="1 10" seconds=30; fi

echo "guests,groups,configured_mib,shared_mib,saved_mib,zero_mib,shared_percent,saved_percent,work_per_second,integrity_errors" >"$out/figure.csv"

measure() # FOLDER GUESTS GROUPS SCENARIO [OPTION...]
{
	local dir=$out/$1 guests=$2 groups=$3 scenario=$4
	shift 4
	"$ballast" run "$scenario" -o "$dir" --seconds $seconds --quiet "$@"
	read -r shared saved zero < <(host_figures "$dir" share.shared_pages share.saved_pages share.zero_pages)
	awk -v n="$guests" -v g="$groups" -v shared="$shared" -v saved="$saved" -v zero="$zero" -v s=$seconds \
		-v configured="$(guests_sum "$dir" configured_pages)" -v work="$(guests_sum "$dir" work_units)" \
		-v errors="$(guests_sum "$dir" integrity_errors)" 'BEGIN {
		printf "%d,%d,%.1f,%.1f,%.1f,%.1f,%.1f,%.1f,%.0f,%d\n", n, g, configured / 256, shared / 256, saved / 256,
			zero / 256, 100 * shared / configured, 100 * saved / configured, work / s, errors }' | tee -a "$out/figure.csv"
}

cat "$out/figure.csv"
for n in $counts; do
	measure "guests-$n" "$n" 1 "$here/scenario.yaml" --set vms.0.count="$n"
done
measure groups 10 5 "$here/groups.yaml"
draw
