#!/usr/bin/env bash
# cluster.sh FOLDER NODES: a real Slurm on this machine: a head node and hosts n1, n2, ..., each with its own network, name,
# process ids, /dev/shm and temporary folder; they share the kernel, the cores and the files.
#
# conftest.py starts this script as the first process of new namespaces, with a pipe as standard input. It prints "ready" when
# the hosts are idle, then runs the commands of its input, one per line, and prints each when done: "cut HOST" removes a host
# as a power cut does, "crash HOST" kills it so that its connections end. When the pipe is closed the script ends, and the
# kernel then kills all processes of the namespaces.
#
# cluster.sh --check: whether this machine can make such namespaces.
set -eu
if [ "$1" = --check ]; then
    exec unshare --fork --kill-child --pid --mount --mount-proc --net --uts --ipc bash -ec '
        hostname head
        mount -t tmpfs run /run
        mkdir /run/netns
        ip netns add n1
        ip link add bridge type bridge
        ip link add n1 type veth peer name eth0 netns n1'
fi
folder=$1 count=$2
network=10.77.0
export SLURM_CONF=$folder/slurm.conf

# Only this cluster sees the new /run, hosts file and network; nothing is left on the machine.
prepare_head() {
    local i
    hostname head
    mount -t tmpfs run /run
    mkdir -p /run/netns /run/munge "$folder/state" "$folder/local"
    {
        echo "127.0.0.1 localhost"
        echo "$network.254 head"
        for i in $(seq "$count"); do echo "$network.$i n$i"; done
    } >"$folder/hosts"
    mount --bind "$folder/hosts" /etc/hosts
    ip link set lo up
    ip link add bridge type bridge
    ip address add $network.254/24 dev bridge
    ip link set bridge up
}

# Short time limits keep the tests short: Slurm notices a lost host in seconds, and a requeued job starts again as soon as the
# credential of its last start has expired, which by default takes 2 minutes.
write_configuration() {
    cat >"$SLURM_CONF" <<END
ClusterName=test
SlurmctldHost=head($network.254)
SlurmUser=root
SlurmdUser=root
AuthType=auth/munge
CredType=cred/munge
AuthInfo=socket=/run/munge/socket,cred_expire=5
StateSaveLocation=$folder/state
SlurmdSpoolDir=$folder/local/spool
TmpFS=$folder/local
SlurmctldPidFile=/run/slurmctld.pid
SlurmdPidFile=/run/slurmd-%n.pid
SlurmctldLogFile=$folder/slurmctld.log
SlurmdLogFile=$folder/slurmd-%n.log
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
SelectType=select/cons_tres
SelectTypeParameters=CR_Core
SlurmdParameters=config_overrides
SchedulerParameters=batch_sched_delay=0,sched_min_interval=0,sched_interval=1,bf_interval=1
MailProg=/bin/true
ReturnToService=2
SlurmdTimeout=6
MessageTimeout=4
TCPTimeout=1
KillWait=2
OverTimeLimit=0
NodeName=n[1-$count] NodeAddr=$network.[1-$count] CPUs=4 State=UNKNOWN
PreemptType=preempt/partition_prio
PreemptMode=REQUEUE
PartitionName=test Nodes=ALL Default=YES MaxTime=INFINITE State=UP PriorityTier=1 GraceTime=60
PartitionName=urgent Nodes=ALL MaxTime=INFINITE State=UP PriorityTier=2
END
    # The cluster uses no control groups, and detecting them fails in many containers. Slurm has an option for that since
    # 24.05; older versions do not use the plugin named here.
    local plugin=cgroup/v1
    [ "$(slurmctld -V | sed 's/[^0-9]*\([0-9]*\)\..*/\1/')" -lt 24 ] || plugin=disabled
    echo "CgroupPlugin=$plugin" >"$folder/cgroup.conf"
}

start_head() {
    (umask 077 && head -c 1024 /dev/urandom >/run/munge/key)
    munged --key-file=/run/munge/key --socket=/run/munge/socket --pid-file=/run/munge/pid \
        --log-file="$folder/munged.log" --seed-file=/run/munge/seed
    slurmctld
}

# A host: its first process waits for slurmd and for the processes that slurmd leaves behind.
start_host() { # NUMBER
    local name=n$1
    ip netns add "$name"
    ip link add "$name" type veth peer name eth0 netns "$name"
    ip link set "$name" master bridge up
    ip -n "$name" link set lo up
    ip -n "$name" address add "$network.$1/24" dev eth0
    ip -n "$name" link set eth0 up
    nsenter --net="/run/netns/$name" unshare --fork --kill-child --pid --mount --mount-proc --uts --ipc \
        bash -c 'hostname "$0"; unset HOSTNAME
                 mount -t tmpfs shm /dev/shm
                 mount -t tmpfs local "$1"
                 slurmd -D & wait' "$name" "$folder/local" </dev/null &
    pids[$1]=$!
}

wait_until_idle() {
    local i
    for i in $(seq 300); do
        [ "$(sinfo -h -t idle -o %D 2>/dev/null)" != "$count" ] || return 0
        sleep 0.1
    done
    echo "the hosts did not become idle" >&2
    sinfo >&2
    return 1
}

declare -A pids
prepare_head
write_configuration
start_head
for i in $(seq "$count"); do start_host "$i"; done
wait_until_idle
echo ready
while read -r command host; do
    case $command in
    # Without its link nobody notices that the processes of the host are gone.
    cut) ip link set "$host" down ;;
    crash) ;;
    *) echo "unknown command $command" >&2 && exit 1 ;;
    esac
    kill -KILL "${pids[${host#n}]}"
    echo "$command $host"
done
