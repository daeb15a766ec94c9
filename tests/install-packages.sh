#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
#
# install-packages.sh demo|check: installs what packages.txt lists and this machine lacks; silent if nothing is missing.
#
# demo: the packages above the line "# check:" of packages.txt; check: all of them. As root it installs them, as another
# user it prints the line to run and exits 1. Where there is no dpkg it says what is needed and lets the build try.
set -u
cd "$(dirname "$0")/.." || exit 1
case ${1-} in
demo) wanted=$(sed '/^# check:/,$d; s/#.*//' packages.txt) ;;
check) wanted=$(sed 's/#.*//' packages.txt) ;;
*) echo "usage: install-packages.sh demo|check" >&2; exit 2 ;;
esac

if ! command -v dpkg-query >/dev/null || ! command -v apt-get >/dev/null; then
	echo "not a Debian system: this needs what Debian 12 calls" $wanted
	exit 0
fi
installed=$(dpkg-query -W -f '${db:Status-Status} ${Package}\n' | sed -n 's/^installed //p')
missing=
for package in $wanted; do
	echo "$installed" | grep -qxF "$package" || missing="$missing $package"
done
[ -n "$missing" ] || exit 0

if [ "$(id -u)" != 0 ]; then
	echo "packages are missing; run this, then make again:" >&2
	echo "  sudo apt-get install -y --no-install-recommends$missing" >&2
	exit 1
fi
echo "installing$missing"
log=$(mktemp) || exit 1
trap 'rm -f "$log"' EXIT
export DEBIAN_FRONTEND=noninteractive
apt() { apt-get -q -y -o DPkg::Lock::Timeout=120 "$@" </dev/null >>"$log" 2>&1; }
apt update || echo "apt-get update failed; trying with the package lists there are" >&2
if ! apt install --no-install-recommends $missing; then
	tail -n 20 "$log" >&2
	echo "apt-get install failed; needed:$missing" >&2
	exit 1
fi
