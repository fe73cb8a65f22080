# shellcheck shell=bash disable=SC2034,SC2086,SC2154  # what scripts/test.sh defines and uses
# Sourced by scripts/test.sh: the part arm. linnet and its tests are cross compiled with Debian's libraries of arm64 and run under
# qemu-user, all on this machine: programs of the tests by build/arm/bin/run, jobs by this machine's mpirun and Python.
# Computing takes some 50 times longer so. The part takes what depends on the processor, and LINNET_ARM=all everything that
# make test-arm promises.

ARM_KERNELS=(isa attention adamw dropout gelu layernorm vector linear portable_bits)
# With SVE, which qemu computes slowly: the bits of all kernels, and the tests that take seconds.
SVE_KERNELS=(isa adamw dropout gelu layernorm vector portable_bits)

# The kernels' tests on processors with the two lengths of vectors that kernels for SVE are compiled for.
run_sve_units() { # NAMES...
    local cpu
    for cpu in max,sve-max-vq=2 max,sve-max-vq=4; do QEMU_CPU=$cpu run_units build/arm "${@/%/_test}"; done
}

build_arm() { # NAME FOLDER GOALS...
    local root=$PWD/build/arm/root
    local -x PKG_CONFIG_SYSROOT_DIR=$root
    local -x PKG_CONFIG_LIBDIR=$root/usr/lib/aarch64-linux-gnu/pkgconfig:$root/usr/share/pkgconfig
    build "$1" MPICC="$PWD/tests/arm/mpicc" BUILD="$2" "${@:3}"
}

arm_mpi() { # RANKS PROGRAMS...
    local program log
    step "MPI tests of aarch64 on $1 ranks"
    for program in "${@:2}"; do
        log=$logs/arm-$program-$1.log
        try "$program of aarch64 on $1 ranks" "$log" limited $MPI_LIMIT "$log" scripts/mpirun.sh "$1" build/arm/bin/run "build/arm/tests/mpi/$program"
    done
}

# Sets the limits for all that it calls.
test_arm() {
    local log=$logs/arm-root.log UNIT_LIMIT=1800 MPI_LIMIT=900 PYTHON_LIMIT=1500 units=("${ARM_KERNELS[@]/%/_test}") mpi=(reduction_test)
    local under=(build/arm/bin/run)
    step "aarch64, under qemu"
    [ "$(uname -m)" = x86_64 ] || { skip "arm: the cross build is from x86-64"; return; }
    find_packages arm --arm || return
    limited 300 "$log" tests/arm/root.sh
    case $? in 0) ;; 77) skip "arm: $(tail -n 1 "$log")"; return ;; *) fail "libraries of arm64" "$log"; return ;; esac
    units=("${units[@]/#/kernels/}")
    if [ "${LINNET_ARM:-}" = all ]; then
        test_arm_all
        return
    fi
    build_arm build-arm build/arm all "${units[@]/#/build/arm/tests/unit/}" "${mpi[@]/#/build/arm/tests/mpi/}" || return
    tests/arm/programs.sh
    run_units build/arm "${units[@]}"
    run_sve_units "${SVE_KERNELS[@]/#/kernels/}"
    arm_mpi 3 "${mpi[@]}"
    run_pytest arm build/arm/bin/linnet tests/arm
}

test_arm_all() {
    local ranks source mpi=() UNIT_LIMIT=7200 PYTHON_LIMIT=14400
    for source in tests/mpi/*_test.c; do mpi+=("$(basename "$source" .c)"); done
    build_arm build-arm build/arm all unit-programs mpi-programs || return
    tests/arm/programs.sh
    test_unit build/arm
    run_sve_units "${ARM_KERNELS[@]/#/kernels/}"
    for ranks in 1 2 3 4; do arm_mpi $ranks "${mpi[@]}"; done
    run_pytest arm build/arm/bin/linnet tests/arm tests/golden tests/e2e
    ARM_CC=clang build_arm build-arm-clang build/arm/clang all "${units[@]/#/build/arm/clang/tests/unit/}" && run_units build/arm/clang "${units[@]}"
}
