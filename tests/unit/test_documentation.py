"""The documentation says what is there, and all of it."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import get_args

import pytest
import typer
from prometheus_client import CollectorRegistry
from pydantic import SecretStr
from pydantic_settings import BaseSettings

import ingest.settings
import registry.settings
import stack.settings
from broker.payloads import Reason
from cli.environment import BrokerSettings, MigrateSettings
from cli.main import app
from ingest.metrics import Metrics
from registry.app import create_app, open_pool
from registry.http.metrics import Parts
from registry.mail.delivery import MailMetrics, Postman
from registry.mail.outbox import Outbox
from registry.mosquitto.figures import BrokerMetrics
from registry.mosquitto.files import Keeper
from registry.mosquitto.publisher import Publisher
from registry.mosquitto.room import Room
from registry.rights import RIGHTS, Role
from registry.rollups import RollupKeeper

ROOT = Path(__file__).parents[2]
PAGES = [*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md")]
SETTINGS: list[type[BaseSettings]] = [
    stack.settings.Settings,
    ingest.settings.Settings,
    registry.settings.Settings,
    BrokerSettings,
    MigrateSettings,
]


def commands(
    group: typer.core.TyperGroup, *path: str
) -> Iterator[tuple[tuple[str, ...], typer.core.TyperCommand]]:
    """Every command of the command line with the words that call it."""
    for name, command in group.commands.items():
        if isinstance(command, typer.core.TyperGroup):
            yield from commands(command, *path, name)
        elif isinstance(command, typer.core.TyperCommand):
            yield (*path, name), command


ROOT_GROUP = typer.main.get_command(app)
assert isinstance(ROOT_GROUP, typer.core.TyperGroup)
COMMANDS = dict(commands(ROOT_GROUP))


@pytest.mark.parametrize("settings", SETTINGS, ids=lambda s: f"{s.__module__}.{s.__name__}")
def test_every_setting_is_explained(settings: type[BaseSettings]) -> None:
    text = "\n".join(page.read_text() for page in PAGES)
    names = {f"TECHNOPARK_{name.upper()}" for name in settings.model_fields}
    assert {name for name in names if f"`{name}`" not in text} == set()


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_link_leads_to_a_file(page: Path) -> None:
    links = re.findall(r"\]\((?!https?:|#)([^)#]+)", page.read_text())
    assert [link for link in links if not (page.parent / link).exists()] == []


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_command_that_a_page_names_exists(page: Path) -> None:
    code = "\n".join(re.findall(r"```.*?```|`[^`\n]+`", page.read_text(), re.DOTALL))
    named = re.findall(r"(?:`|\s|/)technopark ((?:[a-z][a-z-]*)(?: [a-z][a-z-]*){0,2})", code)
    called = [tuple(words.split()) for words in named]
    known = [any(words[:n] in COMMANDS for n in (1, 2, 3)) for words in called]
    assert [words for words, is_one in zip(called, known, strict=True) if not is_one] == []


@pytest.mark.parametrize("words", COMMANDS, ids=" ".join)
def test_every_command_shows_an_example_in_its_help(words: tuple[str, ...]) -> None:
    assert f"Example: {'technopark ' + ' '.join(words)}" in (COMMANDS[words].help or "") or (
        "Example: TECHNOPARK_" in (COMMANDS[words].help or "")
    )


def test_every_metric_is_explained_and_every_one_that_is_named_exists() -> None:
    text = (ROOT / "docs/operations.md").read_text()
    shown = {
        family.name + {"counter": "_total", "info": "_info"}.get(family.type, "")
        for found in (Metrics().registry, registry_metrics())
        for family in found.collect()
        if family.name.startswith("technopark_")
    }
    assert len(shown) > 40
    named = {
        re.sub(r"(_seconds)_(count|sum|bucket)$", r"\1", name)
        for name in re.findall(r"technopark_(?:ingest|registry|broker)_\w+", text)
    }
    assert named == shown


def registry_metrics() -> CollectorRegistry:
    """The registry's metrics, without a request and away from broker and database."""
    settings = registry.settings.Settings(
        database_url=SecretStr("postgresql://127.0.0.1:1/none"),
        broker_folder=ROOT / "nowhere",
        registry_password=SecretStr("none"),
        ingest_password=SecretStr("none"),
    )
    app = create_app(settings)
    pool, figures = open_pool(settings), BrokerMetrics()
    keeper = Keeper(pool, "", ROOT, {}, Room(ROOT, 1))
    found: CollectorRegistry = app.state.metrics
    found.register(Parts(pool, Publisher("", 1, "", keeper.heard, figures), keeper))
    found.register(figures)
    found.register(MailMetrics(Postman(pool, settings, Outbox(settings))))
    found.register(RollupKeeper(known={"seconds": 0, "stale": 0}))
    return found


def test_every_command_that_lists_speaks_json() -> None:
    lists = [words for words in COMMANDS if words[-1] in ("list", "show", "status", "roles")]
    assert len(lists) > 5
    for words in lists:
        assert any("--json" in parameter.opts for parameter in COMMANDS[words].params), words


def test_every_reason_of_a_rejection_is_explained() -> None:
    rows = re.findall(
        r"^\| `([a-z-]+)` \|(.*)\|$", (ROOT / "docs/api.md").read_text(), re.MULTILINE
    )
    explained = {reason: [cell.strip() for cell in cells.split("|")] for reason, cells in rows}
    assert set(explained) == {str(reason) for reason in Reason}
    for reason, cells in explained.items():
        meaning, remedy, replay = cells
        assert meaning, reason
        assert remedy, reason
        assert re.match(r"yes|no\b", replay), reason


def test_the_table_of_rights_is_the_one_that_decides() -> None:
    page = (ROOT / "docs/api.md").read_text()
    found = re.search(r"<!-- rights -->\n(.*?)<!-- /rights -->", page, re.DOTALL)
    assert found
    assert found[1] == rights_table()


def rights_table() -> str:
    """The table of rights as the documentation has it."""
    roles = get_args(Role)
    lines = [
        f"| action | who may … | {' | '.join(roles)} |",
        f"| --- | --- |{' :-: |' * len(roles)}",
    ]
    for action, right in RIGHTS.items():
        marks = ["✓" if role in right.roles else "" for role in roles]
        everybody = ", as everybody may" if right.everybody else ""
        lines.append(f"| `{action}` | {right.words}{everybody} | {' | '.join(marks)} |")
    return "\n".join(lines) + "\n"


def test_every_dependency_is_pinned_without_naming_a_host() -> None:
    lines = (ROOT / "constraints.txt").read_text().splitlines()
    assert all(re.fullmatch(r"[A-Za-z0-9_.-]+==[0-9!A-Za-z.+]+", line) for line in lines)
