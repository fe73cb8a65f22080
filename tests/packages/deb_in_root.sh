#!/usr/bin/env bash
# deb_in_root.sh SYSTEM TARBALL OUTPUT: make deb of a release tarball on a bare system, and what it makes on another bare one:
# installed, tried as an ordinary user, removed. The packages are left in the folder OUTPUT.
#
# Exit code 77 where this machine cannot make the root; the last line says why.
. "$(dirname "${BASH_SOURCE[0]}")/../../scripts/lib.sh"
. "$(dirname "${BASH_SOURCE[0]}")/../platforms/bare_root.sh"
set -eu
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
system=$1 tarball=$2 output=$3
root=$PWD/build/packages/$system packages=$PWD/build/packages/$system-packages

trap 'rm -rf --one-file-system "$root"' EXIT
fresh_root() {
    rm -rf --one-file-system "$root"
    bare_root "$system" "$root" "$packages"
}
# apt-get asks nothing and installs what is needed, not what is recommended.
apt='export DEBIAN_FRONTEND=noninteractive; apt() { apt-get -q -y -o Dpkg::Use-Pty=0 --no-install-recommends "$@" </dev/null; }; apt update;'

step "make deb on $system"
fresh_root
tar -xf "$tarball" -C "$root/srv"
in_root "$root" "$packages" "$apt"'
    cd /srv/linnet-*
    apt install dpkg-dev
    apt build-dep ./packaging
    DEB_BUILD_OPTIONS="nocheck parallel=$(nproc)" make deb'
mkdir -p "$output"
rm -f "$output"/*
cp "$root"/srv/linnet-*/build/deb/* "$output"

step "the package on a bare $system"
fresh_root
cp "$output"/linnet_*.deb "$root/srv"
in_root "$root" "$packages" "$apt"'
    apt install /srv/linnet_*.deb
    dpkg --verify linnet # silent where all files are as they were packed
    dpkg -L linnet >/srv/files
    useradd --create-home somebody
    su somebody -c "cd && linnet --version && linnet-quickstart"
    test -s /home/somebody/linnet-quickstart/report.html
    apt purge linnet
    rm -r /home/somebody
    find / -xdev -name "*linnet*" ! -path "/srv/*" >/srv/left
    if [ -s /srv/left ]; then echo "left behind:"; cat /srv/left; exit 1; fi'
