import psycopg
import pytest
import typer
from psycopg.conninfo import make_conninfo

from cli.environment import migrate
from storage.accounts import hash_token


def test_the_first_run_shows_the_administrators_token_and_no_later_one_does(
    connection: psycopg.Connection,
    database_url: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setenv("TECHNOPARK_DATABASE_URL", database_url)
    migrate()
    token = capsys.readouterr().out.split()[-1]
    held = connection.execute("SELECT sha256 FROM tokens").fetchall()
    assert held == [(hash_token(token),)]
    migrate()
    assert "tpa_" not in capsys.readouterr().out


def test_grafanas_role_logs_in_with_the_password_that_was_set(
    database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TECHNOPARK_DATABASE_URL", database_url)
    monkeypatch.setenv("TECHNOPARK_GRAFANA_DB_PASSWORD", "dash")
    migrate()
    url = make_conninfo(database_url, user="technopark_grafana", password="dash")
    psycopg.connect(url).close()


def test_a_database_that_is_away_is_an_error_without_its_password(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("TECHNOPARK_DATABASE_URL", "postgresql://technopark:hush@127.0.0.1:1/none")
    with pytest.raises(typer.Exit) as ended:
        migrate()
    assert ended.value.exit_code == 1
    said = capsys.readouterr().err
    assert "could not be prepared" in said
    assert "hush" not in said
