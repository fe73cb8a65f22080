# shellcheck shell=bash disable=SC2154  # the scripts set `program`
# Sourced by the batch scripts (*.sbatch for Slurm, *.pbs for PBS, *.lsf for LSF), not run by itself: start linnet, learn from
# what it wrote whether its work is finished, and requeue the job if it is not. `program` is linnet; `stopping` is yes if USR1
# has come already.
#
# The script passes USR1, which asks the job to stop, to the launcher. linnet saves (in training after its next update) and
# ends; the job is requeued, and its next start continues. The launcher's exit code decides only where linnet wrote nothing:
# some launchers return 0 whatever the ranks returned.
set -uf # -f: settings and options are not patterns of file names
code=0 run=''
stopping=${stopping:-no}
trap 'stopping=yes; [ -z "$run" ] || kill -USR1 "$run" 2>/dev/null' USR1

# ---- The batch system: the job's name, its ranks, the cores of a rank, and the command that requeues it -------------------
hostfile='' requeue_command=(true)
if [ -n "${SLURM_JOB_ID:-}" ]; then
    id=$SLURM_JOB_ID job=$SLURM_JOB_ID ranks=${SLURM_NTASKS:-1} cores=${SLURM_CPUS_PER_TASK:-1}
    # A task of an array needs its full name, because the job number can mean all tasks.
    [ -z "${SLURM_ARRAY_JOB_ID:-}" ] || job=${SLURM_ARRAY_JOB_ID}_$SLURM_ARRAY_TASK_ID
    requeue_command=(scontrol requeue "$job")
elif [ -n "${PBS_JOBID:-}" ]; then
    id=$PBS_JOBID job=${PBS_JOBID%%.*} ranks=$(grep -c . "$PBS_NODEFILE") cores=${OMP_NUM_THREADS:-1} hostfile=$PBS_NODEFILE
    requeue_command=(qrerun "$PBS_JOBID")
elif [ -n "${LSB_JOBID:-}" ]; then
    # LSF itself requeues a job that ends with code 75 (#BSUB -Q 75).
    id=$LSB_JOBID job=$LSB_JOBID ranks=${LSB_DJOB_NUMPROC:-1} cores=${OMP_NUM_THREADS:-1} hostfile=${LSB_DJOB_HOSTFILE:-}
else
    echo "this script runs as a job of Slurm, PBS or LSF: submit it" >&2
    exit 1
fi
[ -z "${LINNET_REQUEUE:-}" ] || read -ra requeue_command <<<"$LINNET_REQUEUE"

# What this job's starts so far came to: how many failed, and how many of the last ones ended before their first update.
starts=linnet-$job.starts
failed=0 stalled=0
[ -z "${SLURM_JOB_ID:-}" ] || [ "${SLURM_RESTART_COUNT:-0}" != 0 ] || rm -f "$starts" # of an earlier job of this number
[ ! -r "$starts" ] || read -r failed stalled <"$starts"

# PBS sends SIGTERM at the time limit and kills ten seconds later, which is too short to save.
warn_before_limit() { # SECONDS
    local hours minutes seconds
    IFS=: read -r hours minutes seconds < <(qstat -f "$PBS_JOBID" | sed -n 's/^ *Resource_List.walltime = //p')
    [ -n "${seconds:-}" ] || { echo "qstat tells no time limit: the job does not save before it" >&2; return; }
    seconds=$((10#$hours * 3600 + 10#$minutes * 60 + 10#$seconds - $1))
    (
        trap 'kill $!' TERM # nothing stays behind
        sleep $seconds &
        wait $! && kill -USR1 $$
    ) &
    warner=$!
}

# ---- The launcher --------------------------------------------------------------------------------------------------------

# Fill the array `launch` with the launcher and its options: LINNET_LAUNCH, or what fits the MPI of linnet.
choose_launcher() { # mpirun|srun
    local mpi
    read -ra launch <<<"${LINNET_LAUNCH:-}"
    [ ${#launch[@]} = 0 ] || return
    mpi=$("$program" --version | sed -n 's/^MPI  *//p')
    if [ "$1" = srun ]; then use_srun; else use_mpirun; fi
}

# The first of some launchers that is of this MPI, by what it says of itself: either may be called mpirun.
launcher_of() { # PATTERN NAMES...
    local name
    for name in "${@:2}"; do
        if "$name" --version 2>/dev/null | grep -qE "$1"; then echo "$name"; return; fi
    done
    echo "$2"
}

use_mpirun() {
    local name
    case $mpi in
    "Open MPI"*)
        launch=("$(launcher_of 'Open MPI|OpenRTE|PRTE' mpirun mpiexec mpirun.openmpi)" --map-by "slot:PE=$cores" --bind-to core)
        [ -z "$hostfile" ] || launch+=(--hostfile "$hostfile")
        # Outside Slurm mpirun passes no variables to other hosts.
        for name in OMP_NUM_THREADS $(compgen -e LINNET_); do [ -z "${!name:-}" ] || launch+=(-x "$name"); done
        ;;
    *"CRAY MPICH"*) launch=(mpiexec -n "$ranks" --cpu-bind depth --depth "$cores") ;;
    MPICH*) launch=("$(launcher_of HYDRA mpiexec mpiexec.hydra mpiexec.mpich)" -n "$ranks" -bind-to "core:$cores") ;;
    Intel*)
        export I_MPI_PIN_DOMAIN=${I_MPI_PIN_DOMAIN:-$cores}
        launch=("$(launcher_of Intel mpiexec mpiexec.hydra)" -n "$ranks")
        ;;
    *) launch=(mpiexec -n "$ranks") ;;
    esac
}

use_srun() {
    local known wanted pmi=''
    known=" $(srun --mpi=list 2>&1 | tr -s '[:space:]' ' ')"
    case $mpi in
    "Open MPI"*)
        wanted=pmix
        ! ompi_info 2>/dev/null | grep -q 'MCA pmix: s2' || wanted="pmix pmi2"
        ;;
    *"CRAY MPICH"*) wanted="cray_shasta pmi2" ;;
    MPICH* | Intel*) wanted=pmi2 ;;
    *) wanted='' ;; # what the cluster has as its default
    esac
    for pmi in $wanted; do [[ $known != *" $pmi "* ]] || break; done
    if [ -n "$pmi" ] && [[ $known != *" $pmi "* ]]; then
        echo "srun has no ${wanted// / or }, which linnet's MPI ($mpi) needs (srun --mpi=list): use train-mpirun.sbatch" >&2
        exit 1
    fi
    # Since Slurm 22.05 srun ignores the job's --cpus-per-task. --kill-on-bad-exit ends all ranks when one dies.
    export SRUN_CPUS_PER_TASK=$cores
    # Slurm's default fence, a tree, fails at times: a rank leaves MPI_Init while another is still in it and crashes on its
    # first message (seen with Slurm 22.05 in one of a hundred starts on busy nodes).
    export SLURM_PMIX_FENCE=${SLURM_PMIX_FENCE:-ring}
    launch=(srun ${pmi:+--mpi=$pmi} --kill-on-bad-exit=1)
}

# ---- One start -----------------------------------------------------------------------------------------------------------

# Run a command, set `code` to its exit code, and pass USR1 on to it.
start() { # COMMAND...
    code=75
    [ "$stopping" = no ] || return 0
    "$@" &
    run=$!
    [ "$stopping" = no ] || kill -USR1 "$run"
    # A signal ends `wait` early, so wait until the program has ended; the last `wait` returns its exit code.
    while kill -0 "$run" 2>/dev/null; do wait "$run"; done
    wait "$run"
    code=$?
}

# The end of a start, which is the end of the job or its requeue. ADVANCED: whether it did some of the work.
conclude() { # finished|stopped|refused|failed ADVANCED
    [ -z "${warner:-}" ] || kill "$warner" 2>/dev/null
    stalled=$((stalled + 1))
    [ "$2" = no ] || stalled=0
    case $1 in
    finished)
        [ "$code" = 0 ] || echo "linnet has finished, although ${launch[0]:-it} ended with exit code $code"
        rm -f "$starts"
        exit 0
        ;;
    refused) give_up 1 ;; # bad use and bad input would fail again
    stopped) requeue "stopped after saving" ;;
    esac
    [ "$stopping" = no ] || requeue "stopped before it could save"
    [ "$code" != 0 ] || code=2 # what the launcher says is not true
    # A rank or a node died: continue from what was saved last.
    failed=$((failed + 1))
    [ "$failed" -le "${LINNET_RESTARTS:-20}" ] || give_up "$code" "failed $failed times: not requeued (LINNET_RESTARTS)"
    requeue "failed with exit code $code"
}

give_up() { # EXIT-CODE [WHY]
    [ -z "${2:-}" ] || echo "job $job $2"
    rm -f "$starts"
    exit "$1"
}

requeue() { # WHY
    if [ "$stalled" -gt 2 ]; then
        [ "$code" != 75 ] || code=2 # 75 means: run me again
        give_up "$code" "$1, the third time in a row without an update or a finished part: not requeued"
    fi
    echo "$failed $stalled" >"$starts"
    echo "job $job $1: requeue"
    "${requeue_command[@]}" || { echo "cannot requeue job $job: submit it again to resume"; exit 75; }
    # LSF would requeue a job that ends with 75 a second time.
    [ -z "${LSB_JOBID:-}" ] || [ -z "${LINNET_REQUEUE:-}" ] || exit 2
    exit 75
}

# Where linnet wrote nothing that says more.
conclude_by_code() { # ADVANCED
    case $code in
    1) conclude refused "$1" ;;
    75) conclude stopped "$1" ;;
    *) conclude failed "$1" ;;
    esac
}

# ---- The commands --------------------------------------------------------------------------------------------------------

# What the run in the configuration's output_dir says of itself.
status() { "$program" train "$config" "${settings[@]}" --status; }
field() { # NAME
    sed -n "s/^  \"$1\": \"\{0,1\}\([^\",]*\).*/\1/p" <<<"$after"
}

# Whether `after` is of the start that has just ended: not of one before it, nor of another job that has the folder and is
# still at work.
is_own() {
    local names='^  "(started|host|process)":' other
    other=$(field job)
    [ -n "$(field started)" ] && [ "${other:-$id}" = "$id" ] || return
    [ "$(grep -E "$names" <<<"$before")" != "$(grep -E "$names" <<<"$after")" ]
}

train() { # CONFIG [SETTING...]
    local config=$1 setting settings=() before after advanced=no
    # `auto` starts from the beginning if there is no checkpoint, so that the first start and later ones are the same
    # command. So does a checkpoint that the configuration names: the run that began with it continues its own.
    grep -Eq '"resume_from_checkpoint"[[:space:]]*:[[:space:]]*"' "$config" || settings=(--set resume_from_checkpoint=auto)
    for setting in ${LINNET_SETTINGS:-} "${@:2}"; do settings+=(--set "$setting"); done
    before=$(status 2>/dev/null) || {
        status >/dev/null
        code=$?
        conclude_by_code no
    }
    start "${launch[@]}" "$program" train "$config" "${settings[@]}"
    after=$(status 2>/dev/null)
    is_own || conclude_by_code no # refused, or not started
    [ "$(field updates)" -le "$(field resumed_from)" ] || advanced=yes
    case $(field status) in
    finished | stopped) conclude "$(field status)" $advanced ;;
    failed)
        code=$(field exit_code)
        conclude_by_code $advanced
        ;;
    *) conclude failed $advanced ;; # "running": it was killed
    esac
}

predict() { # MODEL INPUT OUTPUT [OPTIONS...]
    local output=$3 before parts advanced=no
    output_file() { stat -c '%i %y' "$output" 2>/dev/null; }
    finished_parts() { find "$output.parts" -name '*.rows' 2>/dev/null | wc -l; }
    before=$(output_file) parts=$(finished_parts)
    start "${launch[@]}" "$program" predict --model "$1" --input "$2" --output "$output" "${@:4}"
    # The parts are removed when the output is complete.
    if [ ! -e "$output.parts" ] && [ "$(output_file)" != "$before" ]; then conclude finished yes; fi
    [ "$(finished_parts)" -le "$parts" ] || advanced=yes
    conclude_by_code $advanced
}

evaluate() { # MODEL DATA [OPTIONS...]
    local result=linnet-evaluate-$job.txt
    start "${launch[@]}" "$program" evaluate --model "$1" --data "$2" "${@:3}" >"$result.tmp"
    if [ "$code" = 0 ] && [ -s "$result.tmp" ]; then
        mv "$result.tmp" "$result"
        cat "$result"
        conclude finished yes
    fi
    rm -f "$result.tmp"
    conclude_by_code no
}
