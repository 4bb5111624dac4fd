import psycopg
import pytest

from storage.edition import Edition, edition
from storage.errors import MigrationError
from storage.migrate import available, migrate


def test_a_second_migration_changes_nothing(connection: psycopg.Connection) -> None:
    assert migrate(connection) == []


def test_migrations_are_numbered_without_gaps() -> None:
    assert [m.version for m in available()] == list(range(1, len(available()) + 1))


def test_a_database_of_a_newer_version_is_refused(connection: psycopg.Connection) -> None:
    connection.execute("INSERT INTO schema_migrations VALUES (9999, 'future', 'x')")
    with pytest.raises(MigrationError, match="9999"):
        migrate(connection)


def test_a_file_that_was_changed_after_it_was_applied_is_refused(
    connection: psycopg.Connection,
) -> None:
    connection.execute("UPDATE schema_migrations SET sha256 = 'other' WHERE version = 2")
    with pytest.raises(MigrationError, match="0002"):
        migrate(connection)


def test_the_edition_is_the_one_the_server_reports(connection: psycopg.Connection) -> None:
    assert edition(connection) in Edition
