"""How a command fails: one sentence on stderr, and exit status 1."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager

import typer

from cli.api import ApiError
from cli.enrolment import EnrolmentError
from simulators.company import CredentialsError
from simulators.connection import CertificateError
from simulators.dialect import DialectError
from simulators.fleet import TooManyDevicesError
from simulators.ledger import LedgerError
from simulators.scenario import ScenarioError
from simulators.tables import RecordingError
from stack.errors import StackError

EXPECTED = (
    ApiError, CertificateError, CredentialsError, DialectError, EnrolmentError, LedgerError,
    RecordingError, ScenarioError, StackError, TooManyDevicesError,
)  # fmt: skip


def failed(sentence: str) -> typer.Exit:
    """Say what went wrong; to be raised, for exit status 1."""
    # Written as it is: a log line may look like Rich's markup, and must not be wrapped.
    print(f"technopark: {sentence}", file=sys.stderr)  # noqa: T201
    return typer.Exit(1)


@contextmanager
def plain_errors() -> Iterator[None]:
    """Turn an error that was to be expected into its sentence."""
    try:
        yield
    except EXPECTED as error:
        raise failed(str(error)) from None
    except OSError as error:
        if error.filename is None:
            raise
        raise failed(f"{error.filename}: {error.strerror}") from None
