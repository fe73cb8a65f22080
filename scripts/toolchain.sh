# shellcheck shell=bash
# shellcheck disable=SC2034,SC2154  # variables that those who source this set and read
# Sourced by configure.sh and doctor.sh: what compiles linnet here, and where its libraries are.
#
# A compiler or a library is judged by what it compiles and links, with the user's own flags: MPICC, CPPFLAGS, CFLAGS, LDFLAGS and
# what compilers read themselves (CPATH, LIBRARY_PATH). `scratch` is a folder for the programs that are tried.

LIBRARIES='hdf5 openblas cjson pcre2 openssl zlib zstd'
MPICC=${MPICC:-mpicc}
PKG_CONFIG=${PKG_CONFIG:-pkg-config}
GCC_LEAST=11 CLANG_LEAST=14

program() { command -v "$1" >/dev/null 2>&1; }

# What a need is called in messages.
title() {
    case $1 in
    compiler) echo "a C compiler" ;;
    mpi) echo "MPI for C programs" ;;
    launcher) echo "MPI's launcher" ;;
    make) echo "GNU make" ;;
    python) echo "Python 3" ;;
    hdf5) echo HDF5 ;;
    openblas) echo OpenBLAS ;;
    cjson) echo cJSON ;;
    pcre2) echo PCRE2 ;;
    openssl) echo "OpenSSL's libcrypto" ;;
    zlib) echo zlib ;;
    zstd) echo zstd ;;
    esac
}

# A program that uses the library as linnet does and prints its version.
source_of() {
    case $1 in
    # Twice MPI in one program crashes at its start: a parallel HDF5 must be of the same MPI.
    hdf5) cat <<'C' ;;
#include <hdf5.h>
#ifdef H5_HAVE_PARALLEL
#include <mpi.h>
#define KIND ", parallel"
static int (*volatile start)(int *, char ***) = MPI_Init;
#else
#define KIND ", serial"
static int (*volatile start)(int *, char ***);
#endif
#include <stdio.h>
int main(int count, char **words) {
    unsigned version[3];
    if (count < 0) start(&count, &words);
    H5get_libversion(&version[0], &version[1], &version[2]);
    return printf("%u.%u.%u" KIND "\n", version[0], version[1], version[2]) < 0;
}
C
    openblas) cat <<'C' ;;
#include <cblas.h>
#include <stdio.h>
int main(void) {
    static const char *const threads[] = {"one thread", "its own threads", "OpenMP threads"};
    return printf("%s, %s\n", openblas_get_config(), threads[openblas_get_parallel()]) < 0;
}
C
    cjson) printf '%s\n' '#include <cjson/cJSON.h>' '#include <stdio.h>' 'int main(void) { return puts(cJSON_Version()) < 0; }' ;;
    pcre2) printf '%s\n' '#define PCRE2_CODE_UNIT_WIDTH 8' '#include <pcre2.h>' '#include <stdio.h>' \
        'int main(void) { char version[64]; pcre2_config(PCRE2_CONFIG_VERSION, version); return puts(version) < 0; }' ;;
    openssl) printf '%s\n' '#include <openssl/crypto.h>' '#include <openssl/evp.h>' '#include <stdio.h>' \
        'int main(void) { return !EVP_sha256() || puts(OpenSSL_version(OPENSSL_VERSION)) < 0; }' ;;
    zlib) printf '%s\n' '#include <zlib.h>' '#include <stdio.h>' 'int main(void) { return puts(zlibVersion()) < 0; }' ;;
    zstd) printf '%s\n' '#include <zstd.h>' '#include <stdio.h>' 'int main(void) { return puts(ZSTD_versionString()) < 0; }' ;;
    esac
}

# The pkg-config modules that may be the library, the usual one first.
modules_of() {
    case $1 in
    hdf5) echo hdf5 hdf5-serial hdf5-openmpi hdf5-mpich ;;
    openblas) echo openblas openblas-openmp openblas-pthread openblas-serial ;;
    cjson) echo libcjson ;;
    pcre2) echo libpcre2-8 ;;
    openssl) echo libcrypto ;;
    zlib) echo zlib ;;
    zstd) echo libzstd ;;
    esac
}

# What to link without pkg-config, one try a line: with the folders that Debian keeps HDF5's kinds in, and Fedora OpenBLAS's header.
plain_flags() {
    local kind place=/usr/lib/${machine%%-*}-linux-gnu/hdf5
    case $1 in
    hdf5)
        echo -lhdf5
        for kind in serial openmpi mpich; do
            [ ! -d "$place/$kind" ] || echo "-I/usr/include/hdf5/$kind -L$place/$kind -lhdf5"
        done
        ;;
    openblas) printf '%s\n' -lopenblas '-I/usr/include/openblas '{-lopenblaso,-lopenblasp,-lopenblas} ;;
    cjson) echo -lcjson ;;
    pcre2) echo -lpcre2-8 ;;
    openssl) echo -lcrypto ;;
    zlib) echo -lz ;;
    zstd) echo -lzstd ;;
    esac
}

# Those of the words that are flags of the compiler, and those for the linker with the files to link.
compiling() {
    local word
    for word; do case $word in -[ID]*) printf '%s ' "$word" ;; esac; done
}
linking() {
    local word
    for word; do case $word in -[Ll]* | -Wl,* | /*.a | /*.so) printf '%s ' "$word" ;; esac; done
}
library_folders() {
    local word
    for word; do case $word in -L*) echo "${word#-L}" ;; esac; done
    tr : '\n' <<<"${LIBRARY_PATH:-}"
}

# Compile and link the program of a library with the flags that follow; it stays in $scratch/NAME.
links() { # NAME FLAGS...
    local name=$1
    shift
    source_of "$name" >"$scratch/$name.c"
    # shellcheck disable=SC2046,SC2086  # lists of flags
    $MPICC $(compiling "$@") ${CPPFLAGS:-} ${CFLAGS:-} ${LDFLAGS:-} -o "$scratch/$name" "$scratch/$name.c" $(linking "$@") ${LDLIBS:-} \
        >"$scratch/$name.log" 2>&1 && one_mpi "$scratch/$name" "$@"
}

# No program with libraries of two MPIs: an HDF5 for another one links without a word.
one_mpi() { # PROGRAM FLAGS...
    local path
    path=$(library_folders "${@:2}" | grep . | tr '\n' :)${LD_LIBRARY_PATH:-}
    [ "$(LD_LIBRARY_PATH=$path loaded "$1" | grep -cE '^lib(mpi|mpich|pmpi)\.so')" -le 1 ]
}

# "NAME FILE" of what a program loads, where this machine can load it at all; FILE is "not" for what is not found.
loaded() { ldd "$1" 2>/dev/null | sed -n 's/^[[:space:]]*\([^ ]*\) => \([^ ]*\).*/\1 \2/p'; }

# Set `flags` and `how` of a library; false if none is found.
find_library() {
    local name=$1 module folder line
    for folder in "${name^^}_DIR" "${name^^}_ROOT"; do
        [ -n "${!folder:-}" ] || continue
        how=$folder=${!folder}
        links_in "$name" "${!folder}" && return
        return 1
    done
    if program "$PKG_CONFIG"; then
        for module in $(modules_of "$name"); do
            "$PKG_CONFIG" --exists "$module" 2>/dev/null || continue
            how="$PKG_CONFIG $module" flags=$("$PKG_CONFIG" --cflags --libs "$module")
            # shellcheck disable=SC2086  # a list of flags
            links "$name" $flags && return
        done
    fi
    while read -r line; do
        how="the compiler's own folders" flags=$line
        # shellcheck disable=SC2086  # a list of flags
        links "$name" $flags && return
    done < <(plain_flags "$name")
    [ "$name" != hdf5 ] || ! by_wrapper || return 0
    for folder in "${PREFIX:-}" "${HOME:-}/.local"; do
        how=$folder
        [ ! -d "$folder" ] || ! links_in "$name" "$folder" || return 0
    done
    return 1
}

# After find_library: the line about a folder that the user has named and that does not have the library; false if none is named.
wrong_folder() { # NAME
    case $how in
    *_DIR=* | *_ROOT=*) echo "$how: there is no $(title "$1") that $MPICC can use" ;;
    *) return 1 ;;
    esac
}

# The library in a folder of its own, where programs will look for it too.
links_in() { # NAME FOLDER
    local libraries line
    for libraries in "$2"/lib64 "$2"/lib "$2"/lib/*-linux-gnu; do
        [ -d "$libraries" ] || continue
        while read -r line; do
            flags="-I$2/include -L$libraries $line"
            # shellcheck disable=SC2086  # a list of flags
            links "$1" $flags && return
        done < <(plain_flags "$1")
    done
    return 1
}

# HDF5's compiler wrappers know its flags.
by_wrapper() {
    local wrapper
    for wrapper in h5cc h5pcc; do
        program $wrapper || continue
        how="$wrapper -show" flags=$($wrapper -show 2>/dev/null)
        # shellcheck disable=SC2046,SC2086  # lists of flags
        flags="$(compiling $flags) $(linking $flags)"
        # shellcheck disable=SC2086
        links hdf5 $flags && return
    done
    return 1
}

# The folders of libraries where the program $1 would not look by itself, or find the system's in place of the one that was linked,
# as options of the linker that write them into it.
runtime_paths() { # PROGRAM FLAGS...
    local name file folder
    (unset LD_LIBRARY_PATH && loaded "$1") | while read -r name file; do
        for folder in $(library_folders "${@:2}"); do
            [ -e "$folder/$name" ] || continue
            if [ "$file" = not ] || { [[ $folder != /usr/* && $folder != /lib* ]] && [ ! "$file" -ef "$folder/$name" ]; }; then
                echo "-Wl,-rpath,$(cd "$folder" && pwd)"
            fi
            break
        done
    done | sort -u
}

# Set what the compiler says of itself with the user's flags: gcc, clang (versions or 0), openmp, order, fast, machine. False if
# it compiles nothing.
ask_compiler() {
    local answer
    printf '%s\n' '#include <mpi.h>' '#ifdef __clang__' '#define CLANG __clang_major__' '#else' '#define CLANG 0' '#endif' \
        '#ifndef __GNUC__' '#define __GNUC__ 0' '#endif' \
        '#ifdef _OPENMP' '#include <omp.h>' '#define OPENMP _OPENMP' '#else' '#define OPENMP 0' '#endif' \
        '#if defined __FAST_MATH__ || (defined __FINITE_MATH_ONLY__ && __FINITE_MATH_ONLY__)' '#define FAST 1' '#else' '#define FAST 0' '#endif' \
        'linnet-asks __GNUC__ CLANG OPENMP __BYTE_ORDER__ FAST' >"$scratch/compiler.c"
    # shellcheck disable=SC2086  # lists of flags
    answer=$($MPICC -fopenmp ${CPPFLAGS:-} ${CFLAGS:-} -E "$scratch/compiler.c" 2>"$scratch/compiler.log") || return
    read -r gcc clang openmp order fast < <(echo "$answer" | sed -n 's/^linnet-asks //p')
    machine=$($MPICC -dumpmachine 2>/dev/null)
    compiler=$($MPICC --version 2>/dev/null | sed -n 1p)
}

# Set sve_flags: what makes the compiler use SVE with vectors of a fixed length, as src/kernels/lanes.h does, beside the user's
# flags, which may name a processor that has it. False where the compiler or the processor knows none.
find_sve() {
    [[ $machine = aarch64* ]] || return
    printf '%s\n' '#include <arm_sve.h>' \
        'typedef svfloat32_t Sve __attribute__((arm_sve_vector_bits(__ARM_FEATURE_SVE_BITS)));' \
        'typedef float Floats __attribute__((vector_size(__ARM_FEATURE_SVE_BITS / 8)));' \
        'Floats half(Floats x) { return (Floats)(Sve)svmul_n_f32_x(svptrue_b32(), (Sve)x, 0.5f); }' >"$scratch/sve.c"
    for sve_flags in '' -march=armv8.2-a+sve; do
        # shellcheck disable=SC2086  # lists of flags
        $MPICC ${CPPFLAGS:-} ${CFLAGS:-} $sve_flags -msve-vector-bits=256 -Werror -c -o "$scratch/sve.o" "$scratch/sve.c" \
            >"$scratch/sve.log" 2>&1 && return
    done
    return 1
}

# The first of the user's flags with which results are other ones, and which the compiler tells by no macro; false if there is none.
changing_flag() {
    local word
    for word in ${CPPFLAGS:-} ${CFLAGS:-}; do
        case $word in
        -funsafe-math-optimizations | -fassociative-math | -freciprocal-math | -ffp-contract=fast* | -ffp-contract=on) echo "$word" && return ;;
        esac
    done
    return 1
}

# Why the compiler cannot build linnet, in one line; nothing if it can.
compiler_fault() {
    local flag
    if ! program "${MPICC%% *}"; then
        echo "$MPICC not found: no MPI for C programs is on PATH (MPICC=... names another compiler wrapper)"
    elif ! ask_compiler; then
        if grep -q 'omp\.h' "$scratch/compiler.log"; then
            echo "$MPICC has no OpenMP (omp.h is missing; clang's is in libomp-dev), which linnet's threads need"
        else
            echo "$MPICC compiles no MPI program: $(first_error "$scratch/compiler.log")"
        fi
    elif [ "$openmp" = 0 ]; then
        echo "$compiler compiles without OpenMP, which linnet's threads need: see CFLAGS=${CFLAGS:-}"
    elif [ "$gcc" = 0 ]; then
        echo "$compiler is neither GCC nor clang, whose vector types linnet uses (gcc $GCC_LEAST or later, clang $CLANG_LEAST or later)"
    elif [ "$clang" != 0 ] && [ "$clang" -lt $CLANG_LEAST ]; then
        echo "$compiler is too old: linnet needs clang $CLANG_LEAST or later, or gcc $GCC_LEAST or later (make CC=...)"
    elif [ "$clang" = 0 ] && [ "$gcc" -lt $GCC_LEAST ]; then
        echo "$compiler is too old: linnet needs gcc $GCC_LEAST or later, or clang $CLANG_LEAST or later (make CC=...)"
    elif [ "$order" != 1234 ]; then
        echo "$machine is big-endian: linnet's files are little-endian and are used as they lie in memory"
    elif [ "$fast" = 1 ]; then
        echo "$compiler may leave NaN and the order of sums out of account with CFLAGS=${CFLAGS:-} (-ffast-math, -Ofast, -ffinite-math-only): linnet needs both"
    elif flag=$(changing_flag); then
        echo "$flag in CFLAGS changes results: linnet's sums are to be made in their order, and rounded where it says"
    elif ! links_mpi; then
        echo "$MPICC links no MPI program: $(first_error "$scratch/mpi.log")"
    fi
}
first_error() { grep -v '^collect2:' "$1" | grep -m 1 -E 'error|not found|No such|cannot find|unrecognized' || grep -m 1 '[a-z]' "$1"; }

# With the user's flags, so that a wrong one is not taken for a missing library.
links_mpi() {
    printf '%s\n' '#include <mpi.h>' 'int main(int count, char **words) { return MPI_Init(&count, &words); }' >"$scratch/mpi.c"
    # shellcheck disable=SC2086  # lists of flags
    $MPICC -fopenmp ${CPPFLAGS:-} ${CFLAGS:-} ${LDFLAGS:-} -o "$scratch/mpi" "$scratch/mpi.c" ${LDLIBS:-} >"$scratch/mpi.log" 2>&1
}
