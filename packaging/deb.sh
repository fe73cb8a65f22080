#!/usr/bin/env bash
# deb.sh VERSION DATE: make Debian's packages of build/dist/linnet-VERSION.tar.gz in build/deb, source and binary.
#
# What the build needs is installed by: apt-get install dpkg-dev && apt-get build-dep ./packaging
# The packager is DEBFULLNAME and DEBEMAIL, where they are set; DEB_BUILD_OPTIONS=nocheck leaves the unit tests out.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
[ $# = 2 ] || { echo "usage: deb.sh VERSION DATE" >&2; exit 1; }
version=$1 date=$2 folder=build/deb tree=build/deb/linnet-$1
command -v dpkg-buildpackage >/dev/null || { echo "deb.sh: error: dpkg-buildpackage not found: install dpkg-dev" >&2; exit 1; }

rm -rf $folder
mkdir -p $folder
cp "build/dist/linnet-$version.tar.gz" "$folder/linnet_$version.orig.tar.gz"
tar -xf "$folder/linnet_$version.orig.tar.gz" -C $folder
cp -r packaging/debian "$tree/debian"
maintainer=$(sed -n 's/^Maintainer: //p' packaging/debian/control)
[ -z "${DEBEMAIL:-}" ] || maintainer="${DEBFULLNAME:-$DEBEMAIL} <$DEBEMAIL>"
sed -i "s/^Maintainer: .*/Maintainer: $maintainer/" "$tree/debian/control"
cat >"$tree/debian/changelog" <<END
linnet ($version-1) unstable; urgency=medium

  * Release $version.

 -- $maintainer  $(LC_ALL=C date -u -R -d "$date")
END
(cd "$tree" && dpkg-buildpackage -us -uc)
rm -rf "$tree"
sha256sum $folder/*.deb
