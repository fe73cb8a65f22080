#!/usr/bin/env bash
# root.sh --list     the systems that README names
# root.sh SYSTEM     README's commands on one of them, from nothing: make quickstart and make test
#
# In a bare root (bare_root.sh). The packages are kept in build/platforms for the next time; what is installed in the root, and the
# tree's copy in it, are not. make test has the parts of make check there, and on Debian the one of the compilers; LINNET_PARTS
# names others. The last line is its own.
# Exit code 77 where this machine cannot make the root; the last line says why.
. "$(dirname "${BASH_SOURCE[0]}")/../../scripts/lib.sh"
. "$(dirname "${BASH_SOURCE[0]}")/bare_root.sh"
set -eu
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
[ "$1" != --list ] || { echo debian-13 ubuntu-24.04 && exit; }
root=$PWD/build/platforms/$1 packages=$PWD/build/platforms/$1-packages

trap 'rm -rf --one-file-system "$root"' EXIT
rm -rf --one-file-system "$root"
bare_root "$1" "$root" "$packages"
mkdir -p "$root/linnet" "$root/shared"
tar -c --exclude=./build --exclude=./.git . | tar -x -C "$root/linnet"
parts="build unit mpi golden"
[[ $1 != debian-* ]] || parts+=" compilers"
in_root "$root" "$packages" "cd /linnet; make WERROR=1 quickstart; make test PARTS='${LINNET_PARTS:-$parts}'"
