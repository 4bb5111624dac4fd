"""compose.yaml, as far as it can be checked without a container engine."""

import re
import tomllib
from pathlib import Path
from typing import Any

import pytest
import yaml
from compose_spec import PyCompose
from pydantic_settings import BaseSettings

from cli.environment import CHOICES, PREFIX, SECRETS, BrokerSettings, MigrateSettings
from cli.grafana import GrafanaSettings
from dashboards.defaults import DATASOURCE
from ingest.settings import Settings as IngestSettings
from registry.settings import Settings as RegistrySettings

ROOT = Path(__file__).parent.parent.parent.parent
TEXT = (ROOT / "compose.yaml").read_text()
# Compose's own interpolation: ${NAME:-default} and ${NAME:?message}.
REFERENCE = re.compile(r"\$\{(\w+):(-|\?)([^}]*)\}")
SETTINGS: dict[str, type[BaseSettings]] = {
    "migrate": MigrateSettings,
    "render": BrokerSettings,
    "registry": RegistrySettings,
    "ingest": IngestSettings,
    "sync": GrafanaSettings,
}


def interpolated(values: dict[str, str]) -> str:
    """The text after Compose has put the variables in."""

    def value(reference: re.Match[str]) -> str:
        name, kind, rest = reference.groups()
        return values.get(name) or (rest if kind == "-" else f"missing-{name}")

    return REFERENCE.sub(value, TEXT)


COMPOSE: dict[str, Any] = yaml.safe_load(interpolated({}))
SERVICES: dict[str, dict[str, Any]] = COMPOSE["services"]
EACH = pytest.mark.parametrize("name", SERVICES)


def test_it_follows_the_compose_specification() -> None:
    # As YAML without merge keys, which the parser does not know inside of an environment.
    parsed = PyCompose.from_yaml(yaml.safe_dump(COMPOSE))
    assert set(parsed.service_names()) == set(SERVICES)


def test_every_dollar_sign_is_a_reference_that_compose_understands() -> None:
    assert "$" not in REFERENCE.sub("", TEXT)


def test_the_secrets_that_it_requires_are_those_that_the_env_command_makes() -> None:
    required = {name for name, kind, _ in REFERENCE.findall(TEXT) if kind == "?"}
    assert required == {PREFIX + name for name in SECRETS}


def test_whatever_else_may_be_chosen_is_in_the_env_file_with_its_default() -> None:
    chosen = {(name, rest) for name, kind, rest in REFERENCE.findall(TEXT) if kind == "-"}
    assert chosen == {(PREFIX + name, default) for name, default in CHOICES.items()}


def test_no_secret_is_written_into_the_file_or_a_command_line() -> None:
    values = {PREFIX + name: f"secret-{name}" for name in SECRETS}
    services = yaml.safe_load(interpolated(values))["services"]
    for service in services.values():
        assert "secret-" not in str(service.get("command", "")) + str(service.get("healthcheck"))
    for line in TEXT.splitlines():
        if re.search(r"PASSWORD:", line):
            assert REFERENCE.search(line), line


@pytest.mark.parametrize("name", SETTINGS)
def test_every_variable_that_a_service_is_given_is_one_that_it_reads(name: str) -> None:
    known = {PREFIX + field.upper() for field in SETTINGS[name].model_fields}
    assert set(SERVICES[name]["environment"]) <= known


@pytest.mark.parametrize("name", SETTINGS)
def test_every_service_starts_with_the_settings_that_it_is_given(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for variable, value in SERVICES[name]["environment"].items():
        monkeypatch.setenv(variable, value)
    # An empty variable is one that is not given.
    given = {variable for variable, value in SERVICES[name]["environment"].items() if value}
    assert {PREFIX + field.upper() for field in SETTINGS[name]().model_fields_set} == given


def test_all_programs_of_our_own_are_checked_here() -> None:
    ours = {name for name, service in SERVICES.items() if service.get("build")}
    assert ours == set(SETTINGS)


@EACH
def test_a_port_is_bound_to_loopback_unless_told_otherwise(name: str) -> None:
    for port in SERVICES[name].get("ports", []):
        assert port.startswith("127.0.0.1:"), port


def test_one_setting_opens_the_doors_for_devices_and_no_others() -> None:
    opened = yaml.safe_load(interpolated({"TECHNOPARK_LISTEN": "192.0.2.7"}))["services"]
    addresses = {
        name: {port.partition(":")[0] for port in service["ports"]}
        for name, service in opened.items()
        if "ports" in service
    }
    assert addresses == {
        "broker": {"192.0.2.7"},
        "registry": {"192.0.2.7"},
        "timescaledb": {"127.0.0.1"},
        "grafana": {"127.0.0.1"},
    }


@EACH
def test_an_image_has_a_tag_of_one_release(name: str) -> None:
    _, colon, tag = SERVICES[name]["image"].rpartition(":")
    assert colon
    assert re.match(r"\d+\.\d+\.\d+", tag), tag


def test_our_image_is_of_this_version() -> None:
    version = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"]
    images = {s["image"] for s in SERVICES.values() if s.get("build")}
    assert images == {f"technopark-iot:{version}"}


@EACH
def test_a_mounted_file_exists_and_a_mounted_volume_is_declared(name: str) -> None:
    for mount in SERVICES[name].get("volumes", []):
        source, target = mount.split(":")[:2]
        assert target.startswith("/")
        if source.startswith("."):
            assert (ROOT / source).is_dir(), source
        else:
            assert source in COMPOSE["volumes"]


@EACH
def test_a_service_is_restarted_unless_it_is_a_single_step(name: str) -> None:
    service = SERVICES[name]
    steps = {
        dependency
        for other in SERVICES.values()
        for dependency, how in other.get("depends_on", {}).items()
        if how["condition"] == "service_completed_successfully"
    }
    # What has a profile is started by hand, and ends.
    is_step = name in steps or "profiles" in service
    assert service["restart"] == ("no" if is_step else "unless-stopped")
    assert ("healthcheck" in service) == (not is_step)


def test_what_others_wait_for_comes_up_in_the_right_order() -> None:
    order: list[str] = []

    def visit(name: str) -> None:
        for dependency in SERVICES[name].get("depends_on", {}):
            visit(dependency)
        if name not in order:
            order.append(name)

    visit("ingest")
    assert order == ["timescaledb", "migrate", "render", "registry", "broker", "ingest"]


@pytest.mark.parametrize("name", [*SETTINGS, "broker"])
def test_our_programs_and_the_broker_run_as_one_user_who_is_not_root(name: str) -> None:
    service = SERVICES[name]
    # The password file is 0600: registry and broker both have to own it.
    assert service["user"] == "1883:1883"
    assert service["cap_drop"] == ["ALL"]
    assert service["read_only"] is True


def test_grafana_gets_what_its_data_source_reads_and_no_anonymous_visitor() -> None:
    environment = SERVICES["grafana"]["environment"]
    provisioned = (ROOT / "dashboards/provisioning/datasources/technopark.yaml").read_text()
    assert set(re.findall(r": \$(\w+)", provisioned)) <= set(environment)
    assert environment["GF_AUTH_ANONYMOUS_ENABLED"] == "false"
    assert f"uid: {DATASOURCE.uid}" in provisioned


def test_grafana_finds_the_dashboards_where_its_provider_looks() -> None:
    targets = [mount.split(":")[1] for mount in SERVICES["grafana"]["volumes"]]
    provider = yaml.safe_load(
        (ROOT / "dashboards/provisioning/dashboards/technopark.yaml").read_text()
    )["providers"][0]
    assert provider["options"]["path"] in targets
    home = SERVICES["grafana"]["environment"]["GF_DASHBOARDS_DEFAULT_HOME_DASHBOARD_PATH"]
    assert home.startswith(provider["options"]["path"])
    assert (ROOT / "dashboards/provisioning/dashboards" / Path(home).name).exists()


def test_the_ports_inside_agree_with_what_the_programs_listen_on() -> None:
    broker = BrokerSettings.model_fields
    inside = [port.rsplit(":", 1)[1] for port in SERVICES["broker"]["ports"]]
    names = ("mqtt_port", "mqtts_port", "websocket_port")
    assert inside == [str(broker[name].default) for name in names]
    registry = SERVICES["registry"]
    assert registry["ports"][0].endswith(f":{registry['environment']['TECHNOPARK_API_PORT']}")
    ingest = SERVICES["ingest"]
    assert f":{ingest['environment']['TECHNOPARK_INGEST_PORT']}/" in str(ingest["healthcheck"])


def test_the_registry_sees_no_process_id_of_another_container() -> None:
    # It would send its signal to a process of its own.
    pid_file = SERVICES["render"]["environment"]["TECHNOPARK_BROKER_PID_FILE"]
    shared = [mount.split(":")[1] for mount in SERVICES["registry"]["volumes"]]
    assert not any(pid_file.startswith(folder) for folder in shared)
    assert pid_file.rpartition("/")[0] in SERVICES["broker"]["tmpfs"]
