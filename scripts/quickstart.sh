#!/usr/bin/env bash
# make quickstart: from a fresh clone to a trained model, on the project's own small sample.
#
# Installs what is missing, builds, and does with a GPT-2 of 2 layers on 2 ranks what docs/tutorial.md does with the real one.
# Everything it makes lies under build/; running it again starts the sample over and keeps the build.
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
set -eu
cd "$(dirname "${BASH_SOURCE[0]}")/.."
linnet=build/linnet sample=build/sample

# Show a command as one would type it.
show() {
    local word line='$'
    for word in "$@"; do
        case $word in *[\ ,]*) line+=" \"$word\"" ;; *) line+=" $word" ;; esac
    done
    say "$line"
}
run() { show "$@" && "$@"; }
# The same for a job of 2 ranks; scripts/mpirun.sh adds what this machine needs.
run_ranks() { show mpirun -n 2 "$@" && scripts/mpirun.sh 2 "$@"; }

step "1 of 8: what the build needs"
scripts/dependencies.sh
python=$(python_with csv json) || die "python3 not found: the sample is written by a Python script"

step "2 of 8: the program"
run make -s -j"$(cores)" build/linnet

step "3 of 8: the sample: synthetic tweets and a small vocabulary"
rm -rf "$sample"
run "$python" scripts/make_sample.py "$sample"

step "4 of 8: text to tokens, and a new model of 2 layers"
for part in train test; do
    run "$linnet" prepare --input "$sample/$part.csv" --output "$sample/$part.h5" --tokenizer "$sample/tokenizer"
done
run "$linnet" init --output "$sample/model" --tokenizer "$sample/tokenizer" --layers 2 --width 64 --heads 4

step "5 of 8: training on 2 ranks"
run_ranks "$linnet" train config/quickstart.json

step "6 of 8: how good is it on tweets that it has not seen?"
run_ranks "$linnet" evaluate --model "$sample/run" --data "$sample/test.h5" --predictions "$sample/predictions.tsv"

step "7 of 8: a page about the run"
run "$linnet" report "$sample/run" --output "$sample/report.html"

step "8 of 8: three texts of our own"
run "$linnet" predict --model "$sample/run" "i love this song" "oh great, i missed the bus" "i am on my way to the gym"

cat >&2 <<END

Done. What you have now, under $PWD:
  build/linnet                        the program; build/linnet --help
  $sample/train.csv, test.csv    the tweets; train.h5 and test.h5 hold them as tokens
  $sample/run                    the model (a Hugging Face folder), metrics.jsonl and checkpoints
  $sample/predictions.tsv        what it said about each test tweet
  $sample/report.html            curves, scores and texts of the run: open it in a browser

To try next:
  build/linnet predict --model $sample/run "your own text"
  build/linnet inspect $sample/run
  build/linnet init-config --model $sample/model --data $sample/train.h5 --eval $sample/test.h5
  mpirun -n 2 build/linnet train config/quickstart.json --set learning_rate=3e-4 --set output_dir=build/sample/slower
  build/linnet report $sample/run build/sample/slower -o both.html     compares the two
  the tutorial with GPT-2 on real tweets: docs/tutorial.md
END
[ "$(id -u)" != 0 ] ||
    say "  (as root, mpirun needs OMPI_ALLOW_RUN_AS_ROOT=1 and OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1; scripts/mpirun.sh 2 … sets them)"
