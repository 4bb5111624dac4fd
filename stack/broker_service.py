"""The broker's folder: configuration, rules, credentials and store, made ready for its start."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path, PurePosixPath

from broker import passwords
from broker.config import (
    INGEST_USER,
    BrokerConfig,
    render_acl,
    render_config,
    render_preparation,
    render_session_options,
    render_start_script,
)
from stack.runtime import Runtime


def prepare(runtime: Runtime, folder: Path, config: BrokerConfig, users: Mapping[str, str]) -> None:
    """Write everything that the broker reads, owned by its account.

    Args:
        runtime: whose programs the files name.
        folder: the broker's folder on this machine.
        config: rendered as it is; its paths are the broker's own names.
        users: see ``write``.
    """
    write(folder, config, users, PurePosixPath(runtime.mosquitto), runtime.owner("mosquitto"))


def write(
    folder: Path,
    config: BrokerConfig,
    users: Mapping[str, str],
    mosquitto: PurePosixPath,
    owner: tuple[int, int],
) -> None:
    """Write everything that the broker reads.

    Args:
        folder: the broker's folder on this machine.
        config: rendered as it is; its paths are the broker's own names.
        users: the platform's own users and their passwords. A password file that is there
            already keeps its other entries: devices that it knows may connect at once.
        mosquitto: the broker's program, as the broker sees it.
        owner: user and group id of the broker.
    """
    store = folder / "store"
    store.mkdir(parents=True, exist_ok=True)
    files = {
        "mosquitto.conf": render_config(config),
        "prepare.conf": render_preparation(config),
        "acl": render_acl(),
        "start.sh": render_start_script(config, mosquitto),
        "session.options": render_session_options(users[INGEST_USER]),
    }
    for path in (folder, store):
        os.chown(path, *owner)
        path.chmod(0o700)
    for name, text in files.items():
        passwords.replace(folder / name, text, owner)
    known = folder / "passwords"
    others = [
        (user, hashed)
        for user, _, hashed in (
            line.partition(":")
            for line in (known.read_text().splitlines() if known.exists() else ())
        )
        if user not in users
    ]
    entries = [*passwords.internal_entries(users), *others]
    passwords.replace(known, passwords.render(entries), owner)


def command(runtime: Runtime, folder: Path) -> list[str]:
    """The command line of the broker."""
    # SIGTERM, not SIGKILL: while the script prepares the first start it has a child to end.
    script = runtime.inside(folder / "start.sh")
    return runtime.command(["sh", script], account="mosquitto", death_signal="TERM")
