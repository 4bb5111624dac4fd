"""Mosquitto's configuration, rendered from settings, for the stack and for containers alike."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import PurePosixPath

INGEST_USER = "_ingest"
REGISTRY_USER = "_registry"
# The registry again, with a session that outlives it: the broker keeps what devices answer.
REPLIES_USER = "_replies"
REPLIES = "devices/+/commands/+/reply"
# Ingest's workers share the telemetry; each has a session, and so a user, of its own.
MAX_WORKERS = 8
INGEST_USERS = (INGEST_USER, *(f"{INGEST_USER}-{n}" for n in range(2, MAX_WORKERS + 1)))
# MQTT 5, 3.1.2.11.2: a session expiry interval of all ones never expires.
NEVER_EXPIRES = 4294967295
# Every worker of ingest is subscribed to this; each message goes to one of them.
SHARED_TELEMETRY = "$share/ingest/devices/+/telemetry"
# What the first worker is subscribed to. What a device says of itself stays in its order by that.
# The session is created with these before any device can connect.
INGEST_SUBSCRIPTIONS = (
    SHARED_TELEMETRY,
    "devices/+/attributes",
    "devices/+/status",
    "replays/+/telemetry",
    "replays/+/attributes",
)


def internal_users(ingest_password: str, registry_password: str) -> dict[str, str]:
    """The platform's own users and their passwords. All workers of ingest have the same."""
    return {
        **dict.fromkeys(INGEST_USERS, ingest_password),
        **dict.fromkeys((REGISTRY_USER, REPLIES_USER), registry_password),
    }


class Durability(StrEnum):
    """What an acknowledged message survives."""

    KILL = "kill"
    POWER = "power"

    @property
    def sqlite_sync(self) -> str:
        """SQLite's ``synchronous``: at NORMAL the WAL is written at each commit, synced rarely."""
        return {"kill": "normal", "power": "full"}[self.value]


@dataclass(frozen=True)
class Tls:
    """Files of the TLS listener, as the broker sees them."""

    certificate: PurePosixPath
    key: PurePosixPath


@dataclass(frozen=True)
class BrokerConfig:
    """Everything that the configuration says.

    Attributes:
        folder: the broker's folder, as the broker sees it.
        plugins: folder of Mosquitto's plugins, as the broker sees it.
        address: where the listeners are bound.
        mqtt_port: plain MQTT.
        websocket_port: MQTT over WebSocket; None: not served.
        tls_port: MQTT over TLS; needs ``tls``.
        tls: certificate and key; None: TLS is not served.
        durability: what an acknowledged message survives.
        max_packet_size: bytes; a larger packet disconnects its sender instead of being dropped.
        max_connections: of all listeners together; -1: as many as the system allows.
        log_types: Mosquitto's names of what is worth a line.
        pid_file: where the broker writes its process id; None: mosquitto.pid in ``folder``. It
            belongs elsewhere where others see the folder, but not the broker's processes.
    """

    folder: PurePosixPath
    plugins: PurePosixPath
    address: str = "127.0.0.1"
    mqtt_port: int = 1883
    websocket_port: int | None = 9001
    tls_port: int = 8883
    tls: Tls | None = None
    durability: Durability = Durability.KILL
    max_packet_size: int = 1_048_576
    max_connections: int = -1
    log_types: tuple[str, ...] = field(default=("error", "warning", "notice"))
    pid_file: PurePosixPath | None = None

    @property
    def process_id(self) -> PurePosixPath:
        """The file with the broker's process id."""
        return self.pid_file or self.folder / "mosquitto.pid"


def render_config(config: BrokerConfig) -> str:
    """The text of mosquitto.conf."""
    store = config.folder / "store/mosquitto.db"
    pid_file = f"pid_file {config.process_id}"
    return "\n".join([*common(config, store), pid_file, *listeners(config), ""])


def render_preparation(config: BrokerConfig) -> str:
    """The configuration of the moment before the first start: one socket, no device can come in.

    It creates the store under another name; see ``render_start_script``.
    """
    lines = common(config, config.folder / "store/prepared.db")
    return "\n".join([*lines, *listener(f"0 {config.folder / 'store/prepare.sock'}"), ""])


def common(config: BrokerConfig, store: PurePosixPath) -> list[str]:
    """What both configurations say."""
    return [
        "# Rendered by technopark; changes are overwritten at the next start.",
        "allow_anonymous false",
        f"plugin {config.plugins}/mosquitto_password_file.so",
        f"plugin_opt_password_file {config.folder}/passwords",
        f"plugin {config.plugins}/mosquitto_acl_file.so",
        f"plugin_opt_acl_file {config.folder}/acl",
        f"plugin {config.plugins}/mosquitto_persist_sqlite.so",
        f"plugin_opt_db_file {store}",
        # With 0 the store is committed at each turn of the broker's loop, after the PUBACKs of that
        # turn have left; ADRs 0010 and 0011 tell what follows.
        "plugin_opt_flush_period 0",
        f"plugin_opt_sync {config.durability.sqlite_sync}",
        f"max_packet_size {config.max_packet_size}",
        # Never acknowledge and then drop: every limit of the queue does that, or locks its reader
        # out. The registry watches how much waits, and holds the devices back (ADR 0010).
        "max_queued_messages 0",
        "sys_interval 1",
        # At 0, and at 65535, 2.1.2 writes a line into its log for every message that it takes.
        "max_inflight_messages 65534",
        "max_keepalive 3600",
        f"global_max_connections {config.max_connections}",
        "queue_qos0_messages true",
        "set_tcp_nodelay true",
        "log_dest stderr",
        # The registry reads refused log-ins here, to serve both secrets of a rotation.
        "log_dest topic",
        *(f"log_type {name}" for name in config.log_types),
        "connection_messages true",
        "log_timestamp_format %Y-%m-%dT%H:%M:%S",
    ]


def listeners(config: BrokerConfig) -> list[str]:
    """The doors for devices."""
    lines = listener(f"{config.mqtt_port} {config.address}")
    if config.websocket_port is not None:
        lines += listener(f"{config.websocket_port} {config.address}", "websockets")
    if config.tls is not None:
        lines += listener(f"{config.tls_port} {config.address}")
        lines += [f"certfile {config.tls.certificate}", f"keyfile {config.tls.key}"]
    return lines


def listener(where: str, protocol: str = "mqtt") -> list[str]:
    """One door. A session belongs to its user: nobody can take over the session of another."""
    return [f"listener {where}", f"protocol {protocol}", "use_username_as_clientid true"]


WORKER_RULES = """\
user {user}
topic read devices/+/telemetry
topic read devices/+/attributes
topic read devices/+/status
topic read replays/+/telemetry
topic read replays/+/attributes
topic write devices/+/rejections
"""


def render_acl() -> str:
    """The access rules. They depend on no device, so they never change while the broker runs.

    ``%u`` is the user name, which is the device id: a device reaches its own topics only.
    """
    workers = "\n".join(WORKER_RULES.format(user=user) for user in INGEST_USERS)
    return f"""\
{workers}
user {REGISTRY_USER}
topic write devices/+/telemetry
topic write replays/+/telemetry
topic write replays/+/attributes
topic write devices/+/commands/+
topic write devices/+/desired
topic read $SYS/broker/#

user {REPLIES_USER}
topic read {REPLIES}

pattern write devices/%u/telemetry
pattern write devices/%u/attributes
pattern write devices/%u/status
pattern write devices/%u/commands/+/reply
pattern read devices/%u/commands/+
pattern read devices/%u/desired
pattern read devices/%u/rejections
"""


def render_start_script(config: BrokerConfig, mosquitto: PurePosixPath) -> str:
    """A shell script that starts the broker, and before its first start creates ingest's session.

    A message that is published before ingest's session exists is acknowledged and lost. So a store
    that does not exist yet is first opened on a local socket alone, ingest's subscriptions are
    made there, and only then does the store get its name and the broker its listeners.

    The script expects ``render_session_options`` in ``session.options`` beside it.
    """
    return f"""\
#!/bin/sh
set -eu
cd '{config.folder}'
rm -f '{config.process_id}'
if [ ! -f store/mosquitto.db ]; then
    rm -rf store/prepared.db* store/prepare.sock
    # This broker must not outlive the script, however the script ends.
    guard=
    setpriv --pdeathsig KILL true 2>/dev/null && guard="setpriv --pdeathsig KILL"
    $guard {mosquitto} -c prepare.conf &
    broker=$!
    trap 'kill "$broker" 2>/dev/null; exit 1' TERM INT
    tries=0
    until mosquitto_sub -o session.options -E 2>/dev/null; do
        tries=$((tries + 1))
        if [ "$tries" -gt 100 ]; then
            echo "the broker could not be prepared for ingest" >&2
            kill "$broker"
            exit 1
        fi
        sleep 0.1
    done
    trap - TERM INT
    kill "$broker"
    wait "$broker" || true
    mv store/prepared.db store/mosquitto.db
fi
exec {mosquitto} -c mosquitto.conf
"""


def render_session_options(ingest_password: str) -> str:
    """The options of mosquitto_sub that make ingest's session, a file because of the password.

    The session never expires; it is the one that ``broker.session`` resumes.
    """
    lines = [
        "--unix store/prepare.sock",
        "-V mqttv5",
        f"-u {INGEST_USER}",
        f"-i {INGEST_USER}",
        f"-P {ingest_password}",
        "-c",
        f"-x {NEVER_EXPIRES}",
        "-q 1",
        *(f"-t {topic}" for topic in INGEST_SUBSCRIPTIONS),
    ]
    return "\n".join([*lines, ""])
