#!/usr/bin/env bash
# shellcheck disable=SC2154  # variables that toolchain.sh sets
# configure.sh FOLDER: what the Makefile must know of this machine's compiler and libraries, in FOLDER/config.mk.
#
# The Makefile runs this each time. Where nothing has changed that the answer depends on it is only compared, in milliseconds.
# FOLDER/toolchain changes, and with it every object, when the compiler, the libraries or the flags do. Exit code 1 with one line
# on standard error where linnet cannot be built here.
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
. "$(dirname "${BASH_SOURCE[0]}")/toolchain.sh"
. "$(dirname "${BASH_SOURCE[0]}")/package_names.sh"
set -u
folder=$1
self=$(dirname "${BASH_SOURCE[0]}")

# Everything that an answer depends on: programs on PATH, and the files that they are now, what compilers and pkg-config read, and
# these scripts.
key() {
    local name library programs=()
    for name in "$MPICC" ${OMPI_CC:-} ${MPICH_CC:-} ${I_MPI_CC:-} gcc cc clang "$PKG_CONFIG" h5cc h5pcc; do
        name=$(command -v "${name%% *}") && programs+=("$name")
    done
    [ ${#programs[@]} = 0 ] || stat -L -c '%n %i %s %Y' "${programs[@]}"
    for name in PREFIX ${!CPATH*} ${!C_INCLUDE_PATH*} ${!LIBRARY_PATH*} ${!PKG_CONFIG*} MPICC OMPI_CC MPICH_CC I_MPI_CC CPPFLAGS CFLAGS LDFLAGS LDLIBS; do
        echo "$name=${!name:-}"
    done
    for library in $LIBRARIES; do
        for name in "${library^^}_DIR" "${library^^}_ROOT"; do echo "$name=${!name:-}"; done
    done
    cat "$self/toolchain.sh" "$self/configure.sh"
}

new_key=$(key | cksum)
[ "$(head -n 1 "$folder/config.mk" 2>/dev/null)" != "# $new_key" ] || [ ! -e "$folder/toolchain" ] || exit 0

scratch=$(mktemp -d) || exit
trap 'rm -rf "$scratch"' EXIT
fault=$(compiler_fault)
[ -z "$fault" ] || die "$fault"
ask_compiler

missing=() cppflags='' ldlibs='' ldflags='' blas='' found=''
for library in $LIBRARIES; do
    if ! find_library "$library"; then
        ! fault=$(wrong_folder "$library") || die "$fault"
        missing+=("$library")
        continue
    fi
    # shellcheck disable=SC2086  # lists of flags
    {
        found+="$library: $flags"$'\n'
        cppflags+=" $(compiling $flags)"
        ldflags+=" $(runtime_paths "$scratch/$library" $flags)"
        if [ "$library" = openblas ]; then blas=$(linking $flags); else ldlibs+=" $(linking $flags)"; fi
    }
done
[ ${#missing[@]} = 0 ] || die "missing: $(titles "${missing[@]}"); $(advice "${missing[@]}")"

# OpenBLAS is not linked but opened where products go through it, by the name that a linked program has in it.
blas_name=$(grep -ao 'lib[A-Za-z0-9_.-]*blas[A-Za-z0-9_.-]*\.so[.0-9]*' "$scratch/openblas" | head -n 1)
[ -n "$blas_name" ] || die "OpenBLAS is there as a static library alone: linnet opens the shared one (libopenblas.so) when it runs"

# Each word once would be wrong for libraries, whose order counts.
one_line() { tr -s '\n ' ' ' <<<"$*" | sed 's/^ //; s/ $//'; }
each_once() { tr -s '\n ' '\n' <<<"$*" | awk 'NF && !seen[$0]++'; }
# clang 16's pass VectorCombine recurses without end in the bf16 kernels; that of clang 14, 15 and 19 does not.
workaround=''
[[ $clang != 1[678] ]] || workaround='-mllvm -disable-vector-combine'
sve_isas='' sve_flags=''
! find_sve || sve_isas='sve256 sve512'
mkdir -p "$folder"
cat >"$folder/config.mk.new" <<END && mv "$folder/config.mk.new" "$folder/config.mk"
# $new_key
# Written by scripts/configure.sh; make writes it again when the compiler, the libraries or the flags change.
ARCH := ${machine%%-*}
SVE_ISAS := $sve_isas
SVE_FLAGS := $sve_flags
FOUND_CFLAGS := $workaround
FOUND_CPPFLAGS := $(one_line "$(each_once "$cppflags")") -DLINNET_OPENBLAS='"$blas_name"'${sve_isas:+ -DLINNET_SVE}
FOUND_LDFLAGS := $(one_line "$(each_once "$ldflags")")
FOUND_LDLIBS := $(one_line "$ldlibs")
OPENBLAS_LDLIBS := $(one_line "$blas")
END
toolchain=$(
    printf '%s\n' "$compiler" "$machine" "$(readlink -f "$(command -v "${MPICC%% *}")")" "$found" "${CPPFLAGS:-}" "${CFLAGS:-}"
    sed 1d "$folder/config.mk"
)
[ "$toolchain" = "$(cat "$folder/toolchain" 2>/dev/null)" ] || echo "$toolchain" >"$folder/toolchain"
