#!/bin/sh
# install.sh MPI: install linnet, from a release tarball beside this script, in a container of Debian. Dockerfile and linnet.def run
# it as root. MPI is openmpi or mpich. What only the build needs is removed again.
set -eu
cd "$(dirname "$0")"
mpi=$1
export DEBIAN_FRONTEND=noninteractive
case $mpi in
openmpi) development=libopenmpi-dev runtime=openmpi-bin ;;
mpich) development=libmpich-dev runtime=mpich ;;
*) echo "install.sh: error: MPI is openmpi or mpich, not '$mpi'" >&2; exit 1 ;;
esac

apt-get update
apt-mark showmanual >manual
apt-get install -y --no-install-recommends build-essential pkgconf "$development" "$runtime" \
    libopenblas-openmp-dev libhdf5-dev libcjson-dev libpcre2-dev libssl-dev zlib1g-dev libzstd-dev

mkdir source
tar -xf linnet-*.tar.gz --strip-components=1 -C source
make -C source -j"$(nproc)" MPICC="mpicc.$mpi"
make -C source install MPICC="mpicc.$mpi" PREFIX=/usr/local

# The libraries that the program links stay; those that it opens by name and the launcher are asked for.
needed=$(ldd /usr/local/bin/linnet | sed -n 's/.* => \(\/[^ ]*\).*/\1/p' | xargs -n 1 readlink -f |
    while read -r library; do dpkg-query --search "$library" || dpkg-query --search "${library#/usr}"; done 2>/dev/null | cut -d: -f1 | sort -u)
apt-mark auto '.*' >/dev/null
# shellcheck disable=SC2046,SC2086  # lists of words
apt-mark manual $(cat manual) $needed >/dev/null
apt-get install -y --no-install-recommends "$runtime" libopenblas0-openmp python3-minimal
# Not kept: what a package that stays only recommends or suggests, such as the compiler.
apt-get purge -y --auto-remove -o APT::AutoRemove::RecommendsImportant=false -o APT::AutoRemove::SuggestsImportant=false
rm -rf source manual /var/lib/apt/lists/*
linnet --version
