# SPDX-License-Identifier: Apache-2.0
"""Why a yardstick is missed: written by hand after a full run, by key of yardsticks.py."""

REASONS: dict[str, str] = {}
