"""`technopark device …`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated

import typer

from cli import asking
from cli.api import Api, ApiError, Json, path
from cli.asking import AsJson, Quota, Yes
from cli.audit import history_of

app = typer.Typer(help="Devices and their secrets.", no_args_is_help=True)
app.command("history")(history_of("device", "sunny-roof-1"))

COLUMNS = ("id", "name", "tenant_id", "lab_id", "model_id", "stage", "tags", "last_seen")

Device = Annotated[str, typer.Argument(help="The device's id.")]
Model = Annotated[str | None, typer.Option(help="Its model; empty for none.")]
Lab = Annotated[str | None, typer.Option(help="The lab in which it stands; empty for none.")]
Stage = Annotated[str | None, typer.Option(help="prototype, pilot or production.")]
Tags = Annotated[
    list[str] | None, typer.Option("--tag", help="A tag; several are several options.")
]
Metadata = Annotated[str | None, typer.Option(help="A JSON object of facts about it.")]
Latitude = Annotated[str | None, typer.Option(help="Degrees north; empty for none.")]
Longitude = Annotated[str | None, typer.Option(help="Degrees east; empty for none.")]


@app.command()
def add(
    name: Annotated[str, typer.Argument(help="What people call it.")],
    tenant: Annotated[str, typer.Option(help="The tenant that owns it.")],
    device_id: Annotated[
        str | None, typer.Option("--id", help="Its id; else one is made of tenant and name.")
    ] = None,
    model: Model = None,
    lab: Lab = None,
    stage: Stage = None,
    tag: Tags = None,
    metadata: Metadata = None,
    quota: Quota = None,
    latitude: Latitude = None,
    longitude: Longitude = None,
    as_json: AsJson = False,
) -> None:
    """Add a device, and show its secret once with a line that sends its first reading.

    Example: technopark device add "Roof 1" --tenant sunny --lab cimahi-solar --tag roof
    """
    body = fields(name, model, lab, stage, tag, metadata, quota) | place(latitude, longitude)
    with asking.asking() as api:
        device = api.post("devices", {**body, **asking.given(tenant_id=tenant, id=device_id)})
    if as_json:
        asking.show(device, as_json=True)
    else:
        asking.say(f"{device['id']} is added. Its secret, shown only this once:\n")
        tell_secret(device["id"], device["secret"])


def tell_secret(device_id: str, secret: str) -> None:
    """The secret, and a line to copy that sends a reading with it."""
    host, port = asking.reach()
    asking.say(
        f"  {secret}\n\n"
        f"  mosquitto_pub -h {host} -p {port} -q 1 -i {device_id} \\\n"
        f"    -u {device_id} -P {secret} \\\n"
        f"    -t devices/{device_id}/telemetry -m '{{\"temperature\": 21.5}}'"
    )


def fields(
    name: str | None,
    model: str | None,
    lab: str | None,
    stage: str | None,
    tags: list[str] | None,
    metadata: str | None,
    quota: str | None,
) -> dict[str, Json]:
    """The body of what was typed."""
    return asking.given(
        name=name,
        model_id=model,
        lab_id=lab,
        stage=stage,
        tags=tags,
        metadata=None if metadata is None else asking.parsed(metadata, "--metadata"),
        values_per_second=asking.number(quota, "--values-per-second"),
    )


def place(latitude: str | None, longitude: str | None) -> dict[str, Json]:
    """Where it stands, as far as it was typed."""
    return asking.given(
        latitude=asking.number(latitude, "--latitude"),
        longitude=asking.number(longitude, "--longitude"),
    )


@app.command("list")
def list_(
    tenant: Annotated[str | None, typer.Option(help="Of this tenant.")] = None,
    park: Annotated[str | None, typer.Option(help="In this park.")] = None,
    lab: Annotated[str | None, typer.Option(help="In this lab.")] = None,
    model: Annotated[str | None, typer.Option(help="Of this model.")] = None,
    stage: Annotated[str | None, typer.Option(help="At this stage.")] = None,
    tag: Annotated[str | None, typer.Option(help="With this tag.")] = None,
    search: Annotated[str | None, typer.Option(help="With these words.")] = None,
    as_json: AsJson = False,
) -> None:
    """List devices.

    Example: technopark device list --park cimahi --stage pilot
    """
    with asking.asking() as api:
        devices = api.list_devices(
            tenant_id=tenant,
            park_id=park,
            lab_id=lab,
            model_id=model,
            stage=stage,
            tag=tag,
            q=search,
        )
        asking.show_list(devices, COLUMNS, as_json=as_json)


@app.command()
def show(device: Device, as_json: AsJson = False) -> None:
    """Show a device, with how long its data are kept and its secrets' numbers, if you may see them.

    Example: technopark device show sunny-roof-1
    """
    with asking.asking() as api:
        found = api.get(path("devices", device))
        try:
            found["kept"] = api.get(path("devices", device, "retention"))["items"]
            found["secrets"] = list(api.items(path("devices", device, "secrets")))
        except ApiError as error:
            # Who may read a device need not be one who may see when its secrets end.
            if error.status != 403:
                raise
    if not as_json:
        found["kept"] = [kept_line(kept) for kept in found.get("kept", [])]
        found["secrets"] = [secret_line(secret) for secret in found.get("secrets", [])]
    asking.show(found, as_json=as_json)


def kept_line(kept: Mapping[str, Json]) -> str:
    """How long the data of a tenant's time are kept, in words, and from when on there are any."""
    days, there = "for ever", "there are no data yet"
    if kept["days"]:
        days = f"{kept['days']} days, from {asking.moment(kept['kept_from'])} on"
    if kept["data_from"]:
        there = f"there are data since {asking.moment(kept['data_from'])}"
    return f"{kept['tenant_id']}: {days}; {there}"


def secret_line(secret: Mapping[str, Json]) -> str:
    """A secret in words: its number, and from when to when it is good."""
    ends = secret["revoked_at"] or secret["expires_at"]
    word = "revoked" if secret["revoked_at"] else "until"
    since = f"number {secret['id']} since {asking.moment(secret['created_at'])}"
    return f"{since}, {word} {asking.moment(ends)}" if ends else since


@app.command("set")
def set_(
    device: Device,
    name: Annotated[str | None, typer.Option(help="What people call it.")] = None,
    model: Model = None,
    lab: Lab = None,
    stage: Stage = None,
    tag: Tags = None,
    metadata: Metadata = None,
    quota: Quota = None,
    latitude: Latitude = None,
    longitude: Longitude = None,
    bookable: Annotated[
        bool | None, typer.Option(help="Whether others may book it on a testbed.")
    ] = None,
) -> None:
    """Change what is known of a device.

    Example: technopark device set sunny-roof-1 --stage production --lab ""
    """
    changes = fields(name, model, lab, stage, tag, metadata, quota) | place(latitude, longitude)
    changes |= asking.given(bookable=bookable)
    if not changes:
        raise typer.BadParameter("name what is to be another, for example --stage pilot")
    with asking.asking() as api:
        asking.show(api.patch(path("devices", device), changes), as_json=False)


@app.command()
def rotate(
    device: Device,
    overlap: Annotated[
        int, typer.Option(min=0, help="Seconds for which the secrets of before stay valid.")
    ] = 3600,
    as_json: AsJson = False,
) -> None:
    """Give a device a new secret, and show it once.

    Example: technopark device rotate sunny-roof-1 --overlap 600
    """
    with asking.asking() as api:
        issued = api.post(path("devices", device, "secrets"), {"overlap_seconds": overlap})
    if as_json:
        asking.show(issued, as_json=True)
    else:
        asking.say(f"The new secret of {device}; older ones end in {overlap} s:\n")
        tell_secret(device, issued["secret"])


@app.command()
def revoke(
    device: Device,
    secret: Annotated[
        int | None, typer.Argument(help="The secret's number, from `device show`; else all.")
    ] = None,
    yes: Yes = False,
) -> None:
    """Make a device's secret worthless, or all of them: it is disconnected within 2 seconds.

    Example: technopark device revoke sunny-roof-1 --yes
    """
    if secret is None and not yes:
        typer.confirm(f"{device} cannot connect until it has a new secret. Go on?", abort=True)
    with asking.asking() as api:
        numbers = [secret] if secret is not None else unrevoked(api, device)
        for number in numbers:
            api.revoke_secret(device, number)
    asking.say(f"{len(numbers)} revoked; `technopark device rotate {device}` makes a new one")


def unrevoked(api: Api, device: str) -> list[int]:
    """The numbers of the device's secrets that were not revoked yet."""
    known = api.list_secrets(device)
    return [int(one["id"]) for one in known if one["revoked_at"] is None]


@app.command()
def retire(device: Device, yes: Yes = False) -> None:
    """End a device's service for good. Its readings stay.

    Example: technopark device retire sunny-roof-1
    """
    if not yes:
        typer.confirm(f"{device} can never connect again. Go on?", abort=True)
    with asking.asking() as api:
        api.retire_device(device)
    asking.say(f"{device} is retired")
