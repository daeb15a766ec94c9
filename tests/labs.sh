#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# labs.sh: does what docs/labs/01-replacement.md says, to the letter, in a temporary folder, and checks its answers.
#
#   tests/labs.sh BUILD      BUILD: the folder of the program, build/
#
# Each block ```sh NAME of the lab is run in order, its output kept. Each block ```figures NAME of the answers must be what
# the naive models below (tests/labs.awk) say, and what the program printed. The rest is what the text claims: formulas,
# bounds, identities. Needs no KVM, but gnuplot and qemu-x86_64. Run it at the top of the tree; some ten seconds.
set -eu -o pipefail
build=$(realpath "$1") TOP=$PWD lab=docs/labs/01-replacement
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
export TOP PATH=$build:$PATH LC_ALL=C

fail() { echo "FAIL labs: $*" >&2; exit 1; }

# The blocks of DOCUMENT whose opening is KIND NAME, each to a file NAME.KIND; prints the names.
blocks() # DOCUMENT KIND
{
	awk -v kind="$2" -v dir="$work" '
		$1 == "```" kind { file = dir "/" $2 "." kind; print $2; next }
		/^```/ { file = ""; next }
		file { print >file }' "$1"
}
steps=$(blocks $lab.md sh)
tables=$(blocks $lab-answers.md figures)
[ "$(echo $steps)" = "belady loop zipf curves policies sort two machine" ] || fail "steps found: $steps"
[ "$(echo $tables)" = "belady loop zipf two" ] || fail "figures found: $tables"
mkdir "$work/lab"
cd "$work/lab"
for step in $steps; do
	bash -eu -o pipefail "../$step.sh" >"../$step.out" 2>"../$step.err" ||
		{ cat "../$step.out" "../$step.err"; fail "step $step"; }
done
cd ..

# Text of the traces, for the models; they share nothing with the program but this.
for trace in loop zipf; do ballast trace convert lab/$trace.btrace $trace.txt; done
cp lab/belady.txt .

same() # WHAT FILE FILE
{
	diff "$2" "$3" >difference || { cat difference; fail "$1"; }
}
# Misses the program printed, as the tables have them: policy, frames, misses.
printed() { awk 'NF >= 5 && $2 ~ /^[0-9]+$/ && $3 ~ /^[0-9]+$/ { print $1, $2, $3 }' "$1.out"; }
misses() { printed "$1" | awk -v p="$2" -v f="$3" '$1 == p && $2 == f { print $3; n++ } END { exit n != 1 }'; }
model() { awk -v policy="$2" -v sizes="$3" -f "$TOP/tests/labs.awk" "$1.txt"; }

for table in belady loop zipf; do
	sizes=$(awk '$1 == "lru" { print $2 }' $table.figures | tr '\n' ' ')
	for policy in fifo lru opt; do model $table $policy "$sizes"; done | sort >$table.model
	sort $table.figures | same "$table: answers (<) against the model (>)" - $table.model
	printed $table | grep -E '^(fifo|lru|opt) ' | sort | same "$table: program (<) against the model (>)" - $table.model
done

# Part 1: the grid done by hand has as many misses as it says, and as the table says.
awk -F '  +' '
	/^    (FIFO|LRU|OPT), [34] / { n = split($2, name, ", "); print tolower(name[1]), name[2], $NF, gsub(/[*]/, "") }
	' "$TOP/$lab-answers.md" | awk '$3 == $4 { print $1, $2, $3 }' | sort |
	same "belady: the grid (<) against the model (>)" - belady.model

# Part 2: without hits, clock and arc are lru; opt and random by the formulas of the answers.
for size in 50 90 99 100; do
	for policy in clock arc; do
		[ "$(misses loop $policy $size)" = "$(misses loop lru $size)" ] || fail "loop: $policy is not lru at $size"
	done
	[ "$(misses loop opt $size)" = $((100 + 100 * (100 - size))) ] || fail "loop: opt at $size"
	awk -v c=$size -v seen="$(misses loop random $size)" 'BEGIN {
		for (m = 1; i++ < 10000;)
			m = 1 - (1 - 1 / c) ^ (100 * m)
		d = seen / 10000 - m
		exit !(d < 0.02 && d > -0.02)
	}' || fail "loop: random at $size"
done

# Part 3: nothing beats opt, nor, without its knowledge, the best fixed set; the table of formulas; fifo is random.
printed zipf >zipf.printed
awk -v n=1000 '
	function chance(x, lru) { return lru ? 1 - exp(-x) : x / (1 + x) }
	function ratio(c, lru,   low, high, i, k, t, sum) {
		for (high = 1e9; k++ < 99;) {
			t = (low + high) / 2
			sum = 0
			for (i = 1; i <= n; i++) sum += chance(p[i] * t, lru)
			if (sum < c + 0) low = t; else high = t
		}
		sum = 0
		for (i = 1; i <= n; i++) sum += p[i] * (1 - chance(p[i] * t, lru))
		return sum
	}
	function near(a, b, within, what) {
		if (a - b <= within && b - a <= within) return
		print what ": " a ", not " b; bad = 1
	}
	FILENAME ~ /printed/ { miss[$1, $2] = $3 / 50000; policies[$1]; next }
	FILENAME ~ /answers/ && /^\| [0-9]+ \|/ { said[$2] = $6; lru[$2] = $8; fifo[$2] = $10; h[$2] = $4; rows++ }
	END {
		for (i = 1; i <= n; i++) { sum += 1 / i; H[i] = sum }
		for (i = 1; i <= n; i++) p[i] = 1 / i / sum
		for (c in said) {
			near(h[c], H[c], 0.0006, "H(" c ")")
			near(said[c], 1 - H[c] / sum, 0.0006, "fixed set at " c)
			near(lru[c], ratio(c, 1), 0.0006, "formula of lru at " c)
			near(fifo[c], ratio(c, 0), 0.0006, "formula of fifo at " c)
			near(miss["lru", c], lru[c], 0.01, "lru at " c)
			near(miss["fifo", c], fifo[c], 0.01, "fifo at " c)
			near(miss["random", c] / miss["fifo", c], 1, 0.02, "random over fifo at " c)
			for (q in policies) {
				if (q != "opt" && miss[q, c] < said[c]) { print q " beats the fixed set at " c; bad = 1 }
				if (miss[q, c] < miss["opt", c]) { print q " beats opt at " c; bad = 1 }
			}
			if (miss["opt", c] >= said[c]) { print "opt is not below the fixed set at " c; bad = 1 }
			if (miss["lfu", c] >= miss["lru", c] || miss["sieve", c] >= miss["lru", c]) { print "lru is best at " c; bad = 1 }
		}
		exit bad || rows != 3
	}' zipf.printed "$TOP/$lab-answers.md" || fail "zipf: the table of formulas"
for picture in curves policies; do
	[ "$(head -c 4 lab/$picture.png | tail -c 3)" = PNG ] || fail "$picture.png is no picture"
	! grep -i warning $picture.err || fail "gnuplot warns"
done

# Part 4: identities, as the program recorded is not ours: bounds, all in memory, and two ways to LRU's misses.
printed sort >sort.printed
pages=$(awk '$1 == "pages" { sub(",", "", $2); print $2 }' sort.out)
awk -v pages="$pages" '
	{ miss[$1, $2] = $3; size[$2]; policy[$1] }
	END {
		for (f in size)
			for (p in policy)
				bad += miss[p, f] < miss["opt", f] || (f == pages) != (miss[p, f] == pages)
		exit bad || !((pages) in size)
	}' sort.printed || fail "sort: misses"
half=$((pages / 2))
[ "$(awk -v f=$half 'NF == 3 && $1 == f { print $2; exit }' sort.out)" = "$(misses sort lru $half)" ] || fail "sort: mrc and replay"
awk '$1 == 1024 && NF == 2 { small = $2 < 10 } END { exit !small }' sort.out || fail "sort: working set"
[ "$(wc -c <lab/numbers)" = 108894 ] || fail "sort: size of the text"

# Part 5: from LRU's misses alone, as the naive model counts them.
model zipf lru "100 150 200 400 1000" | awk '
	{ m[$2] = $3 }
	END {
		h = 100
		split("100 150 200 400 1000", sizes)
		for (i = 1; i <= 5; i++) {
			g = sizes[i]
			if (g > h)
				print g, h, m[g], m[g] - g, m[h], m[h] - g, m[h] - h, m[g] - g
			else
				print g, h, m[g], m[g] - g, g, 0, 0, 0
		}
	}' >two.model
same "two: answers (<) against the model (>)" two.figures two.model
awk '$1 == "lru" && $2 == "lru" && $4 == 100 { print $3, $4, $5, $6, $7, $8, $9, $10 }' two.out |
	same "two: program (<) against the model (>)" - two.model
times=$(awk '$1 == "s" && NF == 6 { $1 = ""; print }' "$TOP/$lab-answers.md")
[ "$(echo $times)" = "$(awk '{ printf "%.3f ", ($3 + $4 + $6 + $7) / 1e4 }' two.model | xargs)" ] || fail "two: times"
awk '$1 == "lru" && NF == 11 { double[$2, $3, $4] = $10; time[$2, $3, $4] = $11 }
	END {
		exit !(double["random", 150, 100] < double["lru", 150, 100] && time["random", 150, 100] < time["lru", 150, 100] &&
			time["random", 1000, 100] > time["lru", 1000, 100] && time["random", 75, 50] < time["lru", 75, 50])
	}' two.out || fail "two: the random host"

# Part 6: what the answers say holds in every version.
awk '
	/^host.pager=/ { p = $0; sub(".*=", "", p); n++ }
	/^paged out/ { gsub(",", ""); out[p] = $3; clean[p] = $9 }
	/^paged in/ { gsub(",", ""); into[p] = $3 }
	/^integrity/ { checked += / 0 errors/ }
	function apart(a, b) { return a > b ? a / b - 1 : b / a - 1 }
	END {
		for (p in into) bad += !out[p] || !into[p] || into[p] < into["clock"]
		for (p in into) for (q in into) bad += apart(into[p], into[q]) > 0.1 || apart(out[p], out[q]) > 0.1
		bad += apart(into["lru"], into["fifo"]) > 0.05
		bad += clean["random"] <= clean["fifo"] || clean["random"] <= clean["lru"]
		exit bad || n != 4 || checked != 4
	}' machine.out || { cat machine.out; fail "machine"; }
echo "PASS labs"
