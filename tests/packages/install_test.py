"""make dist and make install: the same bytes each time, everything under the prefix, and what is installed works without the source
tree."""
import os
import re
import shutil
import subprocess
import tarfile
from pathlib import Path

import pytest

from support import LINNET, ROOT

VERSION = re.search(r"^VERSION *:= *(\S+)", (ROOT / "Makefile").read_text(), re.M)[1]
NAME = f"linnet-{VERSION}"
# Where a system has `module`: Environment Modules or Lmod.
MODULE_SETUPS = ["/usr/share/modules/init/bash", "/usr/share/lmod/lmod/init/bash", "/etc/profile.d/modules.sh", "/etc/profile.d/lmod.sh"]
# Run with what a user's shell has: what tells of this test is not among it.
PLAIN = {name: value for name, value in os.environ.items() if not name.startswith(("MAKE", "MFLAGS", "MODULE", "LMOD", "LOADED", "BASH_ENV"))}


def run(*command, cwd, environment=PLAIN, umask=0o022):
    done = subprocess.run(list(map(str, command)), cwd=cwd, env=environment, umask=umask, stdin=subprocess.DEVNULL, capture_output=True, text=True,
                          timeout=300)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout + done.stderr


def make(*arguments, **options):
    """make with the program that is being tested."""
    return run("make", "-s", "-o", "all", f"BUILD={os.path.dirname(LINNET)}", *arguments, cwd=ROOT, **options)


@pytest.fixture(scope="module")
def tarball(tmp_path_factory):
    copy = tmp_path_factory.mktemp("dist") / f"{NAME}.tar.gz"
    make("dist")
    shutil.copy(ROOT / f"build/dist/{NAME}.tar.gz", copy)
    return copy


@pytest.fixture(scope="module")
def staged(tmp_path_factory):
    """A tree for a package, made with DESTDIR by someone whose files nobody else may read."""
    folder = tmp_path_factory.mktemp("staged")
    folder.chmod(0o755)
    make("install", f"DESTDIR={folder}", "PREFIX=/opt/linnet", "MODULES=other/1", umask=0o077)
    return folder


@pytest.fixture(scope="module")
def installed(staged):
    """The same tree where it is: it has no path of its own in it but in the modulefile."""
    return staged / "opt/linnet"


def test_dist_has_the_tracked_files(tarball):
    with tarfile.open(tarball) as archive:
        names = [member.name for member in archive]
        assert all(member.uid == member.gid == 0 and not member.uname for member in archive)
    assert all(name.startswith(f"{NAME}/") for name in names) and f"{NAME}/Makefile" in names and f"{NAME}/LICENSE" in names
    assert not [name for name in names if name.startswith((f"{NAME}/build", f"{NAME}/.git/")) or "__pycache__" in name]


def test_dist_of_an_unpacked_tarball_has_the_same_bytes(tarball, tmp_path):
    """Without git, and with what other users and builds leave in a tree."""
    run("tar", "-xf", tarball, cwd=tmp_path, umask=0o077)
    tree = tmp_path / NAME
    for name in ("build/obj/x.o", "tests/__pycache__/x.pyc", ".pytest_cache/x"):
        (tree / name).parent.mkdir(parents=True)
        (tree / name).write_text("")
    run("make", "dist", cwd=tree, environment={**PLAIN, "TZ": "Asia/Tokyo", "LC_ALL": "C"}, umask=0o077)
    assert (tree / f"build/dist/{NAME}.tar.gz").read_bytes() == tarball.read_bytes()


def test_files_that_are_run_may_be_run(installed):
    """The program and what begins with #! by everyone; everything else is only read."""
    for path in installed.rglob("*"):
        begin = path.read_bytes()[:4] if path.is_file() else b""
        may_run = path.is_dir() or begin[:2] == b"#!" and b"#%Module" not in begin or begin == b"\x7fELF"
        if not path.is_symlink():
            assert oct(path.stat().st_mode & 0o7777) == oct(0o755 if may_run else 0o644), path
    for name in ("bin/linnet", "bin/linnet-quickstart", "share/linnet/hosts/run.sh", "share/linnet/scripts/mpirun.sh", "share/linnet/scripts/train-srun.sbatch"):
        assert os.access(installed / name, os.X_OK), name


def test_manual_pages_and_completions(installed):
    share = installed / "share"
    commands = re.findall(r"^  ([a-z-]+) ", run(LINNET, "--help", cwd=ROOT), re.M)
    pages = sorted(path.name for path in (share / "man/man1").iterdir())
    assert len(commands) >= 11 and pages == sorted(["linnet.1", "linnet-quickstart.1", *(f"linnet-{command}.1" for command in commands)])
    for shell, path in (("bash", "bash-completion/completions/linnet"), ("zsh", "zsh/site-functions/_linnet"), ("fish", "fish/vendor_completions.d/linnet.fish")):
        assert (share / path).read_text() == run(LINNET, "completions", shell, cwd=ROOT)


@pytest.mark.skipif(not shutil.which("mandoc"), reason="no mandoc")
def test_the_manual_page_of_the_quick_start_is_clean(installed):
    assert run("mandoc", "-Tlint", "-Wwarning", installed / "share/man/man1/linnet-quickstart.1", cwd=ROOT) == ""


def test_uninstall_leaves_nothing(tmp_path):
    for goal in ("install", "uninstall"):
        make(goal, f"PREFIX={tmp_path}/usr", f"DESTDIR={tmp_path}/stage")
    assert not [path for path in tmp_path.rglob("*") if not path.is_dir() or "linnet" in path.name]


def test_the_program_is_stripped(installed):
    assert ".symtab" not in run("readelf", "-SW", installed / "bin/linnet", cwd=ROOT)
    assert ".symtab" in run("readelf", "-SW", LINNET, cwd=ROOT)


def test_scripts_find_what_they_read(installed):
    """What a script reads from its own folder is installed beside it."""
    scripts = installed / "share/linnet/scripts"
    for path in scripts.iterdir():
        for name in re.findall(r"""^\s*\. .*/([\w.-]+\.sh)"?$""", path.read_text(), re.M):
            assert (scripts / name).is_file(), f"{path.name} reads {name}"
        for name in re.findall(r"^(?:from|import) (\w+)", path.read_text(), re.M):
            assert (scripts / f"{name}.py").exists() == (ROOT / f"scripts/{name}.py").exists(), f"{path.name} imports {name}"


def test_no_file_names_the_folder_it_was_staged_in(staged):
    found = [path for path in staged.rglob("*") if path.is_file() and str(staged).encode() in path.read_bytes()]
    assert not found


def test_quickstart_of_an_installed_tree(installed, tmp_path):
    """In a folder of its own, which it starts over but for what a user has added, and in no other that exists."""
    environment = {**PLAIN, "PATH": f"{installed}/bin:{os.environ['PATH']}"}
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine/quickstart.json").write_text("{}")
    refused = subprocess.run(["linnet-quickstart", "mine"], cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=60)
    assert refused.returncode == 1 and "mine exists and is not a quick start's" in refused.stderr and (tmp_path / "mine/quickstart.json").exists()
    (tmp_path / "linnet-quickstart/run").mkdir(parents=True)
    for name in (".linnet-quickstart", "added", "run/old"):
        (tmp_path / "linnet-quickstart" / name).write_text("")
    output = run("linnet-quickstart", cwd=tmp_path, environment=environment)
    made = {path.name for path in (tmp_path / "linnet-quickstart").iterdir()}
    assert {"train.csv", "test.h5", "tokenizer", "model", "run", "predictions.tsv", "report.html", "quickstart.json", "added"} <= made
    assert not (tmp_path / "linnet-quickstart/run/old").exists()
    assert "$ linnet predict --model run" in output and str(ROOT) + "/" not in output.replace(str(installed), "").replace(f"{ROOT}/build/test/bin/", "")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["linnet-quickstart", "mine"]


def test_the_module(staged, tmp_path):
    """module load, unload and help; the modules that MODULES names are loaded first."""
    setup = next((path for path in MODULE_SETUPS if os.path.exists(path)), None)
    if not setup:
        pytest.skip("neither Environment Modules nor Lmod is installed")
    other = tmp_path / "other/1"
    other.parent.mkdir()
    other.write_text("#%Module1.0\nsetenv OTHER loaded\n")
    run("make", "-s", "install", "-o", "all", f"BUILD={os.path.dirname(LINNET)}", f"PREFIX={tmp_path}/usr", "MODULES=other/1", cwd=ROOT)
    script = f"""set -e; . {setup}; export MANPATH=/before; module use {tmp_path} {tmp_path}/usr/share/modulefiles
        module load linnet; command -v linnet; echo "$LINNET_ROOT $OTHER $MANPATH"; man -w linnet-train || true
        module help linnet; module whatis linnet/{VERSION}; module unload linnet; echo "left: ${{LINNET_ROOT:-none}} $MANPATH"; ! command -v linnet"""
    output = run("bash", "-c", script, cwd=tmp_path, environment={**PLAIN, "PATH": "/usr/bin:/bin"})
    prefix = f"{tmp_path}/usr"
    for line in (f"{prefix}/bin/linnet", f"{prefix} loaded {prefix}/share/man:/before", "left: none /before"):
        assert line in output.splitlines(), output
    assert f"linnet {VERSION} fine-tunes" in output and f"{prefix}/share/linnet/scripts" in output
