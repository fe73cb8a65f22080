"""The recipes of packaging/, by the tools of those who read them where these are to be had (packaging/requirements.txt, which the part
`packages` of scripts/test.sh installs), and that all are of the Makefile's version."""
import ast
import glob
import os
import re
import shutil
import subprocess

import pytest

from support import ROOT

PACKAGING = ROOT / "packaging"
TOOLS = ROOT / "build/packages/python/bin"
LMOD = "/usr/share/lmod/lmod/libexec/lmod"
VERSION = re.search(r"^VERSION *:= *(\S+)", (ROOT / "Makefile").read_text(), re.M)[1]
RECIPES = [*PACKAGING.glob("easybuild/linnet-*.eb"), PACKAGING / "spack/packages/linnet/package.py", PACKAGING / "conda/recipe.yaml", ROOT / "CITATION.cff"]


def tool(name):
    if not (TOOLS / name).exists():
        pytest.skip("the packages of packaging/requirements.txt are not installed")
    return str(TOOLS / name)


def run(*command, **environment):
    done = subprocess.run(list(map(str, command)), cwd=ROOT, env={**os.environ, **environment}, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, text=True, timeout=120)
    assert done.returncode == 0, done.stdout
    return done.stdout


@pytest.mark.parametrize("recipe", RECIPES, ids=lambda path: path.name)
def test_version(recipe):
    versions = re.findall(r"\b\d+\.\d+\.\d+\b", "".join(line for line in recipe.read_text().splitlines(True) if "version" in line or "url" in line))
    assert versions.count(VERSION) >= 1, f"{recipe} is not of version {VERSION}"


def module_tool():
    """What tells EasyBuild which `module` there is: it starts with none."""
    if os.path.exists(LMOD):
        return dict(EASYBUILD_MODULES_TOOL="Lmod", LMOD_CMD=LMOD)
    command = next(glob.iglob("/usr/lib/*/modulecmd.tcl"), None)
    if not command:
        pytest.skip("neither Environment Modules nor Lmod is installed")
    return dict(EASYBUILD_MODULES_TOOL="EnvironmentModules", EASYBUILD_MODULE_SYNTAX="Tcl", MODULES_CMD=command)


def test_easyconfigs(tmp_path):
    """EasyBuild reads them, and finds nothing in their style."""
    eb = [tool("python"), "-m", "easybuild.main"]
    easyconfigs = sorted(PACKAGING.glob("easybuild/*.eb"))
    settings = dict(EASYBUILD_PREFIX=str(tmp_path), EASYBUILD_ALLOW_USE_AS_ROOT_AND_ACCEPT_CONSEQUENCES="1", **module_tool())
    output = run(*eb, "--check-style", *easyconfigs, **settings)
    assert output.count("[PASS]") == len(easyconfigs) and f"linnet-{VERSION}-" in output, output


def test_conda_recipe():
    """rattler-build reads it and renders it for both MPI libraries."""
    script = """if True:
        from rattler_build import Stage0Recipe, VariantConfig
        for found in Stage0Recipe.from_file("packaging/conda/recipe.yaml").render(VariantConfig.from_file("packaging/conda/variants.yaml")):
            recipe = found.recipe.to_dict()
            print(recipe["package"]["version"], recipe["source"][0]["path"], recipe["requirements"]["host"][0], recipe["requirements"]["run"][0])"""
    lines = run(tool("python"), "-c", script).splitlines()
    assert sorted(lines) == [f"{VERSION} ../../build/dist/linnet-{VERSION}.tar.gz {mpi} {mpi}" for mpi in ("mpich", "openmpi")]


def test_spack_recipe():
    """No tool of Spack's is to be had as a package: that it is Python, and that its class is called as Spack expects."""
    tree = ast.parse((PACKAGING / "spack/packages/linnet/package.py").read_text())
    assert [node.name for node in tree.body if isinstance(node, ast.ClassDef)] == ["Linnet"]


def test_dockerfile():
    assert run(tool("hadolint"), "packaging/container/Dockerfile") == ""


def test_container_definitions_do_the_same():
    """Both run install.sh on the release tarball, on the same Debian and for the same MPI unless they are told otherwise."""
    docker, apptainer = ((PACKAGING / f"container/{name}").read_text() for name in ("Dockerfile", "linnet.def"))
    assert re.search(r"ARG DEBIAN=(\S+)", docker)[1] == re.search(r"debian=(\S+)", apptainer)[1]
    assert re.search(r"ARG MPI=(\S+)", docker)[1] == re.search(r"mpi=(\S+)\n\n%files", apptainer)[1]
    for text in (docker, apptainer):
        assert "packaging/container/install.sh" in text and "build/dist/linnet-*.tar.gz" in text and "/tmp/linnet/install.sh" in text


@pytest.mark.skipif(not shutil.which("shellcheck"), reason="no shellcheck")
def test_shell_scripts():
    scripts = [*PACKAGING.glob("*.sh"), *PACKAGING.glob("*/*.sh"), ROOT / "scripts/quickstart.sh", *(ROOT / "tests/packages").glob("*.sh"),
               *(ROOT / "tests/platforms").glob("*.sh")]
    assert len(scripts) >= 7
    run("shellcheck", "-S", "warning", *scripts)
