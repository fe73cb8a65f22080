"""make deb on bare Debian systems: the package is built, found in order by lintian, installed, tried and removed. And, if
LINNET_PACKAGES=all, what the containers do. As root alone, in roots made by debootstrap."""
import os
import shutil
import subprocess

import pytest

from support import ROOT

pytestmark = pytest.mark.skipif(os.getuid() != 0, reason="not root")
LIMIT = 1200


@pytest.fixture(scope="module")
def tarball():
    done = subprocess.run(["make", "-s", "dist"], cwd=ROOT, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    return ROOT / done.stdout.split()[-1]


def in_root(script, *arguments):
    done = subprocess.run([ROOT / "tests/packages" / script, *map(str, arguments)], cwd=ROOT, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, text=True, timeout=LIMIT)
    if done.returncode == 77:
        pytest.skip(done.stdout.splitlines()[-1])
    assert done.returncode == 0, done.stdout[-6000:]
    return done.stdout


@pytest.mark.parametrize("system", ["debian-12", "debian-13"])
def test_deb(system, tarball):
    folder = ROOT / f"build/packages/{system}-debs"
    output = in_root("deb_in_root.sh", system, tarball, folder)
    assert "$ linnet predict --model run" in output
    changes, = folder.glob("linnet_*.changes")
    if not shutil.which("lintian"):
        pytest.skip("built, installed and removed, but there is no lintian")
    done = subprocess.run(["lintian", "--allow-root", "--fail-on", "error,warning", changes], capture_output=True, text=True, timeout=300)
    assert (done.returncode, done.stdout) == (0, ""), done.stdout + done.stderr


@pytest.mark.skipif(os.environ.get("LINNET_PACKAGES") != "all", reason="only with LINNET_PACKAGES=all")
@pytest.mark.parametrize("mpi", ["openmpi", "mpich"])
def test_container(mpi, tarball):
    """The steps of Dockerfile and linnet.def in a root like that of their image."""
    assert "$ linnet predict --model run" in in_root("container_in_root.sh", mpi, tarball)
