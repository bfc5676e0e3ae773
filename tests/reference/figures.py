# SPDX-License-Identifier: Apache-2.0
"""What a case says about an endpoint or a request; what it leaves out has the usual meaning."""


def waiting(endpoint):
    return endpoint.get("metrics", {}).get("waiting", 0)


def running(endpoint):
    return endpoint.get("metrics", {}).get("running", 0)


def kv(endpoint):
    return endpoint.get("metrics", {}).get("kv", 0.0)


def age_ms(endpoint):
    return endpoint.get("metrics", {}).get("ageMs", 0)


def models(endpoint, name):
    return set(endpoint.get("metrics", {}).get(name) or [])


def max_models(endpoint):
    return endpoint.get("metrics", {}).get("maxActiveModels", 0)


def label(endpoint, key):
    """The label's value, or None."""
    return (endpoint.get("labels") or {}).get(key)


def attribute(endpoint, name):
    """The attribute, or None."""
    return (endpoint.get("attributes") or {}).get(name)


def requests(endpoint):
    return (attribute(endpoint, "inflight") or {}).get("requests", 0)


def tokens(endpoint):
    return (attribute(endpoint, "inflight") or {}).get("tokens", 0)


def scalar(endpoint, key):
    return (attribute(endpoint, "scalars") or {}).get(key)


def prefix_ratio(endpoint):
    """Matched blocks by all blocks of the prompt."""
    prefix = attribute(endpoint, "prefix")
    if prefix is None or prefix["totalBlocks"] == 0:
        return 0.0
    return prefix["matchBlocks"] / prefix["totalBlocks"]


def is_negative(latency):
    """Is either objective predicted to be missed?"""
    return latency["ttftHeadroom"] < 0 or latency["tpotHeadroom"] < 0


def identity(endpoint):
    return "ns/" + endpoint["name"]


def header(request, name):
    """Value of a request header, "" if there is none. Cases write names in lower case."""
    return (request.get("headers") or {}).get(name.lower(), "")


def parameter(parameters, name, default):
    value = (parameters or {}).get(name)
    return default if value is None else value
