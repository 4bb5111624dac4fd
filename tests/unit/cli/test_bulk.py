import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner, Result

from cli import bulk

HEAD = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
CREATED = b'{"device":{"row":2,"id":"roof-1","outcome":"created","changes":[],"secret":"tpd_x"}}\n'
PROBLEM = b'{"problem":"the database does not answer: try again soon"}\n'

app = typer.Typer()
app.command("import")(bulk.import_)
app.command("export")(bulk.export)


@contextmanager
def answering(*pieces: bytes) -> Iterator[str]:
    """The address of an API that answers once, chunk by chunk, and breaks off."""

    def answer() -> None:
        connection, _ = listener.accept()
        with connection, connection.makefile("rb") as request:
            length = 0
            while (line := request.readline()) != b"\r\n":
                if line.lower().startswith(b"content-length:"):
                    length = int(line.split()[1])
            request.read(length)
            connection.sendall(HEAD)
            for piece in pieces:
                connection.sendall(b"%x\r\n%b\r\n" % (len(piece), piece))

    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=answer)
        thread.start()
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
        thread.join(10)


def run(url: str, *arguments: object) -> Result:
    environment = {"TECHNOPARK_API_URL": url, "TECHNOPARK_TOKEN": "tpa_x"}
    return CliRunner().invoke(app, [str(each) for each in arguments], env=environment)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "roofs.csv"
    path.write_text("name\nRoof\n")
    return path


def test_an_import_that_breaks_off_keeps_the_secrets_that_came_and_tells_how_to_go_on(
    file: Path,
) -> None:
    with answering(CREATED) as url:
        result = run(url, "import", file)
    assert result.exit_code == 1
    assert "--reissue" in result.output
    [kept] = file.parent.glob("roofs.secrets-*.csv")
    assert kept.read_text() == "id,secret\nroof-1,tpd_x\n"


def test_an_import_without_a_result_says_why_and_leaves_no_file(file: Path) -> None:
    with answering(PROBLEM) as url:
        result = run(url, "import", file)
    assert result.exit_code == 1
    assert "the database does not answer: try again soon" in result.output
    assert list(file.parent.iterdir()) == [file]


def test_an_export_that_breaks_off_leaves_the_file_of_before(file: Path) -> None:
    with answering(b"id,name\r\n") as url:
        result = run(url, "export", file)
    assert result.exit_code == 1
    assert file.read_text() == "name\nRoof\n"
    assert list(file.parent.iterdir()) == [file]
