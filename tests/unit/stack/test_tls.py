"""The local certificate authority and what it signs."""

import os
import socket
import ssl
import threading
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from stack import tls
from stack.home import Home

ME = os.geteuid(), os.getegid()


@pytest.fixture
def home(tmp_path: Path) -> Home:
    (tmp_path / "broker").mkdir()
    return Home(tmp_path)


def test_a_client_that_trusts_the_authority_reaches_every_name(home: Home) -> None:
    assert tls.ensure(home, ME)
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    folder = home.broker / "tls"
    server.load_cert_chain(folder / "server.pem", folder / "server.key")
    client = ssl.create_default_context(cafile=home.authority)
    for name in ("localhost", "127.0.0.1", "::1", socket.gethostname().lower()):
        handshake(server, client, name)
    with pytest.raises(ssl.SSLCertVerificationError):
        handshake(server, client, "example.org")


def handshake(server: ssl.SSLContext, client: ssl.SSLContext, name: str) -> None:
    """A TLS handshake over a pair of sockets, the client asking for ``name``."""
    one, other = socket.socketpair()

    def serve() -> None:
        try:
            server.wrap_socket(one, server_side=True).close()
        except ssl.SSLError:
            one.close()

    thread = threading.Thread(target=serve)
    thread.start()
    try:
        client.wrap_socket(other, server_hostname=name).close()
    finally:
        other.close()
        thread.join()


def test_keys_are_for_their_owner_alone(home: Home) -> None:
    tls.ensure(home, ME)
    for key in (home.path / "ca.key", home.broker / "tls/server.key"):
        assert key.stat().st_mode & 0o777 == 0o600


def test_a_good_certificate_stays(home: Home) -> None:
    tls.ensure(home, ME)
    before = (home.broker / "tls/server.pem").read_bytes()
    assert not tls.ensure(home, ME)
    assert (home.broker / "tls/server.pem").read_bytes() == before


def test_a_certificate_that_is_about_to_expire_is_renewed_by_the_same_authority(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tls, "SERVER_LIFE", tls.RENEW_BEFORE - timedelta(days=1))
    tls.ensure(home, ME)
    authority = home.authority.read_bytes()
    monkeypatch.undo()
    assert tls.ensure(home, ME)
    assert home.authority.read_bytes() == authority
    assert not tls.ensure(home, ME)


def test_a_machine_with_a_new_name_gets_a_new_certificate(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    tls.ensure(home, ME)
    monkeypatch.setattr(socket, "gethostname", lambda: "renamed")
    assert tls.ensure(home, ME)


@pytest.mark.parametrize("lost", ["ca.pem", "ca.key"])
def test_a_lost_authority_is_made_anew_and_signs_anew(home: Home, lost: str) -> None:
    tls.ensure(home, ME)
    (home.path / lost).unlink()
    assert tls.ensure(home, ME)
    found = tls.load_authority(home)
    assert found
    now = datetime.now(UTC)
    assert tls.is_good(home.broker / "tls/server.pem", found[0], tls.host_names(), now)
