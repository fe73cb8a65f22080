#!/usr/bin/env bash
# mpirun.sh RANKS COMMAND...: mpirun on this machine, as the quick start and the tests use it.
#
# Starts the launcher of the MPI that the command is linked with: mpirun of Open MPI, mpiexec of MPICH. A command that is a
# script is taken for one of Open MPI. LINNET_MPIRUN names another launcher with all its options but -n.
#
# Open MPI refuses to run as root, as one is in a container, and refuses more ranks than cores: both are allowed here
# where they are met, and only there. What the caller sets in OMPI_* stays. MPICH allows both, and binds ranks to cores
# only where it is asked to.
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
set -eu
[ $# -ge 2 ] || { echo "usage: mpirun.sh RANKS COMMAND..." >&2; exit 1; }
ranks=$1
shift

# mpich or openmpi: by the library, libmpi.so.12 (libmpich.so.12 in Debian) or libmpi.so.40, of the first argument that is a
# program; before it stand options of the launcher.
mpi_of() { # COMMAND...
    local word program
    for word; do
        program=$(type -P -- "$word") || continue
        case $(ldd "$program" 2>/dev/null) in
        *libmpich.so* | *libmpi*.so.12*) echo mpich ;;
        *) echo openmpi ;;
        esac
        return
    done
    echo openmpi
}

# The first launcher on PATH that is of this MPI: either may be called mpirun.
launcher_of() { # MPI
    local name
    if [ "$1" = openmpi ]; then
        set -- 'Open MPI|OpenRTE|PRTE' mpirun mpiexec mpirun.openmpi
    else
        set -- 'HYDRA|Intel' mpiexec mpirun mpiexec.hydra mpiexec.mpich
    fi
    for name in "${@:2}"; do
        "$name" --version 2>/dev/null | grep -qE "$1" && { echo "$name"; return; }
    done
    echo "$2"
}

options=()
mpi=$(mpi_of "$@")
if [ "$mpi" = openmpi ]; then
    [ "$(id -u)" != 0 ] || export OMPI_ALLOW_RUN_AS_ROOT=1 OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1
    if [ "$ranks" -gt "$(cores)" ]; then
        options+=(--oversubscribe --bind-to none)
        # Waiting ranks give their core away in place of spinning.
        export OMPI_MCA_mpi_yield_when_idle="${OMPI_MCA_mpi_yield_when_idle:-1}"
    fi
elif [ "$ranks" -le "$(cores)" ]; then
    options+=(-bind-to core)
fi
# shellcheck disable=SC2086  # a command with its options
[ -z "${LINNET_MPIRUN:-}" ] || exec $LINNET_MPIRUN -n "$ranks" "$@"
exec "$(launcher_of "$mpi")" "${options[@]}" -n "$ranks" "$@"
