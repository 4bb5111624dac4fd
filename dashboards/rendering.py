"""The operators' dashboards as the JSON files that Grafana is given where no sync runs."""

from __future__ import annotations

import json
from pathlib import Path

from dashboards.catalogue import operator_dashboards

# Beside the provider's YAML; compose.yaml mounts the folder into Grafana.
FOLDER = Path(__file__).parent / "provisioning" / "dashboards"


def render() -> dict[str, str]:
    """Every dashboard: the name of its file and the text."""
    return {
        f"{uid}.json": json.dumps(board, indent=2, ensure_ascii=False) + "\n"
        for uid, board in operator_dashboards().items()
    }


def write(folder: Path) -> list[Path]:
    """Write every dashboard into ``folder``, and remove those that are no more.

    Returns:
        The files.
    """
    folder.mkdir(parents=True, exist_ok=True)
    files = {folder / name: text for name, text in render().items()}
    for path, text in files.items():
        path.write_text(text, encoding="utf-8")
    for path in set(folder.glob("technopark-*.json")) - files.keys():
        path.unlink()
    return list(files)
