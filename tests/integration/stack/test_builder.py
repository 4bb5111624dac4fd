"""Building the private runtime, as far as that can be tried without a network."""

import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest
from filelock import FileLock

from stack import builder, runtime
from stack.errors import RuntimeUnavailableError
from tests.parts import free_port, wait_until

BUILD = """
import sys
from pathlib import Path
from stack import builder
builder.build(Path(sys.argv[1]), print, sys.argv[2])
"""


@pytest.fixture
def silent_mirror() -> Iterator[str]:
    """A mirror that accepts connections and never answers."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield f"http://127.0.0.1:{server.getsockname()[1]}/debian"


def test_a_mirror_out_of_reach_is_one_sentence_and_nothing_is_left(tmp_path: Path) -> None:
    mirror = f"http://127.0.0.1:{free_port()}/debian"
    with pytest.raises(RuntimeUnavailableError) as raised:
        builder.build(tmp_path / "runtime", lambda _: None, mirror)
    text = str(raised.value)
    assert "could not be fetched" in text
    assert "check the network to your Debian mirror" in text
    assert "docker compose up" in text
    assert "\n" not in text
    assert not (tmp_path / "runtime").exists()


def test_a_killed_builder_takes_its_helpers_along_and_its_half_is_never_used(
    tmp_path: Path, silent_mirror: str
) -> None:
    tree = tmp_path / "runtime"
    process = subprocess.Popen([sys.executable, "-c", BUILD, str(tree), silent_mirror])
    me = psutil.Process(process.pid)
    wait_until(lambda: len(me.children(recursive=True)) >= 2, "apt and its method to run")
    helpers = me.children(recursive=True)
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    _, alive = psutil.wait_procs(helpers, timeout=10)
    assert [p for p in alive if p.status() != psutil.STATUS_ZOMBIE] == []
    assert not tree.exists()
    assert (tmp_path / "runtime.partial").exists()
    with pytest.raises(RuntimeUnavailableError, match="could not be fetched"):
        builder.build(tree, lambda _: None, f"http://127.0.0.1:{free_port()}/debian")


def test_a_second_builder_waits_and_says_so(tmp_path: Path, runtime_tree: Path) -> None:
    said: list[str] = []
    lock = FileLock(tmp_path / "runtime.lock")
    lock.acquire()

    def hear(text: str) -> None:
        said.append(text)
        if "waiting" in text:
            # What the first builder does at its end.
            (tmp_path / "runtime").symlink_to(runtime_tree)
            lock.release()

    if runtime.find(tmp_path):
        # A machine with programs of its own never builds.
        lock.release()
        assert runtime.ensure(tmp_path).root == Path("/")
        return
    found = runtime.ensure(tmp_path, hear, "http://127.0.0.1:1/debian")
    assert found.root == tmp_path / "runtime"
    assert said[-1] == "another process is building the runtime; waiting for it"


def test_a_full_disk_is_said_before_anything_is_fetched(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(builder, "NEEDED_BYTES", 2**60)
    with pytest.raises(RuntimeUnavailableError, match=r"has only \d+ MB free: make room"):
        builder.build(tmp_path / "runtime", lambda _: None)


def test_unpacking_leaves_setuid_bits_and_documentation_behind(tmp_path: Path) -> None:
    source, root = tmp_path / "source", tmp_path / "root"
    for name in ("DEBIAN/control", "usr/bin/su", "usr/share/doc/su/README"):
        (source / name).parent.mkdir(parents=True, exist_ok=True)
        (source / name).write_text(
            "Package: su\nVersion: 1\nArchitecture: all\nMaintainer: us <us@localhost>\n"
            "Description: a test\n"
        )
    (source / "usr/bin/su").chmod(0o6755)
    subprocess.run(["dpkg-deb", "--build", source, tmp_path], check=True, capture_output=True)
    root.mkdir()
    builder.unpack(tmp_path / "su_1_all.deb", root)
    assert (root / "usr/bin/su").stat().st_mode & 0o7777 == 0o755
    assert not (root / "usr/share/doc").exists()


def test_a_package_that_is_no_package_is_named(tmp_path: Path) -> None:
    (tmp_path / "broken.deb").write_text("not a package")
    (tmp_path / "root").mkdir()
    with pytest.raises(RuntimeUnavailableError, match=r"broken\.deb could not be unpacked"):
        builder.unpack(tmp_path / "broken.deb", tmp_path / "root")


def test_programs_run_with_the_short_path_of_an_ordinary_user(
    programs: runtime.Runtime, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", "/usr/bin:/bin")
    assert programs.mosquitto_version().startswith("2.")
