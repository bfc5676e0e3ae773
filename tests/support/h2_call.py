# SPDX-License-Identifier: Apache-2.0
"""One gRPC call on its own clear-text HTTP/2 connection: python-h2 on a plain socket, which sends any
bytes, cut into DATA frames of any size, and sees every frame of the answer."""
import select
import socket
import struct
import time

import h2.config
import h2.connection
import h2.events
from hyperframe.frame import RstStreamFrame

from tests.support.processes import PATIENCE

ANSWER_SECONDS = 5 * PATIENCE
# Above this, small frames would only take time.
SMALL_FRAMES_BYTES = 20000


class Call:
    def __init__(self, port, headers, frame_bytes=None):
        """frame_bytes: bytes of a DATA frame; None: as many as the peer allows."""
        self.frame_bytes = frame_bytes
        self.received = bytearray()
        self.http_status = None
        self.grpc_status = -1
        self.grpc_message = ""
        self.empty_data = 0
        self.faults = []
        self.is_answered = False  # END_STREAM came
        self.is_half_closed = False
        self.is_reset = False
        self.is_lost = False
        self.socket = socket.create_connection(("127.0.0.1", port), timeout=ANSWER_SECONDS)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.h2 = h2.connection.H2Connection(h2.config.H2Configuration(header_encoding="utf-8"))
        self.h2.initiate_connection()
        self.stream = self.h2.get_next_available_stream_id()
        self.h2.send_headers(self.stream, headers)
        self.flush()
        self.opened_at = time.monotonic()

    def is_over(self):
        return self.is_answered or self.is_reset or self.is_lost

    def flush(self):
        try:
            self.socket.sendall(self.h2.data_to_send())
        except OSError:
            self.is_lost = True

    def handle(self, event):
        if isinstance(event, (h2.events.ResponseReceived, h2.events.TrailersReceived)):
            headers = dict(event.headers)
            self.http_status = int(headers.get(":status", self.http_status))
            self.grpc_status = int(headers.get("grpc-status", self.grpc_status))
            self.grpc_message = headers.get("grpc-message", self.grpc_message)
        elif isinstance(event, h2.events.DataReceived):
            self.received += event.data
            if not event.data and event.stream_ended is None:
                self.empty_data += 1
            self.h2.acknowledge_received_data(event.flow_controlled_length, self.stream)
        elif isinstance(event, h2.events.StreamEnded):
            self.is_answered = True
        elif isinstance(event, h2.events.StreamReset):
            self.is_reset = True
        elif isinstance(event, h2.events.ConnectionTerminated):
            self.faults.append(f"GOAWAY {event.error_code} {event.additional_data}")

    def pump(self, until, seconds=ANSWER_SECONDS):
        """Exchange bytes until until() or the time is over; @return until()."""
        deadline = time.monotonic() + seconds
        while not until() and not self.is_lost:
            left = deadline - time.monotonic()
            if not select.select([self.socket], [], [], max(left, 0))[0]:
                if left <= 0:
                    break
                continue
            try:
                data = self.socket.recv(1 << 16)
            except OSError:
                data = b""
            if not data:
                self.is_lost = True
                break
            for event in self.h2.receive_data(data):
                self.handle(event)
            self.flush()
        return until()

    def window(self):
        return min(self.h2.local_flow_control_window(self.stream), self.h2.max_outbound_frame_size)

    def send_raw(self, data):
        """Send DATA; what a peer that has ended the call no longer takes is dropped."""
        view = memoryview(data)
        while view and not self.is_half_closed:
            self.pump(lambda: False, 0)
            self.pump(lambda: self.is_over() or self.window() > 0)
            if self.is_reset or self.is_lost or self.window() == 0:
                assert self.is_over(), "the peer took nothing more"
                return
            size = min(len(view), self.window())
            if self.frame_bytes:
                size = min(size, self.frame_bytes if len(view) <= SMALL_FRAMES_BYTES else 4093)
            self.h2.send_data(self.stream, bytes(view[:size]))
            view = view[size:]
            self.flush()

    def send(self, message):
        self.send_raw(struct.pack(">BI", 0, len(message)) + message)

    def half_close(self):
        if not self.is_reset and not self.is_lost:
            self.h2.end_stream(self.stream)
            self.flush()
        self.is_half_closed = True

    def reset(self):
        """RST_STREAM, on a stream that is over too."""
        frame = RstStreamFrame(self.stream, error_code=8)
        self.is_reset = True
        try:
            self.socket.sendall(frame.serialize())
        except OSError:
            self.is_lost = True

    def has_message(self):
        return len(self.received) >= 5 and \
            len(self.received) >= 5 + struct.unpack_from(">I", self.received, 1)[0]

    def next(self):
        """The next whole message; None: the call ended or stayed silent."""
        if not self.pump(lambda: self.has_message() or self.is_over()) or not self.has_message():
            return None
        compressed, size = struct.unpack_from(">BI", self.received)
        assert compressed == 0
        message = bytes(self.received[5:5 + size])
        del self.received[:5 + size]
        return message

    def is_silent(self, seconds):
        """Nothing comes for so long, and the call stays open."""
        return not self.pump(lambda: bool(self.received) or self.is_over(), seconds) and not self.is_lost

    def close(self):
        self.socket.close()
