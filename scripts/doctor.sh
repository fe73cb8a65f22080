#!/usr/bin/env bash
# shellcheck disable=SC2154  # variables that toolchain.sh sets
# make doctor: what of all that linnet needs is on this machine, its versions and where it is; what is missing, and each way to
# get it that this machine has. Looks as the build does (scripts/configure.sh) and needs nothing but bash and coreutils.
# Exit code 1 where something that the build needs is missing or does not fit.
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
. "$(dirname "${BASH_SOURCE[0]}")/toolchain.sh"
. "$(dirname "${BASH_SOURCE[0]}")/package_names.sh"
set -u
scratch=$(mktemp -d) || exit
trap 'rm -rf "$scratch"' EXIT
missing=() faults=()

row() { printf '%-10s %s\n' "$1" "$2"; }
absent() { # NEED ROW
    row "$2" "not found"
    missing+=("$1")
}
first_line() { "$@" 2>/dev/null </dev/null | sed -n 1p; }

describe_system() {
    local name
    name=$(. /etc/os-release 2>/dev/null && echo "${PRETTY_NAME:-}")
    row system "${name:-$(uname -s)}, $(uname -m), Linux $(uname -r)"
    row CPUs "$(nproc) for this process, of $(getconf _NPROCESSORS_ONLN 2>/dev/null)$(sed -n 's/^model name[^:]*:/,/p; T; q' /proc/cpuinfo 2>/dev/null)"
}

# The compiler under the MPI wrapper or, where there is no MPI, the one that its wrapper would take.
describe_compiler() {
    local fault plain=${CC:-gcc}
    if ! program "${MPICC%% *}"; then
        if program "${plain%% *}"; then row compiler "$(first_line "${plain%% *}" --version) ($(command -v "${plain%% *}"))"; else absent compiler compiler; fi
        row MPI "not found: no $MPICC on PATH"
        missing+=(mpi)
        return
    fi
    fault=$(compiler_fault)
    ask_compiler || true
    row compiler "${compiler:-none}${openmp:+, $(openmp_version "$openmp")}"
    row MPI "$(mpi_version) ($(command -v "${MPICC%% *}"))"
    [ -z "$fault" ] || faults+=("$fault")
}

openmp_version() { # THE VALUE OF _OPENMP
    case $1 in
    0) echo "no OpenMP" ;;
    201511) echo "OpenMP 4.5" ;;
    201811) echo "OpenMP 5.0" ;;
    202011) echo "OpenMP 5.1" ;;
    202111) echo "OpenMP 5.2" ;;
    *) echo "OpenMP of $1" ;;
    esac
}

mpi_version() {
    printf '%s\n' '#include <mpi.h>' '#include <stdio.h>' \
        'int main(void) { char text[MPI_MAX_LIBRARY_VERSION_STRING]; int length; return MPI_Get_library_version(text, &length) || puts(text) < 0; }' \
        >"$scratch/mpi.c"
    # shellcheck disable=SC2086  # a list of flags
    { $MPICC ${CPPFLAGS:-} ${LDFLAGS:-} -o "$scratch/mpi" "$scratch/mpi.c" 2>/dev/null && "$scratch/mpi"; } | tr -s '\n\t ' ' ' |
        sed 's/, package.*//; s/ MPICH Release date.*//; s/MPICH Version:/MPICH/; s/ *$//' | grep . || echo "a version that cannot be asked"
}

describe_launchers() {
    local launcher found=no
    for launcher in mpirun mpiexec srun; do
        program $launcher || continue
        found=yes
        row launcher "$launcher: $(first_line $launcher --version | grep . || echo "of unknown version") ($(readlink -f "$(command -v $launcher)"))"
    done
    [ $found = yes ] || { row launcher "not found: none of mpirun, mpiexec, srun"; missing+=(launcher); }
}

# A library's version is what its own program says, its place where the loader finds it.
describe_library() { # NAME ROW
    local version place path fault
    if ! program "${MPICC%% *}"; then
        absent "$1" "$2"
        return
    elif ! find_library "$1"; then
        if fault=$(wrong_folder "$1"); then row "$2" "not found" && faults+=("$fault"); else absent "$1" "$2"; fi
        return
    fi
    # shellcheck disable=SC2086  # a list of flags
    path=${LD_LIBRARY_PATH:-}:$(library_folders $flags | tr '\n' :)
    version=$(LD_LIBRARY_PATH=$path "$scratch/$1" 2>/dev/null) || version="a version that cannot be asked"
    place=$(LD_LIBRARY_PATH=$path loaded "$scratch/$1" | sed -n "s,^lib[^ ]*$(pattern_of "$1")[^ ]* ,,p" | head -n 1)
    row "$2" "$version (${place:-static}, by $how)"
}
pattern_of() { case $1 in openssl) echo crypto ;; openblas) echo blas ;; zlib) echo z ;; *) echo "$1" ;; esac; }

describe_python() {
    local python
    if python=$(python_with json); then row Python "$(first_line "$python" --version) ($python), for the sample and the tests"; else absent python Python; fi
}

describe_system
describe_compiler
if program make; then row make "$(first_line make --version) ($(command -v make))"; else absent make make; fi
describe_launchers
describe_library openblas BLAS
describe_library hdf5 HDF5
describe_library cjson cJSON
describe_library pcre2 PCRE2
describe_library openssl OpenSSL
describe_library zlib zlib
describe_library zstd zstd
describe_python
if program "$PKG_CONFIG"; then row pkg-config "$("$PKG_CONFIG" --version) ($(command -v "$PKG_CONFIG"))"; else row pkg-config "none: not needed where compilers find the libraries"; fi

if [ ${#missing[@]} = 0 ] && [ ${#faults[@]} = 0 ]; then
    printf '\nNothing is missing: make builds linnet.\n'
    exit 0
fi
printf '\n'
[ ${#faults[@]} = 0 ] || printf 'wrong: %s\n' "${faults[@]}"
[ ${#missing[@]} != 0 ] || exit 1
printf 'missing: %s. To get it:\n' "$(titles "${missing[@]}")"
ways "${missing[@]}" | sed 's/^/  /'
exit 1
