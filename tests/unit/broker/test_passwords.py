import subprocess
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from broker.passwords import (
    PasswordFileError,
    hash_secret,
    new_secret,
    reload,
    render,
    replace,
    verify_secret,
)

# Of the letters that secrets have. Not of all: PBKDF2 keys that differ in zeros at the end are one.
texts = st.text(st.sampled_from("abcXYZ019-_"), max_size=60)


@given(texts, texts)
def test_a_hash_verifies_its_own_secret_and_no_other(secret: str, other: str) -> None:
    hashed = hash_secret(secret)
    assert verify_secret(secret, hashed)
    assert verify_secret(other, hashed) is (other == secret)


def test_a_hash_does_not_show_the_secret_and_is_another_each_time() -> None:
    secret = new_secret()
    assert secret not in hash_secret(secret)
    assert hash_secret(secret) != hash_secret(secret)


def test_secrets_are_prefixed_and_have_at_least_128_bits() -> None:
    secrets = {new_secret() for _ in range(100)}
    assert len(secrets) == 100
    assert all(secret.startswith("tpd_") and len(secret) >= 4 + 22 for secret in secrets)


@pytest.mark.parametrize(
    "hashed", ["", "$7$1$c2FsdA==$", "$6$1$c2FsdA==$ZGlnZXN0", "plain", hash_secret("x")[:-4]]
)
def test_a_malformed_hash_verifies_nothing_and_never_reaches_the_file(hashed: str) -> None:
    assert not verify_secret("x", hashed)
    with pytest.raises(PasswordFileError, match="dev-a"):
        render([("dev-a", hashed)])


@pytest.mark.parametrize("user", ["a:b", "dev\na", "+", "#", "", "Dev-a", "-a"])
def test_a_user_that_breaks_the_file_never_reaches_it(user: str) -> None:
    with pytest.raises(PasswordFileError):
        render([(user, hash_secret("x"))])


def test_a_user_has_one_entry() -> None:
    with pytest.raises(PasswordFileError, match="two entries"):
        render([("dev-a", hash_secret("x")), ("dev-a", hash_secret("y"))])


def test_the_file_is_replaced_only_by_another_text_and_readable_by_its_owner_alone(
    tmp_path: Path,
) -> None:
    file = tmp_path / "passwords"
    assert replace(file, "a")
    assert not replace(file, "a")
    assert replace(file, "b")
    assert file.read_text() == "b"
    assert file.stat().st_mode & 0o777 == 0o600
    assert [path.name for path in tmp_path.iterdir()] == ["passwords"]


@pytest.mark.parametrize("content", [None, "", "no number", "4194305"])
def test_a_broker_that_is_not_there_is_not_told(tmp_path: Path, content: str | None) -> None:
    file = tmp_path / "mosquitto.pid"
    if content is not None:
        file.write_text(content)
    assert not reload(file)


@pytest.mark.parametrize("name", ["mosquitto", "another"])
def test_a_program_that_the_signal_would_end_is_not_told(tmp_path: Path, name: str) -> None:
    program = tmp_path / name
    program.symlink_to("/usr/bin/sleep")
    file = tmp_path / "mosquitto.pid"
    with subprocess.Popen([program, "60"]) as process:
        file.write_text(str(process.pid))
        assert not reload(file)
        with pytest.raises(subprocess.TimeoutExpired):
            process.wait(0.2)
        process.kill()
