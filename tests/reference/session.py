# SPDX-License-Identifier: Apache-2.0
"""Sessions: the endpoint that a request is to go back to, by either strategy."""
import base64
import binascii

from figures import header, identity, parameter


def from_header(parameters, request):
    """Identity that the client's header names, "" if it names none."""
    config = parameter(parameters, "encodedEndpointHeaderConfig", {})
    token = header(request, config.get("header") or "x-session-token")
    try:
        return base64.b64decode(token, validate=True).decode(errors="replace")
    except binascii.Error:
        return ""


class Bindings:
    """What the strategy session_id remembers: session -> identity."""

    def __init__(self, parameters):
        config = parameter(parameters, "sessionIdConfig", {})
        self.sources = config.get("sources") or [{"header": "x-session-id"}]
        self.bound = {}

    def session(self, request):
        for source in self.sources:
            value = header(request, source.get("header", "")).strip()
            if value:
                return value
        return ""

    def choose(self, request, endpoints):
        wanted = self.bound.get(self.session(request))
        return wanted if wanted in [identity(e) for e in endpoints] else ""

    def picked(self, request, endpoints, pick):
        session = self.session(request)
        if not session:
            return
        bound_was_there = self.bound.get(session) in [identity(e) for e in endpoints]
        if session not in self.bound or not bound_was_there:
            self.bound[session] = "ns/" + pick


def wanted(parameters, request, endpoints, bindings=None):
    """Identity of the endpoint to stay with; "" if there is none."""
    if parameter(parameters, "strategy", "encoded_endpoint_header") == "session_id":
        return bindings.choose(request, endpoints) if bindings else ""
    return from_header(parameters, request)
