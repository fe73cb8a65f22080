"""The commands of README.md, the tutorial and the how-to pages, extracted and run, page by page and from the top.

A block between ``` has a language. Those of `sh` are run as they stand, those of `console` line by line where a line begins with `$ `.
In place of the real data and machines there are small ones, by these rules:

- A page has a folder of its own with scripts/ and hosts/ of the repository, and what the pages call train.csv, test.csv, texts.txt,
  FOLDER_WITH_VOCABULARY, gpt2 (a model of 2 layers) and Sentiment140's table, all small and synthetic. CONFIG.json is a small run.
- config/*.json are the repository's with max_steps of 6 and at most 3 updates between two events.
- linnet-constants.json, before each block: those of two hosts.
- `mpirun -n N` starts at most 2 ranks, and `freeze_layers=N` freezes at most 2 layers.

A block that cannot be run here has `<!-- not run: REASON -->` on the line before it, or `<!-- only linnet's lines are run: REASON -->`,
if it also has commands of other programs."""
import json
import re
import shutil
import subprocess
import sys

import pytest

from support import ROOT, add_programs, linnet, run_in

PAGES = [ROOT / "README.md", ROOT / "docs/tutorial.md", *sorted(ROOT.glob("docs/how-to/*.md"))]
BLOCK = re.compile(r"^(?:<!-- (?P<mark>[^\n]*) -->\n)?```(?P<language>[^\n]*)\n(?P<text>.*?)^```$", re.M | re.S)
LANGUAGES = {"sh", "console", "python", "json", "text"}
SENTIMENT140 = '"0","1","day","query","user","caf\xe9 is closed"\n"4","2","day","query","user","what a lovely day"\n'

# As linnet plan --measure writes them on two hosts of two ranks each.
CONSTANTS = dict(format_version=3, linnet="0.2.0", kernels="avx2", bf16=False, ranks=4, nodes=2, threads=1, width=32, inner=128, heads=4,
                 adamw_bytes_per_second=4e9, add_bytes_per_second=6e9, program_bytes=5e7, node_latency_seconds=1e-6, node_overhead_seconds=1e-6,
                 network_latency_seconds=2e-5, network_overhead_seconds=2e-6, network_bytes_per_second=1e9, network_overlapped_bytes_per_second=1e9,
                 network_overhead_seconds_per_byte=0, passes=[dict(tokens=8, gflops=1.5), dict(tokens=1024, gflops=20)])


def blocks(page):
    return list(BLOCK.finditer(page.read_text()))


def joined(lines):
    """Lines, of which one that ends in a backslash goes on in the next."""
    return re.sub(r"\\\n\s*", " ", "\n".join(lines)).split("\n")


def commands(block):
    """The commands of a block that are to be run."""
    lines = joined(block["text"].splitlines())
    if block["language"] == "console":
        lines = [line[2:] for line in lines if line.startswith("$ ")]
    mark = block["mark"] or ""
    if block["language"] not in ("sh", "console") or mark.startswith("not run: "):
        return []
    if mark.startswith("only linnet's lines are run: "):
        assert [line for line in lines if not line.startswith("linnet ")], "the mark is needless"
        lines = [line for line in lines if line.startswith("linnet ")]
    assert lines, block[0]
    return lines


@pytest.fixture(scope="module")
def material(tmp_path_factory):
    """The files of the first rule."""
    folder = tmp_path_factory.mktemp("material")
    subprocess.run([sys.executable, ROOT / "scripts/make_sample.py", folder, "--train", "1000", "--test", "1000", "--merges", "200"], check=True,
                   timeout=60)
    (folder / "tokenizer").rename(folder / "FOLDER_WITH_VOCABULARY")
    linnet("init", "--output", folder / "gpt2", "--tokenizer", folder / "FOLDER_WITH_VOCABULARY", "--layers", "2", "--width", "32", "--heads", "4")
    (folder / "texts.txt").write_text("what a lovely day\ni missed the bus\n")
    (folder / "training.1600000.processed.noemoticon.csv").write_text(SENTIMENT140, encoding="latin-1")
    linnet("prepare", "--input", folder / "train.csv", "--output", folder / "train.h5", "--tokenizer", folder / "gpt2")
    return folder


def make_place(folder, material):
    """The folder in which a page's commands are run."""
    shutil.copytree(material, folder)
    add_programs(folder)
    for name in ("scripts", "hosts"):
        (folder / name).symlink_to(ROOT / name)
    (folder / "config").mkdir()
    for path in ROOT.glob("config/*.json"):
        settings = json.loads(path.read_text())
        settings.update({"max_steps": 6, **{key: min(value, 3) for key, value in settings.items() if re.fullmatch(r"(logging|eval|save)_steps", key)}})
        (folder / "config" / path.name).write_text(json.dumps(settings))
    (folder / "CONFIG.json").write_text(json.dumps(dict(model_name_or_path="gpt2", train_file="train.h5", output_dir="CONFIG-run", max_steps=6,
                                                        global_batch_size=64, logging_steps=2, save_steps=3)))
    launcher = folder / "launcher/mpirun"
    launcher.write_text(re.sub(r"^shift$", "shift; ranks=$1; shift; [ $ranks -le 2 ] || ranks=2; set -- $ranks \"$@\"", launcher.read_text(), flags=re.M))
    return folder


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_block_has_a_language_and_a_known_mark(page):
    text = page.read_text()
    assert len(re.findall(r"^```", text, re.M)) == 2 * len(blocks(page))
    for block in blocks(page):
        assert block["language"] in LANGUAGES, f"{page.name}: a block without a language of {sorted(LANGUAGES)}:\n{block[0]}"
        if "not run" in (block["mark"] or "") or "are run" in (block["mark"] or ""):
            assert block["language"] in ("sh", "console") and re.match(r"(not run|only linnet's lines are run): \S.{10}", block["mark"]), block["mark"]
        # What looks like a command is in a block that is run.
        if block["language"] == "text":
            assert not re.search(r"^(\$ |linnet [a-z]|mpirun |make |srun |sbatch )", block["text"], re.M), block[0]


@pytest.mark.parametrize("page", [page for page in PAGES if any(commands(block) for block in blocks(page))], ids=lambda page: str(page.relative_to(ROOT)))
def test_the_commands_work(page, material, tmp_path):
    place = make_place(tmp_path / "page", material)
    for block in blocks(page):
        (place / "linnet-constants.json").write_text(json.dumps(CONSTANTS))
        for command in commands(block):
            run_in(place, re.sub(r"(?<=freeze_layers=)\d+", lambda layers: str(min(int(layers[0]), 2)), command))


def test_most_commands_are_run():
    """Not vacuous: the tutorial's seven steps are among them."""
    run = [command for page in PAGES for block in blocks(page) for command in commands(block)]
    for start in ("linnet prepare", "linnet init ", "linnet init-config", "linnet inspect", "linnet train config/tutorial.json", "mpirun -n 4 linnet train",
                  "mpirun -n 4 linnet evaluate", "linnet predict", "linnet plan", "mpirun -n 2 linnet train config/tweets.json"):
        assert [command for command in run if command.startswith(start)], start
    assert len(run) >= 20
