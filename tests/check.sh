#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# check.sh: what `make check` does. Every stage is a make target that can be run alone; one that fails does not keep the
# next from running. The last line is the sum of all: N passed, N failed, N skipped.
#
# After the build, stages run in three lanes beside each other: what needs processors, guests on KVM, which mostly wait, and
# the emulator, which needs one processor for minutes and has a clock of its own. The first gives way to the others, so that
# what a guest gets done in a second depends little on it. A stage's output is printed when the stage ends.
set -u
: "${MAKE:=make}" "${O:=build}"
state=$O/check
rm -rf "$state" && mkdir -p "$state" || exit 1
case " ${MAKEFLAGS-}" in *-j*) jobs= ;; *) jobs=-j$(nproc) ;; esac

total() { cat "$state"/*.tally | awk '{ p += $1; f += $2; s += $3 } END { printf "%d passed, %d failed, %d skipped\n", p, f, s; exit f || !p }'; }
lanes=()
stop()
{
	trap '' INT TERM HUP
	for lane in "${lanes[@]}"; do kill -- "-$lane"; done 2>/dev/null
	wait
	echo "FAIL check: stopped"
	echo "0 1 0" >"$state/stopped.tally"
	total
	exit 1
}
trap stop INT TERM HUP

# check NAME MAKE-ARGUMENTS: a stage that is one check.    tests NAME MAKE-ARGUMENTS: a stage that counts for itself.
check() { stage no "$@"; }
tests() { stage yes "$@"; }
stage() # COUNTS-ITSELF NAME MAKE-ARGUMENTS
{
	local counts=$1 name=$2 file="$state/$2" start=$SECONDS
	shift 2
	echo "-- $name: begun"
	export CHECK_TALLY=$file.tally
	: >"$CHECK_TALLY"
	if $MAKE --no-print-directory $jobs CC=gcc DEBUG= SAN= "$@" </dev/null >"$file.log" 2>&1; then
		[ "$counts" = yes ] || echo "1 0 0" >>"$CHECK_TALLY"
		what="PASS $name ($((SECONDS - start)) s)"
	else
		awk '{ f += $2 } END { exit !f }' "$CHECK_TALLY" || echo "0 1 0" >>"$CHECK_TALLY"
		what="FAIL $name ($((SECONDS - start)) s)"
	fi
	: >"$file.ended"
	flock "$state" sh -c 'echo "== $1"; cat "$2"; echo "$3"' sh "$name" "$file.log" "$what"
}
after() { until [ -e "$state/$1.ended" ]; do sleep 0.2; done; } # NAME: waits for a stage of another lane

processors()
{
	renice -n 5 -p $BASHPID >/dev/null
	check "layers" check-layers
	check "build, sanitizers" all tests SAN=1
	tests "unit tests, release" unit
	tests "unit tests, sanitizers" unit SAN=1
	check "adding a policy, as documented" check-adding
	check "the classroom lab, as written" check-labs
	check "build, clang -Werror" check-clang WERROR=1
}
guests()
{
	tests "live tests, release" check-live
	tests "simulated and live, side by side" check-parity
	tests "a sweep as a Slurm array" check-slurm
	after "build, sanitizers"
	tests "live tests, sanitizers" check-live SAN=1
}
emulator()
{
	tests "live tests under kvm_amd" check-nested
}

set -m # a process group a lane, to stop it by
lane() { (trap 'exit 1' TERM; "$@") & lanes+=($!); }
build() { check "format" check-fmt; check "build, gcc -Werror" all tests WERROR=1; }
lane build
wait
lane processors
lane guests
lane emulator
wait
echo "=="
total
