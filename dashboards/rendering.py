"""The dashboards as the JSON files that Grafana is given."""

from __future__ import annotations

import json
from pathlib import Path

from grafana_foundation_sdk.cog.encoder import JSONEncoder

from dashboards.fleet import fleet_overview

# Beside the provider's YAML; compose.yaml mounts the folder into Grafana.
FOLDER = Path(__file__).parent / "provisioning" / "dashboards"


def render() -> dict[str, str]:
    """Every dashboard: the name of its file and the text."""
    return {
        "fleet-overview.json": json.dumps(
            fleet_overview().build(), cls=JSONEncoder, indent=2, ensure_ascii=False
        )
        + "\n"
    }


def write(folder: Path) -> list[Path]:
    """Write every dashboard into ``folder``, which is created where it is missing.

    Returns:
        The files.
    """
    folder.mkdir(parents=True, exist_ok=True)
    files = {folder / name: text for name, text in render().items()}
    for path, text in files.items():
        path.write_text(text, encoding="utf-8")
    return list(files)
