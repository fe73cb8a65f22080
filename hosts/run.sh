#!/usr/bin/env bash
# run.sh HOSTFILE COMMAND...: mpirun over the hosts of a file, a rank a slot, each bound to its own part of the machine.
#
#   hosts/run.sh hosts/two-nodes.hostfile linnet train CONFIG.json
#
# The program and all paths must be there under the same names on every host. By the environment:
#   LINNET_CORES    cores a rank (default 1)
#   LINNET_NETWORK  the network between the hosts where they have several: 10.0.0.0/24
#   LINNET_MAP, LINNET_BIND   mpirun's --map-by and --bind-to, in place of slot:PE=CORES and core
set -eu
[ $# -ge 2 ] || { echo "usage: run.sh HOSTFILE COMMAND..." >&2; exit 1; }
hostfile=$1
shift
if [ -n "${LINNET_NETWORK:-}" ]; then
    # By environment, since the same --mca key given twice is an error.
    export OMPI_MCA_btl_tcp_if_include="$LINNET_NETWORK" OMPI_MCA_oob_tcp_if_include="$LINNET_NETWORK"
fi
exec mpirun --hostfile "$hostfile" --map-by "${LINNET_MAP:-slot:PE=${LINNET_CORES:-1}}" --bind-to "${LINNET_BIND:-core}" "$@"
