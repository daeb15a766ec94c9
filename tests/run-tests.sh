#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# run-tests.sh [-r] [-j N] [-a NAME]... [-t SECONDS] STAGE LOGDIR PROGRAM...: runs test programs and reports on each.
#
# A program passes with exit 0 and is skipped with exit 77 (reason: its last line on standard error). cmocka programs
# print TAP, from which their test cases are counted; any other program counts as one. Output: LOGDIR/NAME.log.
# Prints a line PASS, FAIL or SKIP a program, in the order given, as soon as it and those before it have ended; then the
# number of programs and, last, of test cases:
#     N passed, N failed, N skipped
#   -t SECONDS     time limit of each program, 600 if not given: it may share its processor with many
#   -j N           run N at a time, not one after another
#   -a NAME        the program of this name runs while no other does
#   -r             runs nothing: LOGDIR has NAME.log and NAME.exit ("STATUS SECONDS") from elsewhere
#   REQUIRE_KVM=1  a program that skips itself has failed
#   CHECK_TALLY=F  append the counts to F instead of printing them: for a caller that adds up several stages
# Each program has a folder of its own as TMPDIR, kept beside its log as NAME.files if the program fails, and a process
# group of its own: what a program leaves running is killed when it ends, and so is all when this is interrupted.
set -u
limit=600 replay='' jobs=1 alone=' '
while getopts rj:a:t: option; do
	case $option in r) replay=1 ;; j) jobs=$OPTARG ;; a) alone="$alone$OPTARG " ;; t) limit=$OPTARG ;; *) exit 2 ;; esac
done
shift $((OPTIND - 1))
stage=$1 logs=$2
shift 2
mkdir -p "$logs" || exit 1
export CMOCKA_MESSAGE_OUTPUT=TAP

programs=0 programs_failed=0 programs_skipped=0 passed=0 failed=0 skipped=0
name_of() { local name=${1##*/tests/}; echo "${name//\//-}"; }

run() # NAME PROGRAM
{
	local start status seconds
	trap : TERM # the program has it too, and may have to clean up
	export TMPDIR=$files/$1
	mkdir "$TMPDIR"
	start=$(date +%s%N)
	timeout --foreground -k 5 "$limit" "$2" >"$logs/$1.log" 2>"$logs/$1.err" </dev/null
	status=$?
	seconds=$(($(date +%s%N) - start))
	if [ "$status" -ge 124 ] && [ "$seconds" -ge $((limit * 1000000000)) ]; then
		echo "no end within $limit s" >>"$logs/$1.err"
	elif [ "$status" -gt 128 ]; then
		echo "killed by signal $((status - 128))" >>"$logs/$1.err"
	fi
	cat "$logs/$1.err" >>"$logs/$1.log"
	[ "$status" = 0 ] || [ -z "$(ls -A "$TMPDIR")" ] || cp -r "$TMPDIR" "$logs/$1.files"
	rm -rf "$TMPDIR"
	echo "$status $((seconds / 1000000000)).$((seconds / 100000000 % 10))" >"$logs/$1.exit"
}

report() # NAME
{
	local status seconds log bad skip good what name=$1
	read -r status seconds <"$logs/$name.exit" || status=1 seconds=0
	log=$logs/$name.log
	bad=$(grep -c '^not ok ' "$log") skip=$(grep -c '^\(not \)\?ok .*# SKIP' "$log") good=$(grep -c '^ok ' "$log")
	bad=$((bad - $(grep -c '^not ok .*# SKIP' "$log"))) good=$((good - $(grep -c '^ok .*# SKIP' "$log")))
	[ "$status" != 0 ] || [ $((good + bad + skip)) -gt 0 ] || good=1
	programs=$((programs + 1)) passed=$((passed + good)) skipped=$((skipped + skip))
	what="$stage $name: $good passed"
	[ "$skip" = 0 ] || what="$what, $skip skipped"
	if [ "$status" = 0 ] && [ "$bad" = 0 ]; then
		echo "PASS $what ($seconds s)"
	elif [ "$status" = 77 ] && [ "$bad" = 0 ] && [ "${REQUIRE_KVM-}" != 1 ]; then
		echo "SKIP $stage $name: $(grep . "$log" | tail -n 1)"
		programs_skipped=$((programs_skipped + 1)) skipped=$((skipped + 1))
	else
		[ "$bad" -gt 0 ] || bad=1
		echo "FAIL $what, $bad failed, exit $status ($seconds s), see $log"
		grep -A 4 '^not ok [0-9]* -' "$log" | head -n 40 | grep . || tail -n 40 "$log"
		programs_failed=$((programs_failed + 1)) failed=$((failed + bad))
	fi
}

declare -A running=() # process group: name
reap() # waits until a program ends, and reports on all that can be
{
	local ended
	wait -n -p ended "${!running[@]}"
	kill -KILL -- "-$ended" 2>/dev/null
	[ -e "$logs/${running[$ended]}.exit" ] || echo "1 0" >"$logs/${running[$ended]}.exit"
	unset "running[$ended]"
	while [ "$programs" -lt ${#names[@]} ] && [ -e "$logs/${names[programs]}.exit" ]; do
		report "${names[programs]}"
	done
}

stop()
{
	trap '' INT TERM HUP
	for group in "${!running[@]}"; do kill -- "-$group"; done 2>/dev/null
	wait
	for group in "${!running[@]}"; do kill -KILL -- "-$group"; done 2>/dev/null
	exit 1
}

names=()
for program; do names+=("$(name_of "$program")"); done
if [ -n "$replay" ]; then
	for name in "${names[@]}"; do report "$name"; done
else
	for name in "${names[@]}"; do rm -rf "$logs/$name".{exit,files}; done
	files=$(mktemp -d "${TMPDIR:-/tmp}/ballast-tests-XXXXXX") || exit 1
	trap 'rm -rf "$files"' EXIT
	trap stop INT TERM HUP
	set -m # a process group a program
	for program; do
		name=$(name_of "$program") most=$jobs
		case $alone in *" $name "*) most=1 ;; esac
		while [ ${#running[@]} -ge "$most" ]; do reap; done
		run "$name" "$program" &
		running[$!]=$name
		[ "$most" = "$jobs" ] || reap
	done
	while [ ${#running[@]} -gt 0 ]; do reap; done
fi

[ $programs -gt 0 ] || { echo "FAIL $stage: no test program" && failed=1; }
if [ -n "${CHECK_TALLY-}" ]; then
	echo "$passed $failed $skipped" >>"$CHECK_TALLY"
else
	echo "$programs programs, $programs_failed failed, $programs_skipped skipped"
	echo "$passed passed, $failed failed, $skipped skipped"
fi
[ $failed = 0 ]
