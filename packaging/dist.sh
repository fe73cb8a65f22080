#!/usr/bin/env bash
# dist.sh VERSION DATE: make build/dist/linnet-VERSION.tar.gz of this tree, and print its SHA-256.
#
# From a clone, it has the files that git tracks, as they are in the tree; from an unpacked tarball, all files but those that
# building and testing make. Both give the same bytes, since names are sorted and owners, modes and times are fixed.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
[ $# = 2 ] || { echo "usage: dist.sh VERSION DATE" >&2; exit 1; }
name=linnet-$1 archive=build/dist/linnet-$1.tar.gz

files() {
    if [ -e .git ]; then
        git ls-files -z
    else
        find . \( -path ./build -o -path ./debian -o -name __pycache__ -o -name .pytest_cache \) -prune -o \
            \( -type f -o -type l \) ! -name '*.pyc' -printf '%P\0'
    fi
}

mkdir -p build/dist
files | LC_ALL=C sort -z | tar --create --no-recursion --null --files-from=- --format=ustar --transform="s,^,$name/," \
    --mtime="$2 00:00:00 UTC" --owner=0 --group=0 --numeric-owner --mode=u=rwX,go=rX | gzip -9n >"$archive.new"
mv "$archive.new" "$archive"
sha256sum "$archive"
