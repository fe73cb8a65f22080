# shellcheck shell=bash
# Sourced: roots of other systems, with nothing but the base system and make.
#
# A root is made by debootstrap from the package source that this machine uses, with its settings of apt, and entered by chroot in a
# mount namespace, so that nothing stays mounted. The bare root is kept in build/platforms for the next time, as a tar file.
# What a machine cannot do ends the script with exit code 77; the last line says why.

# What a system is called at its distributor. Sets suite, label and components.
system_names() { # SYSTEM
    case $1 in
    debian-12) suite=bookworm label=Debian components=main ;;
    debian-13) suite=trixie label=Debian components=main ;;
    ubuntu-24.04) suite=noble label=Ubuntu components=main,universe ;;
    *) die "unknown system '$1'" ;;
    esac
}

impossible() { echo "$*"; exit 77; }

debootstrap_root() { # SYSTEM FOLDER PACKAGES
    local source suite label components
    system_names "$1"
    source=$(apt-get indextargets --format '$(LABEL) $(REPO_URI)' 'Created-By: Packages' | sed -n "s/^$label //p" | head -n 1)
    [ -n "$source" ] || impossible "no package source of this machine is $label's"
    debootstrap --variant=minbase --include=make --components="$components" --cache-dir="$3" "$suite" "$2" "$source" >&2 ||
        impossible "debootstrap cannot make a root of $suite here"
}

# Settings of apt and of the network that hold in the root as well.
machine_settings() { # FOLDER
    cp -L /etc/resolv.conf "$1/etc/resolv.conf"
    [ ! -e /etc/ssl/certs/ca-certificates.crt ] || install -D -m 644 /etc/ssl/certs/ca-certificates.crt -t "$1/etc/ssl/certs"
    apt-config dump | grep -E '^Acquire::(http|https|Check|Retries)' >"$1/etc/apt/apt.conf.d/90machine" || true
    echo force-unsafe-io >"$1/etc/dpkg/dpkg.cfg.d/90unsafe" # the root is soon removed
}

# A bare root in FOLDER, which must not exist. PACKAGES keeps what is downloaded.
bare_root() { # SYSTEM FOLDER PACKAGES
    local tar=build/platforms/$1.tar
    unshare --mount --pid --fork true || impossible "no namespaces"
    mkdir -p "$2" "$3" build/platforms
    (
        # Two parts of the test command may want the same system.
        flock 9
        [ -e "$tar" ] || {
            debootstrap_root "$1" "$2" "$3"
            tar -cf "$tar.new" -C "$2" . && mv "$tar.new" "$tar"
            find "$2" -mindepth 1 -delete
        }
    ) 9>"$tar.lock" || exit
    tar -xf "$tar" -C "$2"
    machine_settings "$2"
}

# Run a shell script in a root, as root and with as little environment as a new login has.
in_root() { # FOLDER PACKAGES SCRIPT
    # shellcheck disable=SC2016  # for the shell that is started
    unshare --mount --pid --fork --kill-child bash -euc '
        mount --make-rprivate /
        mount -t proc proc "$0/proc"
        mount -t sysfs sysfs "$0/sys"
        mount --rbind /dev "$0/dev"
        mount -t tmpfs tmpfs "$0/dev/shm"
        mount --bind "$1" "$0/var/cache/apt/archives"
        [ ! -d "$0/shared" ] || [ ! -d ../shared ] || mount --bind ../shared "$0/shared"
        cd "$0"
        exec env -i HOME=/root PATH=/usr/sbin:/usr/bin:/sbin:/bin LANG=C.UTF-8 ${http_proxy:+http_proxy="$http_proxy"} \
            ${https_proxy:+https_proxy="$https_proxy"} LINNET_TEST_RUN="${LINNET_TEST_RUN:-}" chroot . sh -ec "$2"' "$1" "$2" "$3"
}
