#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# slurm.sh: a sweep as a Slurm array ends in the same bytes as one on local processors, and resumes.
#
# Starts a slurmctld and a slurmd of its own on localhost, in a folder, with a configuration and ports of its own, and stops
# both at the end. Nothing of the machine's own Slurm is touched. Usage: BALLAST=build/ballast tests/slurm.sh
set -eu -o pipefail
ballast=$(realpath "${BALLAST:-build/ballast}")
for program in slurmctld slurmd slurmstepd sbatch sinfo; do
	PATH=$PATH:/usr/sbin command -v $program >/dev/null || { echo "no $program (apt install slurmctld slurmd)" >&2; exit 77; }
done
PATH=$PATH:/usr/sbin
dir=$(mktemp -d)
daemons=()
finish()
{
	status=$?
	for pid in "${daemons[@]}"; do kill "$pid" 2>/dev/null || true; done
	for pid in "${daemons[@]}"; do wait "$pid" 2>/dev/null || true; done
	[ $status = 0 ] || tail -n 20 "$dir"/*.log >&2 || true
	rm -rf "$dir"
	exit $status
}
trap finish EXIT
trap 'exit 1' INT TERM
fail() { echo "FAIL $*" >&2; exit 1; }

# Two ports that nobody listens on.
free_port()
{
	local port
	for _ in $(seq 100); do
		port=$((20000 + RANDOM % 10000))
		(exec 3<>/dev/tcp/127.0.0.1/$port) 2>/dev/null || { echo $port; return; }
	done
	return 1
}
controller=$(free_port) node=$(free_port)
while [ "$node" = "$controller" ]; do node=$(free_port); done

# No munge: everything is one user on one machine. No cgroups: they may not be ours, or not be there: named, the plugin for
# version 1 looks for nothing as long as nothing uses it.
mkdir "$dir/state" "$dir/spool"
cat >"$dir/slurm.conf" <<CONF
ClusterName=ballast
SlurmctldHost=$(hostname -s)(127.0.0.1)
SlurmctldPort=$controller
SlurmdPort=$node
SlurmUser=$(id -un)
SlurmdUser=$(id -un)
AuthType=auth/none
CredType=cred/none
StateSaveLocation=$dir/state
SlurmdSpoolDir=$dir/spool
SlurmctldPidFile=$dir/slurmctld.pid
SlurmdPidFile=$dir/slurmd.pid
ProctrackType=proctrack/pgid
TaskPlugin=task/none
SwitchType=switch/none
MpiDefault=none
JobAcctGatherType=jobacct_gather/none
AccountingStorageType=accounting_storage/none
SelectType=select/cons_res
SelectTypeParameters=CR_CPU
SchedulerParameters=defer_batch,batch_sched_delay=0,sched_interval=1
ReturnToService=2
NodeName=ballast NodeHostname=$(hostname -s) NodeAddr=127.0.0.1 CPUs=$(nproc) State=UNKNOWN
PartitionName=ballast Nodes=ballast Default=YES MaxTime=10 State=UP OverSubscribe=NO
CONF
echo CgroupPlugin=cgroup/v1 >"$dir/cgroup.conf"
export SLURM_CONF=$dir/slurm.conf
unset "${!SBATCH_@}" "${!SLURM_JOB@}"
slurmctld -D >"$dir/slurmctld.log" 2>&1 &
daemons+=($!)
slurmd -D -N ballast >"$dir/slurmd.log" 2>&1 &
daemons+=($!)
for _ in $(seq 150); do
	sinfo -h -o %T 2>/dev/null | grep -q idle && break
	kill -0 "${daemons[0]}" && kill -0 "${daemons[1]}" || fail "a daemon ended"
	sleep 0.2
done
[ "$(sinfo -h -o %T)" = idle ] || fail "the node is not ready"

cd "$dir"
"$ballast" trace gen zipf -n 20000 --pages 2000 -o zipf.btrace >/dev/null
cat >plan.yaml <<PLAN
trace: zipf.btrace
repeat: 2
vary:
  policy: [lru, random]
  frames: [5%, 20%]
PLAN
"$ballast" sweep -q plan.yaml -o local
"$ballast" sweep -q plan.yaml -o slurm --slurm --jobs 2 2>first.log || fail "the array"
cmp local/results.csv slurm/results.csv
grep -q '^8 tasks for 8 jobs' first.log || fail "not 8 tasks"
[ "$(ls slurm/task-*.txt | wc -l)" = 8 ] || fail "not 8 logs of tasks"

# What is finished is not submitted again.
rm "slurm/jobs/policy=random,frames=20%,seed=1.json" slurm/task-*.txt slurm/results.csv
"$ballast" sweep -q plan.yaml -o slurm --slurm 2>second.log || fail "the rest"
cmp local/results.csv slurm/results.csv
grep -q '^1 tasks for 8 jobs' second.log || fail "not one task"
[ "$(ls slurm/task-*.txt)" = slurm/task-3.txt ] || fail "another task than 3"
"$ballast" sweep -q plan.yaml -o slurm --slurm 2>third.log
! grep -q tasks third.log || fail "submitted again"

# A task that fails is told, and what the others did is merged.
rm "slurm/jobs/policy=lru,frames=5%,seed=1.json" "slurm/jobs/policy=lru,frames=5%,seed=1/stdout"
rm "slurm/jobs/policy=lru,frames=5%,seed=1/stderr" && rmdir "slurm/jobs/policy=lru,frames=5%,seed=1"
echo in the way >"slurm/jobs/policy=lru,frames=5%,seed=1"
status=0
"$ballast" sweep -q plan.yaml -o slurm --slurm >fourth.txt 2>&1 || status=$?
[ $status = 1 ] || fail "exit status $status of a sweep with a failed task"
grep -q '^7 of 8 jobs are finished' fourth.txt || fail "not 7 jobs"
echo "PASS slurm"
