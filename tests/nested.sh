#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# nested.sh [-t SECONDS] VARIANT-DIR LOGDIR PROGRAM...: runs the live tests under the mainline kvm_amd module.
#
# QEMU's software emulator boots Debian's own 6.1 kernel on an emulated AMD processor that has SVM; that kernel loads
# kvm.ko and kvm-amd.ko and runs the tests with a real /dev/kvm. No KVM is needed here. What is different inside:
#   - nested page tables, as on ordinary hosts, and a kernel without UFFDIO_MOVE: pages leave by copying;
#   - everything is 10 to 20 times slower, and there is one processor (with two, a wake-up across them costs 4 ms).
#     BALLAST_NESTED=1 is set, so that a test can do less work; times measured here mean nothing;
#   - the clock counts instructions, 4 ns each, and jumps ahead when all sleep: how much of its time a test gets done does
#     not depend on what else the host does, and waiting takes none of the host's time;
#   - /tmp is ext4 on Linux's null_blk with memory behind it: O_DIRECT works, and a request takes 0.1 ms of that clock, which
#     would jump ahead while a disk of the host's is waited for.
# The programs go into an initial RAM disk with the libraries they need. Results come out of the second serial port
# between marks, one log a program, and are reported by run-tests.sh -r.
#
# The kernel is the machine's own if /boot has a *-cloud-amd64 one, else the package is downloaded and unpacked under
# VARIANT-DIR/nested: installing it would put a kernel made for clouds into this machine's boot menu.
set -u
here=$(dirname "$0")
limit=600 # of processor time, of which it takes some 200: other work on the machine makes it no shorter
while getopts t: option; do
	case $option in t) limit=$OPTARG ;; *) exit 2 ;; esac
done
shift $((OPTIND - 1))
variant=$1 logs=$2 work=$1/nested
shift 2
mkdir -p "$work" "$logs" || exit 1
rm -f "$logs"/*

skip() # REASON
{
	echo "$1" >"$logs/nested.log"
	echo "77 0" >"$logs/nested.exit"
	REQUIRE_KVM=0 exec "$here/run-tests.sh" -r nested "$logs" nested
}

for tool in qemu-system-x86_64 busybox cpio mkfs.ext4; do
	PATH=$PATH:/sbin:/usr/sbin command -v $tool >/dev/null || skip "no $tool: see packages.txt"
done

# Sets kernel and modules.
find_kernel() # ROOT
{
	kernel=$(find "$1/boot" -maxdepth 1 -name 'vmlinuz-6.1.*-cloud-amd64' 2>/dev/null | sort -V | tail -n 1)
	[ -n "$kernel" ] && [ -r "$kernel" ] || return 1
	modules=$1/lib/modules/${kernel##*/vmlinuz-}/kernel
	[ -r "$modules/arch/x86/kvm/kvm-amd.ko" ]
}

download_kernel() # ROOT
{
	local package
	[ "$(id -u)" != 0 ] || apt-cache show linux-image-cloud-amd64 >/dev/null 2>&1 || apt-get -q update >/dev/null 2>&1
	package=$(apt-cache depends linux-image-cloud-amd64 2>/dev/null | sed -n 's/.*Depends: \(linux-image-6.1\.\)/\1/p')
	[ -n "$package" ] || return 1
	echo "downloading $package"
	(cd "$work" && apt-get -q -o APT::Sandbox::User="$(id -un)" download "$package") >"$work/download.log" 2>&1 || return 1
	mkdir -p "$1" && dpkg-deb -x "$work/$package"_*.deb "$1"
	rm -f "$work/$package"_*.deb
}

find_kernel "" || find_kernel "$work/kernel" || { download_kernel "$work/kernel" && find_kernel "$work/kernel"; } ||
	skip "no Linux 6.1 for the emulator: apt-get download of linux-image-cloud-amd64 failed"

root=$work/root
rm -rf "$root"
mkdir -p "$root"/{bin,dev,modules,proc,sys,tests,tmp}
cp "$(command -v busybox)" "$root/bin/"
cp "$modules"/fs/configfs/configfs.ko "$modules"/drivers/block/null_blk/null_blk.ko "$modules"/virt/lib/irqbypass.ko \
	"$modules"/arch/x86/kvm/kvm{,-amd}.ko "$root/modules/" || exit 1
add() # FOLDER PROGRAM...: with the libraries they need
{
	local folder=$root/$1 program
	shift
	for program; do
		cp "$program" "$folder/"
		ldd "$program" 2>/dev/null | grep -o '/[^ ]*' | while read -r library; do
			mkdir -p "$root${library%/*}" && cp -nL "$library" "$root$library"
		done
	done
}
add bin "$(PATH=$PATH:/sbin:/usr/sbin command -v mkfs.ext4)"
[ ! -e "$variant/ballast" ] || add bin "$variant/ballast"
add tests "$@"

cat >"$root/init" <<'INIT'
#!/bin/busybox sh
mv /bin/mkfs.ext4 /mkfs.ext4
/bin/busybox --install -s /bin
mount -t proc proc /proc; mount -t sysfs sysfs /sys; mount -t devtmpfs dev /dev
mkdir -p /dev/shm; mount -t tmpfs shm /dev/shm
for module in configfs irqbypass kvm kvm-amd; do
	insmod /modules/$module.ko
done
insmod /modules/null_blk.ko nr_devices=1 gb=2 memory_backed=1 discard=1 irqmode=2 completion_nsec=100000
/mkfs.ext4 -q /dev/nullb0 && mount -t ext4 -o discard /dev/nullb0 /tmp || poweroff -f # and every test is missed
export HOME=/tmp PATH=/bin TMPDIR=/tmp BALLAST_NESTED=1 REQUIRE_KVM=1 CMOCKA_MESSAGE_OUTPUT=TAP
cd /tmp
read -r limit </proc/cmdline; limit=${limit##*test_seconds=}
for program in /tests/*; do
	echo "@@ begin ${program##*/}"
	start=$(cut -d' ' -f1 /proc/uptime)
	timeout -k 5 "$limit" "$program" </dev/null >/tmp/out 2>/tmp/err; status=$?
	cat /tmp/out /tmp/err
	echo "$start $(cut -d' ' -f1 /proc/uptime)" | awk -v s=$status '{ printf "\n@@ end %d %.1f\n", s, $2 - $1 }'
	rm -rf /tmp/*
done >/dev/ttyS1 2>&1
poweroff -f
INIT
chmod +x "$root/init"
(cd "$root" && find . | cpio -o -H newc --quiet | gzip -1) >"$work/initrd" || exit 1

(ulimit -t "$limit"; exec timeout --foreground -k 5 $((3 * limit)) qemu-system-x86_64 -accel tcg -cpu max,+svm -smp 1 \
	-icount shift=2,sleep=off -m 2048 -display none -monitor none -no-reboot -nodefaults \
	-serial "file:$work/console" -serial "file:$work/results" -kernel "$kernel" -initrd "$work/initrd" \
	-append "console=ttyS0 loglevel=5 panic=-1 test_seconds=200" </dev/null >"$work/qemu.log" 2>&1)
ended=$?

# One log and one exit file a program; those without an end mark were running, or had not begun, when the time was over.
tr -d '\r' <"$work/results" | awk -v logs="$logs" '
	/^@@ begin / { out = logs "/" $3 ".log"; name = $3; printf "" >out; next }
	/^@@ end / { print $3, $4 >(logs "/" name ".exit"); close(out); out = ""; next }
	out != "" { print >out }'
for program; do
	name=${program##*/}
	[ -e "$logs/$name.exit" ] && continue
	[ -e "$logs/$name.log" ] && reason="no end within" || reason="not begun within"
	[ $ended = 124 ] || [ $ended = 152 ] && reason="$reason $limit s" || reason="emulator ended with status $ended: $(tail -n 1 "$work/console" "$work/qemu.log" | tr '\n' ' ')"
	echo "$reason" >>"$logs/$name.log"
	echo "124 $limit" >"$logs/$name.exit"
done
names=()
for program; do names+=("${program##*/}"); done
REQUIRE_KVM=1 exec "$here/run-tests.sh" -r nested "$logs" "${names[@]}"
