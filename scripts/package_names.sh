# shellcheck shell=bash
# shellcheck disable=SC2154  # LIBRARIES, of toolchain.sh
# Sourced by configure.sh and doctor.sh after toolchain.sh: how to get what is missing, in the names of the systems that have it.

# need | apt (Debian, Ubuntu) | dnf (Rocky, Alma, RHEL, Fedora) | zypper (SLES, openSUSE) | Spack | conda (conda-forge)
PACKAGE_NAMES='
compiler   | build-essential        | gcc                | gcc                      | gcc                     | c-compiler
make       | build-essential        | make               | make                     | gmake                   | make
mpi        | libopenmpi-dev         | openmpi-devel      | openmpi4-devel           | openmpi                 | openmpi
launcher   | openmpi-bin            | openmpi            | openmpi4                 | openmpi                 | openmpi
openblas   | libopenblas-openmp-dev | openblas-devel     | libopenblas_openmp-devel | openblas threads=openmp | openblas
hdf5       | libhdf5-dev            | hdf5-devel         | hdf5-devel               | hdf5~mpi                | hdf5
cjson      | libcjson-dev           | cjson-devel        | cJSON-devel              | cjson                   | cjson
pcre2      | libpcre2-dev           | pcre2-devel        | pcre2-devel              | pcre2                   | pcre2
openssl    | libssl-dev             | openssl-devel      | libopenssl-devel         | openssl                 | openssl
zlib       | zlib1g-dev             | zlib-devel         | zlib-devel               | zlib                    | zlib
zstd       | libzstd-dev            | libzstd-devel      | libzstd-devel            | zstd                    | zstd
python     | python3                | python3            | python3                  | python                  | python'

# The packages of some needs in one manager's names, each once.
names_in() { # COLUMN NEEDS...
    local column=$1 need
    for need in "${@:2}"; do
        awk -F ' *[|] *' -v need="$need" -v column="$column" '$1 == need { sub(/ *$/, "", $column); print $column }' <<<"$PACKAGE_NAMES"
    done | awk '!seen[$0]++' | tr '\n' ' ' | sed 's/ $//'
}

# "HDF5, cJSON"
titles() {
    local need list=
    for need; do list+="${list:+, }$(title "$need")"; done
    echo "$list"
}

# All modules of Environment Modules or Lmod, one a line; these programs are behind the shell function `module`.
module_names() {
    local program=${LMOD_CMD:-${MODULES_CMD:-$(command -v modulecmd)}}
    [ -n "$program" ] || return
    if [ -n "${LMOD_CMD:-}" ]; then "$program" bash -t spider; else "$program" bash avail -t; fi 2>&1 >/dev/null |
        sed -n 's/(default)//; /^[A-Za-z0-9].*[^:]$/p' | sort -u
}

# The modules that may have a need, of those that $modules lists.
modules_for() { # NEED
    local pattern=$1
    case $1 in
    compiler) pattern='gcc|gnu|foss|llvm|clang' ;;
    mpi | launcher) pattern='openmpi|mpich|mvapich2?|impi|intel-?mpi|cray-mpich|foss|gompi' ;;
    openblas) pattern='openblas|foss' ;;
    hdf5) pattern='p?hdf5|cray-hdf5' ;;
    esac
    grep -iE "(^|/)($pattern)(/|-|$)" <<<"$modules" | head -n 8 | tr '\n' ' '
}

# Each way to get the needs that this machine may have: one a line.
ways() { # NEEDS...
    local sudo='' need modules found
    [ "$(id -u)" = 0 ] || sudo='sudo '
    ! program apt-get || echo "apt-get  ${sudo}apt-get install $(names_in 2 "$@")"
    if program dnf; then
        echo "dnf      ${sudo}dnf install $(names_in 3 "$@")"
        echo "         (where dnf does not know a name: ${sudo}dnf install epel-release; ${sudo}dnf config-manager --set-enabled crb)"
    fi
    ! program zypper || echo "zypper   ${sudo}zypper install $(names_in 4 "$@")"
    modules=$(module_names)
    for need; do
        found=$(modules_for "$need")
        [ -z "$found" ] || echo "module   for $(title "$need"), module load one of: $found"
    done
    ! program spack || echo "spack    spack install $(names_in 5 "$@"), and spack load them"
    for found in conda mamba micromamba; do
        ! program $found || { echo "$found    $found install -c conda-forge $(names_in 6 "$@")"; break; }
    done
    case " $* " in
    *' cjson '* | *' pcre2 '* | *' hdf5 '*) echo "by hand  make deps PREFIX=\$HOME/.local FROM=FOLDER builds cJSON, PCRE2 and HDF5 from release tarballs, without root" ;;
    esac
    for need; do
        case " $LIBRARIES " in
        *" $need "*)
            echo "else     name where it is: PKG_CONFIG_PATH, CPATH and LIBRARY_PATH, or ${need^^}_DIR, a folder with include/ and lib/"
            break ;;
        esac
    done
}

# The first of these ways, for an error message of one line.
advice() { ways "$@" | sed -n '1s/^.\{9\}//p'; }
