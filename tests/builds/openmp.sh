#!/usr/bin/env bash
# openmp.sh VERSION: clang VERSION's OpenMP, in build/libomp-VERSION; prints make's arguments that use it.
#
# Debian lets only one version of libomp be installed at a time. The package is unpacked here, not installed, and needs no root.
# Exit code 1 where it cannot be had.
. "$(dirname "${BASH_SOURCE[0]}")/../../scripts/lib.sh"
set -eu
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
folder=$PWD/build/libomp-$1 llvm=usr/lib/llvm-$1
if [ ! -e "$folder/complete" ]; then
    rm -rf "$folder"
    mkdir -p "$folder"
    (cd "$folder" && apt-get -q download "libomp5-$1" "libomp-$1-dev" >&2) || die "no package libomp-$1-dev"
    for package in "$folder"/*.deb; do dpkg-deb -x "$package" "$folder"; done
    rm "$folder"/*.deb
    touch "$folder/complete"
fi
header=$(find "$folder/$llvm" -name omp.h)
printf '%s\n' "CPPFLAGS=-isystem $(dirname "$header")" "LDFLAGS=-L$folder/$llvm/lib -Wl,-rpath,$folder/$llvm/lib"
