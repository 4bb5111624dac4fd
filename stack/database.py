"""A PostgreSQL cluster of the platform's own: created once, then started as a child process."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Mapping
from pathlib import Path

from stack.errors import StackError
from stack.runtime import Runtime

SUPERUSER = "technopark"
DATABASE = "technopark"

# What differs from PostgreSQL's defaults, and why. Sized for a shared machine of a few cores.
SETTINGS: Mapping[str, str] = {
    "listen_addresses": "127.0.0.1",
    "unix_socket_directories": "",
    "password_encryption": "scram-sha-256",
    "shared_preload_libraries": "timescaledb",
    "timescaledb.telemetry_level": "off",
    "max_connections": "100",
    "shared_buffers": "256MB",
    "work_mem": "16MB",
    "maintenance_work_mem": "128MB",
    # Steady COPY fills WAL fast: rarer checkpoints write each page once instead of many times.
    "max_wal_size": "4GB",
    "min_wal_size": "512MB",
    "checkpoint_timeout": "15min",
    "wal_compression": "lz4",
    "log_timezone": "UTC",
    "timezone": "UTC",
    "jit": "off",
    # synchronous_commit stays on: without it a commit would not survive kill -9 of the server.
    "log_checkpoints": "off",
}


def create(runtime: Runtime, folder: Path, password: str) -> None:
    """Create the cluster in ``folder``, unless it is there already.

    A folder that initdb left half-made is replaced: the cluster counts as made only when its
    configuration, written last, is there.
    """
    if (folder / "technopark.conf").exists():
        require_same_version(runtime, folder)
        return
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True, mode=0o700)
    os.chown(folder, *runtime.owner("postgres"))
    with tempfile.NamedTemporaryFile("w", dir=folder.parent, prefix="initdb-") as file:
        file.write(password)
        file.flush()
        os.chown(file.name, *runtime.owner("postgres"))
        runtime.run(
            [
                runtime.postgres_bin / "initdb",
                "--pgdata", runtime.inside(folder),
                "--username", SUPERUSER,
                "--pwfile", runtime.inside(Path(file.name)),
                "--auth", "scram-sha-256",
                "--encoding", "UTF8",
                "--locale-provider", "builtin", "--locale", "C.UTF-8",
                "--no-instructions", "--no-sync",
            ],
            account="postgres",
        )  # fmt: skip
    lines = [f"{name} = '{value}'\n" for name, value in SETTINGS.items()]
    with (folder / "postgresql.conf").open("a") as main:
        main.write("include = 'technopark.conf'\n")
    (folder / "technopark.conf").write_text("".join(lines))
    os.chown(folder / "technopark.conf", *runtime.owner("postgres"))


def require_same_version(runtime: Runtime, folder: Path) -> None:
    """Refuse a cluster of another major version, which this server could not open.

    Raises:
        StackError: names both versions.
    """
    held = (folder / "PG_VERSION").read_text().strip()
    have = runtime.postgres_version().partition(".")[0]
    if held != have:
        raise StackError(
            f"the data in {folder} is of PostgreSQL {held}, but PostgreSQL {have} is what runs "
            f"here: install PostgreSQL {held}, or export with it and import into a new folder"
        )


def edition_settings(runtime: Runtime) -> dict[str, str]:
    """What the edition asks for. The Apache one has no policies, so it needs no workers for them.

    With workers it would try a Community job of its own now and then, and log an error each time.
    """
    libraries = runtime.root / runtime.postgres_bin.relative_to("/").parent / "lib"
    is_community = any(libraries.glob("timescaledb-tsl-*.so"))
    return {} if is_community else {"timescaledb.max_background_workers": "0"}


def command(
    runtime: Runtime, folder: Path, port: int, settings: Mapping[str, str] | None = None
) -> list[str]:
    """The command line of the server. It shuts down at once when its parent is gone."""
    chosen = {**edition_settings(runtime), **(settings or {})}
    options = [f"--{name}={value}" for name, value in chosen.items()]
    postgres = runtime.postgres_bin / "postgres"
    return runtime.command(
        [postgres, "-D", runtime.inside(folder), "-p", str(port), *options],
        account="postgres",
        death_signal="QUIT",
    )
