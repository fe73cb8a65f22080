#!/usr/bin/env bash
# What linnet needs to be built (and, with --test, tested): finds what is missing and installs it.
#
#   scripts/dependencies.sh                       install what building and running need
#   scripts/dependencies.sh --test                and what the tests need
#   scripts/dependencies.sh --slurm               and Slurm, which tests/slurm starts
#   scripts/dependencies.sh --mpich               and the second MPI that the tree is built with
#   scripts/dependencies.sh --clang               and the second compiler that the tree is built with
#   scripts/dependencies.sh --compilers           and the other versions of both that this Debian has, and one for ppc64le
#   scripts/dependencies.sh --platforms           and what makes the other systems that the tree is built on
#   scripts/dependencies.sh --packages            and what makes and checks the packages
#   scripts/dependencies.sh --arm                 and what builds and runs the program of aarch64 on x86-64
#   scripts/dependencies.sh --fuzz | --valgrind   and what `make fuzz` or `make valgrind` needs
#   scripts/dependencies.sh --check               only tell; exit code 1 when something is missing
#
# Each need is looked for as the build will look for it (a program on PATH, what compiles and links, an import), so that a library
# from elsewhere counts as well; the tests' Python modules are looked for in one Python. Where packages cannot be installed,
# these modules come from requirements.txt into a virtual environment, build/python. Packages are Debian's (12, 13) and
# Ubuntu's (24.04) names. Asks nothing: where something is still missing, it prints the command to run and ends with exit code 1.
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
. "$(dirname "${BASH_SOURCE[0]}")/toolchain.sh"
set -u
scratch=$(mktemp -d) || exit 1
trap 'rm -rf "$scratch"' EXIT

# Needs a compiler: without one, none is there.
library() { program "${MPICC%% *}" && ask_compiler && find_library "$1"; }
cmocka() {
    printf '%s\n' '#include <setjmp.h>' '#include <stdarg.h>' '#include <stddef.h>' '#include <stdint.h>' '#include <cmocka.h>' 'int main(void) { return 0; }' >"$scratch/cmocka.c"
    # shellcheck disable=SC2086  # lists of flags
    $MPICC ${CPPFLAGS:-} ${LDFLAGS:-} -o "$scratch/cmocka" "$scratch/cmocka.c" -lcmocka >/dev/null 2>&1
}
# shellcheck disable=SC2086  # a list of words
test_modules() { python_with $TEST_MODULES >/dev/null; }

fuzzes() { echo 'int LLVMFuzzerTestOneInput(void) { return 0; }' | clang -x c -fsanitize=fuzzer,address -o /dev/null - 2>/dev/null; }
openmp() { echo 'int main(void) { return 0; }' | clang -x c -fopenmp -include omp.h -o /dev/null - 2>/dev/null; }
compiles() { echo '#include <stdio.h>' | gcc -E - >/dev/null 2>&1; }

# package : how to tell that it is there
# shellcheck disable=SC2016  # commands for find_missing()
NEEDS='build-essential        : compiles && program make
libopenmpi-dev         : program "${MPICC%% *}"
openmpi-bin            : program mpirun || program mpiexec
libopenblas-openmp-dev : library openblas
libhdf5-dev            : library hdf5
libcjson-dev           : library cjson
libpcre2-dev           : library pcre2
libssl-dev             : library openssl
zlib1g-dev             : library zlib
libzstd-dev            : library zstd
python3                : python_with json >/dev/null'
# shellcheck disable=SC2016
TEST_NEEDS='
pkg-config             : program pkg-config
libcmocka-dev          : cmocka
python3-pytest         : test_modules
python3-h5py           : test_modules
python3-numpy          : test_modules
zsh                    : program zsh
fish                   : program fish
mandoc                 : program mandoc
shellcheck             : program shellcheck
iproute2               : test "$(id -u)" != 0 || program tc
e2fsprogs              : test "$(id -u)" != 0 || program mkfs.ext4
btrfs-progs            : test "$(id -u)" != 0 || program mkfs.btrfs'
SLURM_NEEDS='
munge                  : program munged
slurmctld              : program slurmctld
slurmd                 : program slurmd
slurm-client           : program sbatch
iproute2               : program ip
util-linux             : program nsenter'
# Beside Open MPI, whose mpicc and mpirun stay what they are: Debian's alternatives prefer it.
MPICH_NEEDS='
mpich                  : program mpicc.mpich && program mpiexec.mpich
libmpich-dev           : program mpicc.mpich'
CLANG_NEEDS='
clang                  : program clang
libomp-dev             : openmp'
# Those of Debian 12 and 13, whose clang 17 has no OpenMP; elsewhere none is known.
case $(sed -n 's/^VERSION_CODENAME=//p' /etc/os-release 2>/dev/null) in
bookworm) OTHER_COMPILERS='gcc-11 clang-16 clang-19' ;;
trixie) OTHER_COMPILERS='gcc-12 gcc-13 clang-18 clang-19' ;;
*) OTHER_COMPILERS='' ;;
esac
COMPILER_NEEDS=$(for name in $OTHER_COMPILERS; do printf '\n%s : program %s' "$name" "$name"; done)'
gcc-powerpc64le-linux-gnu : program powerpc64le-linux-gnu-gcc
libc6-dev-ppc64el-cross : [ -d /usr/powerpc64le-linux-gnu/include ]'
PLATFORM_NEEDS='
debootstrap            : program debootstrap
util-linux             : program unshare'
PACKAGE_NEEDS='
debootstrap            : program debootstrap
util-linux             : program unshare
lintian                : program lintian
python3-venv           : python_with venv ensurepip >/dev/null
environment-modules    : [ -e /usr/share/modules/init/bash ] || [ -e /usr/share/lmod/lmod/init/bash ]'
ARM_NEEDS='
gcc-aarch64-linux-gnu  : program aarch64-linux-gnu-gcc
qemu-user              : program qemu-aarch64'
# Only for make fuzz and make valgrind, which make test does not run.
FUZZ_NEEDS='
clang                  : program clang
libclang-rt-dev        : fuzzes'
VALGRIND_NEEDS='
valgrind               : program valgrind
libc6-dbg              : [ -d /usr/lib/debug/.build-id ]'
# The layout check needs the version that .clang-format was written for, which Debian 12 has; elsewhere it is skipped.
FORMAT_NEED='
clang-format           : program clang-format'

# The page of linnet report is tested in a browser; Ubuntu has none as a package of apt, and there these tests are skipped.
BROWSER_NEED='
chromium               : program chromium'

# Set `missing` to the needed packages that are not there, on one line.
find_missing() {
    local package check
    missing=$(while IFS=: read -r package check; do eval "$check" || printf '%s ' "${package// /}"; done <<<"$needs")
}

check_only=no needs=$NEEDS missing=
for argument in "$@"; do
    case $argument in
    --check) check_only=yes ;;
    --test)
        needs+=$TEST_NEEDS
        grep -qs '^VERSION_CODENAME=bookworm' /etc/os-release && needs+=$FORMAT_NEED
        grep -qs '^ID=debian' /etc/os-release && needs+=$BROWSER_NEED
        ;;
    --slurm) needs+=$SLURM_NEEDS ;;
    --mpich) needs+=$MPICH_NEEDS ;;
    --clang) needs+=$CLANG_NEEDS ;;
    --compilers) needs+=$COMPILER_NEEDS ;;
    --platforms) needs+=$PLATFORM_NEEDS ;;
    --packages) needs+=$PACKAGE_NEEDS ;;
    --arm) needs+=$ARM_NEEDS ;;
    --fuzz) needs+=$FUZZ_NEEDS ;;
    --valgrind) needs+=$VALGRIND_NEEDS ;;
    *) die "unknown argument '$argument': --test, --slurm, --mpich, --clang, --compilers, --platforms, --packages, --arm, --fuzz, --valgrind and --check are known" ;;
    esac
done

find_missing
[ -n "$missing" ] || { say "dependencies: all there"; exit 0; }
say "dependencies: missing: $missing"
[ $check_only = no ] || exit 1

by_hand="apt-get update && apt-get install $missing"

# Nothing is read from standard input, so that no package can wait for an answer.
install_packages() {
    local as_root=() install
    command -v apt-get >/dev/null || { say "dependencies: no apt-get here"; return 1; }
    if [ "$(id -u)" != 0 ]; then
        as_root=(sudo -n)
        { command -v sudo && sudo -n true; } >/dev/null 2>&1 || { say "dependencies: installing packages needs root"; return 1; }
    fi
    say "dependencies: installing with apt-get: $missing"
    install=("${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get -q -y -o Dpkg::Use-Pty=0 -o DPkg::Lock::Timeout=120)
    "${install[@]}" update </dev/null >&2 || say "dependencies: the package lists could not be renewed; trying with the old ones"
    # shellcheck disable=SC2086  # a list of words
    "${install[@]}" install --no-install-recommends $missing </dev/null >&2
}

# The tests' modules in a virtual environment, made by the first Python that can.
make_environment() {
    local python
    for python in ${PYTHON:-python3 /usr/bin/python3}; do
        say "dependencies: installing requirements.txt into build/python, with $python"
        "$python" -m venv --clear "$PYTHON_ENVIRONMENT" </dev/null >&2 &&
            "$PYTHON_ENVIRONMENT/bin/python" -m pip install -q -r "$(dirname "$PYTHON_ENVIRONMENT")/../requirements.txt" </dev/null >&2 && return
    done
    rm -rf "$PYTHON_ENVIRONMENT"
}

install_packages
find_missing
if [[ $missing = *python3-pytest* ]]; then
    make_environment
    find_missing
fi
if [ -n "$missing" ]; then
    # Other systems have other names.
    command -v apt-get >/dev/null || die "missing: $missing (Debian's names); scripts/doctor.sh says how to get them here"
    die "missing: $missing; as root: $by_hand"
fi
say "dependencies: all there"
