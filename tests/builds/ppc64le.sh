#!/usr/bin/env bash
# ppc64le.sh: linnet compiled for a processor that it has no kernels of its own for: the portable kernels and a BLAS.
#
# A cross compiler, with this machine's headers of MPI and libraries, whose declarations are the same there. In the place of the
# libraries are empty ones of that processor with their names, so that all sources are compiled and the program is linked; it is not
# run. The same compiler's big-endian side is refused.
. "$(dirname "${BASH_SOURCE[0]}")/../../scripts/lib.sh"
set -eu
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
folder=$PWD/build/ppc64le
compiler=powerpc64le-linux-gnu-gcc
mkdir -p "$folder/lib"
for library in mpi hdf5 openblas cjson pcre2-8 crypto z zstd; do
    $compiler -shared -Wl,-soname,"lib$library.so.0" -o "$folder/lib/lib$library.so" -x c /dev/null
done
headers=$(mpicc -showme:compile 2>/dev/null || mpicc -show | tr ' ' '\n' | grep '^-I' | tr '\n' ' ')
libraries=$(pkg-config --cflags hdf5 openblas libcjson)
options=(MPICC="$compiler" PKG_CONFIG=none BUILD="$folder" CPPFLAGS="$headers $libraries -idirafter /usr/include -idirafter /usr/include/x86_64-linux-gnu"
    LDFLAGS="-L$folder/lib -Wl,--no-as-needed,--unresolved-symbols=ignore-all" LDLIBS=-lmpi)
make -s -j"$(cores)" WERROR=1 "${options[@]}" all
file=$(od -An -tx1 -j18 -N1 "$folder/linnet")
[ "$file" = " 15" ] || die "$folder/linnet is not a program for this processor" # EM_PPC64

refused=$(make -n "${options[@]}" BUILD="$folder/big" CFLAGS=-mbig 2>&1) && die "a big-endian build was not refused"
[[ $refused = *"is big-endian"* ]] || die "a big-endian build was refused for another reason: $refused"
