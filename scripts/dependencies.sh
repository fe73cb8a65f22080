#!/usr/bin/env bash
# What linnet needs to be built (and, with --test, tested): finds what is missing and installs it.
#
#   scripts/dependencies.sh            install what building and running need
#   scripts/dependencies.sh --test     and what the tests need
#   scripts/dependencies.sh --slurm    and Slurm, which tests/slurm starts
#   scripts/dependencies.sh --fuzz     and what `make fuzz` needs
#   scripts/dependencies.sh --valgrind and what `make valgrind` needs
#   scripts/dependencies.sh --check    only tell; exit code 1 when something is missing
#
# Each need is looked for as the build will look for it (a program on PATH, pkg-config, an import), so that a library
# from elsewhere counts as well. Packages are Debian's (12, 13) and Ubuntu's (24.04) names. Asks nothing: where it may
# not install, it prints the command and ends with exit code 1.
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
set -u

program() { command -v "$1" >/dev/null 2>&1; }
library() { program pkg-config && pkg-config --exists "$1"; }
module() { python_with "$1" >/dev/null; }

fuzzes() { echo 'int LLVMFuzzerTestOneInput(void) { return 0; }' | clang -x c -fsanitize=fuzzer,address -o /dev/null - 2>/dev/null; }
compiles() { echo '#include <stdio.h>' | gcc -E - >/dev/null 2>&1; }

# package : how to tell that it is there
NEEDS='
build-essential        : compiles && program make
pkg-config             : program pkg-config
libopenmpi-dev         : program mpicc
openmpi-bin            : program mpirun
libopenblas-openmp-dev : library openblas
libhdf5-dev            : library hdf5
libcjson-dev           : library libcjson
libpcre2-dev           : library libpcre2-8
libssl-dev             : library libcrypto
python3                : module json
'
TEST_NEEDS='
libcmocka-dev          : library cmocka
python3-pytest         : module pytest
python3-h5py           : module h5py
python3-numpy          : module numpy
iproute2               : test "$(id -u)" != 0 || program tc
'
SLURM_NEEDS='
munge                  : program munged
slurmctld              : program slurmctld
slurmd                 : program slurmd
slurm-client           : program sbatch
iproute2               : program ip
util-linux             : program nsenter
'
# Only for make fuzz and make valgrind, which make test does not run.
FUZZ_NEEDS='
clang                  : program clang
libclang-rt-dev        : fuzzes
'
VALGRIND_NEEDS='
valgrind               : program valgrind
libc6-dbg              : [ -d /usr/lib/debug/.build-id ]
'
# The layout check wants the version that .clang-format was written for, which Debian 12 has; elsewhere it is skipped.
FORMAT_NEED='
clang-format           : program clang-format
'

# The packages of the table $1 that are not there, on one line.
missing_of() {
    local package check
    while IFS=: read -r package check; do
        [ -n "${package// /}" ] || continue
        eval "$check" || printf '%s ' "${package// /}"
    done <<<"$1"
}

check_only=no needs=$NEEDS
for argument in "$@"; do
    case $argument in
    --check) check_only=yes ;;
    --test)
        needs+=$TEST_NEEDS
        grep -qs '^VERSION_CODENAME=bookworm' /etc/os-release && needs+=$FORMAT_NEED
        ;;
    --slurm) needs+=$SLURM_NEEDS ;;
    --fuzz) needs+=$FUZZ_NEEDS ;;
    --valgrind) needs+=$VALGRIND_NEEDS ;;
    *) die "unknown argument '$argument': --test, --slurm, --fuzz, --valgrind and --check are known" ;;
    esac
done

missing=$(missing_of "$needs")
if [ -z "$missing" ]; then
    say "dependencies: all there"
    exit 0
fi
say "dependencies: missing: $missing"
[ $check_only = no ] || exit 1

command -v apt-get >/dev/null || die "no apt-get here: install what these Debian packages hold: $missing"
by_hand="apt-get update && apt-get install $missing"
if [ "$(id -u)" = 0 ]; then
    as_root=()
elif command -v sudo >/dev/null && sudo -n true 2>/dev/null; then
    as_root=(sudo -n)
else
    die "installing needs root; run: sudo sh -c '$by_hand'"
fi

say "dependencies: installing with apt-get: $missing"
install=("${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get -q -y -o Dpkg::Use-Pty=0 -o DPkg::Lock::Timeout=120)
# Nothing is read from standard input, so that no package can wait for an answer.
"${install[@]}" update </dev/null >&2 || say "dependencies: the package lists could not be renewed; trying with the old ones"
# shellcheck disable=SC2086  # a list of words
"${install[@]}" install --no-install-recommends $missing </dev/null >&2 || die "apt-get failed; by hand: $by_hand"

missing=$(missing_of "$needs")
[ -z "$missing" ] || die "installed, but still not found: $missing"
say "dependencies: all there"
