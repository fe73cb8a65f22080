#!/usr/bin/env bash
# mpirun.sh RANKS COMMAND...: mpirun on this machine, as the quick start and the tests use it.
#
# Open MPI refuses to run as root, as one is in a container, and refuses more ranks than cores: both are allowed here
# where they are met, and only there. What the caller sets in OMPI_* stays.
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
set -eu
[ $# -ge 2 ] || { echo "usage: mpirun.sh RANKS COMMAND..." >&2; exit 1; }
ranks=$1
shift
options=()
[ "$(id -u)" != 0 ] || export OMPI_ALLOW_RUN_AS_ROOT=1 OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1
if [ "$ranks" -gt "$(cores)" ]; then
    options+=(--oversubscribe --bind-to none)
    # Waiting ranks give their core away in place of spinning.
    export OMPI_MCA_mpi_yield_when_idle="${OMPI_MCA_mpi_yield_when_idle:-1}"
fi
exec mpirun "${options[@]}" -n "$ranks" "$@"
