# shellcheck shell=bash
# Sourced by the scripts, not run by itself.

say() { printf '%s\n' "$*" >&2; }
die() { printf '%s: error: %s\n' "$(basename "$0")" "$*" >&2; exit 1; }
step() { printf '\n== %s\n' "$*" >&2; }

# The cores that this process may use, counted as mpirun counts its slots: a core with two hardware threads is one, and a
# container or a batch job may have been given fewer than the machine has.
cores() {
    local allowed physical
    allowed=$(nproc 2>/dev/null || echo 1)
    physical=$(lscpu -p=CORE,SOCKET 2>/dev/null | grep -v '^#' | sort -u | wc -l)
    [ "$physical" -ge 1 ] && [ "$physical" -lt "$allowed" ] && allowed=$physical
    echo "$allowed"
}

# The Python that has all modules named by the arguments: $PYTHON, or the one on PATH, or the distribution's own; else the virtual
# environment that scripts/dependencies.sh makes where it cannot install packages.
# shellcheck disable=SC2034  # for those who source this
TEST_MODULES="pytest h5py numpy"
PYTHON_ENVIRONMENT=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)/build/python
python_with() {
    local python imports
    imports=$(printf 'import %s;' "$@")
    for python in ${PYTHON:-python3 /usr/bin/python3} "$PYTHON_ENVIRONMENT/bin/python"; do
        "$python" -c "$imports" >/dev/null 2>&1 && { command -v "$python"; return 0; }
    done
    return 1
}
