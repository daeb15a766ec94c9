#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
#
# check.sh: what `make check` does. Every stage, cheap ones first; one that fails does not keep the next from running.
# Each stage is a make target that can be run alone. The last line is the sum of all: N passed, N failed, N skipped.
set -u
: "${MAKE:=make}" "${O:=build}"
mkdir -p "$O" || exit 1
export CHECK_TALLY="$O/check-tally"
: >"$CHECK_TALLY"
case " ${MAKEFLAGS-}" in *-j*) jobs= ;; *) jobs=-j$(nproc) ;; esac

total() { awk '{ p += $1; f += $2; s += $3 } END { printf "%d passed, %d failed, %d skipped\n", p, f, s }' "$CHECK_TALLY"; }
trap 'echo "FAIL check: stopped"; echo "0 1 0" >>"$CHECK_TALLY"; total; exit 1' INT TERM

# check NAME MAKE-ARGUMENTS: a stage that is one check.    tests NAME MAKE-ARGUMENTS: a stage that counts for itself.
stage() # counts-itself NAME MAKE-ARGUMENTS
{
	counts=$1 name=$2 before=$(wc -l <"$CHECK_TALLY") start=$(date +%s)
	shift 2
	echo "== $name"
	if $MAKE --no-print-directory $jobs CC=gcc DEBUG= SAN= "$@" </dev/null; then
		[ "$counts" = yes ] || echo "1 0 0" >>"$CHECK_TALLY"
		[ "$counts" = yes ] || echo "PASS $name ($(($(date +%s) - start)) s)"
	elif [ "$(awk -v n="$before" 'NR > n { f += $2 } END { print f + 0 }' "$CHECK_TALLY")" = 0 ]; then
		echo "0 1 0" >>"$CHECK_TALLY"
		echo "FAIL $name"
	fi
}
stage no "format" check-fmt
stage no "build, gcc -Werror" all tests WERROR=1
stage no "layers" check-layers
stage no "build, clang -Werror" check-clang WERROR=1
stage yes "unit tests, release" unit
stage yes "live tests, release" check-live
stage yes "simulated and live, side by side" check-parity
stage yes "a sweep as a Slurm array" check-slurm
stage no "adding a policy, as documented" check-adding
stage no "the classroom lab, as written" check-labs
stage no "build, sanitizers" all tests SAN=1
stage yes "unit tests, sanitizers" unit SAN=1
stage yes "live tests, sanitizers" check-live SAN=1
stage yes "live tests under kvm_amd" check-nested
echo "=="
total
! grep -qv '^[0-9]* 0 ' "$CHECK_TALLY"
