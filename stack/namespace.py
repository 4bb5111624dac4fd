"""Running programs in another root folder, with nothing left mounted afterwards."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Sequence
from pathlib import Path

# Where the home folder appears to programs inside. It exists on every system, is empty by
# convention, and does not depend on who may traverse the real path.
INSIDE_HOME = Path("/mnt")


def unshare() -> list[str]:
    """The start of a command that gets mounts of its own; an ordinary user's also a user space."""
    command = ["unshare", "--mount", "--propagation", "private"]
    return command if os.geteuid() == 0 else [*command, "--map-current-user", "--keep-caps"]


def enter(root: Path, home: Path, argv: Sequence[str]) -> list[str]:
    """The command line that runs ``argv`` with ``root`` as ``/`` and ``home`` as ``/mnt``."""
    # An ordinary user's PATH has no chroot.
    script = 'PATH=$PATH:/usr/sbin:/sbin; mount --rbind "$2" "$1/mnt"; '
    if root != Path("/"):
        script += 'mount --rbind /dev "$1/dev"; mount --rbind /proc "$1/proc"; '
    script += 'root=$1; shift 2; exec chroot "$root" "$@"'
    return [*unshare(), "sh", "-ec", script, "sh", str(root), str(home), *argv]


def dropped_capabilities() -> list[str]:
    """The options of setpriv by which an ordinary user's program loses what ``enter`` needed."""
    return [] if os.geteuid() == 0 else ["--inh-caps=-all", "--ambient-caps=-all"]


def available() -> bool:
    """Whether this kernel lets this user have mounts of his own."""
    try:
        return (
            subprocess.run([*unshare(), "true"], capture_output=True, check=False).returncode == 0
        )
    except FileNotFoundError:
        return False
