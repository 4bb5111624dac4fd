#!/bin/sh
# Creates the virtual environment and installs the platform into it, in pinned versions.
# Usage: setup.sh PYTHON VENV
set -eu
python=$1 venv=$2
if ! "$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))'; then
    echo "Python 3.11 or newer is needed; $("$python" --version 2>&1) was found." >&2
    echo "Say which one to use: make PYTHON=/path/to/python3.12 …" >&2
    exit 1
fi
# Debian keeps venv in a package of its own.
if ! "$python" -c 'import ensurepip' 2>/dev/null; then
    if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
        echo "installing python3-venv"
        apt-get -qq update && apt-get -qq install --yes --no-install-recommends python3-venv >/dev/null
    else
        echo "Python's venv is missing: run 'sudo apt-get install python3-venv'." >&2
        exit 1
    fi
fi
[ -x "$venv/bin/python" ] || "$python" -m venv "$venv"
echo "installing Python packages into $venv"
"$venv/bin/pip" install --quiet --disable-pip-version-check -c constraints.txt -e '.[dev]'
