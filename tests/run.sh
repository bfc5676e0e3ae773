#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# All tests, from nothing: installs what they need (Debian packages, PyPI), builds, runs every suite, and
# ends with `N passed, N failed` alone on the last line. Exit 0 only if nothing failed.
#
#   tests/run.sh                    everything
#   tests/run.sh unit e2e           only these suites (tests/run.sh --list names them)
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

# shellcheck source=deploy/prepare.sh
. deploy/prepare.sh
install_packages deploy/debian-packages.txt tests/debian-packages.txt
install_python
exec .venv/bin/python tests/run.py "$@"
