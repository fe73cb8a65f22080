#!/usr/bin/env bash
# root.sh: Debian's arm64 libraries that linnet is built with and runs with, in build/arm/root.
#
# apt finds and checks the packages, with the machine's own sources and keys but with state and cache in build/arm/apt, and they
# are unpacked, not installed: nothing of the machine changes, and no root is needed. What is there is kept.
# Exit code 77 where this machine cannot have them; the last line says why.
. "$(dirname "${BASH_SOURCE[0]}")/../../scripts/lib.sh"
set -eu
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
apt=$PWD/build/arm/apt root=$PWD/build/arm/root
libraries=$root/usr/lib/aarch64-linux-gnu
wanted=(libopenmpi-dev libopenblas-openmp-dev libhdf5-dev libcjson-dev libpcre2-dev libssl-dev zlib1g-dev libzstd-dev libcmocka-dev)
# clang's headers and library of OpenMP are in a package for each version.
clang=$(clang -dumpversion 2>/dev/null | cut -d. -f1)
[ -z "$clang" ] || wanted+=("libomp-$clang-dev")

# Programs that the packages above depend on and a cross build does not use: apt takes them as installed.
NOT_USED='adduser automake-1.16 autotools-dev binutils cpp debconf dpkg g++ gcc gfortran gfortran-12 gfortran-14 hdf5-helpers
install-info libjs-jquery libjs-jquery-ui libllvm14 libllvm19 openmpi-bin openssh-client passwd perl perl-base sensible-utils'

impossible() { echo "$*"; exit 77; }

prepare_apt() {
    local name
    mkdir -p "$apt/lists/partial" "$apt/archives/partial"
    for name in $NOT_USED; do
        printf 'Package: %s\nStatus: install ok installed\nArchitecture: arm64\nMulti-Arch: foreign\nVersion: 999:1\n\n' "$name"
    done >"$apt/status"
    cat >"$apt/apt.conf" <<END
APT::Architecture "arm64";
APT::Architectures {"arm64";};
APT::Sandbox::User "root"; # the folder may be out of _apt's reach
Dir::State "$apt";
Dir::State::status "$apt/status";
Dir::Cache "$apt";
Debug::NoLocking "true";
END
    export APT_CONFIG=$apt/apt.conf
}

# Links that start at / must stay in the root, or the linker finds this machine's libraries, or static ones. Others the packages
# make when they are configured.
make_links() {
    local link
    find "$root" -type l -lname '/*' | while read -r link; do ln -srfn "$root$(readlink "$link")" "$link"; done
    ln -s openblas-openmp/libopenblas.so.0 "$libraries/libopenblas.so.0"
    ln -s hdf5-serial.pc "$libraries/pkgconfig/hdf5.pc"
    ln -s ../openblas-openmp/pkgconfig/openblas.pc "$libraries/pkgconfig/openblas.pc"
}

! [ -e "$root/complete" ] || exit 0
rm -rf --one-file-system "$root"
mkdir -p "$root"
command -v apt-get >/dev/null || impossible "no apt-get, which brings the libraries of arm64"
prepare_apt
apt-get -q update </dev/null >&2 || say "not all package lists could be renewed"
apt-get -q -y install --no-install-recommends --download-only "${wanted[@]}" </dev/null >&2 ||
    impossible "this machine's package sources have no arm64 packages"
for package in "$apt"/archives/*.deb; do dpkg-deb -x "$package" "$root"; done
make_links
touch "$root/complete"
