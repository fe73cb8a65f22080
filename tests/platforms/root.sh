#!/usr/bin/env bash
# root.sh --list     the systems that README names
# root.sh SYSTEM     README's commands on one of them, from nothing: make quickstart and make test
#
# A minimal root is made by debootstrap from the package source that this machine uses, with its settings of apt, and entered by
# chroot in a mount namespace, so that nothing stays mounted. The bare root and the packages are kept in build/platforms for
# the next time; what is installed in the root, and the tree's copy in it, are not. make test has the parts of make
# check there; the last line is its own.
# Exit code 77 where this machine cannot make the root; the last line says why.
. "$(dirname "${BASH_SOURCE[0]}")/../../scripts/lib.sh"
set -eu
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
case $1 in
--list) echo debian-13 ubuntu-24.04 && exit ;;
debian-13) suite=trixie label=Debian components=main ;;
ubuntu-24.04) suite=noble label=Ubuntu components=main,universe ;;
esac
folder=$PWD/build/platforms
root=$folder/$1 packages=$folder/$1-packages tar=$folder/$1.tar

impossible() { echo "$*"; exit 77; }

# Settings of apt and of the network that hold in the root as well.
prepare() {
    cp -L /etc/resolv.conf "$root/etc/resolv.conf"
    [ ! -e /etc/ssl/certs/ca-certificates.crt ] || install -D -m 644 /etc/ssl/certs/ca-certificates.crt -t "$root/etc/ssl/certs"
    apt-config dump | grep -E '^Acquire::(http|https|Check|Retries)' >"$root/etc/apt/apt.conf.d/90machine" || true
    echo force-unsafe-io >"$root/etc/dpkg/dpkg.cfg.d/90unsafe" # the root is soon removed
}

make_root() {
    local source
    source=$(apt-get indextargets --format '$(LABEL) $(REPO_URI)' 'Created-By: Packages' | sed -n "s/^$label //p" | head -n 1)
    [ -n "$source" ] || impossible "no package source of this machine is $label's"
    mkdir -p "$packages"
    debootstrap --variant=minbase --include=make --components="$components" --cache-dir="$packages" "$suite" "$root" "$source" >&2 ||
        impossible "debootstrap cannot make a root of $suite here"
    tar -cf "$tar.new" -C "$root" . && mv "$tar.new" "$tar"
}

trap 'rm -rf --one-file-system "$root"' EXIT
rm -rf --one-file-system "$root"
mkdir -p "$root"
unshare --mount --pid --fork true || impossible "no namespaces"
if [ -e "$tar" ]; then tar -xf "$tar" -C "$root"; else make_root; fi
prepare
mkdir -p "$root/linnet" "$root/shared"
tar -c --exclude=./build --exclude=./.git . | tar -x -C "$root/linnet"

# shellcheck disable=SC2016  # for the shell that is started
unshare --mount --pid --fork --kill-child bash -euc '
    mount --make-rprivate /
    mount -t proc proc "$0/proc"
    mount -t sysfs sysfs "$0/sys"
    mount --rbind /dev "$0/dev"
    mount -t tmpfs tmpfs "$0/dev/shm"
    mount --bind "$1" "$0/var/cache/apt/archives"
    [ ! -d ../shared ] || mount --bind ../shared "$0/shared"
    cd "$0"
    exec env -i HOME=/root PATH=/usr/sbin:/usr/bin:/sbin:/bin LANG=C.UTF-8 ${http_proxy:+http_proxy="$http_proxy"} \
        ${https_proxy:+https_proxy="$https_proxy"} LINNET_TEST_RUN="${LINNET_TEST_RUN:-}" \
        chroot . sh -ec "cd /linnet; make WERROR=1 quickstart; make test PARTS=\"build unit mpi golden\""' "$root" "$packages"
