#!/usr/bin/env bash
# The README's recipes that need more of a kernel than most machines have, for real: in a small virtual machine with Debian's kernel, LVM, XFS and ZFS.  It
# sees the files of this machine and cannot change them; what its tools need lies over them.
#   FARKEEP_BIN=… tests/machine/run.sh [NAME…]     default: all of them, lvm zfs unit
# Works below $FARKEEP_BUILD/machine (default: build/ in the clone).  The first time takes minutes: packages are fetched, and the module of ZFS is built inside
# the machine.  Remove that folder to have them anew.  77: there is no such machine to be had, and why.
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
: "${FARKEEP_BIN:?names the folder of the programs}"
cache=$(realpath -m "${FARKEEP_BUILD:-$here/../../build}/machine")
skip() { echo "skipped: $*"; exit 77; }
names=("$@")
[ $# -gt 0 ] || names=(lvm zfs unit)

missing=()
for p in qemu-system-x86 busybox-static kmod; do grep -q '^install ok installed' <<<"$(dpkg-query -W -f '${Status}' $p 2>/dev/null)" || missing+=($p); done
if [ ${#missing[@]} -gt 0 ]; then
  [ "$(id -u)" = 0 ] || skip "these packages are missing: ${missing[*]}"
  apt-get update -qq >&2 && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "${missing[@]}" >&2 || skip "these packages cannot be installed: ${missing[*]}"
fi

# The packages of the machine are fetched with settings of their own and only unpacked: nothing of them is installed here, and no kernel.
fetch() {
  local apt=$cache/apt p
  mkdir -p "$apt/lists/partial" "$apt/archives/partial"
  apt-get indextargets --format "deb [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] \$(REPO_URI) \$(RELEASE) main contrib" \
    'Created-By: Packages' 'Origin: Debian' | sort -u >"$apt/sources.list"
  [ -s "$apt/sources.list" ] || skip "this is not Debian"
  local options=(-qq -o "Dir::Etc::SourceList=$apt/sources.list" -o Dir::Etc::SourceParts=- -o "Dir::State::Lists=$apt/lists" -o "Dir::Cache=$apt"
    -o Debug::NoLocking=1 -o APT::Sandbox::User=)
  apt-get "${options[@]}" update && apt-get "${options[@]}" install -y --download-only --no-install-recommends \
    linux-image-amd64 linux-headers-amd64 lvm2 thin-provisioning-tools udev e2fsprogs xfsprogs btrfs-progs zfs-dkms zfsutils-linux || skip "the packages cannot be fetched"
  rm -rf "$root"
  for p in bin sbin lib lib64; do mkdir -p "$root/usr/$p" && ln -s usr/$p "$root/$p"; done
  for p in "$apt"/archives/*.deb; do dpkg-deb --fsys-tarfile "$p" | tar -x --keep-directory-symlink --no-same-owner -C "$root"; done
}

# The first program in the machine: takes this machine's files, what was unpacked over them, and memory over both; then systemd has it.
initramfs() {
  local dir=$cache/initramfs m
  rm -rf "$dir"
  mkdir -p "$dir"/{bin,modules,proc,sys,dev,host,unpacked,top,root}
  cp "$(command -v busybox)" "$dir/bin/busybox"
  : >"$dir/order"
  for m in virtio_pci 9pnet_virtio 9p overlay; do
    modprobe -d "$root" -S "$kernel" --show-depends $m | sed -n 's/^insmod \([^ ]*\).*/\1/p' | while read -r file; do
      grep -qx "${file##*/}" "$dir/order" || { cp "$file" "$dir/modules" && echo "${file##*/}" >>"$dir/order"; }
    done
  done
  sed "s|@INSIDE@|$here/inside.sh|" "$here/init" >"$dir/init"
  chmod 755 "$dir/init"
  (cd "$dir" && find . | busybox cpio -o -H newc 2>/dev/null) >"$cache/initrd"
}

# qemu ACCELERATOR SECONDS OPTION…
qemu() {
  local cpu=max
  [ "$1" != kvm ] || cpu=host,arch-capabilities=off
  timeout "$2" qemu-system-x86_64 -accel "$1" -cpu "$cpu" -nodefaults -no-user-config -display none -no-reboot -kernel "$root/boot/vmlinuz-$kernel" "${@:3}"
}

# A /dev/kvm that opens may still be none that a usual kernel starts under.
accelerator() {
  qemu kvm 20 -m 512M -append "console=ttyS0 panic=-1" -serial "file:$cache/console" >/dev/null 2>&1 || true
  if grep -q 'Linux version' "$cache/console" 2>/dev/null; then echo kvm; else echo tcg; fi
}

# The module of ZFS is built here, over the files of this machine, in memory that is gone afterwards.
build_zfs() {
  local build=$cache/build
  mkdir -p "$build" "$cache/share"
  mount -t tmpfs tmpfs "$build"
  mkdir -p "$build"/{upper/usr/lib,upper/scratch,upper/share,work,all}
  cp -a "$root/usr/src" "$build/upper/usr"
  cp -a "$root"/usr/lib/linux-kbuild-* "$build/upper/usr/lib"
  mount -t overlay -o "lowerdir=/,upperdir=$build/upper,workdir=$build/work" overlay "$build/all"
  mount --bind "$cache/share" "$build/all/share"
  mount --rbind /proc "$build/all/proc"
  mount --rbind /dev "$build/all/dev"
  chroot "$build/all" bash -s "$kernel" <"$here/build-zfs.sh"
}

# machine SCRIPT MEMORY: its output, and its exit code.
machine() {
  local share=$cache/share rc
  mkdir -p "$share"
  rm -f "$share/rc" "$cache/disk"
  printf '%q ' env "PATH=$PATH" "FARKEEP_BIN=$(realpath "$FARKEEP_BIN")" bash "$1" >"$share/command"
  truncate -s 4G "$cache/disk"
  # no_timer_check: an emulated machine that gets little of a processor does not pass it.
  qemu "$(cat "$cache/accel")" 3000 -smp "$(nproc)" -m "$2" -initrd "$cache/initrd" \
    -append "console=ttyS0 loglevel=4 panic=-1 no_timer_check systemd.unit=machine.target systemd.journald.forward_to_console=1" \
    -serial "file:$cache/console" -serial stdio \
    -virtfs "local,path=/,mount_tag=host,security_model=none,readonly=on,multidevs=remap" \
    -virtfs "local,path=$root,mount_tag=root,security_model=none,readonly=on,multidevs=remap" \
    -virtfs "local,path=$share,mount_tag=share,security_model=none" \
    -drive "file=$cache/disk,if=virtio,format=raw,cache=unsafe" </dev/null || true
  rm -f "$cache/disk"
  rc=$(cat "$share/rc" 2>/dev/null) || { tail -n 30 "$cache/console" >&2; echo "the machine has not come to an end: see $cache/console" >&2; rc=1; }
  return "$rc"
}

root=$cache/root
mkdir -p "$cache"
[ -e "$cache/fetched" ] || { fetch && touch "$cache/fetched"; }
kernel=$(ls "$root/usr/lib/modules")
depmod -b "$root" "$kernel"
initramfs
[ -s "$cache/accel" ] || accelerator >"$cache/accel"
if [ ! -e "$root/usr/lib/modules/$kernel/extra/zfs.ko" ]; then
  echo "== the module of ZFS is built" >&2
  as_root=()
  [ "$(id -u)" = 0 ] || as_root=(-r)
  (
    export -f build_zfs
    export cache root kernel here
    unshare "${as_root[@]}" -m --propagation private bash -euc build_zfs
  ) >"$cache/build-zfs.log" 2>&1 || { tail -n 20 "$cache/build-zfs.log"; echo "FAILED: the module of ZFS cannot be built"; exit 1; }
  mkdir -p "$root/usr/lib/modules/$kernel/extra"
  mv "$cache"/share/*.ko "$root/usr/lib/modules/$kernel/extra"
  depmod -b "$root" "$kernel"
fi

failed=()
for name in "${names[@]}"; do
  echo "== $name"
  machine "$here/$name.sh" 3G || failed+=("$name")
done
[ ${#failed[@]} -eq 0 ] || { echo "FAILED: ${failed[*]}"; exit 1; }
