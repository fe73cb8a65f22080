#!/usr/bin/env bash
# make fuzz: feed every reader of files of unknown origin with input that libFuzzer makes up, under the sanitizers.
#
#   scripts/fuzz.sh SECONDS [READER...]     SECONDS in all, shared out among the readers (all of tests/fuzz/readers.h)
#
# Starts from tests/fuzz/seeds and tests/fuzz/found; what reaches new code is kept in build/fuzz/corpus, from which the
# next run goes on. An input that a reader fails on is left in build/fuzz/failures: mend the reader and move the input to
# tests/fuzz/found/READER, where `make test` feeds it again. The last line counts the inputs; exit code 1 after a failure.
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
set -u
cd "$(dirname "${BASH_SOURCE[0]}")/.." || exit
seconds=${1:?how many seconds in all?}
shift
readers=${*:-$(sed -n 's/^void feed_\([a-z0-9_]*\).*/\1/p' tests/fuzz/readers.h)}
folder=build/fuzz

scripts/dependencies.sh --fuzz || die "the fuzzers need more than is here"
# shellcheck disable=SC2046,SC2086  # a list of words
make -s -j"$(cores)" $(printf "$folder/%s " $readers) || die "the fuzzers cannot be built"

TMPDIR=$(mktemp -d -p "$([ -w /dev/shm ] && echo /dev/shm || echo "${TMPDIR:-/tmp}")" linnet-fuzz-XXXXXX)
export TMPDIR
trap 'rm -rf "$TMPDIR"' EXIT
# HDF5 loses memory when it gives up on a damaged file; leaks of linnet's own are still told.
export LSAN_OPTIONS=suppressions=$PWD/tests/lsan.supp:print_suppressions=0
export ASAN_OPTIONS=detect_stack_use_after_return=0
total=0 failed=
# shellcheck disable=SC2086
each=$((seconds / $(echo $readers | wc -w)))
[ $each -ge 1 ] || die "fewer seconds than readers"

for reader in $readers; do
    corpus=$folder/corpus/$reader log=$folder/$reader.log
    mkdir -p "$corpus" $folder/failures "tests/fuzz/found"
    given=(tests/fuzz/seeds/"$reader")
    [ ! -d "tests/fuzz/found/$reader" ] || given+=(tests/fuzz/found/"$reader")
    timeout --kill-after=10 $((each + 60)) "$folder/$reader" -max_total_time=$each -timeout=10 -len_control=0 -rss_limit_mb=1024 -malloc_limit_mb=512 \
        -print_final_stats=1 -artifact_prefix="$folder/failures/$reader-" "$corpus" "${given[@]}" >"$log" 2>&1 </dev/null
    code=$?
    inputs=$(sed -n 's/^stat::number_of_executed_units: *//p' "$log")
    coverage=$(sed -n 's/.* cov: \([0-9]*\) .*/\1/p' "$log" | tail -n 1)
    total=$((total + ${inputs:-0}))
    say "$(printf '%-12s %10s inputs, %s edges' "$reader" "${inputs:-0}" "${coverage:-0}")"
    if [ $code != 0 ]; then
        failed+=" $reader"
        say "FAILED: $reader (exit code $code; $log)"
        grep -E 'ERROR|runtime error|not so|SUMMARY|Test unit written' "$log" | sed 's/^/    /' >&2
    fi
done
echo "$total inputs,$([ -n "$failed" ] && echo " failed:$failed" || echo " none failed")"
[ -z "$failed" ]
