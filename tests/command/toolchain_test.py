"""What the Makefile finds of compiler and libraries, what it refuses, and what make doctor and make deps say. Nothing of linnet is
compiled here: the commands are read from make -n."""
import hashlib
import os
import re
import shutil
import subprocess
import tarfile
from pathlib import Path

import pytest

from support import ROOT

LIMIT = 400  # seconds; it takes five
# What a developer has set is not the tests' matter.
OURS = ("MPICC", "OMPI_CC", "MPICH_CC", "CC", "CPPFLAGS", "CFLAGS", "LDFLAGS", "LDLIBS", "CPATH", "LIBRARY_PATH", "PKG_CONFIG_PATH", "MAKEFLAGS", "MAKELEVEL")


def run(command, path=None, cwd=ROOT, **environment):
    base = {name: value for name, value in os.environ.items() if name not in OURS}
    if path:
        base["PATH"] = f"{path}:{base['PATH']}"
    return subprocess.run([*map(str, command)], env={**base, **environment}, cwd=cwd, stdin=subprocess.DEVNULL, capture_output=True, text=True,
                          timeout=LIMIT)


def make(build, *arguments, **options):
    """The commands that make would run to build linnet in a folder."""
    return run(["make", "-n", f"BUILD={build}", *arguments], **options)


def found(build):
    """What was found, by name."""
    return dict(re.findall(r"^([A-Z_]+) := (.*)$", (build / "config.mk").read_text(), re.M))


def refusal(done):
    """The one line of a refused build."""
    lines = [line for line in done.stderr.splitlines() if line.startswith("configure.sh: error: ")]
    assert done.returncode == 2 and len(lines) == 1, done
    return lines[0]


@pytest.fixture
def programs(tmp_path):
    """A function that puts a shell script on a PATH of its own; that folder."""
    folder = tmp_path / "bin"
    folder.mkdir()

    def add(name, script):
        (folder / name).write_text("#!/bin/bash\n" + script)
        (folder / name).chmod(0o755)
        return folder

    return add


def real_mpicc():
    return shutil.which("mpicc")


FLAGS = {"CPPFLAGS": "-DOF_THE_USER", "CFLAGS": "-O2 -g1", "LDFLAGS": "-Wl,-z,now", "LDLIBS": "-ldl"}


@pytest.mark.parametrize("place", ["command line", "environment"])
def test_flags_are_added(tmp_path, place):
    """The user's flags come after linnet's own, which are all still there."""
    flags = {} if place == "environment" else FLAGS
    done = make(tmp_path, *(f"{name}={value}" for name, value in flags.items()), **({} if flags else FLAGS))
    assert done.returncode == 0, done
    compiled = [line for line in done.stdout.splitlines() if " -c " in line]
    for line in compiled:
        for flag in ("-std=c11", "-fopenmp", "-Iinclude", "-Wconversion", "-D_GNU_SOURCE", "-DOF_THE_USER", "-g1"):
            assert f" {flag} " in line, line
        assert line.index(" -O3 ") < line.index(" -O2 ")
    kernels = [line for line in compiled if "_kernels.c" in line]
    assert all(line.index(" -O2 ") < line.index(" -DISA=") for line in kernels) and len(kernels) > 20
    link = next(line for line in done.stdout.splitlines() if line.endswith(" -lm") and "main.o" in line)
    assert " -fopenmp " in link and " -Wl,-z,now " in link and re.search(r" -lhdf5 .* -ldl -lm$", link), link


@pytest.mark.parametrize("arguments, line", [
    (["CFLAGS=-fno-openmp"], r".* compiles without OpenMP, which linnet's threads need: see CFLAGS=-fno-openmp"),
    (["CFLAGS=-Ofast"], r".* may leave NaN and the order of sums out of account with CFLAGS=-Ofast .*"),
    (["CFLAGS=-O2 -ffp-contract=fast"], r"-ffp-contract=fast in CFLAGS changes results: .*"),
    (["CPPFLAGS=-U__GNUC__ -D__GNUC__=10"], r".* is too old: linnet needs gcc 11 or later, or clang 14 or later \(make CC=\.\.\.\)"),
    (["CPPFLAGS=-U__BYTE_ORDER__ -D__BYTE_ORDER__=4321"], r".* is big-endian: linnet's files are little-endian .*"),
    (["MPICC=no-such-mpicc"], r"no-such-mpicc not found: no MPI for C programs is on PATH .*"),
    (["CC=no-such-cc"], r"mpicc compiles no MPI program: .*"),
    (["LDLIBS=-lno-such"], r"mpicc links no MPI program: .*-lno-such.*"),
], ids=lambda value: value[0].split("=")[-1] if isinstance(value, list) else "")
def test_refused(tmp_path, arguments, line):
    assert re.fullmatch("configure.sh: error: " + line, refusal(make(tmp_path, *arguments)))


@pytest.mark.parametrize("place", ["command line", "environment"])
def test_a_compiler_that_is_a_wrapper(tmp_path, programs, place):
    """It is the wrapper, and is not started by itself."""
    path = programs("mpigcc", f'[ -z "$OMPI_CC$MPICH_CC$I_MPI_CC" ] || exit 1\nexec {real_mpicc()} "$@"')
    done = make(tmp_path, "CC=mpigcc", path=path) if place == "command line" else make(tmp_path, path=path, CC="mpigcc")
    assert done.returncode == 0 and "\nmpigcc -Iinclude " in done.stdout, done


def test_without_pkg_config(tmp_path):
    done = make(tmp_path, PKG_CONFIG="no-pkg-config")
    assert done.returncode == 0 and "-lhdf5" in found(tmp_path)["FOUND_LDLIBS"], done


def own_cjson(folder):
    """A folder with this machine's cJSON in it, as a user would install it."""
    shutil.copytree("/usr/include/cjson", folder / "include/cjson")
    (folder / "lib").mkdir()
    library = next(file for place in ("lib/x86_64-linux-gnu", "lib/aarch64-linux-gnu", "lib64", "lib") for file in Path("/usr", place).glob("libcjson.so.1"))
    shutil.copy(library, folder / "lib/libcjson.so.1")
    (folder / "lib/libcjson.so").symlink_to("libcjson.so.1")
    return folder


@pytest.mark.skipif(not Path("/usr/include/cjson").exists(), reason="cJSON's headers are not in /usr/include")
@pytest.mark.parametrize("name", ["CJSON_DIR", "CJSON_ROOT", "HOME"])
def test_a_library_in_its_own_folder(tmp_path, programs, name):
    """It is used, and the program will find it there. What a user has in ~/.local is used where there is none else."""
    place = own_cjson(tmp_path / (".local" if name == "HOME" else "cjson"))
    mpicc = programs("mpicc", f'case " $* " in *" -lcjson "*) case " $* " in *" -L{place}/lib "*) ;; *) exit 1 ;; esac ;; esac\nexec {real_mpicc()} "$@"')
    done = make(tmp_path / "build", path=mpicc, **{name: str(tmp_path if name == "HOME" else place)})
    assert done.returncode == 0, done
    flags = found(tmp_path / "build")
    assert f"-I{place}/include" in flags["FOUND_CPPFLAGS"] and flags["FOUND_LDFLAGS"] == f"-Wl,-rpath,{place}/lib", flags


@pytest.mark.parametrize("place", ["command line", "environment"])
def test_wrong_folder(tmp_path, place):
    done = make(tmp_path, "HDF5_DIR=/no/hdf5") if place == "command line" else make(tmp_path, HDF5_DIR="/no/hdf5")
    assert refusal(done) == "configure.sh: error: HDF5_DIR=/no/hdf5: there is no HDF5 that mpicc can use"


@pytest.mark.skipif(not (shutil.which("mpicc.mpich") and shutil.which("mpicc.openmpi")), reason="there are not two MPIs")
def test_hdf5_of_another_mpi(tmp_path):
    """It links, but the program would start with two MPIs in it."""
    version = "int H5get_libversion(unsigned *major, unsigned *minor, unsigned *release)"
    for name in ("include", "lib"):
        (tmp_path / name).mkdir()
    (tmp_path / "include/hdf5.h").write_text(f"#define H5_HAVE_PARALLEL 1\n{version};\n")
    (tmp_path / "h5.c").write_text(version + " { return *major = *minor = *release = 1, 0; }\n")
    for mpi in ("openmpi", "mpich"):
        built = run([f"mpicc.{mpi}", "-shared", "-fPIC", "-Wl,--no-as-needed,-soname,libhdf5.so", tmp_path / "h5.c", "-o", tmp_path / "lib/libhdf5.so"])
        assert built.returncode == 0, built
        done = make(tmp_path / mpi, MPICC="mpicc.openmpi", HDF5_DIR=str(tmp_path))
        assert done.returncode == 0 if mpi == "openmpi" else refusal(done).endswith(": there is no HDF5 that mpicc.openmpi can use"), done


def without_cjson(programs):
    return programs("mpicc", f'case " $* " in *" -lcjson "*) exit 1 ;; esac\nexec {real_mpicc()} "$@"')


def test_missing_library(tmp_path, programs):
    without_cjson(programs)
    path = programs("apt-get", "")
    assert re.search(r": missing: cJSON; (sudo )?apt-get install libcjson-dev$", refusal(make(tmp_path / "build", path=path, HOME=str(tmp_path))))


def test_doctor(tmp_path):
    done = run(["make", "-s", "doctor"])
    assert done.returncode == 0 and not done.stderr, done
    for row in (r"compiler +.*OpenMP \d", r"MPI +.*\d.*mpicc", r"launcher +mpirun: .*\d", r"BLAS +OpenBLAS \d.*threads? .*so", r"HDF5 +1\.\d.*(serial|parallel)",
                r"cJSON +1\.", r"PCRE2 +10\.", r"OpenSSL +OpenSSL \d", r"zlib +1\.", r"zstd +1\."):
        assert re.search("^" + row, done.stdout, re.M), (row, done.stdout)
    assert done.stdout.endswith("Nothing is missing: make builds linnet.\n")


def test_doctor_says_how_to_get_it(tmp_path, programs):
    """In the names of each package manager that is there."""
    without_cjson(programs)
    for name in ("apt-get", "dnf", "zypper", "spack", "conda"):
        programs(name, "")
    programs("modulecmd", "echo -e '/sw/modules:\\ncjson/1.7.18(default)\\nhdf5/1.14.3\\npcre2/10.42' >&2")
    done = run(["make", "-s", "doctor"], path=tmp_path / "bin", HOME=str(tmp_path))
    assert done.returncode == 2 and re.search("^cJSON +not found$", done.stdout, re.M), done
    for line in (r"missing: cJSON\. To get it:", r"  apt-get  (sudo )?apt-get install libcjson-dev", r"  dnf      (sudo )?dnf install cjson-devel",
                 r"  zypper   (sudo )?zypper install cJSON-devel", r"  module   for cJSON, module load one of: cjson/1\.7\.18 ", r"  spack    spack install cjson, .*",
                 r"  conda    conda install -c conda-forge cjson", r"  by hand  make deps .*", r"  else .* CJSON_DIR, .*"):
        assert re.search(f"^{line}$", done.stdout, re.M), (line, done.stdout)


def test_doctor_names_a_wrong_folder():
    """No package is to be installed then."""
    done = run(["make", "-s", "doctor"], HDF5_DIR="/no/hdf5")
    assert done.returncode == 2 and re.search("^HDF5 +not found$", done.stdout, re.M), done
    assert done.stdout.endswith("\nwrong: HDF5_DIR=/no/hdf5: there is no HDF5 that mpicc can use\n"), done


def test_doctor_on_a_bare_machine(tmp_path):
    """No compiler, no make, no libraries."""
    folder = tmp_path / "bin"
    folder.mkdir()
    for name in ("bash", "env", "dirname", "cat", "sed", "grep", "awk", "head", "tail", "tr", "sort", "uname", "nproc", "mktemp", "rm", "readlink", "id"):
        (folder / name).symlink_to(shutil.which(name))
    done = subprocess.run(["bash", ROOT / "scripts/doctor.sh"], env={"PATH": str(folder), "HOME": str(tmp_path)}, capture_output=True, text=True, timeout=LIMIT)
    assert done.returncode == 1 and not done.stderr, done
    assert "missing: a C compiler, MPI for C programs, GNU make, MPI's launcher, OpenBLAS, HDF5" in done.stdout.replace("\n", " "), done.stdout


def test_found_once(tmp_path, programs):
    """The compiler is asked once; again when something has changed. Objects are out of date only when the compiler is another."""
    build, calls = tmp_path / "build", tmp_path / "calls"
    path = programs("mpicc", f'echo >>{calls}\nexec {real_mpicc()} "$@"')
    assert make(build, path=path).returncode == 0
    asked, toolchain = calls.stat().st_size, (build / "toolchain").stat().st_mtime_ns
    assert make(build, path=path).returncode == 0 and calls.stat().st_size == asked
    assert make(build, path=path, LIBRARY_PATH="/no").returncode == 0 and calls.stat().st_size > asked
    assert (build / "toolchain").stat().st_mtime_ns == toolchain
    assert make(build, path=path, CFLAGS="-O1").returncode == 0 and (build / "toolchain").stat().st_mtime_ns > toolchain
    assert make(build, path=path).returncode == 0
    asked = calls.stat().st_size
    programs("mpicc", f'echo >>{calls}\nexec {real_mpicc()} "$@" # another file by the same name')
    assert make(build, path=path).returncode == 0 and calls.stat().st_size > asked


def test_what_was_found_is_removed(tmp_path):
    """As `make clean all` does."""
    assert make(tmp_path).returncode == 0
    (tmp_path / "toolchain").unlink()
    done = make(tmp_path)
    assert done.returncode == 0 and (tmp_path / "toolchain").exists() and " -o " + str(tmp_path / "linnet") in done.stdout, done


def test_installing_keeps_what_was_found(tmp_path):
    """sudo make install has another environment; it builds with what was found before."""
    assert make(tmp_path).returncode == 0
    before = (tmp_path / "config.mk").read_text()
    assert make(tmp_path, "install", MPICC="no-such-mpicc", CFLAGS="-O1").returncode == 0 and (tmp_path / "config.mk").read_text() == before


# --- make deps

CJSON = "const char *cJSON_Version(void) { return \"99.0\"; }\n"


def tarball(path, folder, files):
    """A release with files, as programs if they are scripts; its SHA-256 digest."""
    place = path.parent / folder
    place.mkdir()
    for name, text in files.items():
        (place / name).write_text(text)
        (place / name).chmod(0o755 if text.startswith("#!") else 0o644)
    with tarfile.open(path, "w:gz") as archive:
        archive.add(place, folder)
    shutil.rmtree(place)
    return hashlib.sha256(path.read_bytes()).hexdigest()


@pytest.fixture
def releases(tmp_path):
    """The script in a tree of its own that knows two small releases; the folder that they are in."""
    shutil.copytree(ROOT / "scripts", tmp_path / "tree/scripts")
    folder = tmp_path / "tarballs"
    folder.mkdir()
    cjson = tarball(folder / "v99.0.tar.gz", "cJSON-99.0", {"cJSON.c": CJSON, "cJSON.h": CJSON.partition(" {")[0] + ";\n"})
    pcre2 = tarball(folder / "pcre2-99.0.tar.gz", "pcre2-99.0", {
        "configure": '#!/bin/sh\nfor word; do case $word in --prefix=*) echo "prefix = ${word#*=}" >config.mk ;; esac; done\n',
        "Makefile": "include config.mk\nall:\ninstall:\n\tmkdir -p $(prefix)/lib && touch $(prefix)/lib/libpcre2-8.so\n"})
    with open(tmp_path / "tree/scripts/build_libraries.sha256", "a") as digests:
        digests.write(f"cjson 99.0 {cjson}\npcre2 99.0 {pcre2}\n")
    return folder


def build_libraries(releases, prefix, *libraries):
    return run([releases.parent / "tree/scripts/build_libraries.sh", prefix, releases, *(libraries or ("cjson", "pcre2"))])


def test_deps(tmp_path, releases):
    done = build_libraries(releases, tmp_path / "local")
    assert done.returncode == 0 and "cjson 99.0  pcre2 99.0" in done.stderr, done
    source = tmp_path / "t.c"
    source.write_text('#include <cjson/cJSON.h>\n#include <stdio.h>\nint main(void) { return puts(cJSON_Version()) < 0; }\n')
    flags = run(["pkg-config", "--cflags", "--libs", tmp_path / "local/lib/pkgconfig/libcjson.pc"]).stdout.split()
    assert run(["cc", source, "-o", tmp_path / "t", *flags, f"-Wl,-rpath,{tmp_path}/local/lib"]).returncode == 0
    assert run([tmp_path / "t"]).stdout == "99.0\n" and (tmp_path / "local/lib/libpcre2-8.so").exists()


@pytest.mark.parametrize("wrong", ["changed", "missing", "none"])
def test_deps_that_are_not_right(tmp_path, releases, wrong):
    """One line, and nothing is installed."""
    expected = "no such folder"
    if wrong == "changed":
        with open(releases / "pcre2-99.0.tar.gz", "ab") as file:
            file.write(b"x")
        expected = r"pcre2-99\.0\.tar\.gz: its SHA-256 digest, [0-9a-f]{64}, is none of the releases in .*sha256 \(pcre2: 10\.42 .*99\.0 \)"
    elif wrong == "missing":
        (releases / "v99.0.tar.gz").unlink()
        expected = r"no release of cjson in .*: put the tar\.gz of one of these versions there: 1\.7\.15 .*"
    else:
        shutil.rmtree(releases)
    done = build_libraries(releases, tmp_path / "local")
    assert done.returncode == 1 and len(done.stderr.splitlines()) == 1 and re.search(expected, done.stderr), done
    assert not any((tmp_path / "local").rglob("*.so*"))


def test_deps_need_a_prefix():
    done = run(["make", "-s", "deps"])
    assert done.returncode == 2 and "use: make deps PREFIX=$HOME/.local FROM=FOLDER [HDF5=1]" in done.stderr, done
