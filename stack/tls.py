"""A local certificate authority and the broker's certificate, made at the first start."""

from __future__ import annotations

import ipaddress
import os
import socket
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from stack.home import Home, replace

AUTHORITY_LIFE = timedelta(days=3650)
# Clients such as Apple's refuse certificates that are valid for longer than this.
SERVER_LIFE = timedelta(days=397)
RENEW_BEFORE = timedelta(days=30)
# A clock that runs a little behind ours should accept a certificate of this moment.
SKEW = timedelta(hours=1)


def ensure(home: Home, owner: tuple[int, int]) -> bool:
    """See to it that the broker has a certificate that is good for another 30 days.

    Args:
        home: gets ``ca.pem``, ``ca.key``, ``broker/tls/server.pem`` and ``server.key``.
        owner: user and group id of the broker, the only ones who may read the server's key.

    Returns:
        Whether the server's certificate is new: a running broker has to read it.
    """
    now, names = datetime.now(UTC), host_names()
    folder = home.broker / "tls"
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    os.chown(folder, *owner)
    authority, key = load_authority(home) or make_authority(home, now)
    if is_good(folder / "server.pem", authority, names, now):
        return False
    write_server(folder, authority, key, names, now, owner)
    return True


def host_names() -> list[x509.GeneralName]:
    """The names by which devices reach this machine."""
    names = dict.fromkeys(["localhost", socket.gethostname().lower()])
    addresses = map(ipaddress.ip_address, ("127.0.0.1", "::1"))
    return [*map(x509.DNSName, names), *map(x509.IPAddress, addresses)]


def load_authority(home: Home) -> tuple[x509.Certificate, ec.EllipticCurvePrivateKey] | None:
    """The authority of this folder, None where it has none that lives long enough."""
    try:
        certificate = x509.load_pem_x509_certificate(home.authority.read_bytes())
        key = serialization.load_pem_private_key(
            home.authority.with_suffix(".key").read_bytes(), None
        )
    except (FileNotFoundError, ValueError):
        return None
    remaining = certificate.not_valid_after_utc - datetime.now(UTC)
    if not isinstance(key, ec.EllipticCurvePrivateKey) or remaining < SERVER_LIFE:
        return None
    return certificate, key


def make_authority(
    home: Home, now: datetime
) -> tuple[x509.Certificate, ec.EllipticCurvePrivateKey]:
    """A new authority: devices that trusted another one need its ``ca.pem``."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name(
        [x509.NameAttribute(NameOID.COMMON_NAME, f"Technopark IoT on {socket.gethostname()}"[:64])]
    )
    usage = x509.KeyUsage(False, False, False, False, False, True, True, False, False)
    certificate = (
        builder(name, name, key.public_key(), now, AUTHORITY_LIFE)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(usage, critical=True)
        .sign(key, hashes.SHA256())
    )
    replace(home.authority.with_suffix(".key"), pem(key), mode=0o600)
    replace(
        home.authority, certificate.public_bytes(serialization.Encoding.PEM).decode(), mode=0o644
    )
    return certificate, key


def is_good(
    path: Path, authority: x509.Certificate, names: list[x509.GeneralName], now: datetime
) -> bool:
    """Whether the certificate is of this authority, for these names and not about to expire."""
    try:
        certificate = x509.load_pem_x509_certificate(path.read_bytes())
    except (FileNotFoundError, ValueError):
        return False
    held = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    fresh = certificate.not_valid_before_utc <= now < certificate.not_valid_after_utc - RENEW_BEFORE
    key_id = certificate.extensions.get_extension_for_class(x509.AuthorityKeyIdentifier).value
    expected = x509.AuthorityKeyIdentifier.from_issuer_public_key(authority_key(authority))
    return fresh and list(held) == names and key_id == expected


def authority_key(authority: x509.Certificate) -> ec.EllipticCurvePublicKey:
    """Its public key; we make no other kind."""
    key = authority.public_key()
    assert isinstance(key, ec.EllipticCurvePublicKey)  # noqa: S101 - load_authority made sure
    return key


def write_server(
    folder: Path,
    authority: x509.Certificate,
    authority_private: ec.EllipticCurvePrivateKey,
    names: list[x509.GeneralName],
    now: datetime,
    owner: tuple[int, int],
) -> None:
    """Make the broker's key and certificate."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
    issuer_id = x509.AuthorityKeyIdentifier.from_issuer_public_key(authority_key(authority))
    certificate = (
        builder(subject, authority.subject, key.public_key(), now, SERVER_LIFE)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(x509.SubjectAlternativeName(names), critical=False)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        .add_extension(issuer_id, critical=False)
        .sign(authority_private, hashes.SHA256())
    )
    # The key first: whoever sees the new certificate finds its key.
    replace(folder / "server.key", pem(key), mode=0o600)
    replace(
        folder / "server.pem",
        certificate.public_bytes(serialization.Encoding.PEM).decode(),
        mode=0o600,
    )
    for name in ("server.key", "server.pem"):
        os.chown(folder / name, *owner)


def builder(
    subject: x509.Name,
    issuer: x509.Name,
    key: ec.EllipticCurvePublicKey,
    now: datetime,
    life: timedelta,
) -> x509.CertificateBuilder:
    """What every certificate says."""
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - SKEW)
        .not_valid_after(now + life - SKEW)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key), critical=False)
    )


def pem(key: ec.EllipticCurvePrivateKey) -> str:
    """The key as text, unencrypted: the file's permissions guard it."""
    return key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    ).decode()
