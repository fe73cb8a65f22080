"""What helps at hand: --help, --version, manual pages, completions and the commands that errors of use end with. All of it comes from
the program's tables, so that every command is tested, whatever its name."""
import json
import os
import re
import shlex
import shutil
import subprocess

import pytest

from support import LINNET, ROOT, add_programs, finish, linnet, refused, run_in, start, train

COMMANDS = re.findall(r"^  ([a-z-]+) ", subprocess.run([LINNET, "--help"], capture_output=True, text=True, timeout=60).stdout, re.M)
EVERY = pytest.mark.parametrize("command", COMMANDS)


def tool(name):
    """Skip where the program is not installed: scripts/dependencies.sh --test installs it."""
    return pytest.mark.skipif(not shutil.which(name), reason=f"there is no {name} (scripts/dependencies.sh --test)")


def options_of(command):
    """The options of a command, with the names of their values."""
    listed = linnet(command, "--help", "all").stdout.split("\noptions:\n")[1]
    return {name: value for name, value in re.findall(r"^  --([\w-]+)(?: (\S+))?", listed, re.M)}


def help_of(command):
    return linnet(*command.split(), "--help").stdout


# --- --help and --version -----------------------------------------------------------------------------------------


def test_lists_the_commands():
    assert {"prepare", "init", "init-config", "plan", "train", "evaluate", "predict", "inspect", "completions", "man"} <= set(COMMANDS)


@pytest.mark.parametrize("command", ["", *COMMANDS])
def test_help_fits_a_screen(command):
    """24 lines of 80 columns, the prompt below it included."""
    lines = help_of(command).splitlines()
    assert len(lines) <= 23 and max(map(len, lines)) <= 80
    assert lines[0].startswith("usage: linnet") and "\nexample: " in "\n".join(lines)


@pytest.mark.tiny
@EVERY
def test_help_names_every_option(command):
    """The short help shows an option, or names it behind "also:"; --help all shows it."""
    short, names = help_of(command), options_of(command)
    assert {"quiet", "help"} <= names.keys()
    assert not [name for name in names if f"--{name}" not in short]
    assert max(map(len, linnet(command, "--help", "all").stdout.splitlines())) <= 80
    assert ("--help all)" in " ".join(short.split())) == ("\n  also: " in short)


@pytest.fixture(scope="module")
def place(sample, tmp_path_factory):
    """A folder in which the examples work in the order of the commands: tables, a small model named gpt2, and an adapter of it."""
    folder = tmp_path_factory.mktemp("examples")
    shutil.copy(sample.train_csv, folder / "train.csv")
    shutil.copytree(sample.model, folder / "gpt2")
    linnet("prepare", "--input", sample.test_csv, "--output", folder / "test.h5", "--tokenizer", sample.tokenizer)
    (folder / "sweep.json").write_text(json.dumps({"config": "run.json", "output_dir": "sweep", "parameters": {
        "eval_file": ["test.h5"], "eval_strategy": ["epoch"], "max_steps": [4], "seed": [1, 2]}}))
    train(tmp_path_factory.mktemp("adapter"), model_name_or_path=sample.model, train_file=sample.train, output_dir=folder / "lora-run",
          lora_r=2, max_steps=1, save_strategy="no")
    add_programs(folder)
    return folder




def test_the_examples_work(place):
    """One after the other, as a user would: each uses what those before it made."""
    for command in COMMANDS:
        example = " ".join(help_of(command).split("\nexample: ")[1].split())
        if "man -l" in example and not shutil.which("man"):
            continue  # the page itself is tested below
        run_in(place, example)
    assert (place / "run/model.safetensors").exists() and (place / "train.h5").exists()


@pytest.mark.parametrize("arguments", [["--help"], ["--version"], ["--version", "--json"], ["prepare", "--help"], ["train", "--help"], ["plan", "--help", "all"]],
                         ids=" ".join)
def test_a_job_prints_help_once(arguments):
    alone, job = linnet(*arguments).stdout, linnet(*arguments, ranks=4).stdout
    # mpirun may leave its ranks fewer threads and processors.
    assert re.sub(r'(threads"?:?\s*)\d+', r"\1", job) == re.sub(r'(threads"?:?\s*)\d+', r"\1", alone)


@pytest.mark.tiny
def test_version_as_json():
    """The same as the lines, with names in lower case."""
    told = json.loads(linnet("--version", "--json").stdout)
    lines = dict(line.split(maxsplit=1) for line in linnet("--version").stdout.splitlines())
    assert {name.lower(): text for name, text in lines.items()} == {name: str(text) for name, text in told.items()}
    assert {"linnet", "mpi", "mpi.h", "openblas", "hdf5", "cjson", "pcre2", "libcrypto", "zlib", "zstd", "compiler", "kernels", "cpu", "threads"} <= told.keys()
    assert told["threads"] >= 1 and re.fullmatch(r"\d+\.\d+\.\d+", told["linnet"])
    refused("--version", "--yaml", names=["--yaml", "linnet --version --json"])


# --- Manual pages -------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def pages(tmp_path_factory):
    folder = tmp_path_factory.mktemp("man")
    linnet("man", "--output", folder)
    return folder


@pytest.mark.tiny
def test_a_page_for_each_command(pages):
    assert {page.name for page in pages.iterdir()} == {"linnet.1", *(f"linnet-{command}.1" for command in COMMANDS)}
    for command in COMMANDS:
        text = (pages / f"linnet-{command}.1").read_text()
        assert text == linnet("man", command).stdout
        bold = set(re.findall(r"\\-\\-((?:[\w]|\\-)+)", text))
        assert {name.replace("-", "\\-") for name in options_of(command)} <= bold
    assert (pages / "linnet.1").read_text() == linnet("man").stdout
    assert ".B learning_rate" in (pages / "linnet-train.1").read_text().replace("\\-", "-")


@tool("mandoc")
def test_pages_are_clean_for_mandoc(pages):
    done = subprocess.run(["mandoc", "-Tlint", "-Wwarning", *pages.iterdir()], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0 and not done.stdout, done.stdout


@tool("man")
def test_pages_are_clean_for_man(pages):
    for page in pages.iterdir():
        done = subprocess.run(["man", "--warnings", "-E", "UTF-8", "-l", "-Tutf8", "-Z", page], capture_output=True, text=True, timeout=60,
                              env={**os.environ, "LC_ALL": "C.UTF-8", "MANROFFSEQ": ""})
        assert done.returncode == 0 and not done.stderr and done.stdout, done.stderr


def test_reference_page_is_what_the_program_prints():
    assert (ROOT / "docs/reference/commands.md").read_text() == linnet("man", "--markdown").stdout, "make docs"


# --- Completions --------------------------------------------------------------------------------------------------

BASH = """
. "$1"
shift
COMP_WORDS=("$@")
COMP_CWORD=$((${#COMP_WORDS[@]} - 1))
_linnet
printf '%s\\n' "${COMPREPLY[@]}"
"""


@pytest.fixture(scope="module")
def complete(tmp_path_factory):
    """A function: (shell, words of which the last one is completed) → the matches. Its folder has files and folders to find."""
    folder = tmp_path_factory.mktemp("complete")
    for name in ("table.csv", "two words.csv"):
        (folder / name).write_text("")
    (folder / "tokenizer").mkdir()
    for shell, name in (("bash", "linnet"), ("zsh", "_linnet"), ("fish", "linnet.fish")):
        (folder / "scripts").mkdir(exist_ok=True)
        (folder / "scripts" / name).write_text(linnet("completions", shell).stdout)

    def by_bash(words):
        # bash's own word breaks: an = is a word
        cut = [part for word in words for part in (re.split("(=)", word) if "=" in word else [word])]
        if cut[-1] == "":
            cut = cut[:-1] + [""] if len(cut) < 2 or cut[-2] != "=" else cut[:-1]
        return subprocess.run(["bash", "--norc", "-c", BASH, "bash", "scripts/linnet", *cut], cwd=folder, capture_output=True, text=True, timeout=60)

    def by_zsh(words):
        matches = folder / "matches"
        matches.write_text("")
        done = subprocess.run(["zsh", "-f", ROOT / "tests/e2e/complete.zsh", folder / "scripts", shlex.join(words[:-1]) + " " + words[-1], matches],
                              cwd=folder, capture_output=True, text=True, timeout=60)
        done.stdout, folder_free = matches.read_text(), matches.unlink()
        assert folder_free is None
        return done

    def by_fish(words):
        line = shlex.join(words[:-1]) + " " + words[-1]
        done = subprocess.run(["fish", "--no-config", "-c", f"source scripts/linnet.fish; complete -C {shlex.quote(line)}"], cwd=folder,
                              capture_output=True, text=True, timeout=60, env={**os.environ, "HOME": str(folder)})
        done.stdout = "".join(line.split("\t")[0] + "\n" for line in done.stdout.splitlines())
        return done

    def run(shell, *words):
        done = {"bash": by_bash, "zsh": by_zsh, "fish": by_fish}[shell]([*words])
        assert not done.stderr, done.stderr
        return {line.rstrip("/").replace("\\", "") for line in done.stdout.splitlines() if line}

    return run


SHELLS = [pytest.param("bash"), pytest.param("zsh", marks=tool("zsh")), pytest.param("fish", marks=tool("fish"))]


@pytest.mark.parametrize("shell", SHELLS)
def test_completes(complete, shell):
    assert complete(shell, "linnet", "p") == {command for command in COMMANDS if command.startswith("p")}
    assert complete(shell, "linnet", "prepare", "--fo") == {"--format"}
    assert complete(shell, "linnet", "prepare", "--format", "") == {"csv", "tsv", "json", "lines"}
    assert complete(shell, "linnet", "prepare", "--input", "t") == {"table.csv", "tokenizer", "two words.csv"}
    assert complete(shell, "linnet", "prepare", "--tokenizer", "t") == {"tokenizer"}
    assert complete(shell, "linnet", "prepare", "--max-length", "") == set()
    assert complete(shell, "linnet", "train", "--lr_s") == {"--lr_scheduler_type", "--lr_scheduler_kwargs"}
    assert complete(shell, "linnet", "train", "--lr_scheduler_type", "con") == {"constant", "constant_with_warmup"}
    assert complete(shell, "linnet", "train", "--bf16", "") >= {"true", "false"}
    assert complete(shell, "linnet", "train", "t") == {"table.csv", "tokenizer", "two words.csv"}
    assert complete(shell, "linnet", "evaluate", "--lr_s") == set()
    assert complete(shell, "linnet", "man", "init") == {"init", "init-config"}
    assert complete(shell, "linnet", "completions", "") == {"bash", "zsh", "fish"}
    # fish completes the complete argument; the others, what is behind the =
    head = "data_order=" if shell == "fish" else ""
    assert complete(shell, "linnet", "train", "--set", "data_order=b") == {head + "blocks"}
    assert {match.rstrip("=") for match in complete(shell, "linnet", "train", "--set", "rank_t")} == {"rank_timeout"}


@pytest.mark.parametrize("shell", ["bash", pytest.param("zsh", marks=tool("zsh")), pytest.param("fish", marks=tool("fish"))])
@EVERY
def test_completes_every_option(complete, shell, command):
    names = {f"--{name}" for name in options_of(command) if name != "KEY"}
    found = complete(shell, "linnet", command, "--")
    assert names <= found
    settings = "KEY" in options_of(command)
    assert settings == ("--learning_rate" in found) and (settings or found == names)


@tool("shellcheck")
def test_bash_completions_are_clean_for_shellcheck(tmp_path):
    (tmp_path / "linnet").write_text(linnet("completions", "bash").stdout)
    done = subprocess.run(["shellcheck", "-s", "bash", "-S", "warning", "-e", "SC2034", tmp_path / "linnet"], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stdout


# --- Errors of use ------------------------------------------------------------------------------------------------


@pytest.mark.tiny
@pytest.mark.parametrize("arguments, right", [
    ("evaluate {model} {test}", "linnet evaluate --model {model} --data {test}"),
    ("evaluate {test} {model}", "linnet evaluate --data {test} --model {model}"),
    ("evaluate --modle {model} --data {test}", "linnet evaluate --model {model} --data {test}"),
    ("predict {model} what", "linnet predict --model {model} what"),
    ("inspekt {test}", "linnet inspect {test}"),
    ("{test}", "linnet inspect {test}"),
    ("{model}", "linnet inspect {model}"),
], ids=lambda text: text.split()[0])
def test_the_command_that_would_be_right_works(sample, arguments, right):
    """The line ends with it, and it works."""
    names = dict(model=sample.model, test=sample.test)
    line, = refused(*arguments.format(**names).split()).errors
    assert line.rstrip("?").endswith(" " + right.format(**names))
    linnet(*right.format(**names).split()[1:])


def test_train_tells_of_a_configuration(sample, tmp_path):
    refused("train", names=["linnet init-config --model DIR --data FILE.h5 > run.json"])
    (tmp_path / "run.json").write_text("{}")
    refused(tmp_path / "run.json", names=[f"did you mean linnet train {tmp_path}/run.json?"])
    refused("help", "train", names=["linnet train --help"])
    # config_name is a key of Trainer's scripts: a command with it would be refused in its turn.
    refused("train", "--config", tmp_path / "run.json", names=["unknown option --config: linnet train --help"])


@pytest.mark.tiny
def test_a_line_for_the_shell_is_quoted(tmp_path):
    """The command of an error line, run by a shell, passes the same words."""
    words = ["two words", "it's", "$HOME", "a;b", "*"]
    line, = refused("predict", *words).errors
    assert shlex.split(line.split("linnet predict ")[1]) == ["--model", "DIR", *words]


def test_a_page_that_cannot_be_written(tmp_path):
    (tmp_path / "file").write_text("")
    result = finish(start(["man", "--output", tmp_path / "file"]))
    assert result.code in (1, 2) and len(result.errors) == 1 and str(tmp_path / "file") in result.errors[0]
    refused("man", "nonsense", names=["nonsense", "linnet --help"])
    refused("completions", "bsh", names=["bsh", "linnet completions bash"])
