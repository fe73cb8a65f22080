#!/usr/bin/env bash
# make test: everything that can be checked on this machine, summed up in a last line "N passed, N failed[, N skipped]".
#
#   scripts/test.sh                 all of it
#   scripts/test.sh unit mpi ...    some of it: format build unit mpi golden jobs errors kill faults command builds compilers arm
#                                   mpich waiting hosts slurm platforms packages san; python is golden, jobs, errors, kill, faults
#                                   and command; kill tries more where LINNET_KILLS and LINNET_FAULTS say so, packages and arm
#                                   where LINNET_PACKAGES=all and LINNET_ARM=all do
#
# scripts/dependencies.sh installs what the tests need; what still lacks something fails, but is skipped where nothing can be
# installed (no apt-get, no root) and the tests can do without. What this machine cannot do is skipped and listed with its reason
# before the last line. After a failure the other parts still run, unless the build failed.
# With two cores two parts run at a time, one that computes and one that mostly waits (for a launcher, a time limit, a queue),
# whose output comes when it is over. Every program has a time limit. Its output is kept in build/test/ and shown if it failed.
# Ctrl-C leaves no process behind. Exit code 0 if all that ran passed and something ran.
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
set -u
cd "$(dirname "${BASH_SOURCE[0]}")/.." || exit
logs=build/test
passed=0 failed=0 skipped=0
failures=() skips=()

# Seconds after which a program is killed. Unit and MPI tests take a few seconds; the limits leave room for a slow machine under
# the sanitizers.
UNIT_LIMIT=180 MPI_LIMIT=120 PYTHON_LIMIT=1500 PLATFORM_LIMIT=3600

pass() { passed=$((passed + 1)); }
skip() { # WHAT: REASON
    skipped=$((skipped + 1))
    skips+=("$*")
}
fail() { # NAME LOG
    failed=$((failed + 1))
    failures+=("$1")
    say "FAILED: $1"
    [ -z "${2:-}" ] || sed 's/^/    /' "$2" | tail -n 60 >&2
}
# Run a command that counts as one test.
try() { # NAME LOG COMMAND...
    if "${@:3}"; then pass; else fail "$1" "$2"; return 1; fi
}

# Run a command so that a signal is handled when it comes, not when the command has ended.
attend() {
    "$@" &
    wait $!
}

logged() { # LOG COMMAND...
    attend "${@:2}" >"$1" 2>&1 </dev/null
}

# Run a command under a time limit with its output in a log; the exit code is the command's, 124 when it took too long.
limited() { # SECONDS LOG COMMAND...
    local code
    logged "$2" timeout --kill-after=10 "$1" "${@:3}"
    code=$?
    [ $code != 124 ] && [ $code != 137 ] || echo "killed after $1 seconds" >>"$2"
    return $code
}

test_format() {
    step "layout"
    local version
    version=$(clang-format --version 2>/dev/null | sed -n 's/.*version \([0-9]*\).*/\1/p')
    # Other versions lay some lines out differently.
    [ "$version" = 14 ] || { skip "layout: .clang-format was written for clang-format 14, not ${version:-none}"; return; }
    try "layout (make format corrects it)" "$logs/format.log" limited 60 "$logs/format.log" make -s format-check
}

# Build with warnings as errors; the arguments go to make.
build() { # NAME MAKE-ARGUMENTS...
    local log=$logs/$1.log
    shift
    step "build${*:+ $*}"
    try "build${*:+ $*}" "$log" logged "$log" make -s -j"$(cores)" WERROR=1 "$@"
}

# Count the tests of one cmocka program; a crash or a time-out counts as one more failed test.
count_unit() { # NAME LOG
    local name=$1 code ok bad none
    code=$(cat "$2.code" 2>/dev/null) || code=lost
    # cmocka reports a skipped test as "not ok 4 # SKIP name"; before that the program prints why.
    while read -r none; do skip "$name: $none"; done < <(awk '
        /^# because / { why = substr($0, 11) }
        /^(not )?ok .*# SKIP/ { sub(/.*# SKIP */, ""); print $0 ": " (why == "" ? "no reason given" : why); why = "" }' "$2")
    none=$(grep -c '^\(not \)\?ok .*# SKIP' "$2")
    ok=$(grep '^ok ' "$2" | grep -vc '# SKIP')
    bad=$(grep '^not ok ' "$2" | grep -vc '# SKIP')
    passed=$((passed + ok))
    if [ "$bad" -gt 0 ]; then
        failed=$((failed + bad)) failures+=("$name: $bad")
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
    # shellcheck disable=SC2046  # names without spaces
    run_units "$1" $(find tests/unit -name '*_test.c' | sed 's,^tests/unit/,,; s,\.c$,,' | sort)
}

under=() # the command that starts the programs of another processor
run_units() { # FOLDER WITH THE PROGRAMS, NAMES...
    local name names log
    log=$logs/$(echo "$1" | tr / -)-unit
    step "unit tests in $1"
    names=$(printf '%s\n' "${@:2}")
    rm -rf "$log"
    echo "$names" | sed 's,[^/]*$,,' | sort -u | while read -r name; do mkdir -p "$log/$name"; done
    export -f attend logged limited
    # shellcheck disable=SC2016  # for the shells that are started
    echo "$names" | CMOCKA_MESSAGE_OUTPUT=TAP xargs -P "$(cores)" -I{} bash -c \
        'limited "$0" "$2/{}.log" "${@:3}" "$1/tests/unit/{}"; echo $? >"$2/{}.log.code"' $UNIT_LIMIT "$1" "$log" "${under[@]}"
    for name in $names; do count_unit "$name" "$log/$name.log"; done
}

mpi_tests() { find tests/mpi -name '*_test.c' | sed 's,.*/,,; s,\.c$,,' | sort; }

run_mpi() { # FOLDER WITH THE PROGRAMS, RANKS, NAMES...
    local program log
    for program in "${@:3}"; do
        log=$logs/$(echo "$1" | tr / -)-mpi-$program-$2.log
        try "$program on $2 ranks in $1" "$log" limited $MPI_LIMIT "$log" scripts/mpirun.sh "$2" "$1/tests/mpi/$program"
    done
}

test_mpi() {
    local ranks
    step "MPI tests on 1 to 4 ranks"
    # shellcheck disable=SC2046  # names without spaces
    for ranks in 1 2 3 4; do run_mpi build $ranks $(mpi_tests); done
}

# Run pytest and count from its report, which is complete only when pytest reached its end.
run_pytest() { # NAME PROGRAM ARGUMENTS...
    local name=$1 program=$2 python counts code ok bad skipped_test
    shift 2
    # shellcheck disable=SC2086  # a list of words
    python=$(python_with $TEST_MODULES) || { fail "$name (no python3 has all of: $TEST_MODULES)"; return; }
    rm -f "$logs/$name.xml"
    PATH=$PWD/$logs/bin:$PATH LINNET=$program attend timeout --kill-after=10 $PYTHON_LIMIT "$python" -m pytest -q -rfE --tb=short -p no:cacheprovider \
        --junitxml="$logs/$name.xml" "$@" </dev/null >&2
    code=$?
    counts=$("$python" - "$logs/$name.xml" <<'PY'
import sys
import xml.etree.ElementTree as xml
suite = next(xml.parse(sys.argv[1]).getroot().iter("testsuite"))
count = {key: int(suite.get(key)) for key in ("tests", "failures", "errors", "skipped")}
bad = count["failures"] + count["errors"]
print(count["tests"] - bad - count["skipped"], bad)
for case in suite.iter("testcase"):
    for skipped in case.iter("skipped"):
        why = skipped.get("message") if case.get("classname") else skipped.text.rpartition("Skipped: ")[2].rstrip("')")
        print(".".join([*case.get("classname").split(".")[-1:], case.get("name").split(".")[-1]]).strip(".") + ": " + why.splitlines()[0])
PY
    ) || { fail "$name (no report; exit code $code)"; return; }
    { read -r ok bad; while read -r skipped_test; do skip "$name: $skipped_test"; done; } <<<"$counts"
    passed=$((passed + ok)) failed=$((failed + bad))
    if [ "$bad" -gt 0 ]; then failures+=("$name: $bad"); elif [ $code != 0 ]; then fail "$name (exit code $code)"; fi
}

test_python() { # NAME TITLE TESTS...
    step "$2"
    run_pytest "$1" build/linnet "${@:3}"
}

# Something that dependencies.sh could not install: a failure where packages can be installed at all.
lacks() { # NAME REASON [LOG]
    if command -v apt-get >/dev/null && { [ "$(id -u)" = 0 ] || sudo -n true 2>/dev/null; }; then fail "$1" "${3:-}"; else skip "$1: $2"; fi
}

# What a part needs beside the tests' own needs.
find_packages() { # PART OPTION-OF-dependencies.sh
    local log=$logs/${1// /-}-packages.log
    limited 600 "$log" scripts/dependencies.sh "$2" && return
    lacks "$1 (not installed)" "$(tail -n 1 "$log")" "$log"
    return 1
}

# What the compiler changes.
COMPILED=(kernels/linear_test kernels/attention_test kernels/adamw_test kernels/isa_test model/gpt2_test)

# Another compiler and other optimisation, with assertions and without: all programs, and the tests of what the compiler changes.
test_builds() {
    local tests=("${COMPILED[@]}")
    if find_packages "build with clang" --clang; then
        build build-clang CC=clang BUILD=build/clang all unit-programs mpi-programs && run_units build/clang "${tests[@]}"
    fi
    build build-O1 BUILD=build/O1 OPT="-O1 -DNDEBUG" all "${tests[@]/#/build/O1/tests/unit/}" && run_units build/O1 "${tests[@]}"
    build build-O3 BUILD=build/O3 OPT="-O3 -DNDEBUG" all "${tests[@]/#/build/O3/tests/unit/}" && run_units build/O3 "${tests[@]}"
}

# The other versions of both compilers that this Debian has: the program without a warning, and the tests of what they change; and
# linnet for a processor that has no kernels of its own.
test_compilers() {
    local compiler openmp log tests
    find_packages compilers --compilers || return
    for compiler in gcc-{11..14} clang-{14..19}; do
        command -v $compiler >/dev/null || continue
        [ "$($compiler -dumpversion)" != "$(cc -dumpversion)" ] && [ "$($compiler -dumpversion)" != "$(clang -dumpversion 2>/dev/null)" ] || continue
        openmp=() tests=("${COMPILED[@]/#/build/$compiler/tests/unit/}") log=$logs/$compiler-openmp.log
        if [[ $compiler = clang-* ]]; then
            tests/builds/openmp.sh "${compiler#*-}" >"$log" 2>&1 || { fail "OpenMP of $compiler" "$log"; continue; }
            mapfile -t openmp < <(grep FLAGS= "$log")
        fi
        build "build-$compiler" CC="$compiler" "${openmp[@]}" BUILD="build/$compiler" all "${tests[@]}" && run_units "build/$compiler" "${COMPILED[@]}"
    done
    step "build for ppc64le"
    try "build for ppc64le" "$logs/ppc64le.log" limited 900 "$logs/ppc64le.log" tests/builds/ppc64le.sh
}

# With MPICH in place of Open MPI: all programs, the unit and MPI tests, jobs, lost ranks and several hosts. Its waiting ranks
# do not give their core away, so that more of them than cores run only the MPI tests that send little.
test_mpich() {
    local ranks names few=(heartbeat messages shared sparse_embedding threads world)
    find_packages mpich --mpich || return
    build build-mpich BUILD=build/mpich MPICC=mpicc.mpich all unit-programs mpi-programs || return
    test_unit build/mpich
    step "MPI tests with MPICH on 1 to 4 ranks"
    for ranks in 1 2 3 4; do
        mapfile -t names < <(mpi_tests)
        [ $ranks -le "$(cores)" ] || names=("${few[@]/%/_test}")
        run_mpi build/mpich $ranks "${names[@]}"
    done
    step "jobs, lost ranks and several hosts with MPICH"
    # The hosts of another part may be there at the same time: they have other names.
    run_pytest mpich build/mpich/linnet tests/mpich tests/fault/lost_ranks_test.py tests/hosts/hosts_test.py \
        -k "mpich_test or lost_ranks_test or evaluate_over or same_bits and (ranks0 or ranks1) or cut_link_ends_the_run and 2-1-1-1"
}
. tests/arm/part.sh

# The other systems that README names, each in a root of its own, from nothing: make quickstart, and make test with the parts of
# make check, on Debian also with its other compilers.
test_platforms() {
    local system log
    [ "$(id -u)" = 0 ] || { skip "platforms: not root"; return; }
    limited 300 $logs/platforms-packages.log scripts/dependencies.sh --platforms || { skip "platforms: no debootstrap"; return; }
    for system in $(tests/platforms/root.sh --list); do
        step "on $system"
        log=$logs/platform-$system.log
        limited $PLATFORM_LIMIT "$log" tests/platforms/root.sh "$system"
        if [ $? = 77 ]; then skip "$system: $(tail -n 1 "$log")"; else count_run "$system" "$log"; fi
    done
}

# make dist, install and deb, and the recipes; the tools that check these go into a Python environment of their own.
test_packages() {
    local tools=build/packages/python PYTHON_LIMIT=2400
    step "packages"
    limited 300 $logs/packages-tools.log scripts/dependencies.sh --packages || skip "packages: some of its programs are not installed"
    mkdir -p build/packages
    if ! cmp -s packaging/requirements.txt $tools/installed; then
        limited 300 $logs/packages-python.log sh -c "'$(python_with venv ensurepip)' -m venv --clear $tools && $tools/bin/pip install -q -r packaging/requirements.txt &&
            cp packaging/requirements.txt $tools/installed" || rm -rf $tools
    fi
    run_pytest pytest-packages build/linnet tests/packages
}

# Add what another run of this script has counted.
count_run() { # NAME LOG
    local ok bad line
    read -r ok bad < <(sed -n 's/^\([0-9]*\) passed, \([0-9]*\) failed.*/\1 \2/p' "$2" | tail -n 1)
    [ -n "${ok:-}" ] || { fail "$1 (did not come to its end)" "$2"; return; }
    passed=$((passed + ok)) failed=$((failed + bad))
    while read -r line; do skip "$1: $line"; done < <(sed -n 's/^skipped: //p' "$2")
    [ "$bad" = 0 ] || { failures+=("$1: $bad"); say "FAILED: $1"; tail -n 60 "$2" | sed 's/^/    /' >&2; }
}

test_kill() {
    [ -z "${LINNET_KILLS:-}${LINNET_FAULTS:-}" ] || PYTHON_LIMIT=14400
    test_python kill "jobs killed and calls that fail" tests/fault/{kill_many,final_model,fail_calls}_test.py
}

# As root alone, since its hosts are namespaces. What it needs is installed where that works.
test_slurm() {
    step "the batch scripts under a real Slurm"
    [ "$(id -u)" = 0 ] || { skip "slurm: not root"; return; }
    [ "$(nproc)" -ge 2 ] || { skip "slurm: two cores are needed"; return; }
    find_packages slurm --slurm || return
    tests/slurm/cluster.sh --check >$logs/slurm-check.log 2>&1 || { skip "slurm: no namespaces"; return; }
    run_pytest pytest-slurm build/linnet tests/slurm
}

# Several hosts on this machine, where it allows network namespaces; what a killed test leaves is removed.
remove_hosts() { "$(python_with json)" tests/hosts/namespaces.py; }
test_hosts() {
    step "several hosts, as network namespaces"
    run_pytest hosts build/linnet tests/hosts
    remove_hosts
}

# Under the sanitizers: no leak, no overrun, no undefined behaviour. Their exit code is none of linnet's, so that a test which
# expects a refusal does not take a crash for one. Complete stacks are needed to tell MPI's own leaks from linnet's.
with_sanitizers() { # COMMAND...
    [ -x build/san/linnet ] || return # its build has failed and was reported
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
    [ ${#skips[@]} = 0 ] || printf 'skipped: %s\n' "${skips[@]}" >&2
    echo "$passed passed, $failed failed$([ $skipped = 0 ] || echo ", $skipped skipped")"
    [ $failed = 0 ] && [ $passed -gt 0 ]
    exit
}

run_part() {
    case $1 in
    format) test_format ;;
    build) build build all unit-programs mpi-programs || summary ;;
    unit) test_unit build ;;
    golden) test_python golden "golden figures" tests/golden ;;
    jobs) test_python jobs "complete jobs" tests/e2e ;;
    command) test_python command "this test command" tests/command ;;
    errors) test_python errors "what is refused" tests/fault/errors_test.py ;;
    faults) test_python faults "disks in trouble, limits, two runs or writers, and hostile surroundings" \
        tests/fault/{disks,limits,lock,two_writers,hostile}_test.py ;;
    # Jobs that fail or lose a rank: most of their time the launcher waits.
    waiting) test_python waiting "bad input, and ranks that are lost" tests/fault/{bad_input,lost_ranks}_test.py ;;
    mpi | kill | builds | compilers | arm | mpich | hosts | slurm | platforms | packages) "test_$1" ;;
    san-build) build build-san SAN=address,undefined all unit-programs ;;
    san-unit) with_sanitizers test_unit build/san ;;
    san-jobs) with_sanitizers test_san_jobs ;;
    *) die "unknown part '$1'; the parts are in the first lines of $0" ;;
    esac
}

# Run those of the parts that no other lane has taken, in a process of its own; what it found goes to a file.
lane() { # NAME PART...
    local name=$1 part
    shift
    rm -f "$logs/$name.counts"
    (
        passed=0 failed=0 skipped=0 failures=() skips=()
        for part; do mkdir "$logs/taken/$part" 2>/dev/null && run_part "$part"; done
        { echo "$passed $failed $skipped ${#failures[@]}"; printf '%s\n' "${failures[@]}" "${skips[@]}"; } >"$logs/$name.counts"
    ) &
    lanes+=($!)
}

collect() { # NAME OF A LANE
    local ok bad none names lines
    { read -r ok bad none names; } 2>/dev/null <"$logs/$1.counts" || { fail "the parts in $1 did not come to their end"; return; }
    passed=$((passed + ok)) failed=$((failed + bad)) skipped=$((skipped + none))
    mapfile -t -s 1 lines <"$logs/$1.counts"
    failures+=("${lines[@]:0:names}")
    skips+=("${lines[@]:names:none}")
}

# Run parts, one after the other from the first and, where there are two cores, a second lane from the last, until these meet.
run_parts() { # PART...
    local part reversed=()
    for part; do reversed=("$part" "${reversed[@]}"); done
    rm -rf $logs/taken
    mkdir $logs/taken
    lane front "$@"
    [ $# -lt 2 ] || [ "$(cores)" -lt 2 ] || lane back "${reversed[@]}" >$logs/back.log 2>&1
    wait "${lanes[0]}"
    collect front
    [ ${#lanes[@]} = 2 ] || return
    wait "${lanes[1]}"
    cat $logs/back.log >&2
    collect back
}

# All that this run starts has this in its environment, wherever it goes: launchers leave its process group, and so do the
# tests' jobs and hosts, and runs of this script that a test starts.
export LINNET_TEST_RUN=${LINNET_TEST_RUN:-/}$$/
family() (
    export -n LINNET_TEST_RUN # what looks is none of it
    grep -lsz "^LINNET_TEST_RUN=.*/$$/" /proc/[0-9]*/environ | cut -d/ -f3
)
is_a() { # NAME PID
    [ "$(cat "/proc/$2/comm" 2>/dev/null)" = "$1" ]
}

# Interrupted: no part starts another program, pytest removes the hosts and disks that its tests have made, and then all that is
# left is killed.
break_off() { # EXIT-CODE
    local pid left waits=100
    trap '' INT TERM HUP
    say "broken off"
    kill "${lanes[@]}" 2>/dev/null
    for pid in $(family); do
        if is_a timeout "$pid"; then kill -INT "$pid"; elif is_a xargs "$pid" || is_a make "$pid"; then kill "$pid"; fi
    done
    while for pid in $(family); do is_a timeout "$pid" && break; done && [ $((waits--)) -gt 0 ]; do sleep 0.1; done
    # Some more than once: a rank whose job is gone starts a process that looks after the launcher.
    for waits in {1..30}; do
        left=$(family)
        [ -n "$left" ] || break
        # shellcheck disable=SC2086  # a list of numbers
        kill -KILL $left 2>/dev/null
        sleep 0.1
    done
    remove_hosts
    exit "$1"
}

mkdir -p $logs/bin
scripts/dependencies.sh --test || lacks dependencies "some are missing and cannot be installed here"
# The tests' python3 is the one that runs them, whatever PATH has. A script, since a link would not find its environment.
# shellcheck disable=SC2086  # a list of words
if python=$(python_with $TEST_MODULES); then
    printf '#!/bin/sh\nexec "%s" "$@"\n' "$python" >$logs/bin/python3
    chmod +x $logs/bin/python3
fi
lanes=()
trap 'break_off 130' INT
trap 'break_off 143' TERM
trap 'break_off 129' HUP
computing=() waiting=() sanitizers=()
# shellcheck disable=SC2048  # names without spaces
for part in ${*:-format build unit mpi python builds compilers arm mpich waiting hosts slurm platforms packages san}; do
    case $part in
    format | build) run_part "$part" ;;
    python) computing+=(golden jobs errors kill faults command) ;;
    waiting | hosts | slurm | platforms | packages) waiting+=("$part") ;;
    san) run_part san-build && sanitizers+=(san-unit san-jobs) ;;
    *) computing+=("$part") ;;
    esac
done
run_parts "${computing[@]}" "${sanitizers[@]}" "${waiting[@]}"
summary
