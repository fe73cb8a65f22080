#!/usr/bin/env bash
# quickstart.sh: from a table to a trained model, on the project's own small sample, with a GPT-2 of 2 layers on 2 ranks.
#
#   make quickstart              in the source tree: installs what is missing, builds, and puts the sample under build/
#   linnet-quickstart [FOLDER]   installed: puts it in FOLDER (linnet-quickstart in the current folder)
#
# Does what docs/tutorial.md does with the real GPT-2. Running it again starts the sample over.
home=$(cd "$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")/.." && pwd)
. "$home/scripts/lib.sh"
set -eu

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
run_ranks() { show mpirun -n 2 "$@" && "$home/scripts/mpirun.sh" 2 "$@"; }
next_step() { number=$((number + 1)) && step "$number of $steps: $1"; }

# In the source tree: get what the build needs, and build.
prepare_tree() {
    steps=8 linnet=build/linnet config=config/quickstart.json at=build/sample/
    cd "$home"
    next_step "what the build needs"
    scripts/dependencies.sh
    next_step "the program"
    run make -s -j"$(cores)" build/linnet
    rm -rf build/sample
}

# Installed: begin a folder, or again in one that a quick start has made, where what a user has added stays.
prepare_folder() { # FOLDER
    local mark=.linnet-quickstart
    steps=6 config=quickstart.json at=
    linnet=$(cd "$home/../../bin" && pwd)/linnet
    [ ! "$(command -v linnet)" -ef "$linnet" ] || linnet=linnet # what one types
    [ ! -e "$1" ] || [ -e "$1/$mark" ] || die "$1 exists and is not a quick start's: name another folder"
    mkdir -p "$1"
    run cd "$1"
    rm -rf train.csv train.h5 test.csv test.h5 tokenizer model run predictions.tsv report.html
    : >$mark
    sed 's,build/sample/,,' "$home/config/quickstart.json" >$config
}

installed=yes number=0
[ ! -e "$home/Makefile" ] || installed=no
case ${1:-} in
-h | --help) say "usage: $(basename "$0")$([ $installed = no ] || echo ' [FOLDER]'): train a small model, from a table to predictions" && exit ;;
-*) die "unknown option '$1'; expected the name of a folder" ;;
esac
if [ $installed = yes ]; then prepare_folder "${1:-linnet-quickstart}"; else prepare_tree; fi
python=$(python_with csv json) || die "python3 not found: the sample is written by a Python script"

next_step "the sample: synthetic tweets and a small vocabulary"
make_sample=$home/scripts/make_sample.py
[ $installed = yes ] || make_sample=scripts/make_sample.py
run "$python" "$make_sample" "${at:-.}"

next_step "text to tokens, and a new model of 2 layers"
for part in train test; do
    run "$linnet" prepare --input "$at$part.csv" --output "$at$part.h5" --tokenizer "${at}tokenizer"
done
run "$linnet" init --output "${at}model" --tokenizer "${at}tokenizer" --layers 2 --width 64 --heads 4

next_step "training on 2 ranks"
run_ranks "$linnet" train $config

next_step "how good is it on tweets that it has not seen?"
run_ranks "$linnet" evaluate --model "${at}run" --data "${at}test.h5" --predictions "${at}predictions.tsv"

next_step "a page about the run"
run "$linnet" report "${at}run" --output "${at}report.html"

next_step "three texts of our own"
run "$linnet" predict --model "${at}run" "i love this song" "oh great, i missed the bus" "i am on my way to the gym"

cat >&2 <<END

Done. What you have now, under $PWD:$([ $installed = yes ] || printf '\n  build/linnet                     the program; build/linnet --help')
  ${at}train.csv, test.csv    the tweets; train.h5 and test.h5 hold them as tokens
  ${at}run                    the model (a Hugging Face folder), metrics.jsonl and checkpoints
  ${at}predictions.tsv        what it said about each test tweet
  ${at}report.html            curves, scores and texts of the run: open it in a browser

To try next$([ $installed = no ] || printf ' there'):
  $linnet predict --model ${at}run "your own text"
  $linnet inspect ${at}run
  $linnet init-config --model ${at}model --data ${at}train.h5 --eval ${at}test.h5
  mpirun -n 2 $linnet train $config --set learning_rate=3e-4 --set output_dir=${at}slower
  $linnet report ${at}run ${at}slower -o both.html     compares the two
  the tutorial with GPT-2 on real tweets: docs/tutorial.md$([ $installed = no ] || printf ' in %s' "$(cd "$home/../doc/linnet" && pwd)")
END
[ "$(id -u)" != 0 ] ||
    say "  (as root, mpirun needs OMPI_ALLOW_RUN_AS_ROOT=1 and OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1; $(
        [ $installed = yes ] && echo "$home/")scripts/mpirun.sh 2 … sets them)"
