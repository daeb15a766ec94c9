#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# nested_record.sh VARIANT-DIR LOGDIR: a run under kvm_amd in the emulator (nested.sh), recorded, must replay in there and
# out here: a record has nothing in it of the host it was made on.
#
# The guest of the emulator has no way out but its serial port: the record comes in base64, in the log of its program.
set -u
here=$(dirname "$0") variant=$1 logs=$2 name=nested_record
work=$variant/nested-record
mkdir -p "$work" "$logs" || exit 1

cat >"$work/$name" <<'SCRIPT'
#!/bin/sh
cat >scenario.yaml <<'YAML'
name: nested
seconds: 25
host: {memory: 17M, policy: esx, rebalance: 1s, sampling: {pages: 20, period: 1s}, share: {pages-per-second: 2000}}
vms:
  - {name: idle, memory: 12M, workload: {kind: toucher, pages: 200, rate: 500}}
  - {name: busy, memory: 12M, count: 2, guest: {kind: lab, balloon: 0%},
     workload: {kind: zipf, pages: 2600, alpha: 0.6, write: 10%, rate: 2000, content: {zero: 10%, common: 30%}}}
YAML
ballast run scenario.yaml -q -o results --record run.record || exit 1
ballast mm-replay run.record || exit 1
echo "record in base64:"
base64 run.record
SCRIPT
chmod +x "$work/$name"
"$here/nested.sh" "$variant" "$work/logs" "$work/$name" >"$work/out" 2>&1
cp "$work/logs/"* "$logs/" 2>/dev/null
if read -r status seconds <"$work/logs/$name.exit" 2>/dev/null && [ "$status" = 0 ]; then
	sed '1,/^record in base64:/d' "$work/logs/$name.log" | base64 -d -i >"$work/run.record"
	"$variant/ballast" mm-replay "$work/run.record" >>"$logs/$name.log" 2>&1 &&
		"$variant/ballast" mm-replay --json "$work/run.record" | grep '"share":.*"break_shared":' |
		grep -q '"swap_start":' # else it was too idle a run
	echo "$? $seconds" >"$logs/$name.exit"
elif grep -q '^77 ' "$work/logs/nested.exit" 2>/dev/null; then
	echo "77 0" >"$logs/$name.exit" # no emulator, or no kernel for it
	cp "$work/logs/nested.log" "$logs/$name.log"
fi
[ -e "$logs/$name.exit" ] || { cat "$work/out" >"$logs/$name.log"; echo "1 0" >"$logs/$name.exit"; }
exec "$here/run-tests.sh" -r nested "$logs" "$name"
