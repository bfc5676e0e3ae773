# SPDX-License-Identifier: Apache-2.0
"""The wire rows (tests/wire/README.md): reads their files, builds their requests, writes replies as
their lines."""
import hashlib
import re
import struct

from tests.support.ext_proc import ProcessingRequest, ProcessingResponse

KINDS = ("request_headers", "response_headers", "request_body", "response_body", "request_trailers",
         "response_trailers")
PROTOCOL_CONFIG = ProcessingRequest.DESCRIPTOR.fields_by_name["protocol_config"].number

# Fields of a later version, of each wire type: varint, bytes, 64-bit, a group, 32-bit.
UNKNOWN_FIELDS = (b"\x98\x06\x07" + b"\xa2\x06\x05later" + b"\xa9\x06" + struct.pack("<d", 1.0) +
                  b"\xb3\x06\x08\x01\xb4\x06" + b"\xbd\x06\x01\x02\x03\x04")


class Row:
    def __init__(self, name):
        self.name = name
        self.options = []
        self.is_once = False
        self.waiting = None
        self.call = {"method": "POST", "content_type": "application/grpc",
                     "path": "/envoy.service.ext_proc.v3.ExternalProcessor/Process"}
        self.steps = []  # [first line with its '>', '<' or '=', indented lines...]

    def add(self, line):
        if line[0] in "><=":
            self.steps.append([line])
        elif line.startswith("  "):
            self.steps[-1].append(line[2:])
        else:
            kind, rest = line.split(" ", 1)
            if line == "option once":
                self.is_once = True
            elif kind == "option":
                self.options.append(rest)
            elif kind == "waiting":
                self.waiting = tuple(map(int, rest.split()))
            else:
                assert kind == "call", line
                what, _, value = rest.partition(" ")
                self.call[what] = value


def read_rows(path):
    rows = []
    for line in path.read_text().splitlines():
        if not line or line.startswith("#"):
            continue
        if line.startswith("row "):
            rows.append(Row(line[4:]))
        else:
            rows[-1].add(line)
    return rows


def parse_body(line):
    """"| text" with \\n, or "repeat N c"."""
    if line.startswith("repeat "):
        _, count, character = line.split(" ")
        return character.encode() * int(count)
    assert line[0] == "|", line
    return line[1:].removeprefix(" ").replace("\\n", "\n").encode()


# ---- requests ----

def varint(number):
    out = bytearray()
    while number > 0x7f:
        out.append(number & 0x7f | 0x80)
        number >>= 7
    return bytes(out) + bytes([number])


def add_detail(request, part, line):
    """One line of a message; returns what Python's protobuf does not write, as bytes."""
    if line.startswith(("|", "repeat ")):
        part.body = parse_body(line)
        return b""
    kind, _, rest = line.partition(" ")
    metadata = request.metadata_context.filter_metadata
    if kind in ("h", "v"):
        name, value = rest.split(" ", 1)
        header = header_map(part).headers.add(key=name.removesuffix(":"))
        if kind == "h":
            header.raw_value = value.encode()
        else:
            header.value = value
    elif kind == "both":
        name, value, raw_value = rest.split(" ", 2)
        header_map(part).headers.add(key=name, value=value, raw_value=raw_value.encode())
    elif kind == "headers":
        for i in range(int(rest)):
            header_map(part).headers.add(key=f"x-{i}", raw_value=b"1")
    elif kind == "big":
        header_map(part).headers.add(key="x-big", raw_value=b"x" * int(rest))
    elif kind == "mode":  # raw, because a row sets modes that are no int32
        config = b"".join(bytes([number << 3]) + varint(int(mode))
                          for number, mode in enumerate(rest.split(), 1))
        return bytes([PROTOCOL_CONFIG << 3 | 2]) + varint(len(config)) + config
    elif kind == "subset":
        how, _, text = rest.partition(" ")
        value = metadata["envoy.lb.subset_hint"].fields["x-gateway-destination-endpoint-subset"]
        if how == "string":
            value.string_value = text
        elif how == "number":
            value.number_value = 1.5
        else:
            assert how == "list", line
            value.list_value.SetInParent()
            for endpoint in text.split():
                value.list_value.values.add(string_value=endpoint)
    elif kind == "served":
        metadata["envoy.lb"].fields["x-gateway-destination-endpoint-served"].string_value = rest
    elif kind == "observe":
        request.observability_mode = True
    elif kind == "unknown":
        return UNKNOWN_FIELDS
    else:
        assert kind == "bare", line
    return b""


def header_map(part):
    return part.headers if part.DESCRIPTOR.name == "HttpHeaders" else part.trailers


def build_request(head, details):
    """The bytes of a ProcessingRequest: "request_headers eos" and its indented lines."""
    kind, _, end = head.partition(" ")
    assert kind in KINDS and end in ("", "eos"), head
    request = ProcessingRequest()
    part = getattr(request, kind)
    part.SetInParent()
    raw = b"".join(add_detail(request, part, line) for line in details)
    if not kind.endswith("body") and "bare" not in details:
        header_map(part).SetInParent()
    if end:
        part.end_of_stream = True
    return raw + request.SerializeToString()


# ---- replies ----

def body_line(body):
    if len(body) > 200:
        return f"bytes {len(body)} hash {hashlib.sha256(body).hexdigest()}"
    return "| " + body.decode("latin-1").replace("\n", "\\n")


def known_fields(message, *names):
    """Fails if the message holds a field that rows have no line for."""
    fields = [field.name for field, _ in message.ListFields()]
    assert set(fields) <= set(names), f"{message.DESCRIPTOR.name} has {fields}"
    return message


def mutation_lines(mutation):
    known_fields(mutation, "set_headers", "remove_headers")
    lines = []
    for option in mutation.set_headers:
        header = known_fields(option.header, "key", "raw_value")
        lines.append(f"set {header.key}: {header.raw_value.decode('latin-1')}")
    return lines + [f"remove {name}" for name in mutation.remove_headers]


def metadata_lines(metadata):
    lines = []
    for space, inner in metadata.fields.items():
        assert space == "envoy.lb", space
        for key, value in inner.struct_value.fields.items():
            if value.string_value:
                lines.append(f"metadata {key}: {value.string_value}")
            if value.HasField("number_value"):
                lines.append(f"metadata {key}: {value.number_value:.0f}")
            lines += [f"score {key} {address}: {score.number_value:.3f}"
                      for address, score in value.struct_value.fields.items()]
    return lines


def common_lines(common):
    """(lines, is the body's end)"""
    known_fields(common, "header_mutation", "body_mutation", "clear_route_cache")
    lines, is_end = mutation_lines(common.header_mutation), False
    if common.clear_route_cache:
        lines.append("clear_route_cache")
    if common.HasField("body_mutation"):
        what = common.body_mutation.WhichOneof("mutation")
        assert what, "an empty body_mutation"
        if what == "clear_body":
            lines.append("clear_body")
        elif what == "body":
            lines += ["replaced", body_line(common.body_mutation.body)]
        else:
            streamed = known_fields(common.body_mutation.streamed_response, "body", "end_of_stream")
            lines.append(body_line(streamed.body))
            is_end = streamed.end_of_stream
    return lines, is_end


def immediate_lines(immediate):
    known_fields(immediate, "status", "headers", "body")
    lines = [f"status {immediate.status.code}", *mutation_lines(immediate.headers)]
    return lines + ([body_line(immediate.body)] if immediate.body else [])


def reply_lines(data):
    """Everything that a ProcessingResponse says, its kind first."""
    reply = ProcessingResponse.FromString(data)
    size = reply.ByteSize()
    reply.DiscardUnknownFields()
    assert reply.ByteSize() == size, "the reply has fields that nobody knows"
    kind = reply.WhichOneof("response")
    lines = metadata_lines(reply.dynamic_metadata)
    if kind is None:
        return ["nothing", *lines]
    part = getattr(reply, kind)
    if kind == "immediate_response":
        return ["immediate", *lines, *immediate_lines(part)]
    if kind.endswith("trailers"):
        return [kind, *lines, *mutation_lines(part.header_mutation)]
    more, is_end = common_lines(part.response)
    return [kind + (" eos" if is_end else ""), *lines, *more]


# ---- expectations ----

def matches(pattern, text):
    """'*' stands for anything."""
    return re.fullmatch(".*".join(map(re.escape, pattern.split("*"))), text, re.DOTALL) is not None


def expected_lines(lines):
    return [body_line(parse_body(line))
            if line.startswith("repeat ") or line[0] == "|" and "*" not in line else line
            for line in lines]


def same_lines(expected, actual):
    """Each actual line is one of the expected ones, and none is left, in any order."""
    left = list(expected)
    for line in actual:
        found = next((pattern for pattern in left if matches(pattern, line)), None)
        if found is None:
            return False
        left.remove(found)
    return not left
