#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# run.sh [--fast] [-o DIR]: a guest whose use of memory goes up and down in steps, watched by each of the three estimators.
# Leaves the three runs, figure.csv, figure.txt and figure.png in DIR. Seven minutes; --fast: two and a half.
here=$(cd "$(dirname "$0")" && pwd)
. "$here/../common.sh"

options=()
if $fast; then
	options=(--seconds 47)
	for phase in 0 1 2 3 4; do
		options+=(--set "vms.toucher.workload.phases.$phase.seconds=6")
	done
fi
run() # ESTIMATOR OPTION...
{
	local estimator=$1
	shift
	"$ballast" run "$here/scenario.yaml" -o "$out/$estimator" --set "host.sampling.estimator=$estimator" "${options[@]}" "$@" --quiet >"$out/$estimator.txt"
}
run touch
run write
run refault --set host.memory=128M # what fits says nothing to it

# A line a sample, in MiB: what the guest has in use (all that it does not call free), what is estimated, what a
# period alone said that ended since the last sample, what is in memory. And what the judging below needs.
for estimator in touch write refault; do
	awk -F, -v estimator=$estimator '
		NR == 1 { for (i = 1; i <= NF; i++) column[$i] = i; if (estimator == "touch") print "estimator,seconds,used_mib,estimate_mib,period_mib,resident_mib,phase,filled_pages,periods,run_seconds"; next }
		$2 == "toucher" && $column["guest.filled_pages"] {
			mib = $column["configured_pages"] / 256
			drawn = $column["configured_pages"] - $column["pinned_pages"]
			periods = $column["sampling.periods"]
			alone = estimator != "refault" && periods > before ? sprintf("%.1f", mib * $column["sampling.last_ppm"] / 1e6) : ""
			before = periods
			printf "%s,%.1f,%.1f,%.1f,%s,%.1f,%d,%d,%d,%.3f\n", estimator, $1,
				mib * (drawn - $column["guest.free_pages"]) / drawn, $column["active_estimate_pages"] / 256,
				alone, $column["resident_pages"] / 256, $column["guest.phase"],
				$column["guest.filled_pages"], periods, $column["run_seconds"]
		}' "$out/$estimator/samples.csv"
done >"$out/figure.csv"

errors=0
for estimator in touch write refault; do
	errors=$((errors + $(guests_sum "$out/$estimator" integrity_errors)))
done

# A phase is settled from the first sample at which its pages are all written. A period is judged if it began and ended
# while its phase was settled. Near: within 10 points of 256 MiB. A fall: with the slow gain g and an exact f, d * (1 - g)^n of
# it is left after n periods; one more since the step comes in the middle of a period, one for the error of the sample.
awk -F, -v errors=$errors '
	NR == 1 { next }
	$1 != was { was = $1; n = 0 }
	{
		n++; last[$1] = n; used[$1, n] = $3; estimate[$1, n] = $4; f[$1, n] = $5; phase[$1, n] = $7; filled[$1, n] = $8; periods[$1, n] = $9; ran[$1, n] = $10
		end[$1, $7] = n; if (!(($1, $7) in first)) first[$1, $7] = n
		if (!(($1, $9) in seen)) seen[$1, $9] = n
	}
	function settled(e, p,  i) { for (i = first[e, p]; i < end[e, p] && filled[e, i] < filled[e, end[e, p]]; i++); return i }
	function abs(x) { return x < 0 ? -x : x }
	function judged(e, i,  began) { # the period that ended between the samples before and at i
		if (i < 2 || periods[e, i] == periods[e, i - 1]) return 0
		began = periods[e, i] - periods[e, i - 1] > 1 ? i - 1 : seen[e, periods[e, i] - 1] - 1
		return began >= settled(e, phase[e, i])
	}
	END {
		near = 25.6; slow = 0.25; phases = phase["touch", last["touch"]]
		for (p = 1; p <= phases; p++) {
			s = settled("touch", p); a = used["touch", first["touch", p] - 1]; b = used["touch", s]
			up = b > a
			for (i = s; i <= end["touch", p] && (up ? estimate["touch", i] < b - near : estimate["touch", i] > b + near); i++);
			if (up) allowed = 1
			else { allowed = log(near / (a - b)) / log(1 - slow); allowed = allowed > int(allowed) ? int(allowed) + 1 : int(allowed); allowed += 2 }
			from = up ? s : first["touch", p]
			took = periods["touch", i > end["touch", p] ? end["touch", p] : i] - periods["touch", from]
			printf "touch: %3.0f to %3.0f MiB in use: ", a, b
			if (i > end["touch", p]) printf "not followed when the phase ended after %d whole periods, allowed %d: %s\n", took, allowed, took < allowed ? "too short to tell" : "NO"
			else printf "%s followed after %d whole periods (%.1f s of running time), allowed %d: %s\n", up ? "rise" : "fall", took, ran["touch", i] - ran["touch", from], allowed, took <= allowed ? "yes" : "NO"
		}
		for (i = 2; i <= last["touch"]; i++)
			if (judged("touch", i)) { all++; d = f["touch", i] - used["touch", i]; sum += d; within += abs(d) <= near }
		printf "touch: single periods of 100 pages: %d of %d within 10 points (%.0f %%, expected 95 or more), on average off by %+.1f points\n", within, all, all ? 100 * within / all : 0, all ? sum / all / 2.56 : 0
		for (p = 0; p <= phases; p++) {
			m = w = 0
			for (i = first["write", p] + 1; i <= end["write", p]; i++) if (judged("write", i)) { m++; w += f["write", i] }
			if (m) printf "write: %3.0f MiB in use, 1 %% of touches write: %.0f MiB seen\n", used["write", end["write", p]], w / m
		}
		for (p = 0; p <= phases; p++)
			printf "refault: %3.0f MiB in use, in 128 MiB of memory: %.0f MiB estimated at the end of the phase\n", used["refault", end["refault", p]], estimate["refault", end["refault", p]]
		printf "integrity errors: %d\n", errors
	}' "$out/figure.csv" | tee "$out/figure.txt"
draw
