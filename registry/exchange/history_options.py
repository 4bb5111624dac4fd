"""How a file of history is to be read."""

from __future__ import annotations

from typing import Literal
from zoneinfo import ZoneInfo

from pydantic import BaseModel, Field, field_validator, model_validator

from broker.topics import METRIC_NAME
from registry.http.fields import METRIC_RULE, DeviceId, TimeZone, YesNo

EPOCHS = {"s": 1_000_000, "ms": 1000, "us": 1}


class HistoryOptions(BaseModel):
    """How the columns are to be read; the defaults fit the files of `GET /exports/readings`."""

    device_id: DeviceId | None = Field(None, description="whose readings all rows are")
    device_column: str = Field("device", description="has the device of each row")
    metric_column: str = Field("metric", description="has the metric of each row, beside its value")
    value_column: str = Field("value", description="has the value of each row")
    columns: list[str] | None = Field(
        None,
        alias="map",
        max_length=1000,
        description="`METRIC=COLUMN`, where each metric has a column; default: all by their names",
    )
    time_column: str = Field("ts", description="has the time of each row")
    time_format: str = Field(
        "auto",
        max_length=64,
        description="`auto`, `rfc3339`, `s`, `ms`, `us`, `ns` (since 1970), `local` (ISO 8601 "
        "without an offset), or like `%d.%m.%Y %H:%M`",
    )
    time_zone: TimeZone | None = Field(None, description="of times that do not tell their own")
    delimiter: Literal["auto", ",", ";", "\t", "|"] = Field("auto", description="between cells")
    decimal: Literal["auto", ".", ","] = Field("auto", description="the decimal sign")
    dry_run: YesNo = Field(False, description="tell what would happen, and store nothing")
    valid_only: YesNo = Field(False, description="store the other rows though some are faulty")

    @field_validator("columns")
    @classmethod
    def metrics_are_named(cls, columns: list[str] | None) -> list[str] | None:
        """Refuse what is no mapping."""
        for text in columns or ():
            metric, _, column = text.partition("=")
            if not column or not METRIC_NAME.fullmatch(metric):
                raise ValueError(f"give METRIC=COLUMN; {METRIC_RULE}")
        return columns

    @model_validator(mode="after")
    def local_times_have_a_zone(self) -> HistoryOptions:
        """Refuse local times of nowhere."""
        if self.time_zone is None and (
            self.time_format == "local"
            or ("%" in self.time_format and "%z" not in self.time_format)
        ):
            raise ValueError("times of this format need a `time_zone`, for example Asia/Jakarta")
        known = {"auto", "rfc3339", "ns", "local", *EPOCHS}
        if self.time_format not in known and "%" not in self.time_format:
            raise ValueError("`time_format` is none of those that are known, and has no %")
        return self

    @property
    def mapped(self) -> dict[str, str]:
        """Metric to column."""
        return dict(text.split("=", 1) for text in self.columns or ())

    @property
    def zone(self) -> ZoneInfo | None:
        """The zone of local times."""
        return ZoneInfo(self.time_zone) if self.time_zone else None

    def meaning(self) -> str:
        """What tells one import of a file from another."""
        return self.model_dump_json(exclude={"dry_run", "valid_only"})
