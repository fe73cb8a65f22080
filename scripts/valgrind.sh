#!/usr/bin/env bash
# make valgrind: every command on a tiny sample under valgrind's memcheck, training and evaluation on 2 ranks. No invalid
# access, no use of what was never written, no memory lost by linnet; what Open MPI and its libraries do is not counted
# (tests/valgrind.supp, and Open MPI's own list).
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
set -eu
cd "$(dirname "${BASH_SOURCE[0]}")/.."
scripts/dependencies.sh --valgrind
make -s -j"$(cores)" all

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
log=build/valgrind
rm -rf $log
mkdir -p $log
supp=$(dirname "$(readlink -f "$(command -v mpirun)")")/../share/openmpi/openmpi-valgrind.supp
[ -e "$supp" ] || supp=/usr/share/openmpi/openmpi-valgrind.supp
# A module that was unloaded has no name any more.
gcc -shared -fPIC -o $log/keep_modules.so tests/san/keep_modules.c
# shellcheck disable=SC2054  # commas within options
memcheck=(env LD_PRELOAD="$PWD/$log/keep_modules.so" valgrind --error-exitcode=99 --leak-check=full
    --show-leak-kinds=definite,indirect --errors-for-leak-kinds=definite,indirect --suppressions=tests/valgrind.supp
    --gen-suppressions=all --num-callers=30 --log-file="$log/%p.log")
[ ! -e "$supp" ] || memcheck+=(--suppressions="$supp")
# Valgrind knows no AVX-512, and runs one thread at a time.
export OMP_NUM_THREADS=1
failed=

run() { # COMMAND...
    printf "%s " "$@" | sed "s:.* build/linnet:linnet:; s:$:\n:" >&2
    "$@" >"$log/out" 2>&1 && return
    failed=yes
    sed 's/^/    /' "$log/out" >&2
}

"$(python_with json)" scripts/make_sample.py "$folder" --train 24 --test 9 --merges 50
cat >"$folder/run.json" <<JSON
{"model_name_or_path": "$folder/model", "train_file": "$folder/train.h5", "eval_file": "$folder/test.h5", "output_dir": "$folder/run",
 "max_steps": 3, "global_batch_size": 8, "reduction_units": 2, "eval_strategy": "steps", "eval_steps": 2, "save_strategy": "steps",
 "save_steps": 2, "save_total_limit": 1, "load_best_model_at_end": true, "logging_steps": 1, "learning_rate": 1e-3}
JSON
for part in train test; do
    run "${memcheck[@]}" build/linnet prepare --input "$folder/$part.csv" --output "$folder/$part.h5" --tokenizer "$folder/tokenizer"
done
run "${memcheck[@]}" build/linnet init --output "$folder/model" --tokenizer "$folder/tokenizer" --layers 1 --width 16 --heads 2
run "${memcheck[@]}" build/linnet init-config --model "$folder/model" --data "$folder/train.h5" --output "$folder/start.json"
run "${memcheck[@]}" build/linnet man --output "$folder/man"
run scripts/mpirun.sh 2 "${memcheck[@]}" build/linnet train "$folder/run.json"
run scripts/mpirun.sh 2 "${memcheck[@]}" build/linnet train "$folder/run.json" --set max_steps=4 --set resume_from_checkpoint=true
run scripts/mpirun.sh 2 "${memcheck[@]}" build/linnet evaluate --model "$folder/run" --data "$folder/test.h5" --predictions "$folder/p.tsv"
run "${memcheck[@]}" build/linnet predict --model "$folder/run" "what a day"
run "${memcheck[@]}" build/linnet inspect "$folder/run/checkpoint-4"

# mpirun ends a job on the first bad exit code: what each process found is counted from its log.
errors=$(cat "$log"/*.log | sed -n 's/.*ERROR SUMMARY: \([0-9]*\) errors.*/\1/p' | awk '{sum += $1} END {print sum + 0}')
processes=$(cat "$log"/*.log | grep -c 'ERROR SUMMARY')
echo "$processes processes, $errors errors"
if [ "$errors" != 0 ] || [ -n "$failed" ] || [ "$processes" != 11 ]; then
    grep -lE 'ERROR SUMMARY: [1-9]' "$log"/*.log >&2 || true
    exit 1
fi
