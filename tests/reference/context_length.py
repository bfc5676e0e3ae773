# SPDX-License-Identifier: Apache-2.0
"""Labels that say which lengths of context an endpoint is for."""
import re

from figures import label, parameter


def range_of(parameters, endpoint):
    """(min, max); None if there is no label, "bad" if it cannot be read."""
    text = label(endpoint, parameter(parameters, "label", "llm-d.ai/context-length-range"))
    if text is None:
        return None
    parts = [part.strip() for part in text.split("-")]
    if len(parts) != 2 or not all(re.fullmatch(r"\+?[0-9]+", part) for part in parts):
        return "bad"
    low, high = int(parts[0]), int(parts[1])
    return (low, high) if low <= high < 2**63 else "bad"


def length(request):
    return request.get("tokens", 0)
