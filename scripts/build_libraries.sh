#!/usr/bin/env bash
# make deps PREFIX=$HOME/.local FROM=FOLDER [HDF5=1]: cJSON and PCRE2, which few clusters have as modules, and HDF5 if asked, for a
# user who may install nothing.
#
#   scripts/build_libraries.sh PREFIX FOLDER cjson pcre2 [hdf5]
#
# Builds them from release tarballs that the user has put in FOLDER and installs them in PREFIX. Nothing is downloaded. A tarball is
# known by its SHA-256 digest (build_libraries.sha256), whatever its name; one that looks like a library's and is not known is an
# error. Needs a C compiler and make. All tarballs are there and right before the first is built.
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
set -u
digests=$(dirname "${BASH_SOURCE[0]}")/build_libraries.sha256
usage="use: make deps PREFIX=\$HOME/.local FROM=FOLDER [HDF5=1], with the release tarballs of the libraries in FOLDER"
if [ $# -lt 3 ] || [ -z "$1" ] || [ -z "$2" ]; then die "$usage"; fi
prefix=$1 from=$2
shift 2
[ -d "$from" ] || die "$from: no such folder; $usage"
mkdir -p "$prefix" && prefix=$(cd "$prefix" && pwd) || exit 1
[ -w "$prefix" ] || die "$prefix: cannot write there; $usage"
compiler=${CC:-cc}
command -v "${compiler%% *}" >/dev/null || die "no C compiler ($compiler) on PATH"

versions_of() { awk -v library="$1" '$1 == library { print $2 }' "$digests" | tr '\n' ' '; }

# Set `tarball` and `version` of a library: the newest that is in the folder.
find_tarball() { # LIBRARY
    local file digest library
    tarball='' version=''
    for file in "$from"/*.tar.gz "$from"/*.tgz; do
        [ -f "$file" ] || continue
        digest=$(sha256sum <"$file") digest=${digest%% *}
        library=$(awk -v digest="$digest" '$3 == digest { print $1, $2 }' "$digests")
        case $library in
        "$1 "*)
            [ -z "$version" ] || [ "$(printf '%s\n' "$version" "${library#* }" | sort -V | tail -n 1)" != "$version" ] || continue
            tarball=$file version=${library#* }
            ;;
        '')
            case $(basename "$file" | tr '[:upper:]' '[:lower:]') in
            *"$1"*) die "$file: its SHA-256 digest, $digest, is none of the releases in $digests ($1: $(versions_of "$1"))" ;;
            esac
            ;;
        esac
    done
    [ -n "$tarball" ] || die "no release of $1 in $from: put the tar.gz of one of these versions there: $(versions_of "$1")"
}

# One source file: its own makefile takes every warning for an error, which newer compilers have more of.
# shellcheck disable=SC2086  # lists of flags
build_cjson() {
    $compiler -std=c99 -O2 -fPIC ${CFLAGS:-} -c cJSON.c -o cJSON.o &&
        $compiler -shared ${LDFLAGS:-} -Wl,-soname,libcjson.so.1 -o "libcjson.so.$version" cJSON.o -lm &&
        install -D -m 644 cJSON.h "$prefix/include/cjson/cJSON.h" &&
        install -D -m 755 "libcjson.so.$version" "$prefix/lib/libcjson.so.$version" &&
        ln -sf "libcjson.so.$version" "$prefix/lib/libcjson.so.1" && ln -sf libcjson.so.1 "$prefix/lib/libcjson.so" &&
        mkdir -p "$prefix/lib/pkgconfig" && cat >"$prefix/lib/pkgconfig/libcjson.pc" <<END
Name: libcjson
Description: Ultralightweight JSON parser in ANSI C
Version: $version
Libs: -L$prefix/lib -lcjson
Libs.private: -lm
Cflags: -I$prefix/include -I$prefix/include/cjson
END
}
by_configure() { # OPTIONS...
    CC=$compiler ./configure --prefix="$prefix" --libdir="$prefix/lib" --disable-static "$@" && make -j"$(cores)" && make install
}
build_pcre2() { by_configure --enable-jit --disable-pcre2grep-callback; }
build_hdf5() { by_configure --disable-tests --disable-tools --disable-hl --disable-parallel; }

declare -A tarballs versions
for library; do
    find_tarball "$library"
    tarballs[$library]=$tarball versions[$library]=$version
done
scratch=$(mktemp -d) || exit 1
trap 'rm -rf "$scratch"' EXIT
for library; do
    version=${versions[$library]}
    say "$library $version: building, from ${tarballs[$library]}"
    mkdir "$scratch/$library"
    tar -xzf "${tarballs[$library]}" -C "$scratch/$library" --strip-components=1 || die "$library $version: cannot unpack ${tarballs[$library]}"
    (cd "$scratch/$library" && "build_$library") >"$scratch/$library.log" 2>&1 </dev/null ||
        { tail -n 20 "$scratch/$library.log" >&2; die "$library $version: could not be built; the last lines of its build are above"; }
done
say "installed in $prefix: $(for library; do printf '%s %s  ' "$library" "${versions[$library]}"; done)"
[ "$prefix" = "$HOME/.local" ] || say "make PREFIX=$prefix finds them there, or PKG_CONFIG_PATH=$prefix/lib/pkgconfig"
