#!/usr/bin/env bash
# programs.sh: build/arm/bin/linnet, which starts build/arm/linnet under qemu, and build/arm/bin/run, which so starts any program.
set -eu
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
here=$PWD/build/arm
mkdir -p "$here/bin" "$here/qemu"
# A copy of qemu by that name, so that a rank's process is one of linnet, which is what the tests look for.
cp --remove-destination "$(command -v qemu-aarch64)" "$here/qemu/linnet"

# Without SVE, whose instructions qemu computes many times slower than those of NEON; tests of its kernels set QEMU_CPU.
#
# A preloaded library must be arm64's, and is for the program alone. qemu lacks the system call by which Open MPI's ranks read one
# another's memory.
starter() { # NAME PROGRAM
    cat >"$here/bin/$1" <<END
#!/bin/sh
export QEMU_CPU="\${QEMU_CPU:-max,sve=off}" QEMU_LD_PREFIX='$here/root' OMPI_MCA_btl_vader_single_copy_mechanism=none
exec '$here/qemu/linnet' $2 "\$@"
END
    chmod +x "$here/bin/$1"
}
starter linnet "'$here/linnet'"
starter run ""
