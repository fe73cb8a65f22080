# Copyright The linnet maintainers. See the file LICENSE for details.
#
# SPDX-License-Identifier: Apache-2.0

from spack.package import *

try:  # Spack 1.0 and later; earlier versions have it in spack.package.
    from spack_repo.builtin.build_systems.makefile import MakefilePackage
except ImportError:
    pass


class Linnet(MakefilePackage):
    """Fine-tuning of GPT-2 text classifiers on CPUs and clusters, data-parallel
    with MPI, with the settings, files and numbers of Hugging Face Trainer."""

    # The tarball is what `make dist` writes; see docs/how-to/install.md for where to put it.
    homepage = "file:///usr/local/share/doc/linnet"
    url = "file:///usr/local/src/linnet-0.2.0.tar.gz"

    license("Apache-2.0")

    version("0.2.0")

    depends_on("c", type="build")
    depends_on("gmake", type="build")
    depends_on("pkgconfig", type="build")
    depends_on("mpi")
    depends_on("hdf5@1.10:~hl")
    depends_on("cjson@1.7.13:")
    depends_on("pcre2@10.32:")
    depends_on("openssl@1.1.1:")
    depends_on("zlib-api")
    depends_on("zstd")
    depends_on("openblas threads=openmp")
    depends_on("python@3.8:", type="run")
    depends_on("cmocka", type="test")

    conflicts("%gcc@:10", msg="linnet's kernels need GCC 11 or later")

    @property
    def build_targets(self):
        return ["MPICC={0}".format(self.spec["mpi"].mpicc)]

    @property
    def install_targets(self):
        return ["install", "PREFIX={0}".format(self.prefix)] + self.build_targets

    def check(self):
        make("unit", *self.build_targets)
