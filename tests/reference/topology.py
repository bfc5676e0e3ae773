# SPDX-License-Identifier: Apache-2.0
"""How near an endpoint is to the one that was picked before (the peer)."""
from figures import attribute

LEVELS = ["host", "rack", "zone", "region"]  # tightest first


def shared_level(request, endpoint):
    """Index of the tightest level that both share; len(LEVELS) if none; None without a peer."""
    peer = request.get("peer")
    ours = attribute(peer, "topology") if peer else None
    if ours is None:
        return None
    theirs = attribute(endpoint, "topology") or {}
    for i, level in enumerate(LEVELS):
        if ours.get(level) and ours.get(level) == theirs.get(level):
            return i
    return len(LEVELS)
