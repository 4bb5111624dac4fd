"""A connection of a device, before the broker says anything."""

from __future__ import annotations

import contextlib
import select
import socket
import ssl

from simulators.connection import Connection

TLS_HANDSHAKE = 0x16  # the first byte of a record: RFC 8446, 5.1


def test_a_tls_connection_shakes_hands_once_the_broker_has_answered_the_connect() -> None:
    with contextlib.ExitStack() as sockets:
        broker = sockets.enter_context(socket.create_server(("127.0.0.1", 0), backlog=0))
        broker.settimeout(20)
        # The queue of new connections is full: the next one takes as long as over a real network.
        sockets.enter_context(socket.create_connection(broker.getsockname()))
        target = socket.AF_INET, broker.getsockname()
        connection = Connection(target, b"", ssl.create_default_context(), "localhost")
        sockets.callback(connection.close, with_will=False)
        assert select.select([], [connection.socket], [], 0)[1] == []
        sockets.enter_context(broker.accept()[0])
        assert select.select([], [connection.socket], [], 20)[1]
        assert not connection.work()
        peer = sockets.enter_context(broker.accept()[0])
        peer.settimeout(20)
        assert peer.recv(1) == bytes([TLS_HANDSHAKE])
