import stat
from pathlib import Path

import pytest
import typer

from cli.environment import PREFIX, SECRETS, MigrateSettings, env, read


def variables(file: Path) -> dict[str, str]:
    lines = file.read_text().splitlines()
    return dict(line.split("=", 1) for line in lines if line and not line.startswith("#"))


def test_every_secret_is_made_at_random_and_only_the_owner_reads_it(tmp_path: Path) -> None:
    one, other = tmp_path / "one", tmp_path / "other"
    env(one)
    env(other)
    assert stat.S_IMODE(one.stat().st_mode) == 0o600
    assert variables(one).keys() == {PREFIX + name for name in SECRETS}
    secrets = [*variables(one).values(), *variables(other).values()]
    assert len(set(secrets)) == 2 * len(SECRETS)
    assert all(len(secret) >= 32 for secret in secrets)


def test_a_secret_needs_no_escaping_in_a_url_or_in_compose(tmp_path: Path) -> None:
    env(tmp_path / "file")
    for secret in variables(tmp_path / "file").values():
        assert secret.replace("-", "").replace("_", "").isalnum()


def test_a_file_that_is_there_is_never_overwritten(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / ".env"
    file.write_text("mine")
    with pytest.raises(typer.Exit) as ended:
        env(file)
    assert ended.value.exit_code == 1
    assert file.read_text() == "mine"
    assert "left as it is" in capsys.readouterr().err


def test_a_folder_that_is_missing_is_named(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(typer.Exit):
        env(tmp_path / "missing" / ".env")
    assert "missing" in capsys.readouterr().err


def test_a_missing_setting_is_named_and_no_value_is_repeated(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.delenv("TECHNOPARK_DATABASE_URL", raising=False)
    monkeypatch.setenv("TECHNOPARK_GRAFANA_DB_PASSWORD", "hush")
    with pytest.raises(typer.Exit) as ended:
        read(MigrateSettings)
    assert ended.value.exit_code == 2
    said = capsys.readouterr().err
    assert "TECHNOPARK_DATABASE_URL" in said
    assert "hush" not in said
