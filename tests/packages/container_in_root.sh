#!/usr/bin/env bash
# container_in_root.sh MPI TARBALL: what Dockerfile and linnet.def do, on a bare Debian 13, and the quick start in it.
#
# Exit code 77 where this machine cannot make the root; the last line says why.
. "$(dirname "${BASH_SOURCE[0]}")/../../scripts/lib.sh"
. "$(dirname "${BASH_SOURCE[0]}")/../platforms/bare_root.sh"
set -eu
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
root=$PWD/build/packages/container packages=$PWD/build/packages/debian-13-packages

trap 'rm -rf --one-file-system "$root"' EXIT
rm -rf --one-file-system "$root"
bare_root debian-13 "$root" "$packages"
mkdir "$root/tmp/linnet"
cp packaging/container/install.sh "$2" "$root/tmp/linnet"
in_root "$root" "$packages" "
    /tmp/linnet/install.sh $1
    rm -r /tmp/linnet
    useradd --create-home somebody
    su somebody -c 'cd && linnet-quickstart'
    ! command -v gcc"
