#!/bin/bash
# Builds the guest's second kernel, with what Debian's kernels lack: IOMMUFD with VFIO's device files, and fault injection
# (failslab). No modules: all is built in.
#
#   tests/qemu/kernel.sh      prints the folder: vmlinuz, config, manifest
#
# The folder is in $PERMAFROST_CACHE, $XDG_CACHE_HOME/permafrost or ~/.cache/permafrost, under qemu/ and a hash of the
# script; a second call finds it there. The sources (150 MB packed, about 2 GB with what is built) are in the folder
# $KERNEL_BUILD, default next to it, and are removed at the end. JOBS (default: all processors) says how many compilers run.
set -euo pipefail

here=$(cd "$(dirname "$0")" && pwd)
name=kernel
# shellcheck source=tests/qemu/archive.sh
. "$here/archive.sh"
key=kernel-$(cat "$here/kernel.sh" "$here/archive.sh" | sha256sum | cut -c1-16)
found "$key"
how="; apt-get install build-essential flex bison bc libelf-dev xz-utils dpkg apt"
needs "$how" apt-get dpkg-deb tar xz make gcc ld flex bison bc
echo '#include <libelf.h>' | gcc -E - >/dev/null 2>&1 || fail "not found: libelf.h$how"
archive "${KERNEL_BUILD:-$cache}" trixie

say "fetch the sources of Debian's kernel 6.12 from $uri"
run apt-get -q -c "$apt/conf" update
( cd "$work" && run apt-get -q -c "$apt/conf" download linux-source-6.12 )
deb=$(echo "$work"/linux-source-*.deb)
dpkg-deb -W --showformat='${Package} ${Version}\n' "$deb" > "$work/manifest"
dpkg-deb --fsys-tarfile "$deb" | tar -xO --wildcards './usr/src/linux-source-6.12.tar.xz' | tar -xJ -C "$work"
rm "$deb"
cd "$work/linux-source-6.12"

wanted="64BIT EXPERT SMP PRINTK BUG TTY SERIAL_8250 SERIAL_8250_CONSOLE BINFMT_ELF BLK_DEV_INITRD RD_GZIP PROC_FS PROC_SYSCTL
SYSFS DEVTMPFS TMPFS SHMEM HUGETLBFS MEMFD_CREATE EPOLL EVENTFD SIGNALFD TIMERFD FUTEX MULTIUSER POSIX_TIMERS
HIGH_RES_TIMERS NO_HZ_IDLE ACPI PCI PCI_MSI PCIEPORTBUS HOTPLUG_PCI HOTPLUG_PCI_PCIE PCIEAER X86_X2APIC HYPERVISOR_GUEST PVH
IOMMU_SUPPORT INTEL_IOMMU IRQ_REMAP IOMMUFD VFIO VFIO_GROUP VFIO_CONTAINER VFIO_DEVICE_CDEV VFIO_IOMMU_TYPE1 VFIO_PCI
TRANSPARENT_HUGEPAGE ADVISE_SYSCALLS UNIX NET DEBUG_KERNEL DEBUG_FS FAULT_INJECTION FAILSLAB FAULT_INJECTION_DEBUG_FS"
run make tinyconfig
for item in $wanted; do echo "CONFIG_$item=y"; done >> .config
echo "CONFIG_NR_CPUS=8" >> .config
run make olddefconfig
for item in $wanted; do
    grep -qx "CONFIG_$item=y" .config || fail "CONFIG_$item does not survive olddefconfig; see what it depends on"
done
say "compile (3 to 30 minutes)"
run nice make "-j${JOBS:-$(nproc)}" bzImage
cp arch/x86/boot/bzImage "$work/new/vmlinuz"
cp .config "$work/new/config"
cd /
keep "$key"
say "$(cat "$cache/$key/manifest")"
echo "$cache/$key"
