# SPDX-License-Identifier: GPL-2.0-or-later
#
# common.sh: what the run.sh of every experiment does. Sourced, with the experiment's folder as $here.
#
#   run.sh [--fast] [-o DIR]     --fast: fewer and shorter runs, to see that it works; its figures are not results
#
# Sets $fast (true or false), $out (made, emptied of this experiment's table) and $ballast.
set -eu -o pipefail

name=$(basename "$here")
top=$(cd "$here/../.." && pwd)
ballast=${BALLAST:-$top/build/ballast}
out=$top/results/runs/$name
fast=false

usage() # STATUS
{
	echo "usage: $0 [--fast] [-o DIR]    (results go to DIR, $out if none is given)"
	exit "$1"
}

while [ $# -gt 0 ]; do
	case $1 in
	--fast) fast=true ;;
	-o) [ $# -gt 1 ] || usage 2 >&2; out=$2; shift ;;
	-h | --help) usage 0 ;;
	*) echo "$0: unknown argument '$1'" >&2; usage 2 >&2 ;;
	esac
	shift
done
[ -x "$ballast" ] || { echo "$0: no program at $ballast: run make first" >&2; exit 1; }
mkdir -p "$out"

# A run that is stopped ends in good order and with 0: without this the next one would begin.
trap 'echo "$0: stopped" >&2; exit 130' INT
trap 'echo "$0: stopped" >&2; exit 143' TERM HUP

# The last value of host figures of the run in DIR, by name, on one line.
host_figures() # DIR NAME...
{
	local dir=$1
	shift
	awk -F, -v names="$*" '
		NR == 1 { for (i = 1; i <= NF; i++) column[$i] = i; nr = split(names, name, " "); next }
		$2 == "" { row = $0 }
		END {
			split(row, value, ",")
			for (i = 1; i <= nr; i++) {
				if (!(name[i] in column)) { print "no figure " name[i] > "/dev/stderr"; exit 1 }
				printf "%s%s", value[column[name[i]]], i < nr ? " " : "\n"
			}
		}' "$dir/samples.csv"
}

# A figure of the guests at the end of the run in DIR, summed.
guests_sum() # DIR NAME
{
	awk -F, -v name="$2" '
		NR == 1 { for (i = 1; i <= NF; i++) if ($i == name) c = i; next }
		$2 != "" { last[$2] = $c }
		END { for (vm in last) sum += last[vm]; printf "%.0f\n", sum }' "$1/samples.csv"
}

# Draws figure.png in $out from the experiment's plot.gp, which finds figure.csv there and published.csv beside itself.
draw() # [GNUPLOT-COMMAND]
{
	if ! command -v gnuplot >/dev/null; then
		echo "no gnuplot (see packages.txt): no picture; later: cd $out && gnuplot $here/plot.gp" >&2
		return
	fi
	(cd "$out" && gnuplot -e "here = '$here'" "$here/plot.gp") && echo "$out/figure.png"
}
