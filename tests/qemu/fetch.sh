#!/bin/bash
# Makes the virtual machine of the QEMU lane: QEMU with its libraries, its firmware and a Debian cloud kernel, from the
# Debian archive, in a folder of its own. Nothing is installed on this system and no root is needed.
#
#   tests/qemu/fetch.sh      prints the folder: vmlinuz, modules/, qemu (which starts it), manifest
#
# The folder is in $PERMAFROST_CACHE, $XDG_CACHE_HOME/permafrost or ~/.cache/permafrost, under qemu/ and a hash of this
# script and of the file versions; a second call finds it there. It appears whole or not at all.
#
# Debian 12 has a QEMU without vfio-user, and an older C library than a QEMU that has it: an apt root with an empty package
# status makes apt resolve QEMU's whole closure, the C library included, and QEMU is started by that library's own loader.
set -euo pipefail

here=$(cd "$(dirname "$0")" && pwd)
name=qemu
# shellcheck source=tests/qemu/archive.sh
. "$here/archive.sh"
key=$(cat "$here/fetch.sh" "$here/archive.sh" "$here/versions" | sha256sum | cut -c1-16)
found "$key"
needs ". This lane needs Debian 12 or newer; there: apt-get install apt dpkg tar xz-utils zstd" \
    apt-get apt-cache dpkg dpkg-deb tar xz zstd
[ "$(dpkg --print-architecture)" = amd64 ] || fail "this machine is $(dpkg --print-architecture); the lane needs amd64"
archive "$cache" "trixie trixie-backports"
mkdir -p "$work"/new/{prefix,modules} "$work"/kernel

say "fetch QEMU and a kernel of Debian 13 from $uri into $cache (about 70 MB, once)"
run apt-get -q -c "$apt/conf" update --error-on=any

# The stated version of a package when the archive has it, else the suite's.
has() { apt-cache -c "$apt/conf" madison "$1" 2>/dev/null | awk -F' *[|] *' '{print $2}' | grep -qxF "$2"; }
qemu=() kernel=
while read -r package version suite; do
    case $package in ''|'#'*) continue ;; esac
    if has "$package" "$version"; then
        choice=$package=$version
    else
        case $package in linux-image-*)
            package=$(apt-cache -c "$apt/conf" depends "linux-image-cloud-amd64/$suite" \
                | sed -n 's/.*Depends: \(linux-image-[0-9].*\)/\1/p' | head -n 1) ;;
        esac
        choice=$package/$suite
        say "WARNING: the archive no longer has version $version as tests/qemu/versions states it; taken instead: $choice"
    fi
    case $package in
        linux-image-*) kernel=$choice ;;
        *) qemu+=("$choice") ;;
    esac
done < "$here/versions"
[ -n "$kernel" ] || fail "tests/qemu/versions names no linux-image package"

run apt-get -q -y -c "$apt/conf" install --download-only "${qemu[@]}"
for deb in "$apt"/cache/archives/*.deb; do
    dpkg-deb -x "$deb" "$work/new/prefix"
    dpkg-deb -W --showformat='${Package} ${Version}\n' "$deb"
done > "$work/manifest"
# The kernel alone, without what its package wants for an installed system.
( cd "$work/kernel" && run apt-get -q -c "$apt/conf" download "$kernel" )
deb=$(echo "$work"/kernel/*.deb)
dpkg-deb -W --showformat='${Package} ${Version}\n' "$deb" >> "$work/manifest"
dpkg-deb --fsys-tarfile "$deb" | tar -x -C "$work/kernel" --wildcards './boot/vmlinuz-*' '*/virt/lib/irqbypass.ko*' '*/drivers/vfio/*'
mv "$work"/kernel/boot/vmlinuz-* "$work/new/vmlinuz"
for module in irqbypass vfio vfio_iommu_type1 vfio-pci-core vfio-pci; do
    file=$(find "$work/kernel" -name "$module.ko*" | head -n 1)
    case $file in
        *.xz) xz -dc "$file" > "$work/new/modules/$module.ko" ;;
        *.zst) zstd -qdc "$file" > "$work/new/modules/$module.ko" ;;
        *.ko) mv "$file" "$work/new/modules/" ;;
        *) say "no module $module: taken to be built in" ;;
    esac
done
cat > "$work/new/qemu" <<'END'
#!/bin/sh
p=$(cd "$(dirname "$0")/prefix" && pwd)
exec "$p"/usr/lib64/ld-linux-x86-64.so.2 --library-path "$p"/usr/lib/x86_64-linux-gnu \
    --argv0 qemu-system-x86_64 "$p"/usr/bin/qemu-system-x86_64 -L "$p"/usr/share/qemu -L "$p"/usr/share/seabios "$@"
END
chmod +x "$work/new/qemu"
# What is never used there: manuals, the system's own programs, other firmware.
rm -rf "$work"/new/prefix/{etc,var,usr/sbin,usr/share/{doc,man,locale,info,zsh,bash-completion}}
version=$("$work/new/qemu" --version | head -n 1) || fail "the QEMU that was fetched does not start"
"$work/new/qemu" -device help | grep -q vfio-user-pci || fail "$version has no vfio-user-pci"
keep "$key"
say "$version, $(grep '^linux-image' "$cache/$key/manifest")"
echo "$cache/$key"
