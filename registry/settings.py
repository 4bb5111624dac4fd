"""What the registry is told by its environment."""

from __future__ import annotations

from ipaddress import ip_address, ip_network
from pathlib import Path
from typing import Literal

from pydantic import AnyHttpUrl, ByteSize, Field, SecretStr, ValidationInfo, field_validator
from pydantic_settings import SettingsConfigDict

from service.settings import LogSettings


class Settings(LogSettings):
    """Settings of ``python -m registry``; each is an environment variable ``TECHNOPARK_…``."""

    # compose.yaml cannot leave a variable out: it is empty then.
    model_config = SettingsConfigDict(env_ignore_empty=True)

    listen: str = Field("127.0.0.1", description="where the API is bound")
    api_port: int = Field(8000, ge=1, le=65535, description="the API's port")
    registry_listen: str = Field("127.0.0.1", description="where the registry's own port is bound")
    registry_port: int = Field(9463, ge=1, le=65535, description="for /metrics")
    database_url: SecretStr = Field(description="PostgreSQL URL of the platform's database")
    database_connections: int = Field(10, ge=2, le=100, description="held open at most")
    sql_host: str | None = Field(None, description="where tenants' programs find the database")
    sql_port: int | None = Field(None, ge=1, le=65535, description="and on which port")
    broker_host: str = Field("127.0.0.1", description="where the broker listens")
    broker_port: int = Field(1883, ge=1, le=65535, description="the broker's plain MQTT port")
    broker_folder: Path = Field(description="with the broker's password file and mosquitto.pid")
    broker_memory: ByteSize = Field(
        ByteSize(1 << 30), gt=0, description="for messages that wait; then devices have to"
    )
    upload_folder: Path | None = Field(
        None, description="where archives and files of history wait while they are read"
    )
    upload_bytes: ByteSize = Field(
        ByteSize(8 << 30), gt=0, description="of such a file; it needs that room for a while"
    )
    registry_password: SecretStr = Field(description="of the broker's user _registry")
    ingest_password: SecretStr = Field(description="of the broker's user _ingest")
    public_url: AnyHttpUrl | None = Field(
        None, description="where people reach the platform; https makes cookies secure"
    )
    grafana_public_url: AnyHttpUrl | None = Field(
        None, description="where people reach Grafana: links of showcases lead there"
    )
    trusted_proxies: str = Field(
        "", description="addresses and networks whose X-Forwarded-For is believed"
    )
    identity_key: SecretStr | None = Field(
        None,
        min_length=16,
        description="encrypts the secrets of authenticator apps and the mails that wait",
    )
    certificate_key: SecretStr | None = Field(
        None, min_length=16, description="of which the key is made that signs certificates"
    )
    oidc_issuer: str | None = Field(
        None,
        # A provider on the same machine needs no TLS.
        pattern=r"^(https://|http://(localhost|127\.0\.0\.1|\[::1\])[:/])",
        description="an OpenID provider's issuer, an https address",
    )
    oidc_client_id: str | None = Field(None, description="the platform's name at the provider")
    oidc_client_secret: SecretStr | None = Field(
        None, validate_default=True, description="its secret at the provider"
    )
    smtp_host: str | None = Field(None, description="the mail server; without one no mail is sent")
    smtp_port: int = Field(587, ge=1, le=65535, description="its port")
    smtp_tls: Literal["starttls", "tls", "none"] = Field(
        "starttls", description="how the connection to it is encrypted"
    )
    smtp_user: str | None = Field(None, description="how the platform signs in there")
    smtp_password: SecretStr | None = Field(None, description="with which password")
    # The last of them: it looks at the others.
    mail_from: str | None = Field(
        None,
        validate_default=True,
        pattern=r"^[^@\s]+@[^@\s]+$",
        description="from which address mails come",
    )

    @field_validator("trusted_proxies")
    @classmethod
    def proxies_are_addresses(cls, text: str) -> str:
        """Refuse a name: which address it has, others may decide."""
        for part in text.split(",") if text not in ("", "*") else ():
            ip_network(part.strip())
        return text

    @field_validator("oidc_client_secret")
    @classmethod
    def provider_is_whole(cls, secret: SecretStr | None, info: ValidationInfo) -> SecretStr | None:
        """Refuse an OpenID provider without what is needed to ask it."""
        parts = (info.data.get("oidc_issuer"), info.data.get("oidc_client_id"), secret)
        if any(parts) and not all(parts):
            raise ValueError("set the OpenID provider's issuer, client id and secret, or none")
        return secret

    @field_validator("mail_from")
    @classmethod
    def mail_server_is_whole(cls, sender: str | None, info: ValidationInfo) -> str | None:
        """Refuse a mail server without what mails need, and a password that all could read."""
        data = info.data
        host, user, password = (data.get(f"smtp_{name}") for name in ("host", "user", "password"))
        if bool(host) != bool(sender):
            raise ValueError("set the mail server, SMTP_HOST, and MAIL_FROM, or neither")
        if host and not data.get("identity_key"):
            raise ValueError("set IDENTITY_KEY too: mails that wait are encrypted with it")
        if bool(user) != bool(password):
            raise ValueError("set SMTP_USER and SMTP_PASSWORD, or neither")
        if password and data.get("smtp_tls") == "none" and not is_this_machine(str(host)):
            raise ValueError("with SMTP_PASSWORD set SMTP_TLS to starttls or tls")
        return sender

    @property
    def origin(self) -> str:
        """Where people reach the platform, without a slash at the end."""
        return str(self.public_url or f"http://127.0.0.1:{self.api_port}").rstrip("/")

    @property
    def is_https(self) -> bool:
        """Whether browsers speak TLS with the platform, or with what stands before it."""
        return self.origin.startswith("https:")


def is_this_machine(host: str) -> bool:
    """Whether what is sent there never leaves the machine."""
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
