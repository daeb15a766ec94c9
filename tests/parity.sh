#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# parity.sh [--bench [VALIDATE-OPTION..]]: the simulated machine against the live one, by `ballast validate` on the
# scenarios of tests/parity.
#
# Without --bench it is a check: four short scenarios, medians of two or three live runs, about a minute. It judges what
# does not depend on how fast this machine is just then, since a check must hold beside other work: who ends up with how
# many pages, and what must happen to each page once. Rates of the guests are far below what a processor can do, but a busy
# machine fills guests' memory more slowly, and then there is less time for work. So these are printed and not judged:
#   work, faults that swap in, copies on write, first writes,
#   files read and written                                      so many a second of work
#   sampled faults                                              so many a second of the guest's running time
#   page-outs of scenarios that hardly page                     a race of the guests' filling with their balloons
#   balloons and a guest's own pages under the tax              by work done; a balloon may have gone too far first
# With --bench all is judged, at 10 %, with the scenarios at their full length and the quickstart: five minutes, for a
# machine at rest; but not what is paged of share, and read back of the tax at 75 %: next to nothing in one live run and a
# thousand pages in the next.
# Options go to validate: `--costs FILE` tells how good a file of `ballast calibrate` is.
# BALLAST: the program; DIR: where the results go, a temporary folder if not set.
set -u -o pipefail
here=$(cd "$(dirname "$0")" && pwd)
ballast=$(realpath "${BALLAST:-build/ballast}")
[ -e /dev/kvm ] || { echo "no /dev/kvm" >&2; exit 77; }
dir=${DIR-}
if [ -z "$dir" ]; then
	dir=$(mktemp -d)
	trap 'rm -rf "$dir"' EXIT
	trap 'exit 1' INT TERM
fi

number=0 failed=0
# NAME SCENARIO VALIDATE-ARGUMENTS
parity()
{
	local name=$1 scenario=$2 status
	shift 2
	number=$((number + 1))
	echo "# $name"
	"$ballast" validate "$scenario" -o "$dir/$name" "$@" | sed 's/^/# /'
	status=$?
	if [ $status = 0 ]; then echo "ok $number - $name"; else
		echo "not ok $number - $name: exit status $status"
		failed=1
	fi
}

at_end=vms.resident_pages,vms.ballooned_pages,vms.balloon.inflated_pages
shared=host.share.shared_pages,host.share.saved_pages
own=vms.guest.faults,vms.guest.swap_in_pages,vms.guest.swap_out_pages,vms.work_units
if [ "${1-}" = --bench ]; then
	shift
	set -- --repeat 3 --tolerance 10% "$@"
	echo "1..6"
	parity quickstart "$here/../experiments/quickstart/scenario.yaml" "$@"
	parity paging "$here/parity/paging.yaml" "$@"
	parity share "$here/parity/share.yaml" --judge "$at_end,$shared,vms.faults.zero,vms.faults.cow,$own" "$@"
	parity fileserver "$here/parity/fileserver.yaml" "$@"
	parity tax-0 "$here/parity/tax.yaml" --set host.tax=0% "$@"
	parity tax-75 "$here/parity/tax.yaml" --judge "$at_end,vms.paged_out_pages,vms.faults.zero,vms.faults.sampled,$own" "$@"
	exit $failed
fi

each=vms.faults.zero,vms.guest.faults,vms.resident_pages
echo "1..4"
# a quarter of it, at rates that leave most of the processors
parity paging "$here/parity/paging.yaml" --seconds 5 --repeat 3 --tolerance 15% --set host.memory=32M \
	--set vms.zipf.memory=24M --set vms.zipf.workload.pages=5000 --set vms.zipf.workload.rate=500 \
	--set vms.scan.memory=24M --set vms.scan.workload.pages=4500 --set vms.scan.workload.rate=200 \
	--judge "$each,vms.paged_out_pages,host.swap.written_pages,vms.swapped_pages"
# half of it; the scanner is the first to wait on a busy machine
parity share "$here/parity/share.yaml" --seconds 6 --repeat 3 --tolerance 20% --set host.memory=26M \
	--set vms.twin.memory=20M --set vms.twin.workload.pages=4000 --set vms.twin.workload.rate=300 \
	--set vms.small.memory=10M --set vms.small.workload.pages=2000 --set vms.small.workload.rate=200 \
	--judge "$at_end,$shared,vms.faults.zero"
parity tax "$here/parity/tax.yaml" --seconds 8 --repeat 2 --tolerance 15% \
	--judge "$each,vms.idle.target_pages,vms.busy.target_pages"
# half of it
parity fileserver "$here/parity/fileserver.yaml" --seconds 6 --repeat 2 --tolerance 15% --set host.memory=48M \
	--set vms.even.memory=32M --set vms.even.workload.files=200 --set vms.even.workload.rate=1000 \
	--set vms.hot.memory=32M --set vms.hot.workload.files=200 --set vms.hot.workload.rate=1000 \
	--judge vms.faults.zero,vms.resident_pages,vms.ballooned_pages,vms.guest.file_cached_pages
exit $failed
