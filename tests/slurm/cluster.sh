#!/usr/bin/env bash
# cluster.sh FOLDER NODES: a real Slurm on this machine: a head and hosts n1, n2, ..., each with its own network, name,
# process ids, /dev/shm and temporary folder; they share the kernel, the cores and the files, as hosts share a file system.
#
# To be started as the first process of namespaces of its own, with a pipe as standard input, as conftest.py does. Prints
# "ready" when the hosts are idle, then obeys one command a line and repeats it when done: "cut HOST" takes a host away as a
# power cut does, "crash HOST" so that its connections are seen to end. Ends when the pipe is closed, and the kernel ends
# with it all that it started, whatever state that is in.
#
# cluster.sh --check: whether this machine lets such namespaces be made.
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

# What only this cluster should see: nothing of it is left in the machine's own /run, hosts file or network.
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

# Short waits, so that the tests are short: a lost host is noticed in seconds, and a job that was put back into the queue
# starts again when the credential of its last start has run out, which takes 2 minutes otherwise.
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
PartitionName=test Nodes=ALL Default=YES MaxTime=INFINITE State=UP
END
    # No control group is used, and to find out by itself which there are fails in many containers. Slurm can be told so
    # since 24.05; the older ones leave the plugin that they are told alone.
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

# A host: its first process waits for slurmd and collects what that leaves behind.
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
    # Without its cable nobody who talks to the host learns that its processes are gone.
    cut) ip link set "$host" down ;;
    crash) ;;
    *) echo "unknown command $command" >&2 && exit 1 ;;
    esac
    kill -KILL "${pids[${host#n}]}"
    echo "$command $host"
done
