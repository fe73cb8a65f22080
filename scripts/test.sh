#!/usr/bin/env bash
# make test: everything that can be checked on this machine, summed up in a last line "N passed, N failed".
#
#   scripts/test.sh                 all of it
#   scripts/test.sh unit mpi ...    some of it: format build unit mpi python waiting hosts slurm san; errors is a part of
#                                   python, and so is kill, which tries more of it where LINNET_KILLS and LINNET_FAULTS say so
#
# A part that fails does not keep the others from running, unless the build fails. The parts that mostly wait (for a
# launcher, a time limit, a queue) run beside the others where there are two cores. Every program runs under a time limit,
# so that nothing hangs. What each one printed is kept in build/test/ and shown where it failed. Exit code 0 when all that
# ran passed and something ran.
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
set -u
cd "$(dirname "${BASH_SOURCE[0]}")/.."
logs=build/test
passed=0 failed=0 skipped=0
failures=()

# Seconds after which a program is taken down. Unit and MPI tests take a second or a few; the limits leave room for a
# slow machine under the sanitizers.
UNIT_LIMIT=180 MPI_LIMIT=120 PYTHON_LIMIT=1500

pass() { passed=$((passed + 1)); }
skip() { skipped=$((skipped + 1)); say "skipped: $*"; }
fail() { # NAME LOG
    failed=$((failed + 1))
    failures+=("$1")
    say "FAILED: $1"
    [ -z "${2:-}" ] || sed 's/^/    /' "$2" | tail -n 60 >&2
}

# Run a command under a time limit with its output in a log; the exit code is the command's, 124 when it took too long.
limited() { # SECONDS LOG COMMAND...
    local seconds=$1 log=$2 code
    shift 2
    timeout --kill-after=10 "$seconds" "$@" >"$log" 2>&1 </dev/null
    code=$?
    [ $code != 124 ] && [ $code != 137 ] || echo "taken down after $seconds seconds" >>"$log"
    return $code
}

test_format() {
    step "layout"
    local version
    version=$(clang-format --version 2>/dev/null | sed -n 's/.*version \([0-9]*\).*/\1/p')
    # Other versions lay some lines out differently.
    [ "$version" = 14 ] || { skip "layout: clang-format 14 is what .clang-format was written for"; return; }
    if limited 60 "$logs/format.log" make -s format-check; then pass; else fail "layout (make format mends it)" "$logs/format.log"; fi
}

# Build everything with warnings as errors; extra arguments go to make.
build() { # NAME MAKE-ARGUMENTS...
    local name=$1
    shift
    step "build${*:+ $*}"
    if make -s -j"$(cores)" WERROR=1 "$@" all unit-programs mpi-programs >"$logs/$name.log" 2>&1; then
        pass
    else
        fail "build${*:+ $*}" "$logs/$name.log"
        return 1
    fi
}

# Count the tests of one cmocka program; a crash or a time-out counts as one more failed test.
count_unit() { # NAME LOG
    local name=$1 code ok bad none
    code=$(cat "$2.code" 2>/dev/null) || code=lost
    # cmocka reports a skipped test as "not ok 4 # SKIP name".
    none=$(grep -c '^\(not \)\?ok .*# SKIP' "$2")
    ok=$(grep '^ok ' "$2" | grep -vc '# SKIP')
    bad=$(grep '^not ok ' "$2" | grep -vc '# SKIP')
    passed=$((passed + ok))
    skipped=$((skipped + none))
    if [ "$bad" -gt 0 ]; then
        failed=$((failed + bad))
        failures+=("$name: $bad")
        say "FAILED: $name"
        grep -v '^ok ' "$2" | sed 's/^/    /' | head -n 60 >&2
    elif [ $code != 0 ]; then
        fail "$name (exit code $code)" "$2"
    elif [ $((ok + none)) = 0 ]; then
        fail "$name (no test ran)" "$2"
    fi
}

# As many programs at a time as there are cores.
test_unit() { # FOLDER WITH THE PROGRAMS
    local name log=$logs/$(echo "$1" | tr / -)-unit- names
    step "unit tests in $1"
    names=$(cd tests/unit && printf '%s\n' *_test.c | sed 's/\.c$//')
    rm -f "$log"*
    export -f limited
    # shellcheck disable=SC2016  # for the shells that are started
    echo "$names" | CMOCKA_MESSAGE_OUTPUT=TAP xargs -P "$(cores)" -I{} bash -c \
        'limited "$0" "$2{}.log" "$1/tests/unit/{}"; echo $? >"$2{}.log.code"' $UNIT_LIMIT "$1" "$log"
    for name in $names; do count_unit "$name" "$log$name.log"; done
}

test_mpi() {
    local source program ranks log
    step "MPI tests on 1 to 4 ranks"
    for source in tests/mpi/*_test.c; do
        [ -e "$source" ] || continue
        program=$(basename "$source" .c)
        for ranks in 1 2 3 4; do
            log=$logs/mpi-$program-$ranks.log
            if limited $MPI_LIMIT "$log" scripts/mpirun.sh $ranks "build/tests/mpi/$program"; then
                pass
            else
                fail "$program on $ranks ranks" "$log"
            fi
        done
    done
}

# Run pytest and count from its report, which is whole only when pytest came to its end.
run_pytest() { # NAME PROGRAM ARGUMENTS...
    local name=$1 program=$2 python counts code
    shift 2
    python=$(python_with pytest h5py numpy) || { skip "$name: no python3 with pytest, h5py and numpy"; return; }
    rm -f "$logs/$name.xml"
    LINNET=$program timeout --kill-after=10 $PYTHON_LIMIT "$python" -m pytest -q -rfE --tb=short -p no:cacheprovider \
        --junitxml="$logs/$name.xml" "$@" </dev/null >&2
    code=$?
    counts=$("$python" - "$logs/$name.xml" <<'PY'
import sys
import xml.etree.ElementTree as xml
suite = next(xml.parse(sys.argv[1]).getroot().iter("testsuite")).attrib
bad, none = int(suite["failures"]) + int(suite["errors"]), int(suite["skipped"])
print(int(suite["tests"]) - bad - none, bad, none)
PY
    ) || { fail "$name (no report; exit code $code)"; return; }
    # shellcheck disable=SC2086  # three numbers
    set -- $counts
    passed=$((passed + $1)) failed=$((failed + $2)) skipped=$((skipped + $3))
    if [ "$2" -gt 0 ]; then failures+=("$name: $2"); elif [ $code != 0 ]; then fail "$name (exit code $code)"; fi
}

# Jobs that fail or lose a rank: most of their time the launcher waits.
WAITING="tests/fault/bad_input_test.py tests/fault/lost_ranks_test.py"

test_python() {
    step "tests from outside: golden figures, bad use, whole jobs"
    # shellcheck disable=SC2046,SC2086  # lists of words
    run_pytest pytest build/linnet tests/golden tests/fault tests/e2e $(printf ' --ignore=%s' $WAITING)
}

test_waiting() {
    step "bad input, and ranks that are lost"
    # shellcheck disable=SC2086
    run_pytest waiting build/linnet $WAITING
}

# As root alone, since its hosts are namespaces. What it needs is installed where that works.
test_slurm() {
    step "the batch scripts under a real Slurm"
    [ "$(id -u)" = 0 ] || { skip "slurm: not root"; return; }
    [ "$(nproc)" -ge 2 ] || { skip "slurm: two cores are needed"; return; }
    limited 300 $logs/slurm-packages.log scripts/dependencies.sh --slurm || { skip "slurm: not installable"; return; }
    tests/slurm/cluster.sh --check >$logs/slurm-check.log 2>&1 || { skip "slurm: no namespaces"; return; }
    run_pytest pytest-slurm build/linnet tests/slurm
}

# Several hosts on this machine, where it allows to make them; what a killed test leaves is taken down.
test_hosts() {
    step "several hosts, as network namespaces"
    run_pytest hosts build/linnet -rfEs tests/hosts
    python3 tests/hosts/namespaces.py
}

test_kill() {
    step "jobs killed and calls that fail"
    PYTHON_LIMIT=14400
    run_pytest kill build/linnet tests/fault/kill_many_test.py tests/fault/fail_calls_test.py
}

# Under the sanitizers: no leak, no overrun, no undefined behaviour. Their exit code is none of linnet's, so that a test which
# expects a refusal does not take a crash for one. Whole stacks are needed to tell MPI's own leaks from linnet's.
with_sanitizers() { # COMMAND...
    [ -x build/san/linnet ] || return # its build has failed, which was told
    export ASAN_OPTIONS=exitcode=99:detect_leaks=1:fast_unwind_on_malloc=0:verify_asan_link_order=0
    export UBSAN_OPTIONS=exitcode=99:halt_on_error=1:print_stacktrace=1
    export LSAN_OPTIONS=exitcode=99:suppressions=$PWD/tests/lsan.supp:print_suppressions=0
    "$@"
    unset ASAN_OPTIONS UBSAN_OPTIONS LSAN_OPTIONS
}

test_san_jobs() {
    local modules=build/san/keep_modules.so
    step "tiny jobs under the sanitizers"
    gcc -shared -fPIC -o $modules tests/san/keep_modules.c || { fail "build of $modules"; return; }
    LD_PRELOAD=$PWD/$modules run_pytest pytest-san build/san/linnet -m tiny tests/golden tests/fault tests/e2e
}

summary() {
    say ""
    [ ${#failures[@]} = 0 ] || printf 'failed: %s\n' "${failures[@]}" >&2
    echo "$passed passed, $failed failed, $skipped skipped"
    [ $failed = 0 ] && [ $passed -gt 0 ]
    exit
}

run_part() {
    case $1 in
    format) test_format ;;
    build) build build || summary ;;
    unit) test_unit build ;;
    mpi) test_mpi ;;
    python) test_python ;;
    waiting) test_waiting ;;
    hosts) test_hosts ;;
    slurm) test_slurm ;;
    kill) test_kill ;;
    san-build) build build-san SAN=address,undefined ;;
    san-unit) with_sanitizers test_unit build/san ;;
    san-jobs) with_sanitizers test_san_jobs ;;
    errors) run_pytest errors build/linnet tests/fault/errors_test.py ;;
    *) die "unknown part '$1': format, build, unit, mpi, python, waiting, hosts, slurm, kill, errors and san are known" ;;
    esac
}

# Run parts beside the others, in a process group of their own, until collect() counts what they found.
start_beside() { # PART...
    rm -f $logs/beside.counts
    set -m
    (
        passed=0 failed=0 skipped=0 failures=()
        for part; do run_part "$part"; done
        { echo "$passed $failed $skipped"; printf '%s\n' "${failures[@]}"; } >$logs/beside.counts
    ) >$logs/beside.log 2>&1 &
    beside=$!
    set +m
    # timeout has a group of its own and hands the signal on; the shell would start the next part, did it not end as well.
    trap 'kill -INT $(cat /proc/$beside/task/$beside/children) 2>/dev/null; kill -- -$beside 2>/dev/null' EXIT
}

collect() {
    local ok bad none line
    wait $beside
    trap - EXIT
    cat $logs/beside.log >&2
    { read -r ok bad none; } 2>/dev/null <$logs/beside.counts || { fail "what ran beside the others did not come to its end"; return; }
    passed=$((passed + ok)) failed=$((failed + bad)) skipped=$((skipped + none))
    while read -r line; do [ -z "$line" ] || failures+=("$line"); done < <(tail -n +2 $logs/beside.counts)
}

scripts/dependencies.sh --test || die "the tests need more than is here"
mkdir -p $logs
first=() others=() waiting=() beside=
for part in ${*:-format build unit mpi python waiting hosts slurm san}; do
    case $part in
    format | build) first+=("$part") ;;
    waiting | hosts | slurm) waiting+=("$part") ;;
    san) first+=(san-build) others+=(san-unit) waiting+=(san-jobs) ;;
    *) others+=("$part") ;;
    esac
done
for part in ${first[@]+"${first[@]}"}; do run_part "$part"; done
if [ ${#waiting[@]} -gt 0 ] && [ ${#others[@]} -gt 0 ] && [ "$(cores)" -ge 2 ]; then
    start_beside "${waiting[@]}"
else
    others+=(${waiting[@]+"${waiting[@]}"})
fi
for part in ${others[@]+"${others[@]}"}; do run_part "$part"; done
[ -z "$beside" ] || collect
summary
