"""The dashboards of the fields, on simulated devices, as a tenant's people see them."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Iterator, Sequence
from datetime import timedelta
from typing import Any

import psycopg
import pytest

from dashboards.catalogue import plain
from dashboards.fields import FIELDS
from dashboards.macros import View, expand
from tests.integration.dashboards.simulated import Simulated, simulated_world

BOARDS = {board["uid"]: board for board in (plain(function()) for function in FIELDS)}
PANELS = [
    (uid, panel["title"], target)
    for uid, board in BOARDS.items()
    for panel in board["panels"]
    for target in panel.get("targets", [])
]
VARIABLES: dict[str, str | Sequence[str]] = {"device": ["*"], "capacity": "10"}


@pytest.fixture(scope="module")
def simulated(server: str, template: str) -> Iterator[Simulated]:
    with simulated_world(server, template) as world:
        yield world


def test_x(simulated):
    b = json.dumps(PANELS[0], indent=1)
    with simulated.session("tenant:sunny") as reader:
      for uid, title, target in PANELS:
        v = dict(VARIABLES)
        if uid == "technopark-motor": v["device"] = "motor-bench-1"
        view = View(simulated.start, simulated.end, timedelta(minutes=5))
        t = time.time()
        try:
            cur = reader.execute(expand(target["rawSql"], view, v).encode())
            rows = cur.fetchall()
        except Exception as e:
            print("!!!!", uid, title, e); continue
        print(uid, "|", title, "|", [c.name for c in cur.description], len(rows), f"{1000*(time.time()-t):.0f} ms")
        if len(rows)<16:
            for r in rows: print("     ", r)
        else: print("     ", rows[len(rows)//2])
    if os.environ.get("HOLD"):
        print(simulated.url)
    assert 0
