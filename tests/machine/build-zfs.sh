# The module of ZFS for the kernel of the machine, from Debian's sources, into /share.
set -euo pipefail
kernel=$1
cp -a /usr/src/zfs-*/ /scratch/zfs
cd /scratch/zfs
./configure --with-config=kernel --with-linux="/usr/src/linux-headers-${kernel%-*}-common" --with-linux-obj="/usr/src/linux-headers-$kernel"
make -j "$(nproc)"
find module -name '*.ko' -exec strip --strip-debug {} + -exec cp {} /share \;
ls /share/zfs.ko
