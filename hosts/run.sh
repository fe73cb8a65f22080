#!/usr/bin/env bash
# run.sh HOSTFILE COMMAND...: Open MPI's mpirun on the hosts of a file, one rank per slot, each bound to its own cores.
#
#   hosts/run.sh hosts/two-nodes.hostfile linnet train CONFIG.json
#
# The program and all files must have the same paths on every host. Environment variables:
#   LINNET_CORES    cores per rank (default 1)
#   LINNET_NETWORK  the network between the hosts, if they have several: 10.0.0.0/24
#   LINNET_MAP, LINNET_BIND   mpirun's --map-by and --bind-to (default slot:PE=CORES and core)
set -eu
[ $# -ge 2 ] || { echo "usage: run.sh HOSTFILE COMMAND..." >&2; exit 1; }
hostfile=$1
shift
mpirun --version 2>/dev/null | grep -qE 'Open MPI|OpenRTE|PRTE' || {
    echo "run.sh: the mpirun on PATH is not Open MPI's, whose options this script gives; MPICH: mpiexec -f HOSTFILE -n RANKS -bind-to core:CORES" >&2
    exit 1
}
if [ -n "${LINNET_NETWORK:-}" ]; then
    # In the environment, because mpirun refuses the same --mca key twice.
    export OMPI_MCA_btl_tcp_if_include="$LINNET_NETWORK" OMPI_MCA_oob_tcp_if_include="$LINNET_NETWORK"
fi
exec mpirun --hostfile "$hostfile" --map-by "${LINNET_MAP:-slot:PE=${LINNET_CORES:-1}}" --bind-to "${LINNET_BIND:-core}" "$@"
