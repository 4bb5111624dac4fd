"""Whether a service answers. Each probe takes half a second at most and never raises."""

from __future__ import annotations

import http.client
import socket

import psycopg

PATIENCE = 0.5


def http_answers(address: str, port: int, path: str) -> bool:
    """Whether GET ``path`` gives 200."""
    connection = http.client.HTTPConnection(address, port, timeout=PATIENCE)
    try:
        connection.request("GET", path)
        return connection.getresponse().status == http.HTTPStatus.OK
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()


def port_answers(address: str, port: int) -> bool:
    """Whether something accepts connections."""
    try:
        socket.create_connection((address, port), PATIENCE).close()
    except OSError:
        return False
    return True


def database_answers(url: str) -> bool:
    """Whether one can log in. A server that recovers from a crash refuses until it is done."""
    try:
        psycopg.connect(url, connect_timeout=2).close()
    except psycopg.OperationalError:
        return False
    return True
